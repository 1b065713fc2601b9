"""Jumps, tests, counters, what is read back, trap gates, and the pins INIT, SMI#, FLUSH# and STPCLK#."""

import pytest
from irq13.model.pc import PcInputs
from irq13.model.registers import Generation, Parameters
from irq13.sim.cpu.steps import parse_step
from irq13.sim.cpu.stores import Stores
from irq13.sim.machines.machine import ModelMachine
from irq13.sim.scenarios.run import run_scenario
from irq13.sim.scenarios.scenario import parse_scenario
from irq13.sim.support.toml_source import Source
from support.programs import story

ERROR = "fninit\nfldcw masks=none\ndiv: fdiv raises=ZE\n"
SETUP = "bios\nsti\n"


def go(program, *, handlers=None, pins="", expect="", generation="I486", limit=400, on="model"):
    text = f"generation = '{generation}'\nlimit = {limit}\nprogram = '''\n{program}\n'''\n"
    text += f"pins = '''\n{pins}\n'''\nexpect = '''\n{expect}\n'''\n[handlers]\n"
    text += "".join(f"'{name}' = '''\n{steps}\n'''\n" for name, steps in (handlers or {}).items())
    scenario = parse_scenario(Source("x.toml", text), "x")
    result = run_scenario(scenario, scenario.generations[0], on)
    if expect:
        assert result.passed, [(one.text, one.found) for one in result.verdicts if not one.holds]
    return result


PROGRAMS = {
    "jmp": ("jmp b\na: nop\nb: nop", "a executes never\nb executes once"),
    "an endless loop of one step": ("a: jmp a", "program is stuck: no-end"),
    "loop, three rounds": ("a: nop\nloop a, 3\nb: nop", "a executes 3 times\nloop executes 3 times"),
    "loop in a loop": ("a: nop\nb: nop\nloop b, 2\nend: loop a, 3", "b executes 6 times\na executes 3 times"),
    "loop with CX": ("mov cx, 4\na: nop\nloop a\ndec cx\nend: nop", "a executes 4 times"),
    "loop leaves ZF alone": ("cmp [n], 0\na: loop a, 2\njz b\nbad: nop\nb: nop", "bad executes never"),
    "a byte wraps": ("dec [n]\ncmp [n], 255\njz b\nbad: nop\nb: inc [n]\njnz bad", "bad executes never"),
    "test sw": (
        f"{ERROR}fnstsw\ntest sw, ZE\njz bad\ntest sw, IE,DE\njnz bad\ntest sw, ES,IE\njz bad\n"
        "test sw, 0x8000\njz bad\njmp end\nbad: nop\nend: exit\nnever: nop",
        "bad executes never\nend executes\nnever executes never\nfnstsw reads 0x8084",
    ),
    "test cw": (
        "a: fnstcw\nfinit\nb: fnstcw\ntest cw, ZM\njz bad\nfldcw control=0xf00\nc: fnstcw\ntest cw, ZM,IM\n"
        "jnz bad\njmp end\nbad: nop\nend: nop",
        "bad executes never\na reads 0x40\nb reads 0x37f\nc reads 0xf40",
    ),
    "test al": (
        "bios\nout 0x21, 0xfb\nin 0x21\ntest al, 4\njnz bad\njmp end\nbad: nop\nend: nop",
        "in reads 0xfb",
    ),
    "status words of FNSTENV and FNSAVE": (
        f"{ERROR}env: fnstenv\nsave: fnsave\nlast: fstsw",
        "env reads 0x8084\nsave reads 0x4\nlast reads 0",
    ),
    "FIP is that of the last x87 instruction but control instructions": (
        f"none: fnstenv\n{ERROR}fnclex\nfnstsw\nfldcw masks=all\nfwait\nmmx: fnop\none: fnstenv\n"
        "two: fld1 prefixes=1\ntwice: fnsave\nthree: fstenv",
        "none reads fip none\none reads fip mmx\ntwice reads fip two\nthree reads fip none",
    ),
    "FIP of an image is unknown": (
        "fld1\nfrstor masks=all flags=none\nenv: fnstenv",
        "env reads fip none",
    ),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs(name, on):
    program, expect = PROGRAMS[name]
    go(program, expect=expect, on=on)


def test_an_msr_can_be_tested():
    program = "wrmsr HWCR 0x100\nrdmsr HWCR\ntest msr, 0x100\njz bad\njmp end\nbad: nop\nend: nop"
    go(program, generation="AMD64", expect="rdmsr reads 0x100\nend executes\nbad executes never")


def test_fip_in_a_handler_is_the_instruction_that_raised():
    """The waiting instruction that found it has not executed. An 8087 would leave the prefix out."""
    handlers = {"75h": "out 0xf0\nenv: fnstenv\nfnclex\nout 0xa0, 0x20\nout 0x20, 0x20\niret"}
    program = f"{SETUP}fninit\nfldcw masks=none\ndiv: fdiv raises=ZE prefixes=2\ncheck: fld1\n"
    go(program, handlers=handlers, expect="env reads fip div\ncheck executes")


class TestHandlers:
    EOI = "out 0xf0\nout 0xa0, 0x20\nout 0x20, 0x20\n"

    def test_longjmp_leaves_the_handler_and_its_frame_behind(self, on):
        """IF stays 0, and an IRET finds no frame: dosemu2 2735, FreeBSD's npx.c."""
        handlers = {"75h": f"{self.EOI}jmp out\nlost: iret"}
        expect = "check executes never\nlost executes never\nout executes\nhandler 75h returns never"
        result = go(
            f"{SETUP}{ERROR}check: fwait\nout: fnclex\niret\nend: nop",
            handlers=handlers,
            expect=expect,
            on=on,
        )
        assert result.trace["cpu.if"].at(result.trace.end) == 0

    def test_a_jump_into_another_handler_keeps_the_frame(self):
        handlers = {"75h": f"{self.EOI}jmp chained", "02h": "chained: fnclex\niret"}
        go(f"{SETUP}{ERROR}check: fwait", handlers=handlers, expect="handler 75h returns to check")

    def test_one_that_exits_and_one_that_forgets_iret_end_the_program(self):
        for last, kinds in (("exit", []), ("nop", ["ends nop"])):
            result = go(f"{SETUP}{ERROR}check: fwait", handlers={"75h": f"{self.EOI}{last}"})
            assert story(result, "ends") == kinds
            assert "executes check" not in story(result, "executes")

    def test_the_second_time_it_does_something_else(self, on):
        handlers = {
            "75h": f"{self.EOI}inc [times]\ncmp [times], 2\njz second\nfnclex\niret\nsecond: fninit\niret"
        }
        program = f"{SETUP}{ERROR}one: fwait\nfdiv raises=ZE\ntwo: fwait\nend: nop"
        go(
            program,
            handlers=handlers,
            expect="second executes once\nend executes\nfnclex executes once",
            on=on,
        )

    def test_zf_comes_back_with_iret(self):
        handlers = {"40h": "cmp [n], 1\niret"}
        go(
            "cmp [n], 0\nint 0x40\njnz bad\njmp end\nbad: nop\nend: nop",
            handlers=handlers,
            expect="bad executes never",
        )


class TestTrapGates:
    def test_if_stays_as_it_is(self):
        for name, level in (("40h", 0), ("40h trap", 1)):
            result = go("sti\nnop\nint 0x40", handlers={name: "nop 3\niret"})
            inside = result.trace["cpu.if"].at(result.trace["handler"].times[1] + 15)
            assert inside == level, name

    def test_the_acknowledged_request_is_not_taken_again(self, on):
        """INTR is still high in the last INTA pulse. A second request nests, after the EOI alone."""
        handlers = {"08h trap": "nop 5\neoi: out 0x20, 0x20\nnop 5\niret"}
        pins = "irq0 high at 20\nirq0 low at 28\nirq0 high at 29"
        result = go(f"{SETUP}nop 60", handlers=handlers, pins=pins, on=on)
        assert [kind for kind in story(result, "enters", "returns") if kind.startswith("enters")] == [
            "enters nop"
        ] * 2
        entered = [event.cycle for event in result.events if event.kind == "enters"]
        eoi = next(event.cycle for event in result.events if event.step and event.step.label == "eoi")
        assert entered[1] > eoi


class TestStiShadow:
    """STI holds off INTR for exactly one instruction, and only if IF was 0."""

    @pytest.mark.parametrize(
        ("before", "entered"),
        [
            ("cli\nnop 9\nsti\none: nop\ntwo: nop\nthree: nop", "two"),
            ("cli\nnop 9\nsti\none: sti\ntwo: nop\nthree: nop", "two"),
            ("cli\nnop 9\nsti\none: fclex\ntwo: nop", "one"),  # Between FWAIT and FNCLEX.
            ("cli\nnop 9\nsti\none: cli\ntwo: nop\nsti\nnop\nthree: nop", "three"),
            ("cli\nnop 9\npopf if=1\none: nop\ntwo: nop", "one"),
            ("cli\nnop 9\nsti\none: jmp two\ntwo: nop", "two"),
            ("cli\nnop 9\nmov ss\none: sti\ntwo: nop\nthree: nop", "three"),
        ],
    )
    def test_intr(self, before, entered, on):
        result = go(
            f"bios\n{before}", handlers={"08h": "out 0x20, 0x20\niret"}, pins="irq0 high at 12", on=on
        )
        assert story(result, "enters") == [f"enters {entered}"]


FROZEN = f"{ERROR}check: fwait\nend: nop"


class TestPins:
    def test_init_ends_a_freeze_and_keeps_the_x87_state(self, on, generation):
        """CR0 becomes 0 but for what is no matter here, IF too; on AMD64 NE = 0 lets FERR# assert."""
        program = f"{ERROR}mov cr0.ne 1\nmov cr0.mp 1\nnop 30\nstays: nop"
        handlers = {"reset": "env: fnstenv\ntwo: fnclex\nmov cr0.ne 0\nend: nop"}
        expect = "env reads 0x8084\nenv reads fip div\nstays executes never\nend executes\nfinally es = 0"
        go(program, handlers=handlers, pins="init high at 20", expect=expect, generation=generation, on=on)
        frozen = go(
            FROZEN, pins="init high at 20\ninit low at 21", expect="check freezes", generation=generation
        )
        assert story(frozen, "init") == ["init check"]
        assert frozen.diagnosis is None

    def test_smi_ends_a_freeze_and_rsm_evaluates_it_anew(self, on):
        handlers = {"smi": "env: fnstsw\nmov cr0.ts 1\nrsm", "nmi": "fnclex\nafter: iret"}
        expect = (
            "handler smi enters once\nenv reads 0x8084\nhandler smi returns to check\n"
            "order check freezes, handler smi enters, handler smi returns, handler nmi enters, "
            "check executes\n"
            "finally cr0_ts = 0\ncheck raises #NM never"
        )
        pins = "smi high at 20\nsmi low at 21\nnmi high at 22"
        go(f"{FROZEN}", handlers=handlers, pins=pins, expect=expect, on=on)

    def test_in_smm_nmi_and_smi_are_held_until_rsm_or_an_iret(self):
        handlers = {"smi": "nop 20\nlast: rsm", "nmi": "nop\niret"}
        pins = "smi high at 5\nsmi low at 6\nnmi high at 10\nsmi high at 12"
        order = "order handler smi enters, last executes, handler smi enters #2, last executes #2, "
        order += "handler nmi enters"
        go("nop 60", handlers=handlers, pins=pins, expect=order)
        opened = {"smi": "int 0x40\nnop 20\nlast: rsm", "nmi": "nop\niret", "40h": "iret"}
        order = "order handler smi enters, handler 40h returns, handler nmi enters, "
        order += "handler nmi returns, last executes"
        go("nop 60", handlers=opened, pins="smi high at 5\nnmi high at 9", expect=order)

    def test_without_a_handler_smm_returns_at_once(self, on):
        expect = "handler smi returns to check\ncheck freezes twice\ncheck is stuck: slave-masked"
        go(FROZEN, pins="smi high at 20\nsmi low at 21", expect=expect, on=on)

    def test_init_is_held_too_and_em_and_ts_are_0(self, on):
        """SDM3 34.5; CR0 is back after RSM."""
        handlers = {"smi": "esc: fld1\nnop 20\nlast: rsm", "reset": "again: nop"}
        expect = "esc executes\norder last executes, again executes\nfinally cr0_ts = 0"
        pins = "smi high at 8\ninit high at 12"
        go("mov cr0.ts 1\nnop 60", handlers=handlers, pins=pins, expect=expect, on=on)
        result = go("mov cr0.ts 1\nnop 60", handlers=handlers, pins="smi high at 8", on=on)
        assert result.trace["cr0_ts"].at(result.trace.end) == 1

    def test_after_reset_the_first_instruction_begins_whatever_the_pins_do(self):
        result = go(
            "nop 60",
            handlers={"reset": "first: nop\nnop"},
            pins="stpclk high at 3\nreset high at 8\nreset low at 10\nstpclk low at 30",
        )
        assert [event.cycle for event in result.events if event.step.label == "first"] == [10]

    def test_rsm_outside_smm_is_ud(self):
        go("rsm\nend: nop", expect="rsm raises #UD\nrsm executes never\nend executes")

    def test_after_smi_and_flush_hlt_halts_again(self, on):
        result = go(
            "stop: hlt\nend: nop",
            handlers={"smi": "nop 3\nrsm", "nmi": "iret"},
            pins="smi high at 9\nflush high at 30\nnmi high at 50",
            expect="stop executes once\nhandler smi returns to stop\nhandler nmi returns to end",
            on=on,
        )
        assert result.trace.cycle(result.trace["halted"].falls()[-1]) == 51

    def test_flush_and_stpclk_are_served_and_it_waits_again(self, on):
        pins = "flush high at 20\nstpclk high at 30\nnmi high at 35\nstpclk low at 40"
        result = go(
            FROZEN,
            handlers={"nmi": "fnclex\niret"},
            pins=pins,
            expect="check freezes twice\nhandler nmi enters once\ncheck executes\nferr_n falls once",
            on=on,
        )
        cycles = {event.kind: event.cycle for event in result.events}
        assert (cycles["flushes"], cycles["stops"], cycles["enters"]) == (21, 31, 41)

    def test_the_order_at_one_boundary(self):
        """FLUSH#, SMI#, INIT, NMI, INTR (SDM3 table 6-2); INIT forgets what was latched before it."""
        pins = "".join(f"{pin} high at 20\n" for pin in ("irq0", "nmi", "smi", "flush"))
        handlers = {"08h": "iret", "nmi": "iret", "smi": "rsm"}
        result = go(f"{SETUP}nop 30", handlers=handlers, pins=pins)
        entered = [event.value for event in result.events if event.kind == "enters"]
        assert story(result, "flushes", "enters")[0] == "flushes nop"
        assert entered == [0x100, 2, 8]
        result = go(
            f"{SETUP}nop 30", handlers=handlers, pins="nmi high at 20\ninit high at 20\nirq0 high at 20"
        )
        assert [kind for kind in story(result, "init", "enters") if "nop" in kind] == ["init nop"]

    def test_stpclk_for_ever_is_diagnosed(self):
        result = go("nop 9\nend: nop", pins="stpclk high at 3")
        assert result.diagnosis.reason == "stopped"
        assert "STPCLK# negated, or RESET" in str(result.diagnosis)
        assert go("nop 9\nend: nop", pins="stpclk high at 3\nstpclk low at 90").diagnosis is None


def test_an_8087_leaves_prefixes_out_of_fip():
    """The 80287 PRM, appendix B: the 8087's instruction pointer stands behind them, the 287's before."""
    step = parse_step(1, "div: fdiv raises=ZE prefixes=2")
    outputs = ModelMachine(Parameters(Generation.I486)).settle(PcInputs())
    for after, offset in ((False, 0), (True, 2)):
        stores = Stores(after_prefixes=after)
        stores.execute(step, step.action.operations[0], outputs)
        assert stores.fip == (step, offset)
