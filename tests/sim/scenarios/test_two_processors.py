"""Scenarios with two processors: what they share, every hang with its reason, what is refused."""

import random
import re

import pytest
from click.testing import CliRunner
from irq13.model.registers import Generation
from irq13.sim.cli.run import run_command
from irq13.sim.cpu.diagnosis import REASONS
from irq13.sim.play.scenarios import recording
from irq13.sim.scenarios.report import timeline
from irq13.sim.scenarios.run import run_scenario
from irq13.sim.scenarios.scenario import load_scenario, parse_scenario
from irq13.sim.support.errors import InputError
from irq13.sim.support.toml_source import Source, SourceError
from irq13.sim.sweep.pins import pin_pulse
from irq13.sim.sweep.sweep import sweep
from irq13.sim.waveform.causes.cause import Edge
from irq13.sim.waveform.causes.explain import edges_of, sentence
from irq13.sim.waveform.selection import choose_signals

SERVE = "f0: out 0xf0\nclear: fnclex\nout 0xa0, 0x20\nout 0x20, 0x20\niret"
ERROR = "fninit\nfldcw masks=none\nfdiv raises=ZE\n"


def text_of(
    a, b, expect="", *, generation="P6", handlers=None, of_b=None, head="", b_head="", tail="", limit=500
):
    """A file."""

    def table(name, blocks):
        return f"[{name}]\n" + "".join(f"{key} = '''\n{steps}\n'''\n" for key, steps in blocks.items())

    return (
        f"generation = '{generation}'\nlimit = {limit}\n{head}\nprogram = '''\n{a}\n'''\n"
        f"expect = '''\n{expect}\n'''\n{table('handlers', {'75h': SERVE} if handlers is None else handlers)}"
        f"[processor.b]\n{b_head}\nprogram = '''\n{b}\n'''\n{table('processor.b.handlers', of_b or {})}"
        f"{tail}"
    )


def go(*args, on="lockstep", **settings):
    scenario = parse_scenario(Source("x.toml", text_of(*args, **settings)), "x")
    return run_scenario(scenario, scenario.generations[0], on)


START = "bios\nsti\nfninit\n"
CASES = {
    # The first is on a, the second on b; what holds.
    "an error under the other's IGNNE# makes an edge of its own once that one has cleared": (
        f"{START}wait b.ignne\nfldcw masks=none\nfdiv raises=IE\nmine: fwait\nnop 30\nlast: fwait\nfnclex",
        f"nop 12\n{ERROR}check: fwait\nnop 20\ndone: fnclex",
        "ferr_n falls twice\na.ferr_n falls 3 cycles after ferr_n rises\nhandler 75h enters twice\n"
        "order b.check freezes, f0 executes, mine executes, b.done executes, ferr_n rises, a.ferr_n falls\n"
        "a.ferr_n falls once\nb.ferr_n falls once",
        {"handlers": {"75h": "f0: out 0xf0\nout 0xa0, 0x20\nout 0x20, 0x20\niret"}},
    ),
    "a is frozen and b frees it: whoever writes F0h": (
        f"bios\n{ERROR}check: fwait\nlast: fnclex",
        "wait a.freeze\nwait irq13\nf0: out 0xf0",
        "check executes 3 cycles after b.f0 executes\nirq13 falls 1 cycle after b.f0 executes",
        {"handlers": {}},
    ),
    "one I/O bus: a first, and INTA locks it": (
        f"nop\nfirst: out 0x300\nnop\n{START}wait intr\nnop\nlast: nop",
        "nop\nsecond: out 0x300\nwait inta\nthird: out 0x300\nwait a.halted 0\n",
        "b.second executes 1 cycle after first executes\nb.third executes 2 cycles after inta rises",
        {"head": "pins = 'irq0 high at 22'", "handlers": {"08h": "nop\nout 0x20, 0x20\niret"}},
    ),
    "bytes of memory are shared, registers and labels are not": (
        "mov cx, 3\nmov [x], 7\nagain: cmp [x], 8\njnz again\ndec cx\ncmp cx, 2\njz good\nexit\ngood: nop",
        "again: cmp [x], 7\njnz again\nmov cx, 9\ninc [x]\ngood: nop",
        "good executes\nb.good executes",
        {},
    ),
    "RESET by an instruction of b resets both": (
        f"bios\n{ERROR}nop 30\nnever: nop",
        "nop 20\nreset\nbehind: nop",
        "never executes never\nagain executes\nb.behind executes\nfinally ferr_n = 1\nfinally es = 0",
        {"handlers": {"reset": "again: nop"}},
    ),
    "each has MSRs of its own, and an NMI of its own frees it": (
        "wrmsr HWCR 0x100\nmine: rdmsr HWCR\nnop 60",
        f"theirs: rdmsr HWCR\n{ERROR}check: fwait\nlast: nop",
        "mine reads 0x100\nb.theirs reads 0\norder b.check freezes, b.handler nmi enters, b.last executes\n"
        "b.nmi rises once\na.nmi rises never\nhandler nmi enters never\nb.handler nmi returns to b.check",
        {"generation": "AMD64", "b_head": "pins = 'nmi high at 30'", "of_b": {"nmi": "fnclex\niret"}},
    ),
    "a processor that is its own port F0h takes its own writes alone": (
        f"wrmsr HWCR 0x100\nwait b.es\nnop 3\n{ERROR}nop 3\nout 0xf0\nnop 6",
        f"wrmsr HWCR 0x100\n{ERROR}nop 30",
        "a.ignne_msr rises once\nb.ignne_msr rises never\nfinally b.ferr_n = 0",
        {"generation": "AMD64", "tail": "[parameters]\nport_emulation = true"},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_they_share_and_what_not(name):
    a, b, expect, settings = CASES[name]
    result = go(a, b, expect, **settings)
    assert [verdict for verdict in result.verdicts if not verdict.holds] == []
    assert result.diagnosis is None


FROZEN = f"nop 25\n{ERROR}check: fwait"
MASKED = f"bios\nout 0xa1, 0x20\nsti\n{ERROR}mine: fwait"


@pytest.mark.parametrize(
    ("a", "b", "settings", "reason", "words"),
    [
        (
            f"{START}nop 5",
            FROZEN,
            {},
            "processor-over",
            "the program of processor a, which it goes to, is over",
        ),
        (f"{START}cli\nhlt", FROZEN, {}, "interrupts-off", "IF = 0 on processor a, which it goes to"),
        (
            START + "hlt",
            FROZEN,
            {"b_head": "wired = false"},
            "not-wired",
            "FERR# of processor b is not connected",
        ),
        (MASKED, FROZEN, {}, "slave-masked", "(IMR = 20h)"),
        (
            "mov ferr_enable 0\n" + START,
            FROZEN,
            {},
            "circuit-disabled",
            "the chipset's error circuit is disabled",
        ),
        (START + "nop 50", "hlt", {}, "intr-elsewhere", "INTR goes to processor a alone"),
        ("wait b.freeze", "wait a.freeze", {}, "no-signal", "the signal"),
        (START + "nop 50", "wait irq13", {}, "no-signal", "the signal"),
        (f"{START}on: jmp on", FROZEN, {"handlers": {"75h": "iret"}}, "slave-no-edge", "a write to port F0h"),
        (
            f"{START}hlt",
            FROZEN,
            {"head": "pins = 'stpclk high at 14'"},
            "stopped",
            "STPCLK# stops processor a",
        ),
    ],
)
def test_each_hang_of_b_has_its_reason(a, b, settings, reason, words):
    """A frozen one has it too while the other one goes round and round."""
    result = go(a, b, on="model", **settings)
    assert result.diagnosis
    assert f"stuck:{reason}" in {event.kind for event in result.events if event.processor == "b"}
    own = result.diagnosis.text.partition("processor b: ")[2]
    assert words in own
    assert "'\nstuck" not in own


def test_what_is_not_frozen_does_not_wait_for_an_edge_of_its_own():
    """Its FERR# fell on a low line, but that is over: it halts, and the other one, muted, holds the line."""
    a = f"{START}fldcw masks=none\nwait b.freeze\nfdiv raises=ZE\nfwait\nlast: hlt"
    assert go(
        a, FROZEN, "last is stuck: irq13-cleared\nb.check executes\nfinally b.es = 1", on="model"
    ).passed


STEPS = [
    step.strip()
    for step in """
    fdiv raises=ZE | fsin raises=IE | fst raises=PE | fwait | fwait | fld1 | fnclex | fnstsw | fninit | nop |
    fldcw masks=none | fldcw masks=all | frstor masks=none flags=ZE | nop 7 | cli | sti | sti | hlt |
    out 0xf0 | out 0xf0 | out 0xa0, 0x20 | out 0x20, 0x20 | out 0xa1, 0x20 | out 0xa1, 0 |
    mov cr0.ne 1 | mov cr0.ne 0 | wrmsr HWCR 0x100 | wrmsr HWCR 0 | wrmsr IGNNE 1 | wrmsr IGNNE 0 |
    mov ferr_enable 0 | mov ferr_enable 1 |
    inc [n] | cmp [n], 3 | jz there | jnz there | loop there, 3 | wait ferr_n 0 | wait a.es | wait b.freeze |
    init | reset | bios | int 0x75 | mov ss | in 0x20
""".split("|")
]


def random_file(seed, generation):
    pick = random.Random(seed)

    def steps(count):
        return "\n".join(pick.choice(STEPS) for _ in range(count))

    def handlers():
        ends = ("iret", "iret", "fnclex\niret", "jmp there")
        serve = ("out 0xf0\n", "out 0xf0\nfnclex\n", "fnclex\nout 0xf0\n", "")
        eoi = "out 0xa0, 0x20\nout 0x20, 0x20\n"
        blocks = {f"'{vector:02X}h'": pick.choice(ends) for vector in (2, 6, 7, 13, 16)}
        return blocks | {f"'{v:02X}h'": f"{pick.choice(serve)}{eoi}iret" for v in (8, 0x75, 0x77)}

    a, b = (f"{start}{ERROR}{steps(14)}\nthere: nop\n{steps(8)}" for start in ("bios\nsti\n", "nop 8\n"))
    head = "pins = '''\nirq0 high at 60\nnmi high at 150\n'''" if pick.random() < 0.5 else ""
    b_head = "wired = false" if pick.random() < 0.2 else "pins = 'nmi high at 120'"
    settings = {"handlers": handlers(), "of_b": handlers(), "head": head, "b_head": b_head, "limit": 300}
    return text_of(a, b, generation=generation, **settings)


def check_random(seeds, generation, on):
    """The reasons for which they hang."""
    reasons = set()
    for seed in seeds:
        text = random_file(seed, generation)
        scenario = parse_scenario(Source(f"{seed}.toml", text), "x")
        result = run_scenario(scenario, scenario.generations[0], on)
        trace = result.trace
        ended = all(trace[f"{one}.step"].values[-1] == "-" for one in "ab")
        assert ended == (result.diagnosis is None), seed
        assert timeline(result)
        found = {event.kind.removeprefix("stuck:") for event in result.events if event.kind[:6] == "stuck:"}
        assert found <= REASONS.keys()
        assert bool(found) == (not ended)
        muted = trace["chipset_ignne_n"].falls()
        assert all(trace["ferr_n"].at(int(time)) == 0 for time in muted)
        # As long as one error stands the other one is muted, not hung, but where it does not listen.
        if "line-already-low" in found:
            assert "wrmsr HWCR 0x100" in text
            assert generation == "AMD64"
        reasons |= found
    return reasons


def test_random_programs_end_or_are_diagnosed_and_agree_in_lockstep():
    check_random(range(1), "AMD64", "lockstep")


@pytest.mark.slow
def test_many_of_them():
    reasons = set()
    for generation in ("I486", "P6", "AMD64"):
        reasons |= check_random(range(10, 12), generation, "lockstep")
        reasons |= check_random(range(100, 113), generation, "model")
    common = {"no-end", "no-signal", "slave-no-edge", "interrupts-off", "slave-masked", "circuit-disabled"}
    assert common <= reasons


def test_a_hang_that_is_expected_of_one_is_not_of_the_other():
    result = go("y: jmp y", "x: jmp x", "b.program is stuck: no-end", on="model", limit=60)
    failed = [(verdict.text, verdict.found) for verdict in result.verdicts if not verdict.holds]
    assert failed == [("'jmp y' goes on", "stuck:no-end")]


def test_the_timeline_says_who_and_the_causes_too():
    result = run_scenario(load_scenario("two-processors-one-edge"), Generation.P6, "model")
    hangs = run_scenario(load_scenario("two-processors-mixed"), Generation.P6, "model")
    rows = {row.what for row in timeline(result)}
    assert {
        "a.check: fwait",
        "b.check: fwait",
        "a: bios",
        "ferr_n",
        "a.ferr_n",
        "b.ferr_n",
        "b.freeze",
    } <= rows
    trace = result.trace
    (edge,) = edges_of(trace, "ferr_n")
    assert (sentence(trace, edge), trace.causes[edge].text) == (
        "FERR# falls",
        "both processors pull the line low",
    )
    assert [one.signal for one in trace.causes[edge].because] == ["a.ferr_n", "b.ferr_n"]
    (raised, lowered) = edges_of(trace, "irq13")
    assert trace.causes[raised].because == (edge,)
    assert trace.causes[lowered].text == f"FF1 cleared by 'a: out 0xf0' in cycle {lowered.cycle - 1}"
    (masked,) = edges_of(hangs.trace, "slave_imr@11")
    assert hangs.trace.causes[masked].because == (Edge("a.step", 10),)
    labels = [one.label for one in choose_signals(trace)]
    assert labels[:3] == ["FERR#", "a FERR#", "b FERR#"]


BODY = "generation = 'P6'\nprogram = 'a1: nop'\n"
SECOND = "[processor.b]\nprogram = 'b1: nop'\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "[processor.c]\nprogram = 'nop'",
            "x.toml:3: no processor 'c': [processor.b] is the second and last",
        ),
        ("[processor.a]\nprogram = 'nop'", "x.toml:3: processor a is the scenario itself"),
        ("[processor]", "x.toml:3: expected [processor.b]"),
        ("processor = 'b'", "x.toml:3: processor must be a table"),
        ("[processor]\nb = 3", "x.toml:4: processor.b must be a table"),
        (f"{SECOND}{SECOND}", "not TOML: Cannot declare"),
        ("[processor.b]\n", "x.toml:3: processor b needs a program"),
        ("[processor.b]\nprogram = ''", "x.toml:4: program has no steps"),
        (f"{SECOND}handler = 3", "x.toml:5: unknown key 'handler' (did you mean handlers?)"),
        (f"{SECOND}wired = 1", "x.toml:5: processor.b.wired must be true or false, not 1"),
        (
            f"{SECOND}expect = 'x'",
            "x.toml:5: expect of processor b: the scenario's own `expect` speaks of both",
        ),
        (
            f"{SECOND}generation = 'P6'",
            "x.toml:5: generation of processor b: both processors are of the scenario's",
        ),
        (f"{SECOND}[processor.b.hypervisor]\nstart = 'vmrun'", "x.toml:5: hypervisor of processor b"),
        (f"{SECOND}[processor.b.handlers]\n300h = 'iret'", "x.toml:6: expected a vector such as 75h"),
        (
            f"{SECOND}[processor.b.handlers]\n2 = 'iret'\nnmi = 'iret'",
            "x.toml:7: vector 02h has two handlers",
        ),
        (f"{SECOND}pins = 'irq5 high at 3'", "x.toml:5: irq5 is a wire of both processors: it stands in the"),
        (f"{SECOND}pins = 'nmy high at 3'", "x.toml:5: no pin 'nmy' (did you mean nmi?)"),
        (f"{SECOND}pins = 'nmi high at 3000'", "x.toml:5: nmi changes at cycle 3000, past the limit of 1000"),
        (
            "[processor.b]\nprogram = 'jmp a1'",
            "'jmp a1' cannot be: a1 stands in line 2, in the program of processor a",
        ),
        ("[processor.b]\nprogram = 'jmp a2'", "x.toml:4: no label 'a2' to go to; expected a label"),
        ("[processor.b]\nprogram = 'reflect 2'", "'reflect': processor b has no monitor and no hypervisor"),
        (f"expect = 'b1 executes'\n{SECOND}", "x.toml:3: processor a has no step 'b1'"),
        (f"expect = 'b1 executes'\n{SECOND}", "processor b has it: b.b1 executes"),
        (f"expect = 'b.a1 executes'\n{SECOND}", "processor a has it: a.a1 executes"),
        (f"expect = 'b.c1 executes'\n{SECOND}", "no step 'c1'"),
        (f"expect = 'b.irq13 rises'\n{SECOND}", "irq13 is of the PC, not of processor b: it has no prefix"),
        (f"expect = 'finally b.intr = 0'\n{SECOND}", "intr is of the PC, not of processor b"),
        (f"expect = '''\nb.es rises\nb.es rises never\n'''\n{SECOND}", "line 4 needs it: 'b.es rises'"),
        (f"expect = 'b.handler mf returns to a.a1'\n{SECOND}", "does is no step of processor a"),
        (f"pins = 'b.nmi high at 3'\n{SECOND}", "no pin 'b.nmi': [processor.b] has its own pins"),
        (f"expect = 'c.es rises'\n{SECOND}", "no signal 'c.es' of one bit"),
        (
            "expect = 'b.a1 executes'",
            "x.toml:3: 'b.a1 executes': there is one processor; [processor.b] makes",
        ),
        ("expect = 'finally b.es = 1'", "there is one processor; [processor.b] makes a second"),
        (
            f"{SECOND}[parameters]\nwiring = 'PC98'",
            "x.toml:6: a second processor is supported with the wiring",
        ),
        (f"machine = 'AT286'\n{SECOND}", "a second processor is supported from the 486 on, not on AT286"),
        (f"{SECOND}[machine.XT8087]\nparameters = {{}}", "is supported from the 486 on, not on XT8087"),
    ],
)
def test_mistakes(text, message):
    with pytest.raises(SourceError, match=re.escape(message)) as caught:
        parse_scenario(Source("x.toml", BODY + text), "x")
    assert "\n" not in str(caught.value)


def test_a_wait_for_the_other_one_needs_it():
    with pytest.raises(SourceError, match=r"'wait b\.freeze': there is one processor"):
        parse_scenario(Source("x.toml", "generation = 'P6'\nprogram = 'wait b.freeze'"), "x")


def test_what_has_one_processor_refuses_it_by_name():
    scenario = load_scenario("two-processors-dos")
    generation = scenario.generations[0]
    with pytest.raises(InputError, match=r"\[processor.b\] is not supported in lanes"):
        sweep(scenario, generation, [pin_pulse("nmi")], [range(2)])
    with pytest.raises(InputError, match=r"\[processor.b\] is not supported on the page"):
        recording(scenario, generation, "P6")
    refused = CliRunner().invoke(run_command, ["two-processors-dos", "--board", "COM9"])
    assert (refused.exit_code, "[processor.b] is a second" in refused.output) == (2, True)
    with pytest.raises(InputError, match=r"\[processor.b\]: two processors run on hdl, model, lockstep"):
        run_scenario(scenario, generation, object())
