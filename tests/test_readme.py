"""The README: what it pastes is what comes out, what it names exists, its Python runs."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from irq13.sim import scenario
from irq13.sim.bus import GeneralProtection
from irq13.sim.scenario import shipped

README = (Path(__file__).parents[1] / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", README, flags=re.DOTALL | re.MULTILINE)
PLAIN = [text for language, text in BLOCKS if not language]


def printed(*arguments, cwd):
    command = [sys.executable, "-c", "from irq13.sim.cli import main; main()", *arguments]
    output = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=120).stdout
    return "\n".join(line.rstrip() for line in output.rstrip().split("\n")) + "\n"


def test_the_default_run_is_pasted(tmp_path):
    assert PLAIN[0] == printed("run", cwd=tmp_path)


@pytest.mark.parametrize(("index", "name"), [(1, "input-signal-pin"), (2, "input-signal-msr")])
def test_the_waveforms_are_from_runs(tmp_path, index, name):
    output = printed("run", name, cwd=tmp_path)
    for line in PLAIN[index].splitlines():
        assert f"{line}\n" in output


def test_the_diagnosis_is_from_a_run(tmp_path):
    assert PLAIN[3] in printed("run", "slave-masked-deadlock", "--generation", "I486", cwd=tmp_path)


def test_the_list_of_scenarios_is_whole(tmp_path):
    assert PLAIN[4] == printed("scenarios", cwd=tmp_path)
    assert f"The {len(shipped())} that come with irq13" in README


def test_the_msr_tables_are_from_runs(tmp_path):
    assert PLAIN[5] == printed("msr", "ignne", "--compare", cwd=tmp_path)
    assert printed("msr", "boot", "--backend", "vmx", cwd=tmp_path).endswith(PLAIN[6])


def test_the_broken_rule_is_from_a_run(tmp_path):
    printed("run", cwd=tmp_path)
    (tmp_path / "rules.toml").write_text("rules = 'irq13 rises exactly 2 cycles after ferr_n falls'\n")
    assert PLAIN[8] == printed("check", "dos-divide-by-zero.vcd", "rules.toml", cwd=tmp_path)


def test_every_scenario_that_it_names_exists():
    table = README.partition("## irq13, QEMU and Bochs")[2].partition("## How it is built")[0]
    named = re.findall(r"\| `([\w-]+)` \|", table)
    assert len(named) == 16
    assert set(named) <= set(shipped())


def test_the_shown_scenario_is_the_shipped_one():
    (toml,) = [text for language, text in BLOCKS if language == "toml"]
    path = Path(scenario.__file__).parent / "scenarios" / "slave-masked-deadlock.toml"
    assert toml.strip() == path.read_text("utf-8").strip()


@pytest.mark.parametrize("text", [text for language, text in BLOCKS if language == "python"])
def test_its_python_runs(tmp_path, monkeypatch, text, capsys):
    monkeypatch.chdir(tmp_path)
    if "Trace.load" in text:
        printed("run", cwd=tmp_path)
        exec(text, {})
    elif "GeneralProtection:" in text:
        with pytest.raises(GeneralProtection, match="IGNNE bits 63:1 must be zero"):
            exec(text, {})
        assert (tmp_path / "mine.vcd").exists()
    else:
        exec(text, {})
        assert "module irq13_pc(" in capsys.readouterr().out
