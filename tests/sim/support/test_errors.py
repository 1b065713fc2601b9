"""What is no user's fault stays a traceback, in whatever parser it is: only errors of ours become a line."""

from types import SimpleNamespace

import click
import pytest
from irq13.model import registers
from irq13.model.registers import ParameterError
from irq13.sim.cli import options, waves
from irq13.sim.conformance import image_log, vectors
from irq13.sim.cpu import operands
from irq13.sim.hardware import parameters
from irq13.sim.kvm import run, script
from irq13.sim.netlist import sources
from irq13.sim.scenarios import scenario
from irq13.sim.support.errors import InputError
from irq13.sim.support.toml_source import Source
from irq13.sim.timing import forms, rule_file
from irq13.sim.waveform.readers import changes, fst_names, read_waveform

SCENARIO = Source(
    "a.toml",
    "generation = 'P6'\nprogram = '''\nfdiv raises=ZE\n'''\nexpect = '''\nreset never\n'''\n"
    "pins = '''\nnmi high at 4\n'''\n[handlers]\n0x75 = 'iret'\n[parameters]\nnowait_window = 3\n",
)
SCRIPT = Source(
    "b.toml",
    "script = '''\nguest 0 rdmsr 0x10\n'''\n[filter]\nranges = '''\n0 1 deny read\n'''\n"
    "[hardware]\nreserved_bits = 'manual'\n",
)
RULES = Source("c.toml", "rules = '''\na rises within 2 of b rises\n'''\n")
VCD = "$timescale 1 ns $end $var wire 9 ! a $end $enddefinitions $end\n#0\nbx1 !\n"


def _bug(*_, **__):
    return [1, 2].index(3)


def _vcd(path):
    (path / "a.vcd").write_text(VCD)
    return read_waveform(path / "a.vcd")


def _log(path):
    (path / "log").write_text("")
    return image_log.read_log(path / "log")


def _ports(_):
    return sources.from_amaranth(SimpleNamespace(elaborate=None), [], domain_reset=False)


CASE = {"name": "a", "rule": "b", "parameters": {}, "setup": [{}], "steps": [], "cycles": []}


def _case(_):
    return vectors.Checker("model").check(CASE)


PARSERS = {
    "steps": (scenario, "parse_step", lambda _: scenario.parse_scenario(SCENARIO, "a")),
    "expectations": (scenario, "parse_expectation", lambda _: scenario.parse_scenario(SCENARIO, "a")),
    "pins and vectors": (operands, "number", lambda _: scenario.parse_scenario(SCENARIO, "a")),
    "parameters": (scenario, "Parameters", lambda _: scenario.parse_scenario(SCENARIO, "a")),
    "MSR script": (script, "_accesses", lambda _: script.parse_script(SCRIPT)),
    "MSR filter": (script, "_range", lambda _: script.parse_script(SCRIPT)),
    "kernel": (script, "kernel_version", lambda _: script.parse_script(SCRIPT)),
    "hardware": (script, "Parameters", lambda _: script.parse_script(SCRIPT)),
    "host": (
        run,
        "kernel_version",
        lambda _: run.model_of(None, SimpleNamespace(release="6.18"), frozenset()),
    ),
    "rules": (rule_file, "parse_rule", lambda _: rule_file.parse_rules(RULES)),
    "numbers in rules": (operands, "number", lambda _: forms.RuleValue("12").number),
    "values": (changes, "_extended", _vcd),
    "names": (fst_names, "_read", lambda _: fst_names.read_names(b"", "a.fst")),
    "log": (image_log, "parse_log", _log),
    "vector": (vectors, "read_inputs", _case),
    "--parameter": (options, "values_from", lambda _: options._of_later_machines(None, None, ("a=b",))),
    "--from": (waves, "parse_time", lambda _: waves._parsed("12", SimpleNamespace(unit=1e-9), "--from")),
    "a parameter": (registers, "_at_least", lambda _: parameters.values_from({"mmx": "1"})),
    "ports": (
        sources,
        "Bare",
        lambda _: sources.from_amaranth(SimpleNamespace(elaborate=None), [], domain_reset=False),
    ),
}


@pytest.mark.parametrize("name", PARSERS)
def test_a_bug_in_a_parser_is_no_bad_input(name, monkeypatch, tmp_path):
    module, function, call = PARSERS[name]
    monkeypatch.setattr(module, function, _bug)
    with pytest.raises(ValueError, match=r"^3 is not in list$") as found:
        call(tmp_path)
    assert not isinstance(found.value, InputError | ParameterError | click.ClickException)
