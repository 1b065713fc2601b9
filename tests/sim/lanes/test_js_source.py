"""A netlist as JavaScript gives the model's outputs, and a fault in the writer shows."""

from functools import cache

import pytest
from irq13 import hdl
from irq13.model import Parameters
from irq13.sim.lanes import js_source
from irq13.sim.lanes.js_source import MOST, javascript_of
from irq13.sim.machines.lockstep import RandomStimulus
from irq13.sim.machines.machine import ModelMachine
from irq13.sim.machines.ports import INPUTS, OUTPUTS, PAYLOAD, join, pack, pack_outputs, split
from irq13.sim.netlist.lowering import lower
from support.javascript import evaluate

DRIVE = """(source, widths, cycles) => {
    const machine = (0, eval)(source);
    const hex = (cells) => {
        let text = "";
        for (let at = cells.length - cells.length % 4; at >= 0; at -= 4) {
            let digit = 0;
            for (let bit = 0; bit < 4; bit++) digit |= (cells[at + bit] & 1) << bit;
            text += digit.toString(16);
        }
        return text;
    };
    const planes = Object.keys(widths).flatMap((name) => machine.inputs[name]);
    const shown = Object.values(machine.outputs).flat();
    return cycles.map((packed) => {
        planes.forEach((plane, at) => {
            const digit = parseInt(packed[packed.length - 1 - (at >> 2)] || "0", 16);
            machine.i[plane] = -(digit >> (at & 3) & 1);
        });
        machine.step();
        return hex(shown.map((index) => machine.o[index]));
    });
}"""


@cache
def netlist(parameters):
    return lower(hdl.Pc(parameters))


def driven(parameters, cycles):
    """Random inputs, packed, and the outputs that the model answers with."""
    machine, stimulus, outputs = ModelMachine(parameters), RandomStimulus(24), None
    packed, expected = [], []
    for _ in range(cycles):
        inputs = stimulus.next(outputs)
        outputs = machine.step(inputs)
        packed.append(f"{pack(inputs):x}")
        expected.append(pack_outputs(outputs))
    return packed, expected


def first_difference(tool, parameters, cycles):
    """The first cycle in which the JavaScript shows something else, or None."""
    packed, expected = driven(parameters, cycles)
    source = javascript_of(netlist(parameters))
    for cycle, (shown, wanted) in enumerate(
        zip(evaluate(tool, DRIVE, source, INPUTS, packed), expected, strict=True)
    ):
        if meaningful(int(shown, 16)) != meaningful(wanted):
            return cycle
    return None


def meaningful(packed):
    """The outputs without what says nothing in this cycle."""
    levels = split(packed, OUTPUTS)
    if not levels["msr_response_valid"]:
        levels |= dict.fromkeys(PAYLOAD, 0)
    return join(levels, OUTPUTS)


@pytest.mark.parametrize(
    ("generation", "cycles"),
    [
        ("I486", 1000),
        *(pytest.param(one, 34_000, marks=pytest.mark.slow) for one in ("I486", "P6", "AMD64")),
    ],
)
def test_every_output_is_the_models(tool, generation, cycles):
    assert first_difference(tool, Parameters(generation), cycles) is None


def test_a_fault_in_the_writer_shows(tool, monkeypatch):
    right = js_source.formulas(False)
    # x & y as x | y.
    wrong = right | {0x88: right[0x88]._replace(operator="|")}
    monkeypatch.setattr(js_source, "formulas", lambda and_not: wrong)
    assert first_difference(tool, Parameters("I486"), 200) is not None


def test_functions_are_small_enough_to_be_optimised():
    source = javascript_of(netlist(Parameters("I486")))
    bodies = source.split("\nfunction ")[1:]
    assert len(bodies) > 5
    # Loads stand beside the operations.
    assert all(body.count("\n") < 3 * MOST for body in bodies)
    assert max(sum(body.count(sign) for sign in "&|^~") for body in bodies) <= MOST


def test_lanes_are_independent(tool):
    """Two machines in one word, with other levels on IGNNE#."""
    source = javascript_of(netlist(Parameters("P6", synchroniser_stages=3)))
    script = """(source) => {
        const machine = (0, eval)(source), seen = [];
        machine.i[machine.inputs.ignne_drive_n[0]] = -2;
        for (let cycle = 0; cycle < 5; cycle++) {
            machine.step();
            seen.push(machine.o[machine.outputs.ignne[0]]);
        }
        return seen;
    }"""
    assert evaluate(tool, script, source) == [0, 0, 0, 1, 1]
