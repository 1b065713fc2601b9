"""The wire at IR5 and FF1's output are two signals; pin events have lines of their own."""

import pytest
from irq13.model import Generation, Parameters, PcInputs
from irq13.sim.machines.machine import MACHINES
from irq13.sim.scenarios.report import timeline
from irq13.sim.scenarios.run import run_scenario
from irq13.sim.scenarios.scenario import parse_scenario
from irq13.sim.support.toml_source import Source
from irq13.sim.waveform.selection import choose_signals

SHARED = """
generation = ["P6", "AMD64"]
program = '''
        bios
        sti
        fninit
        fldcw masks=none
        nop 30
        fdiv raises=ZE
check:  fwait
'''
pins = '''
irq13 high at 20
{more}
'''
expect = '''
handler 75h enters once
irq13 rises once
ir13 rises once
{expect}
'''
[handlers]
75h = '''
        out 0xf0
        fnclex
        out 0xa0, 0x20
        out 0x20, 0x20
        iret
'''
{handler}
"""


def run(more="", expect="check is stuck: slave-no-edge", handler="", generation=Generation.P6):
    text = SHARED.format(more=more, expect=expect, handler=handler)
    return run_scenario(parse_scenario(Source("x", text), "x"), generation, "lockstep")


@pytest.mark.parametrize("generation", [Generation.P6, Generation.AMD64])
def test_another_device_holds_the_line(generation):
    """FF1's rise is no edge at IR5, so the freeze is for ever, and the diagnosis says who holds it."""
    result = run(generation=generation)
    assert result.passed
    assert "another device holds it high" in result.diagnosis.text
    rows = {(row.cycle, row.what, row.edge) for row in timeline(result)}
    assert {(20, "pin irq13 high", ""), (20, "ir13", "rises"), (53, "irq13", "rises")} <= rows
    labels = [shown.label for shown in choose_signals(result.trace)]
    assert labels[1:3] == ["IRQ13", "IR5 (wire)"]
    assert result.trace.causes["ir13", 20].text == "another device drives the line"
    assert result.trace.causes["irq13", 53].text.startswith("FF1 set")


def test_f0h_from_an_nmi_handler_helps_by_ignne():
    handler = "nmi = '''\n out 0xf0\n iret\n'''"
    result = run("nmi high at 80", "check executes\nignne_n falls once", handler)
    assert result.passed
    # FF1 lets go, and the device does not: the wire stays high.
    assert len(result.trace["irq13"].falls()) == 1
    assert len(result.trace["ir13"].falls()) == 0


def test_where_no_device_drives_the_line_it_is_one_signal():
    text = SHARED.format(more="", expect="", handler="").replace("irq13 high at 20", "")
    text = text.replace("irq13 rises once\nir13 rises once", "")
    result = run_scenario(parse_scenario(Source("x", text), "x"), Generation.P6, "model")
    assert "ir13" not in {row.what for row in timeline(result)}
    assert "IR5 (wire)" not in [shown.label for shown in choose_signals(result.trace)]


@pytest.mark.parametrize("on", ["model", "hdl"])
def test_the_wire_is_that_of_the_parameter(on):
    machine = MACHINES[on](Parameters("P6", fpu_irq=8))
    for number in range(16):
        assert machine.settle(PcInputs(irq=1 << number)).ir13 == (number == 8)
