"""No program whatever ends in a traceback: it is refused in one line, or it runs and is told."""

from hypothesis import given, settings
from hypothesis import strategies as st
from irq13.sim.cpu.instructions import INSTRUCTIONS
from irq13.sim.cpu.steps import _PARSERS
from irq13.sim.scenarios.hypervisor import EXITS
from irq13.sim.scenarios.report import timeline
from irq13.sim.scenarios.run import run_scenario
from irq13.sim.scenarios.scenario import PINS, parse_scenario
from irq13.sim.support.toml_source import Source, SourceError

OPERANDS = {
    "nop": ["", "3"],
    "out": ["0xf0", "0x20, 0x20", "0xa0, 0x11", "0x21, 0x04"],
    "in": ["0x20", "0xf0"],
    "wrmsr": ["HWCR 0x100", "IGNNE 1", "0x1b 0", "HWCR 0 cpl=3"],
    "rdmsr": ["HWCR", "IGNNE"],
    "mov": [
        "ss",
        "cr0.ne 1",
        "cr0.et 0",
        "cr0.ts 1",
        "cr0.em 1",
        "cr0.ts 0",
        "ferr_enable 0",
        "cx, 2",
        "[n], 1",
    ],
    "wait": ["irq13", "ferr_n 0", "halted", ""],
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
    "fldcw": ["masks=none", "control=0x37f"],
    "fdiv": ["raises=ZE"],
    "fsin": ["raises=IE,SF"],
    "frstor": ["masks=none flags=ZE"],
}
"""What stands behind a verb; for others nothing does."""
VERBS = sorted({*_PARSERS, *OPERANDS, "fwait", "fld1", "emms", "fnclex", "fclex", "fninit", "fundefined"})
step = st.sampled_from([f"{verb} {words}" for verb in VERBS for words in OPERANDS.get(verb, [""])])


def block(end, first=()):
    return st.lists(step, max_size=12).map(
        lambda steps: "'''\n" + "\n".join([*first, *steps, *end]) + "\n'''"
    )


@st.composite
def scenarios(draw):
    generation = draw(st.sampled_from(["I486", "P6", "AMD64", "AMD64"]))
    lines = [
        f"generation = '{generation}'",
        "limit = 300",
        f"program = {draw(block(['b: nop'], ['a: nop']))}",
    ]
    pins = draw(st.lists(st.tuples(st.sampled_from(sorted(PINS)), st.integers(0, 99)), max_size=6))
    text = {(pin, at): f"{pin} {('low', 'high')[at & 1]} at {at}" for pin, at in pins}
    lines += ["pins = '''", *text.values(), "'''", "[handlers]"]
    for name in draw(st.sets(st.sampled_from(["nmi", "ud", "nm", "gp", "mf", "08h trap", "40h", "75h"]))):
        first = ["h: nop"] if name == "75h" else []
        lines.append(f"'{name}' = {draw(block([draw(st.sampled_from(['iret', 'nop', 'exit']))], first))}")
    lines += [f"smi = {draw(block(['rsm']))}"] if draw(st.booleans()) else []
    lines += [f"reset = {draw(block(['nop']))}"] if draw(st.booleans()) else []
    if generation == "AMD64" and draw(st.booleans()):
        lines += ["[hypervisor]", f"start = {draw(block(['vmrun']))}"]
        names = [*(f"{code:02X}h" for code in EXITS), "out 0xf0", "out 0x20 0xa0", "handler 08h"]
        for name in draw(st.sets(st.sampled_from(names))):
            lines.append(f"'{name}' = {draw(block(['iret' if name[0] == 'h' else 'vmrun']))}")
    return "\n".join(lines)


@settings(max_examples=100)
@given(scenarios())
def test_it_is_refused_in_one_line_or_told(text):
    try:
        scenario = parse_scenario(Source("x.toml", text), "x")
    except SourceError as error:
        assert str(error).startswith("x.toml:")
        assert "\n" not in str(error)
        return
    result = run_scenario(scenario, scenario.generations[0], "model")
    assert timeline(result)
    assert result.diagnosis or result.trace["step"].values[-1] == "-"


def test_every_verb_is_among_them():
    assert set(VERBS) <= {*_PARSERS, *INSTRUCTIONS}
