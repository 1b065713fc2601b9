"""Scenario files: what is wrong with one is said with file, line and what was expected."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from irq13.model import Generation
from irq13.sim.scenarios.run import run_scenario
from irq13.sim.scenarios.scenario import load_scenario, parse_scenario, shipped_scenarios
from irq13.sim.scenarios.topics import grouped
from irq13.sim.support.toml_source import Source, SourceError

GOOD = """title = "t"
generation = "P6"
program = '''
  fldcw masks=none
div: fdiv raises=ZE   ; the error
  fwait
  wrmsr IGNNE 1
  rdmsr HWCR
  nop 3
'''
pins = '''
  ignne_n low at 40
'''
expect = '''
ferr_n falls once
fwait freezes
wrmsr raises #GP
'''

[expect-on]
P6 = '''
ferr_n falls 2 cycles after div executes
'''

[parameters]
nowait_window = 3
"""


def parsed(text):
    return parse_scenario(Source("x.toml", text), "x")


def test_the_good_one_is_good():
    scenario = parsed(GOOD)
    assert [step.line for step in scenario.program.main] == [4, 5, 6, 7, 8, 9]
    assert [expectation.line for expectation in scenario.expectations] == [15, 16, 17]
    assert scenario.parameters.nowait_window == 3


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ('title = "t"', 'titel = "t"', 1, r"unknown key 'titel' \(did you mean title\?\)"),
        ('title = "t"', "title = 3", 1, "title must be a string, not 3"),
        ('title = "t"', "title = ", 1, "not TOML"),
        ('title = "t"', f"title = {'[' * 2000}{']' * 2000}", 1, "nested too deep"),
        ('"P6"', '"K5"', 2, "generation must be out of I486, P6, AMD64, not 'K5'"),
        ('"P6"', '["P6", "P6"]', 2, "none twice"),
        ('"P6"', "[]", 2, "at least one"),
        ("fldcw masks=none", "fldcv masks=none", 4, r"unknown step 'fldcv' \(did you mean fldcw"),
        ("masks=none", "masks=XE", 4, "expected flags out of IE, DE, ZE, OE, UE, PE, or all or none"),
        ("masks=none", "control=0x10000", 4, r"0x10000 is not in 0\.\.2\^16-1"),
        ("masks=none", "", 4, "fldcw needs masks=... or control=..."),
        ("masks=none", "masks=all control=0", 4, "give one"),
        ("raises=ZE", "raises=ZZ", 5, "expected flags out of IE, DE, ZE, OE, UE, PE, SF"),
        ("raises=ZE", "raise=ZE", 5, "fdiv takes raises=..., not raise=..."),
        ("raises=ZE", "raises=ZE raises=IE", 5, "raises=... is given twice"),
        ("raises=ZE", "raises=SF,PE", 5, r"SF is set only together with IE \(SDM1 8.1.3.4\): raises=IE,SF"),
        ('title = "t"', r'title = "\u001b[31mt"', 1, r"title has the control character '\\x1b' in it"),
        ('title = "t"', r'title = "a\nb"', 1, r"title has the control character '\\n' in it"),
        (
            "[parameters]",
            '[handlers]\n"a\\u0007" = "iret"\n[parameters]',
            25,
            "a key has the control character",
        ),
        ("raises=ZE", "ZE", 5, "expected key=value, such as raises=ZE, not 'ZE'"),
        ("div:", "2div:", 5, "expected a label before ':'"),
        ("fwait", "div: fwait", 6, "label 'div' stands in line 5 too"),
        ("fwait", "only:", 6, "label 'only' has no step"),
        ("fwait", "fwait raises=ZE", 6, "fwait takes no operands"),
        ("wrmsr IGNNE 1", "wrmsr IGNN 1", 7, "did you mean IGNNE"),
        ("wrmsr IGNNE 1", "wrmsr IGNNE", 7, r"expected wrmsr MSR VALUE \[cpl=0\]"),
        ("wrmsr IGNNE 1", "wrmsr IGNNE 1 cpl=4", 7, r"4 is not in 0\.\.2\^2-1"),
        ("wrmsr IGNNE 1", "wrmsr IGNNE 1 ring=3", 7, "wrmsr takes cpl=..., not ring=..."),
        ("wrmsr IGNNE 1", "wrmsr IGNNE 0x10000000000000000", 7, r"not in 0\.\.2\^64-1"),
        ("nop 3", "nop 0", 9, "nop lasts at least 1 cycle"),
        ("nop 3", "nop three", 9, "expected a number such as 240, 0xF0 or 0F0h, not 'three'"),
        ("nop 3", "out 0x10000", 9, r"not in 0\.\.2\^16-1"),
        ("nop 3", "out 0xf0, 256", 9, r"256 is not in 0\.\.2\^8-1"),
        ("nop 3", "mov cr0.pe 1", 9, "expected a target out of ferr_enable, cr0.mp"),
        ("nop 3", "mov cr0.ne 2", 9, r"2 is not in 0\.\.2\^1-1"),
        ("nop 3", "wait irq14", 9, r"no signal 'irq14' of one bit \(did you mean irq13"),
        ("nop 3", "reset now", 9, "expected reset without operands"),
        ("nop 3", "int", 9, "expected int VECTOR"),
        ("nop 3", "int 256", 9, r"256 is not in 0\.\.2\^8-1"),
        ("low at 40", "down at 40", 12, "expected PIN low|high at CYCLE"),
        (
            "ignne_n low at 40",
            "ferr_n low at 40",
            12,
            "no pin 'ferr_n'; expected ignne_n, nmi, reset, init, smi, flush, stpclk, irq0",
        ),
        ("low at 40", "low at forty", 12, "expected a number"),
        ("low at 40", "low at 4000", 11, "past the limit of 1000"),
        ("low at 40", "low at 40\n  ignne_n high at 40", 13, "has an event in cycle 40 already"),
        ("fwait freezes", "fwait sleeps", 16, r"expected SIGNAL rises\|falls, STEP executes"),
        ("fwait freezes", "fwaitt freezes", 16, r"no step 'fwaitt' \(did you mean fwait"),
        ("fwait freezes", "div raises #GP", 16, "'fdiv raises=ZE' never raises #GP; it can be: #MF, #NM"),
        ("fwait freezes", "wrmsr freezes", 16, "never freezes"),
        ("fwait freezes", "ferr_x falls", 16, r"no signal 'ferr_x' of one bit \(did you mean ferr_n"),
        ("fwait freezes", "ferr_n falls #0", 16, "occurrences are counted from #1"),
        ("fwait freezes", "handler 75h comes", 16, "or handler VECTOR enters"),
        ("fwait freezes", "handler 175h enters", 16, r"175h is not in 0\.\.2\^8-1"),
        ("fwait freezes", "handler 75h enters to div", 16, "it 'returns to' a step"),
        ("fwait freezes", "handler 75h returns to dov", 16, r"no step 'dov' \(did you mean div"),
        ("fwait freezes", "fwait is stuck: slave", 16, "no reason 'slave'; expected not-reported"),
        ("fwait freezes", "irq13 rises -1 cycles after fwait executes", 16, r"-1 is not in 0\.\."),
        ("fwait freezes", "irq13 rises 2 cycles after irq13 rises #2", 16, "cannot come before itself"),
        ("fwait freezes", "order irq13 rises", 16, "order needs at least two events"),
        ("fwait freezes", "order irq13 rises, irq13 rises", 16, "irq13 cannot rise twice in a row"),
        ("fwait freezes", "finally es is 1", 16, "expected finally SIGNAL = VALUE"),
        ("fwait freezes", "finally es = 2", 16, r"2 is not in 0\.\.2\^1-1"),
        ("fwait freezes", "finally ess = 1", 16, r"no signal 'ess' \(did you mean es"),
        ("fwait freezes", "ferr_n falls never", 16, "impossible: line 15 needs it: 'ferr_n falls once'"),
        ("ferr_n falls once", "ferr_n falls never", 22, "impossible: line 15 says that"),
        ("fwait freezes", "finally es = 1\nfinally es = 0", 17, "impossible: line 16 says 'finally es = 1'"),
        ("nop 3", "jmp dov", 9, r"no label 'dov' to go to \(did you mean div"),
        ("nop 3", "jnz", 9, "expected jnz LABEL"),
        ("nop 3", "loop div, 0", 9, "expected at least 1 round"),
        (
            "nop 3",
            "test ax, 1",
            9,
            r"expected test OPERAND, NUMBER with an operand out of sw, cw, msr, al, cx",
        ),
        ("nop 3", "test sw, XE", 9, "expected flags out of IE, DE"),
        ("nop 3", "test cr0, PE", 9, "expected test cr0, BITS with bits out of MP, EM, TS, NE, ET"),
        ("nop 3", "cmp cr0, 2", 9, "expected test cr0, BITS"),
        ("nop 3", "mov [2], 1", 9, r"expected cx or a byte of memory such as \[seen\], not '\[2\]'"),
        ("nop 3", "mov [n], 256", 9, r"256 is not in 0\.\.2\^8-1"),
        ("nop 3", "inc sw", 9, "expected cx or a byte of memory"),
        ("nop 3", "fld1 prefixes=9", 9, r"9 is not in 0\.\.2\^3-1"),
        ("low at 40", "low at 40\n  inti high at 9", 13, r"no pin 'inti' \(did you mean init"),
        ("fwait freezes", "fwait reads fip div", 16, "'fwait' stores no FIP; fnstenv, fnsave"),
        ("fwait freezes", "fwait reads 0x80", 16, "'fwait' never reads; it can be"),
        ("fwait freezes", "rdmsr reads fip div", 16, "'rdmsr HWCR' stores no FIP"),
        ("  fwait\n", "  fnstsw\n", 16, "no step 'fwait'"),
        (
            "[parameters]",
            "[handlers]\nirq = 'iret'\n[parameters]",
            26,
            "expected a vector such as 75h or '75h trap', or nmi",
        ),
        ("[parameters]", "[handlers]\n2 = 'iret'\nnmi='iret'\n[parameters]", 27, "02h has two handlers"),
        ("[parameters]", "[handlers]\n75h = ''\n[parameters]", 26, "75h has no steps"),
        ("[parameters]", "[handlers]\n75h = 'div: iret'\n[parameters]", 26, "label 'div' stands in line 5"),
        ("P6 = '''", "P7 = '''", 21, "unknown key 'P7'; expected I486, P6, AMD64"),
        ("nowait_window = 3", "nowait_window = 0", 26, "nowait_window must be at least 1, not 0"),
        ("nowait_window = 3", "nowait = 3", 26, "unknown key 'nowait'"),
        ("program = '''", "programme = '''", 3, "unknown key 'programme'"),
        ("\n[parameters]", "limit = 5\n[parameters]", 24, "unknown key 'limit'"),
        ('title = "t"', "limit = 0", 1, "limit must be 1 to 1000000 cycles, not 0"),
        ('title = "t"', "limit = true", 1, "limit must be an integer, not True"),
        ('title = "t"', "topic = 'x'", 1, "no topic 'x'; expected handshake, .*, field$"),
        ("P6 = '''", "P7 = '''", 21, "expected I486, P6, AMD64, AT486, AT286, AT386, XT8087, PC98$"),
        (
            "[parameters]",
            "[monitor]\n'' = 'iret'\n[parameters]",
            26,
            "expected ports such as 'out 0xf0 0x20'",
        ),
    ],
)
def test_each_mistake_is_found_where_it_is(old, new, line, message):
    assert old in GOOD
    with pytest.raises(SourceError, match=message) as caught:
        parsed(GOOD.replace(old, new, 1))
    assert str(caught.value).startswith(f"x.toml:{line}: ")
    assert "\n" not in str(caught.value)


def test_a_scenario_needs_a_program():
    with pytest.raises(SourceError, match="a scenario needs a program"):
        parsed('title = "t"\n')
    with pytest.raises(SourceError, match="program has no steps"):
        parsed("program = ''' ; nothing\n'''")


def test_an_unknown_name_gives_the_nearest():
    with pytest.raises(SourceError, match="did you mean ignne-msr"):
        load_scenario("igne-msr")


@settings(max_examples=300)
@given(st.text(max_size=60), st.integers(0, len(GOOD)), st.integers(0, 20))
def test_whatever_is_written_is_refused_on_one_line_or_runs(text, position, length):
    try:
        parsed(GOOD[:position] + text + GOOD[position + length :])
    except SourceError as error:
        assert str(error).startswith("x.toml:")


def test_each_sentence_can_fail():
    false = """
fwait executes
div raises #MF
ferr_n falls twice
irq13 falls
irq13 rises 2 cycles after ferr_n falls
irq13 rises in the same cycle as ferr_n falls
order irq13 rises, ferr_n falls
finally ferr_n = 1
rdmsr reads 5
"""
    text = GOOD.replace("ferr_n falls once\nfwait freezes\nwrmsr raises #GP\n", false)
    text = text.replace("  ignne_n low at 40\n", "").replace('title = "t"', "limit = 50")
    result = run_scenario(parsed(text), parsed(text).generations[0], "model")
    failed = [verdict.text for verdict in result.verdicts if not verdict.holds]
    assert failed == [*false.strip().split("\n"), "'fwait' goes on"]
    assert not result.passed


def test_a_fault_that_nobody_expects_fails_the_run():
    text = GOOD.replace("wrmsr raises #GP\n", "")
    result = run_scenario(parsed(text), parsed(text).generations[0], "model")
    failed = [verdict.text for verdict in result.verdicts if not verdict.holds]
    assert failed == ["'wrmsr IGNNE 1' does not fault", "'rdmsr HWCR' does not fault"]


def test_what_goes_wrong_in_a_loop_is_told_once():
    text = "program = '''\nmov cr0.ts 1\nuse: fld1\n'''\nlimit = 60\n[handlers]\nnm = '''\nnop 3\niret\n'''\n"
    verdicts = run_scenario(parsed(text), Generation.AMD64, on="model").verdicts
    assert [(verdict.line, verdict.text) for verdict in verdicts] == [
        (3, "'fld1' does not fault"),
        (9, "the program ends"),
    ]
    assert verdicts[0].found == "#NM in cycles 1, 6, 11, 16, 21, 26, 31, 36, ..."


def test_a_run_lasts_until_the_handlers_behind_its_last_step_are_over():
    lines = [number for number in range(8) if number != 2]
    text = "generation = 'P6'\nprogram = '''\nbios\nnop 20\npopf if=1\n'''\npins = '''\n"
    text += "\n".join(f"irq{line} high at 19" for line in lines) + "\n'''\n[handlers]\n"
    text += "\n".join(f"{8 + line:02x}h = '''\nout 0x20, 0x20\niret\n'''" for line in lines)
    done = run_scenario(parsed(text), Generation.P6, "model")
    assert [event.value for event in done.events if event.kind == "returns"] == [8 + line for line in lines]


def test_words_may_be_in_capitals():
    parsed("program = '''\nMOV SS\nPOPF IF=1\nVIRQ OFF\n'''\n[hypervisor]\nstart = 'VMRUN'")


def test_every_scenario_that_comes_with_irq13_has_a_topic_and_reports_have_a_source():
    scenarios = [load_scenario(name) for name in shipped_scenarios()]
    assert [one.name for one in scenarios if not one.topic or not one.about] == []
    field = [one for one in scenarios if one.topic == "field"]
    assert len(field) >= 17
    assert [one.name for one in field if len(one.source) < 20 or len(one.about) < 150] == []
    listed = [one.name for _, group in grouped(scenarios) for one in group]
    assert sorted(listed) == sorted(shipped_scenarios())
