"""The README: what it pastes is what comes out, what it names exists, its Python runs."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from irq13.sim.machines.msr_bus import GeneralProtection
from irq13.sim.scenarios import scenario
from irq13.sim.scenarios.scenario import shipped

README = (Path(__file__).parents[1] / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", README, flags=re.DOTALL | re.MULTILINE)
PASTED = re.findall(
    r"^<!-- (output|part) of: irq13 (.*?) -->\n```\n(.*?)^```$", README, re.DOTALL | re.MULTILINE
)


def printed(*arguments, cwd):
    command = [sys.executable, "-c", "from irq13.sim.cli.main import main; main()", *arguments]
    output = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=120).stdout
    return "\n".join(line.rstrip() for line in output.rstrip().split("\n")) + "\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where a reader would stand: with the waveform of the default run and the rule that is shown broken."""
    folder = tmp_path_factory.mktemp("readme")
    printed("run", "--on", "model", cwd=folder)
    (folder / "rules.toml").write_text("rules = 'irq13 rises exactly 2 cycles after ferr_n falls'\n")
    return folder


@pytest.mark.parametrize(("how", "command", "text"), PASTED, ids=[command for _, command, _ in PASTED])
def test_what_is_pasted_is_what_comes_out(folder, how, command, text):
    """`command` stands in a comment above each block: the block is its output, or a part of that."""
    output = printed(*shlex.split(command), cwd=folder)
    if how == "output":
        assert text == output
    else:
        assert text in output


def test_no_output_is_pasted_without_its_command():
    plain = [text for language, text in BLOCKS if not language]
    # The tree of folders is the only other.
    assert len(PASTED) == len(plain) - 1


def test_the_list_of_scenarios_is_whole():
    assert f"The {len(shipped())} that come with irq13" in README


def test_every_scenario_that_it_names_exists():
    table = README.partition("## irq13, QEMU and Bochs")[2].partition("## How it is built")[0]
    named = re.findall(r"\| `([\w-]+)` \|", table)
    assert len(named) == 16
    assert set(named) <= set(shipped())


def test_the_shown_scenario_is_the_shipped_one():
    (toml,) = [text for language, text in BLOCKS if language == "toml"]
    path = Path(scenario.__file__).parent / "library" / "slave-masked-deadlock.toml"
    assert toml.strip() == path.read_text("utf-8").strip()


@pytest.mark.parametrize("text", [text for language, text in BLOCKS if language == "python"])
def test_its_python_runs(tmp_path, monkeypatch, text, capsys):
    monkeypatch.chdir(tmp_path)
    if "Trace.load" in text:
        printed("run", "--on", "model", cwd=tmp_path)
        exec(text, {})
    elif "GeneralProtection:" in text:
        with pytest.raises(GeneralProtection, match="IGNNE bits 63:1 must be zero"):
            exec(text, {})
        assert (tmp_path / "mine.vcd").exists()
    elif "Lanes(" in text:
        exec(text, {})
    else:
        exec(text, {})
        assert "module irq13_chipset(" in capsys.readouterr().out
