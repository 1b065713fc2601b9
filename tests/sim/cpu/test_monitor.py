"""A monitor around a virtual-8086 task: #GP on OUT F0h, and who decides what comes of it."""

import pytest
from irq13.model import Generation
from irq13.sim.scenarios.run import run_scenario
from irq13.sim.scenarios.scenario import load_scenario, parse_scenario
from irq13.sim.support.errors import InputError, NetlistError
from irq13.sim.support.toml_source import Source, SourceError
from irq13.sim.sweep.design import netlist_of
from irq13.sim.sweep.pins import pin_pulse

TASK = """generation = ["I486", "P6", "AMD64"]
program = '''
bios
sti
fninit
fldcw masks=none
fdiv raises=ZE
check: fwait
end: nop
'''
pins = '''
{pins}
'''
expect = '''
{expect}
'''
[handlers]
nmi = 'iret'
75h = '''
f0: out 0xf0
fnclex
out 0xa0, 0x20
out 0x20, 0x20
iret
'''
[monitor]
{monitor}
"""
PASSES = "'out 0xf0' = '''\nreal: out 0xf0, 1\niret\n'''"


def go(monitor, expect, pins="", generation=Generation.I486, on="model"):
    scenario = parse_scenario(Source("x.toml", TASK.format(monitor=monitor, expect=expect, pins=pins)), "x")
    result = run_scenario(scenario, generation, on)
    assert result.passed, [(one.text, one.found) for one in result.verdicts if not one.holds]
    return result


def test_one_that_passes_it_on(generation, on):
    expect = "f0 raises #GP once\nhandler gp returns to fnclex\nf0 executes never\ncheck executes\n"
    expect += "ignne_n falls 1 cycle after real executes\nirq13 falls 1 cycle after real executes"
    go(PASSES, expect, generation=generation, on=on)


def test_the_task_is_watched_again_behind_the_iret():
    text = TASK.format(monitor=PASSES, expect="again raises #GP once\nreal executes twice", pins="")
    text = text.replace("f0: out 0xf0\n", "f0: out 0xf0\nagain: out 0xf0\n")
    scenario = parse_scenario(Source("x.toml", text), "x")
    assert run_scenario(scenario, Generation.P6, "model").passed


def test_one_that_swallows_it_leaves_irq_13_latched(on):
    """FNCLEX ends the freeze all the same; the next error makes an edge of FERR#, and FF1 none."""
    go("'out 0xf0' = 'swallows: iret'", "check executes\nfinally irq13 = 1\nignne_n falls never", on=on)


def test_one_that_takes_the_interrupt_itself_and_reflects_it():
    monitor = f"{PASSES}\n'handler 75h' = '''\ninc [seen]\nreflect 0x75\niret\n'''"
    expect = "handler 75h enters twice\nf0 raises #GP once\nend executes\n"
    expect += "order handler 75h enters, reflect executes, handler 75h returns to check, f0 raises #GP"
    result = go(monitor, expect)
    assert "monitor" in result.trace["handler"].values


def test_an_nmi_in_the_monitor_goes_to_the_task_which_it_comes_back_to():
    go(
        "'out 0xf0' = '''\nmid: nop 20\nreal: out 0xf0\niret\n'''",
        "handler nmi returns to mid\nreal executes",
        "nmi high at 30",
    )


def test_one_that_does_not_answer_is_diagnosed():
    """It serves the interrupt, and neither clears the error nor writes F0h."""
    monitor = "'handler 75h' = '''\nout 0xa0, 0x20\nout 0x20, 0x20\niret\n'''"
    result = go(monitor, "check is stuck: slave-no-edge")
    assert "a write to port F0h" in str(result.diagnosis)


@pytest.mark.parametrize(
    ("monitor", "message"),
    [
        ("'in 0xf0' = 'iret'", "expected ports such as 'out 0xf0 0x20' or 'handler 75h', not 'in 0xf0'"),
        ("'out' = 'iret'", "expected ports such as"),
        ("'out 0xf0' = 'iret'\n'out 0xF0' = 'iret'", "a block of the monitor has F0h already"),
        ("", "a monitor needs a block"),
        ("'out 0xf0' = 'jmp check'", "'jmp check' cannot be: a monitor goes back to its task by iret"),
        ("'out 0xf0' = 'iret'\n[hypervisor]\nstart = 'vmrun'", r"a \[monitor\] under a \[hypervisor\]"),
    ],
)
def test_mistakes(monitor, message):
    text = TASK.format(monitor=monitor, expect="", pins="").replace('["I486", "P6", "AMD64"]', '"AMD64"')
    with pytest.raises(SourceError, match=message):
        parse_scenario(Source("x.toml", text), "x")


def test_what_needs_one_says_so():
    with pytest.raises(SourceError, match="'reflect' is a monitor's"):
        parse_scenario(Source("x.toml", "program = 'reflect 0x75'"), "x")


def test_lanes_and_older_generations_refuse_by_name():
    scenario = parse_scenario(Source("x.toml", TASK.format(monitor=PASSES, expect="", pins="")), "x")
    with pytest.raises(NetlistError, match=r"a \[monitor\] is not supported in lanes"):
        netlist_of(scenario, Generation.I486, [pin_pulse("irq0")], None)
    with pytest.raises(InputError, match="svm-dos-guest: a hypervisor needs SVM: there is none on P6"):
        run_scenario(load_scenario("svm-dos-guest"), Generation.P6, "model")
