"""Mutants of the netlist: killed by the stimulus, or by inputs that are searched for, or equivalent."""

import pytest
from click.testing import CliRunner
from irq13.model import Parameters
from irq13.model.older import OlderParameters
from irq13.model.pc import PcInputs
from irq13.model.registers import Generation, Operation
from irq13.sim.cli.main import main
from irq13.sim.hardware.equivalence import compare_netlists
from irq13.sim.hardware.mutate import Mutant, MutantOutcome, _netlist, mutate
from irq13.sim.hardware.mutated import mutated
from irq13.sim.machines.lockstep import RandomStimulus
from irq13.sim.machines.machine import ModelMachine
from irq13.sim.machines.ports import INPUTS, OUTPUTS, join, pack_outputs, read_inputs, split, unpack
from irq13.sim.support.errors import Divergence, InputError, ToolError
from irq13.sim.tools.yosys import FULL, run_yosys

P6 = Parameters(Generation.P6)


@pytest.fixture(scope="module")
def netlist():
    return _netlist(mutated(P6))


def broken(netlist, mode, source):
    """Commands that break the copy of the netlist at the first point of that kind."""
    listed = run_yosys(f"{netlist}mutate -list 400 -seed 3\n", FULL, quiet=False)
    commands = [line for line in listed.splitlines() if line.startswith("mutate -")]
    return next(one for one in commands if f"-mode {mode} " in one and source in one).replace(
        "-module dut", "-module gate"
    )


@pytest.mark.slow
def test_every_mutant_is_killed_or_equivalent(tool):
    """Most by the stimulus alone, and the rest by an initialisation and what it takes to see the defect."""
    for name in ("g++", "make", "perl", "berkeley-abc"):
        tool(name)
    outcomes = list(mutate(P6, 240, 12_000, 7))
    assert [one.mutant.number for one in outcomes] == list(range(1, len(outcomes) + 1))
    assert 220 <= len(outcomes) <= 240
    assert [one.mutant.text for one in outcomes if one.killed_in is None and not one.equivalent] == []
    assert sum(one.killed_in is not None and not one.searched for one in outcomes) >= 180
    found = [one.killed_in for one in outcomes if one.killed_in is not None and one.searched]
    assert found
    assert max(found) < 40


@pytest.mark.slow
def test_every_mutant_of_the_latch_is_killed_or_equivalent(tool):
    """A block of a machine before the 486, chosen by its source."""
    for name in ("g++", "make", "perl", "berkeley-abc"):
        tool(name)
    outcomes = list(mutate(OlderParameters("PC98"), 100, 3_000, 7, source="hdl/older/at_latch"))
    assert len(outcomes) > 20
    assert all("at_latch.py" in one.mutant.text for one in outcomes)
    assert [one.mutant.text for one in outcomes if one.killed_in is None and not one.equivalent] == []
    with pytest.raises(InputError, match="no point comes from a source with 'hdl-cpu' in its path"):
        next(mutate(OlderParameters("PC98"), 1, 1, 1, source="hdl-cpu"))


def test_a_mutant_says_what_and_where():
    port = "mutate -mode inv -module dut -cell $x$1 -port Q -portbit 0 -wire master_isr -wirebit 4"
    assert Mutant(1, f"{port} -src /a/hdl/pic.py:118").text == "inv of master_isr[4] at pic.py:118"
    assert Mutant(1, "mutate -mode const0 -cell $x$1").text == "const0 at a cell without a source"


def test_equivalence_is_proved_and_refuted(tool, netlist, tmp_path):
    tool("berkeley-abc")
    inverted = broken(netlist, "inv", "reporting.py")
    verdict = compare_netlists(netlist, inverted, tmp_path)
    assert not verdict.equivalent
    assert verdict.difference
    assert compare_netlists(netlist, inverted.replace("-mode inv", "-mode none"), tmp_path).equivalent


def test_inputs_that_are_found_are_legal(tool, netlist, tmp_path):
    tool("berkeley-abc")
    verdict = compare_netlists(netlist, broken(netlist, "inv", "x87.py"), tmp_path)
    for packed in verdict.difference:
        now = split(packed, INPUTS)
        # Raises ValueError for a code or a family that there is not.
        read_inputs(now)
        assert not now["io_read"] & now["io_write"]


def test_a_change_that_only_illegal_inputs_show_is_equivalent(tool, netlist, tmp_path):
    """A code that no operation has, and read and write at once."""
    tool("berkeley-abc")
    unused = max(Operation) + 1
    change = f"""
rename gate inner
read_verilog <<verilog
{wrapper(f"op_valid & op_code == {unused} | io_read & io_write")}
verilog
"""
    assert compare_netlists(netlist, change, tmp_path).equivalent
    change = change.replace(f"op_code == {unused}", f"op_code == {max(Operation):d}")
    assert not compare_netlists(netlist, change, tmp_path).equivalent


def wrapper(condition):
    """The module gate: what it wraps, with FERR# inverted under a condition on the inputs."""
    inputs = "".join(f", input [{width - 1}:0] {name}" for name, width in INPUTS.items())
    outputs = "".join(f", output [{width - 1}:0] {name}" for name, width in OUTPUTS.items())
    pins = "".join(f", .{name}({name})" for name in (*INPUTS, *OUTPUTS) if name != "ferr_n")
    return f"""
module gate(input clk{inputs}{outputs});
  wire right;
  inner inner(.clk(clk), .ferr_n(right){pins});
  assign ferr_n = right ^ ({condition});
endmodule"""


def test_what_means_nothing_is_anything():
    """The payload of an operation, a request or a write that is not there is random in the stimulus."""
    seen = dict.fromkeys(INPUTS, 0)
    for packed in mutated(P6).random_inputs(3000, 1):
        now = split(packed, INPUTS)
        idle = ("op_valid", "msr_request_valid", "enable_write")
        for name, level in now.items():
            quiet = any(name.startswith(valid.rpartition("_")[0]) and not now[valid] for valid in idle)
            if quiet or (name.startswith("io_") and not now["io_read"] | now["io_write"]):
                seen[name] |= level
    for name in ("op_code", "op_control", "msr_request_data", "io_address", "io_write_data", "enable_value"):
        assert seen[name] == (1 << INPUTS[name]) - 1, name


def test_abc_that_is_not_there_is_an_error_of_one_line(monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ToolError, match="berkeley-abc is not installed: apt install berkeley-abc"):
        next(mutate(P6, 1, 1, 1))


def test_a_run_that_is_stopped_says_what_it_knows_by_then(monkeypatch):
    outcomes = [
        MutantOutcome(Mutant(1, ""), 41),
        MutantOutcome(Mutant(2, ""), 6, searched=True),
        MutantOutcome(Mutant(3, ""), None, searched=True, equivalent=True),
        MutantOutcome(Mutant(4, "mutate -mode inv"), None, searched=True),
    ]

    def stopped(error, *known):
        def run(*arguments):
            yield from known
            raise error

        monkeypatch.setattr("irq13.sim.cli.hardware.mutate", run)
        return CliRunner().invoke(main, ["mutate"])

    result = stopped(KeyboardInterrupt, *outcomes)
    assert result.exit_code == 130
    assert result.stdout.splitlines() == [
        "survives: inv at a cell without a source",
        "1 mutants killed by the stimulus, the last one in cycle 41; 1 by inputs that ABC found, "
        "of up to 7 cycles; 1 proved equivalent, 1 survive",
    ]
    assert result.stderr.splitlines()[-1] == "irq13: interrupted"
    assert stopped(ToolError("yosys: no"), outcomes[0]).stdout.startswith("1 mutants killed")
    assert stopped(ToolError("yosys: no")).stdout == ""


def test_packed_outputs_unpack_to_what_they_were(generation):
    machine, stimulus, outputs = ModelMachine(Parameters(Generation(generation))), RandomStimulus(2), None
    for _ in range(2000):
        outputs = machine.step(stimulus.next(outputs))
        assert unpack(pack_outputs(outputs)) == outputs
    assert machine.settle(PcInputs()).decision.name == "IDLE"


def test_several_answers_at_once_are_a_divergence():
    levels = dict.fromkeys(OUTPUTS, 0) | {"op_ready": 1, "op_freeze": 1}
    with pytest.raises(Divergence, match="several answers at once"):
        unpack(join(levels, OUTPUTS))
