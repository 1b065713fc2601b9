"""Scenarios on the machines before the 486: programs, handlers, diagnoses, and what is refused."""

import re

import pytest
from irq13.model.older import OlderMachine
from irq13.model.registers import Generation
from irq13.sim.scenarios.older import on_pc98_486
from irq13.sim.scenarios.older_run import run_on_older
from irq13.sim.scenarios.scenario import load_scenario, parse_scenario, shipped_scenarios
from irq13.sim.scenarios.side_by_side import joined_runs, run_on_all, run_on_machine
from irq13.sim.support.errors import InputError
from irq13.sim.support.toml_source import Source, SourceError
from irq13.sim.sweep.pins import pin_pulse
from irq13.sim.sweep.sweep import sweep

AT, XT, PC98 = OlderMachine.AT286, OlderMachine.XT8087, OlderMachine.PC98
CASES = [(name, machine) for name in shipped_scenarios() for machine in load_scenario(name).machines]


def parsed(program, head='machine = "AT286"', tail=""):
    return parse_scenario(Source("a.toml", f"{head}\nprogram = '''\n{program}\n'''\n{tail}"), "a")


def stuck(program, machine="AT286", tail=""):
    """The reason for which a program hangs, and the words."""
    head = f'machine = "{machine}"'
    result = run_on_older(parsed(program, head, tail), OlderMachine(machine), "model")
    return result.diagnosis and (result.diagnosis.reason, result.diagnosis.text)


@pytest.mark.parametrize(("name", "machine"), CASES, ids=lambda one: getattr(one, "value", one))
def test_shipped(name, machine):
    result = run_on_older(load_scenario(name), machine, "model" if machine is not XT else "lockstep")
    assert [verdict for verdict in result.verdicts if not verdict.holds] == []


ERROR = "fninit\nfldcw masks=none\nfdiv raises=ZE"
HANDLER = "[handlers]\n75h = '''\n{}\nout 0xa0, 0x20\nout 0x20, 0x20\niret\n'''\n"
NMI = "[handlers]\nnmi = '''\n{}\niret\n'''\n"


@pytest.mark.parametrize(
    ("program", "machine", "tail", "reason", "words"),
    [
        (f"{ERROR}\nfwait", "XT8087", "", "nmi-masked", "bit 7 of port A0h is 0"),
        (f"bios\n{ERROR}\nfwait", "XT8087", NMI.format("nop"), "nmi-no-edge", "makes no new edge"),
        (
            f"bios\n{ERROR}\nfwait",
            "XT8087",
            "[parameters]\ninstalled = false",
            "npx-not-installed",
            "SW1-2",
        ),
        (f"bios\nsti\n{ERROR}\nfwait", "AT286", HANDLER.format("fnclex"), "fnclex-without-f0h", "port F0h"),
        (f"bios\nsti\n{ERROR}\nfwait", "AT286", HANDLER.format("nop"), "latch-never-cleared", "port F0h"),
        (f"bios\nsti\n{ERROR}\nfwait", "AT286", HANDLER.format("fst"), "latch-never-cleared", "port F0h"),
        (f"bios\n{ERROR}\nfwait", "AT386", "", "interrupts-off", "IF = 1"),
        (f"bios\nout 0xa1, 0x20\nsti\n{ERROR}\nfwait", "AT286", "", "slave-masked", "the latch keeps BUSY"),
        (f"bios\nout 0x21, 0x04\nsti\n{ERROR}\nfwait", "AT386", "", "master-masked", "port 21h"),
        (f"bios\nout 0x0a, 0x01\nsti\n{ERROR}\nfwait", "PC98", "", "slave-masked", "port 0Ah"),
        (f"sti\n{ERROR}\nfwait", "AT286", "", "slave-masked", "IMR = FFh"),
        ("hlt", "AT286", "", "no-request", "halted"),
        ("wait latch", "AT286", "", "no-signal", "waiting"),
    ],
)
def test_diagnosis(program, machine, tail, reason, words):
    found = stuck(program, machine, tail)
    assert found is not None
    assert found[0] == reason
    assert words in found[1]


def test_an_nmi_that_is_enabled_late_comes_then():
    """[A15] An interrupt's handler opens port A0h: INT, which is active, makes the edge at the 8088."""
    tail = (
        "pins = 'irq1 high at 30'\n[handlers]\n09h = '''\nopen: out 0xa0, 0x80\nout 0x20, 0x20\niret\n'''\n"
    )
    tail += "nmi = '''\nfnclex\niret\n'''\n"
    program = f"bios\nout 0xa0, 0x00\nsti\n{ERROR}\ncheck: fwait"
    scenario = parsed(
        program, 'machine = "XT8087"', tail.replace("[handlers]", "expect = 'check executes'\n[handlers]")
    )
    result = run_on_older(scenario, XT, "lockstep")
    assert result.passed
    enters = [(event.value, event.cycle) for event in result.events if event.kind == "enters"]
    assert [vector for vector, _ in enters] == [9, 2]


def test_an_8088_does_not_block_nmis():
    """[A8] A new edge interrupts the handler; an 80286 waits for the IRET."""
    program = "nop 30"
    tail = "pins = '''\nnmi high at 5\nnmi low at 7\nnmi high at 9\n'''\n"
    tail += "[handlers]\nnmi = '''\nnop 10\niret\n'''\n"
    for machine, first_return in (("XT8087", "inner"), ("AT286", "outer")):
        scenario = parsed(program, f'machine = "{machine}"', tail)
        events = run_on_older(scenario, OlderMachine(machine), "model").events
        kinds = [event.kind for event in events if event.kind in ("enters", "returns")]
        nested = kinds == ["enters", "enters", "returns", "returns"]
        assert nested == (first_return == "inner")


def test_a_pc98_resets_its_processor_by_f0h():
    """[N6] The program begins again at [handlers] reset; the coprocessor keeps its error."""
    tail = "expect = '''\nhere executes\nlatch falls never\n'''\n[handlers]\nreset = '''\nhere: fnstsw\n'''\n"
    program = f"{ERROR}\nnop 5\nout 0xf0\nnop 9"
    tail = tail.replace("here: fnstsw", "here: nop")
    assert run_on_older(parsed(program, 'machine = "PC98"', tail), PC98, "lockstep").passed


def test_native_wiring_takes_mf():
    tail = "expect = '''\ncheck raises #MF\nhandler mf enters once\ncheck executes\n'''\n"
    tail += "[parameters]\nnative = true\n[handlers]\nmf = '''\nfnclex\niret\n'''\n"
    program = f"{ERROR}\ncheck: fwait"
    assert run_on_older(parsed(program, 'machine = "AT286"', tail), AT, "lockstep").passed


@pytest.mark.parametrize(
    ("machine", "words"),
    [
        # After RESET, FNINIT, FNENI, FNDISI, two FLDCWs and FNSAVE [A4, A18, B14, B17].
        ("XT8087", "0x3ff 0x3ff 0x37f 0x3ff 0x3c0 0x340 0x3ff"),
        ("AT286", "0x3ff 0x3ff 0x3ff 0x3ff 0x3c0 0x340 0x3ff"),
        ("AT386", "0x37f 0x37f 0x37f 0x37f 0x340 0x340 0x37f"),
    ],
)
def test_the_control_word_is_that_of_the_chip(machine, words):
    causes = ("nop", "fninit", "fneni", "fndisi", "fldcw control=0x380", "fldcw control=0x300", "fnsave")
    program = "\n".join(f"{cause}\nr{number}: fnstcw" for number, cause in enumerate(causes))
    expected = "\n".join(f"r{number} reads {word}" for number, word in enumerate(words.split()))
    result = run_on_older(
        parsed(program, f'machine = "{machine}"', f"expect = '''\n{expected}\n'''"),
        OlderMachine(machine),
        "model",
    )
    assert result.passed, result.verdicts


def test_a_write_of_f1h_resets_the_control_word_too():
    """[B4] What FLDCW loaded is gone, as after RESET."""
    program = "fninit\nfldcw control=0xc3f\na: fnstcw\nout 0xf1\nb: fnstcw"
    tail = "expect = '''\na reads 0xc7f\nb reads 0x3ff\n'''"
    assert run_on_older(parsed(program, tail=tail), AT, "model").passed


def test_et_is_a_matter_of_software_on_an_80386_and_hard_wired_from_the_486_on():
    """[C7]; SDM3 2.5."""
    program = "test cr0, ET\njz at0\nold: mov cr0.et 0\nfresh: test cr0, ET\njnz on\nexit\n"
    program += (
        "at0: mov cr0.et 1\ntest cr0, ET\njz old\non: reset\ntest cr0, ET\njz off\nlast: exit\noff: nop"
    )
    expect = "old executes {}\non executes once\noff executes {}"
    for head, zero in (('machine = "AT386"', True), ('generation = "I486"', False)):
        words = expect.format("never" if zero else "once", "once" if zero else "never")
        scenario = parsed(program, head, f"expect = '''\n{words}\n'''")
        machine = (*scenario.machines, *scenario.generations)[0]
        assert run_on_machine(scenario, machine, "model").passed
    with pytest.raises(SourceError, match="an 8088 has no CR0"):
        parsed("test cr0, TS", 'machine = "XT8087"')
    with pytest.raises(InputError, match="'test cr0, ET' is not supported in lanes"):
        sweep(parsed("test cr0, ET", 'generation = "P6"'), Generation.P6, [pin_pulse("nmi")], [range(2)])


def test_parity_is_an_nmi_too():
    tail = "pins = 'parity high at 12'\nexpect = 'handler nmi enters once'\n"
    tail += "[handlers]\nnmi = '''\nnop\niret\n'''\n"
    assert run_on_older(parsed("bios\nnop 20", 'machine = "XT8087"', tail), XT, "lockstep").passed


def test_a_bios_and_handlers_of_its_own():
    tail = "[machine.XT8087]\nbios = '''\nout 0xa0, 0x80\n'''\nexpect = 'handler nmi enters once'\n"
    tail += "[machine.XT8087.handlers]\nnmi = '''\nclear: fnclex\niret\n'''\n"
    scenario = parsed(f"bios\n{ERROR}\ncheck: fwait", 'generation = "I486"\nexpect = "ferr_n falls"', tail)
    assert scenario.machines == ()
    result = run_on_older(scenario, XT, "model")
    assert result.passed
    assert [verdict.text for verdict in result.verdicts] == ["handler nmi enters once"]


def test_what_a_machine_does_not_have_is_passed_over_and_said():
    scenario = parsed(f"bios\n{ERROR}", 'generation = "I486"\nexpect = "ferr_n falls never"')
    (verdict,) = run_on_older(scenario, AT, "model").verdicts
    assert (verdict.holds, verdict.found) == (True, "not judged: there is no ferr_n on AT286")


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("fsin", "a.toml:3: 'fsin' is not supported on AT286: the 80287 does not have it, the 80387 has"),
        ("emms", "a.toml:3: 'emms' is not supported on AT286: the 80287 does not have it"),
        ("fcmove", "a.toml:3: 'fcmove' is not supported on AT286: the 80287 does not have it"),
        ("mov cr0.ne 1", "a.toml:3: 'mov cr0.ne 1' is not supported on AT286: CR0.NE exists from the 486 on"),
        ("rdmsr HWCR", "a.toml:3: 'rdmsr HWCR' is not supported on AT286: there are no MSRs"),
        ("mov ferr_enable 1", "there is no FERR# and no enable bit"),
        ("wait ignne", "there is no ignne"),
        ("init", "INIT exists from the 486 on"),
        ("mov cr0.et 1", "'mov cr0.et 1' is not supported on AT286: the 80286 has no ET, the 80386 has"),
        ("test cr0, ET+MP", "the 80286 has no ET, the 80386 has"),
        ("test cr0, NE", "CR0.NE exists from the 486 on"),
    ],
)
def test_what_a_machine_lacks_is_refused(text, error):
    with pytest.raises(SourceError, match=re.escape(error)):
        parsed(text)


def test_an_8087_stores_its_status_word_in_memory_alone():
    """FNSTSW AX came with the 80287."""
    program = "fninit\nfdiv raises=ZE\nsw: fnstsw AX\ntest sw, ZE\njnz last\nexit\nlast: fstsw ax"
    tail = "expect = '''\nsw reads 4\nlast executes\n'''"
    assert run_on_older(parsed(program, tail=tail), AT, "model").passed
    with pytest.raises(
        SourceError, match=r"a.toml:5: 'fnstsw AX' is not supported on XT8087: the 8087 stores"
    ):
        parsed(program, 'machine = "XT8087"', tail)


@pytest.mark.parametrize(
    ("head", "tail", "error"),
    [
        (
            'machine = "AT586"',
            "",
            "a.toml:1: machine must be out of AT486, P6, AMD64, AT286, AT386, XT8087, PC98",
        ),
        ("machine = []", "", "a.toml:1: machine must name at least one, and none twice"),
        ('machine = "AT286"', 'expect = "ferr_n falls"', "a.toml:5: there is no ferr_n on AT286"),
        ('generation = "P6"', 'expect = "latch falls"', "a.toml:5: there is no latch on P6"),
        ('generation = "P6"', 'pins = "iochk high at 3"', "a.toml:5: there is no pin iochk on P6"),
        ('machine = "AT286"', 'pins = "ignne_n low at 3"', "a.toml:5: there is no pin ignne_n on AT286"),
        ('machine = "XT8087"', 'pins = "irq13 high at 3"', "there is no pin irq13 on XT8087"),
        ("", "[machine.AT286.handlers]\nreset = 'nop'", "nmi, ud, nm, gp, mf, not 'reset'"),
        ("", "[machine.AT286.handlers]\n75h = 'jmp away'", "a.toml:6: no label 'away' to go to on AT286"),
        ('machine = "PC98"', "[parameters]\ncpu = '486'", 'a PC98 with a 486 is generation = "I486" with'),
        (
            'machine = "PC98"',
            "[machine.PC98]\nbios = ''",
            "a.toml:5: not TOML: a value above has the name of",
        ),
        (
            'machine = "PC98"',
            "[parameters]\ncpu = 8086",
            'cpu must be one of "8086", "80286", "80386", not 8086',
        ),
        ('machine = "AT286"', "[parameters]\nnative = 3", "a.toml:6: native must be True or False, not 3"),
        (
            'generation = "P6"',
            "[parameters]\nnative = true",
            "native is a parameter of machines before the 486",
        ),
        ("", "[machine.AT286.parameters]\ninstalled = false", "installed is for where the machine is XT8087"),
        (
            "",
            "[machine.AT486]\nbios = ''",
            "a.toml:5: [machine.AT486]: only machines before the 486 have a table",
        ),
        ("", "[machine.AT286]\nbois = ''", "unknown key 'bois' (did you mean bios?)"),
        ("", "[machine.AT286]\nexpect = 'ferr_n falls'", "a.toml:6: there is no ferr_n on AT286"),
        ("", "[expect-on]\nXT8087 = 'latch falls'", "a.toml:6: there is no latch on XT8087"),
        (
            'machine = "AT286"',
            "expect = '''\nlatch rises\nlatch rises never\n'''",
            "a.toml:7: 'latch rises never' is impossible: line 6 needs it",
        ),
        (
            'machine = "AT286"',
            "[parameters]\nhwcr = 'zen'",
            "a.toml:6: hwcr is a parameter of the 486 and later: there is none on AT286",
        ),
        ('generation = "P6"', "expect = 'c reads 0x3ff'", "bit 7 of the control word reads as 0 on P6"),
        ('machine = "PC98"', "[parameters]\nfpu_irq = 13", "a.toml:6: fpu_irq is a parameter of the 486"),
    ],
)
def test_what_is_wrong_in_a_file_is_refused(head, tail, error):
    with pytest.raises(SourceError, match=re.escape(error)):
        parsed("c: fnstcw", head, tail)


def test_all_machines_side_by_side():
    """The default scenario passes on all seven; the joined_runs trace has each machine as a scope."""
    runs, refused = run_on_all(load_scenario("dos-divide-by-zero"), "model")
    assert refused == {}
    assert [run.passed for run in runs] == [True] * 7
    trace, shown, signals = joined_runs(runs)
    assert len(shown) == 3 * 4 + 5 + 5 + 4 + 5
    assert {f"{one.path}" for one in signals} == set(trace)
    assert trace["AT286.pc.latch"].rises().size == 1
    refusing, refused = run_on_all(load_scenario("ignne-msr"), "model")
    assert len(refusing) == 3
    assert set(refused) == {"AT286", "AT386", "XT8087", "PC98"}


PC98_HANDLER = """
f8:     out 0xf8
        fnclex
        out 0x08, 0x20
        out 0x00, 0x20
        iret
"""
PC98_PROGRAM = f"bios\nsti\n{ERROR}\ncheck: fwait"


@pytest.mark.parametrize(
    ("head", "vector", "expect"),
    [
        (
            "generation = 'I486'\nparameters = { wiring = 'PC98' }",
            "10h",
            "ignne_n falls 1 cycle after f8 executes",
        ),
        (
            "generation = 'P6'\nparameters = { wiring = 'PC98' }",
            "10h",
            "irq13 falls 1 cycle after f8 executes",
        ),
        ("machine = 'PC98'", "10h", "latch falls 1 cycle after f8 executes"),
        (
            "machine = 'PC98'\nparameters = { cpu = '8086' }",
            "16h",
            "npx_int falls 2 cycles after f8 executes",
        ),
    ],
)
def test_the_processors_of_a_pc98(head, vector, expect):
    """[N1-N3, R15, R16] Latch or FERR# on slave IR0; INT of an 8087 on slave IR6."""
    expected = f"check freezes\nhandler {vector} enters once\n{expect}\ncheck executes\nfinally slave_isr = 0"
    tail = f"expect = '''\n{expected}\n'''\n[handlers]\n{vector} = '''{PC98_HANDLER}'''"
    program = PC98_PROGRAM.replace("bios", "bios\nfneni") if "8086" in head else PC98_PROGRAM
    scenario = parsed(program, head, tail)
    (machine,) = (*scenario.generations, *scenario.machines)
    result = run_on_machine(scenario, machine, "lockstep")
    assert result.passed, result.verdicts


def test_a_pc98_with_a_486_resets_by_f0h_and_speaks_of_its_own_ports():
    head = "generation = 'I486'\nparameters = { wiring = 'PC98' }"
    tail = "expect = '''\nhere executes once\nferr_n rises 1 cycle after f0 executes\nfinally es = 0\n'''\n"
    tail += "pins = 'nmi high at 21'\n[handlers]\nnmi = 'f0: out 0xf0'\nreset = 'here: nop'"
    scenario = parsed(f"bios\n{ERROR}\nfwait", head, tail)
    assert run_on_machine(scenario, Generation.I486, "lockstep").passed
    hangs = parsed(f"bios\nout 0x0a, 1\nsti\n{ERROR}\nfwait", head)
    diagnosis = run_on_machine(hangs, Generation.I486, "model").diagnosis
    assert diagnosis.reason == "slave-masked"
    assert "port 0Ah" in diagnosis.text
    with pytest.raises(SourceError, match=r"a\.toml:8: irq7 is that of the cascade with wiring = 'PC98'"):
        parsed("nop", head, "pins = '''\nirq5 high at 3\nirq7 high at 3\n'''")
    default = on_pc98_486(load_scenario("dos-divide-by-zero"))
    assert run_on_machine(default, Generation.I486, "model").passed
    tail = "[machine.PC98]\nexpect = '''\nirq13 rises once\nerror rises once\n'''"
    found = run_on_machine(on_pc98_486(parsed(ERROR, "", tail)), Generation.I486, "model").verdicts
    assert [one.found for one in found if "not judged" in one.found] == [
        "not judged: there is no error on a PC-98 with a 486"
    ]


def test_other_parameters_over_a_scenarios_own():
    scenario = load_scenario("dos-divide-by-zero")
    runs = [run_on_machine(scenario, AT, "model", {"irq13_from": one}) for one in ("latch", "error")]
    falls = [int(run.trace["irq13"].falls()[0]) for run in runs]
    assert falls[0] < falls[1]
    with pytest.raises(
        InputError, match="dos-divide-by-zero on AT286: installed is for where the machine is"
    ):
        run_on_machine(scenario, AT, "model", {"installed": False})


def test_the_bios_of_a_machine_jumps_within_the_whole_program():
    """Not to where nothing is, not to a handler that the machine has replaced, not into one of two copies."""
    parsed("bios\nlast: nop", "", "[machine.AT286]\nbios = 'jmp last'")
    with pytest.raises(SourceError, match=r"a\.toml:6: the program has no step bios to replace"):
        parsed("nop", "", "[machine.AT286]\nbios = 'nop'")
    with pytest.raises(SourceError, match=r"a\.toml:8: no label 'gone' to go to on AT286"):
        parsed("bios", "", "[machine.AT286]\nbios = '''\n\njmp gone\n'''")
    with pytest.raises(SourceError, match=r"a\.toml:3: no label 'h' to go to on AT286"):
        parsed("jmp h", "", "[handlers]\n75h = 'h: iret'\n[machine.AT286.handlers]\n75h = 'iret'")
    with pytest.raises(SourceError, match="bios stands in lines 3 and 4, and a label of it twice"):
        parsed("bios\nbios", "", "[machine.AT286]\nbios = '''\nl: nop\nloop l, 2\n'''")
