"""No program whatever ends in a traceback, on no machine: it is refused in one line, or it runs and is told.

It runs to its end, or why not is told; and model and HDL do the same.
"""

import functools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from irq13.model import Generation
from irq13.model.older import OlderParameters
from irq13.sim.cpu.instructions import INSTRUCTIONS
from irq13.sim.cpu.steps import _PARSERS
from irq13.sim.machines.machine import LockstepMachine
from irq13.sim.machines.older import OlderLockstepMachine
from irq13.sim.scenarios.hypervisor import EXITS
from irq13.sim.scenarios.older import parameters_on
from irq13.sim.scenarios.report import timeline
from irq13.sim.scenarios.scenario import PINS, parse_scenario
from irq13.sim.scenarios.side_by_side import run_on_machine
from irq13.sim.support.toml_source import Source, SourceError

OPERANDS = {
    "nop": ["", "3"],
    "out": [
        *("0xf0", "0x20, 0x20", "0xa0, 0x11", "0x21, 0x04", "0xf8", "0xf1"),
        *("0xa0, 0x80", "0xa0, 0", "0x08, 0x20", "0x00, 0x20", "0x0a, 1"),
    ],
    "in": ["0x20", "0xf0"],
    "wrmsr": ["HWCR 0x100", "IGNNE 1", "0x1b 0", "HWCR 0 cpl=3"],
    "rdmsr": ["HWCR", "IGNNE"],
    "mov": [
        *("ss", "cr0.ne 1", "cr0.et 0", "cr0.ts 1", "cr0.em 1", "cr0.ts 0", "ferr_enable 0", "cx, 2"),
        "[n], 1",
    ],
    "wait": ["irq13", "ferr_n 0", "halted", "", "latch", "busy 0", "npx_int"],
    "int": ["0x75", "2", "0x40"],
    "inject": ["0x75", "2", "0x99"],
    "virq": ["0x40", "off"],
    "popf": ["if=1", "if=0"],
    "jmp": ["a", "b", "h"],
    "jz": ["a", "b"],
    "jnz": ["a", "b", "h"],
    "loop": ["a", "a, 3", "b, 2"],
    "test": ["sw, ZE", "cr0, ET+TS", "sw, ES", "cw, ZM", "msr, 0x100", "al, 1", "[n], 1"],
    "cmp": ["[n], 2", "cx, 1"],
    "inc": ["[n]"],
    "dec": ["[n]", "cx"],
    "fldcw": ["masks=none", "masks=none", "control=0x37f", "control=0x3c0"],
    "fdiv": ["raises=ZE"],
    "fsin": ["raises=IE,SF"],
    "frstor": ["masks=none flags=ZE"],
}
"""What stands behind a verb; for others nothing does."""
VERBS = sorted({*_PARSERS, *OPERANDS, "fwait", "fld1", "emms", "fnclex", "fclex", "fninit", "fundefined"})
VERBS += ["fneni", "fndisi", "fnsave", "fnstenv", "fnstsw", "fstp", "fxsave", "fcmovb", "fisttp"]
STEPS = [f"{verb} {words}" for verb in VERBS for words in OPERANDS.get(verb, [""])]
HEADS = {
    **{one: f"generation = '{one}'" for one in ("I486", "P6", "AMD64")},
    **{one: f"machine = '{one}'" for one in ("AT286", "AT386", "XT8087", "PC98")},
    "PC98 8086": "machine = 'PC98'\nparameters = { cpu = '8086' }",
    "AT386 native": "machine = 'AT386'\nparameters = { native = true, npx_cycles = 3 }",
    "AT286 error": "machine = 'AT286'\nparameters = { irq13_from = 'error', passes_busy = '386' }",
    "PC98 486": "generation = 'I486'\nparameters = { wiring = 'PC98' }",
}
"""Machines, each as a scenario names it."""


OFTEN = ["fdiv raises=ZE", "fdiv raises=ZE", "fsin raises=IE,SF", "fwait", "fwait", "fstp", "fld1", "fnclex"]
"""What brings an error about, waits for it and ends it."""


@functools.cache
def steps_of(machine):
    """What a machine has. An AMD64 is asked for what needs a hypervisor too, which it may not have."""

    def has(step):
        text = f"{HEADS[machine]}\nprogram = '''\na: nop\nb: {step}\n'''\n[handlers]\nnmi = 'h: nop'"
        try:
            return bool(parse_scenario(Source("x.toml", text), "x"))
        except SourceError:
            return False

    svm = ("inject", "virq", "reflect") if machine == "AMD64" else ()
    return [step for step in STEPS + 4 * OFTEN if step.split()[0] in svm or has(step)]


def block(machine, end, first=()):
    return st.lists(st.sampled_from(steps_of(machine)), max_size=12).map(
        lambda steps: "'''\n" + "\n".join([*first, *steps, *end]) + "\n'''"
    )


@st.composite
def scenarios(draw, machines=tuple(HEADS)):
    machine = draw(st.sampled_from(machines))
    later = HEADS[machine].startswith("generation")
    start = ["a: bios", *(["sti", "fninit", "fldcw masks=none"] if draw(st.booleans()) else [])]
    lines = [HEADS[machine], "limit = 300", f"program = {draw(block(machine, ['b: nop'], start))}"]
    known = sorted(PINS) if later else ["nmi", "reset", "irq0", "irq1", "irq5"]
    known += ["parity", "iochk"] if machine == "XT8087" else []
    host = machine == "AMD64" and draw(st.integers(0, 3)) == 0
    known = [pin for pin in known if pin != "smi" or not host]
    pins = draw(st.lists(st.tuples(st.sampled_from(known), st.integers(0, 99)), max_size=6))
    text = {(pin, at): f"{pin} {('low', 'high')[at & 1]} at {at}" for pin, at in pins}
    lines += ["pins = '''", *text.values(), "'''", "[handlers]"]
    names = ["nmi", "ud", "nm", "gp", "mf", "08h trap", "40h", "75h", "16h", "0Dh trap"]
    chosen = {"75h"} | draw(st.sets(st.sampled_from(names[: 8 if later else 10])))
    for name in sorted(chosen):
        if name == "0Dh trap" or (name == "mf" and machine == "PC98 8086"):
            continue
        end = draw(st.sampled_from(["iret", "nop", "exit", "jmp b"]))
        lines.append(f"'{name}' = {draw(block(machine, [end], ['h: nop'] if name == '75h' else []))}")
    if later:
        lines += [f"smi = {draw(block(machine, ['rsm']))}"] if draw(st.booleans()) else []
    lines += [f"reset = {draw(block(machine, ['nop']))}"] if draw(st.booleans()) else []
    if host:
        lines += ["[hypervisor]", f"start = {draw(block(machine, ['vmrun']))}"]
        names = [*(f"{code:02X}h" for code in EXITS), "out 0xf0", "out 0x20 0xa0", "handler 08h"]
        for name in sorted(draw(st.sets(st.sampled_from(names)))):
            lines.append(f"'{name}' = {draw(block(machine, ['iret' if name[0] == 'h' else 'vmrun']))}")
    elif later and draw(st.integers(0, 7)) == 0:
        lines += ["[monitor]", f"'out 0xf0' = {draw(block(machine, ['iret']))}"]
    return "\n".join(lines)


@functools.cache
def built(parameters):
    """A machine in lockstep, built once."""
    kind = OlderLockstepMachine if isinstance(parameters, OlderParameters) else LockstepMachine
    return kind(parameters)


def told(text, lockstep=False):
    """The run of a scenario, which is told; None for one that is refused, in one line."""
    try:
        scenario = parse_scenario(Source("x.toml", text), "x")
    except SourceError as error:
        assert str(error).startswith("x.toml:")
        assert "\n" not in str(error)
        return None
    (machine,) = (*scenario.generations, *scenario.machines)
    later = isinstance(machine, Generation)
    parameters = scenario.parameters_for(machine) if later else parameters_on(scenario, machine)
    on = "model"
    if lockstep:
        on = built(parameters)
        on.power_up()
    result = run_on_machine(scenario, machine, on)
    assert timeline(result)
    assert result.diagnosis or result.trace["step"].values[-1] == "-"
    assert not result.diagnosis or result.diagnosis.text
    return result


@settings(max_examples=100)
@given(scenarios())
def test_it_is_refused_in_one_line_or_told(text):
    told(text)


@pytest.mark.slow
@settings(max_examples=60)
@given(scenarios())
def test_model_and_hdl_do_the_same(text):
    told(text, lockstep=True)


def test_every_verb_is_among_them():
    assert set(VERBS) <= {*_PARSERS, *INSTRUCTIONS}
