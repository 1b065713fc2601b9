"""Host and guest as APM2 chapter 15 has them: injection, GIF, shadows, CR0, intercepts, RESET."""

import pytest
from irq13.sim.scenarios.run import run_scenario
from irq13.sim.scenarios.scenario import parse_scenario
from irq13.sim.support.toml_source import Source, SourceError
from support.programs import story

ERROR = "fninit\nfldcw masks=none\nfdiv raises=ZE\n"
START = "wrmsr HWCR 0x100\nvmrun"


def block(steps):
    return f"'''\n{steps}\n'''\n"


def go(program, *, host=None, handlers=None, pins="", expect="", generation="AMD64", limit=300, on="model"):
    """A run under a hypervisor (`host`: its blocks by name; `start` is VMRUN alone unless given)."""
    text = f"generation = '{generation}'\nlimit = {limit}\nprogram = {block(program)}"
    text += f"pins = {block(pins)}expect = {block(expect)}[handlers]\n"
    text += "".join(f"{name} = {block(steps)}" for name, steps in (handlers or {}).items())
    if host is not None:
        text += "[hypervisor]\n"
        text += "".join(f"'{name}' = {block(steps)}" for name, steps in ({"start": "vmrun"} | host).items())
    scenario = parse_scenario(Source("x.toml", text), "x")
    return run_scenario(scenario, scenario.generations[0], on)


def holds(result):
    assert result.passed, [(one.text, one.found) for one in result.verdicts if not one.holds]


class TestInjection:
    def test_it_is_taken_whatever_if_is(self, on):
        """APM2 15.20."""
        expect = "handler 75h returns to x\nx executes\nx exits 7Eh once"
        holds(
            go(
                f"{ERROR}x: fwait\nend: nop",
                host={"7Eh": "inject 0x75\nvmrun"},
                handlers={"75h": "fnclex\niret"},
                expect=expect,
                on=on,
            )
        )

    def test_in_the_shadow_of_sti_too_which_ends_with_it(self):
        result = go(
            f"{ERROR}sti\nx: fwait\nend: nop",
            host={"7Eh": "inject 0x75\nvmrun"},
            handlers={"75h": "fnclex\niret", "nmi": "first: nop\niret"},
            pins="nmi high at 7",
            expect="order handler 75h enters, handler 02h enters, handler 02h returns\n"
            "handler 75h returns to x",
        )
        holds(result)

    def test_an_injected_nmi_does_not_block_the_next(self):
        result = go(
            f"{ERROR}x: fwait\nend: nop 40",
            host={"7Eh": "inject 2\nvmrun"},
            handlers={"nmi": "fnclex\nlong: nop 20\niret"},
            pins="nmi high at 18",
            expect="handler 02h enters twice\nhandler 02h returns to long",
        )
        holds(result)

    def test_one_that_nobody_takes_ends_the_program(self):
        result = go(f"{ERROR}x: fwait", host={"7Eh": "inject 0x33\nvmrun"})
        assert (result.events[-1].kind, result.events[-1].value) == ("unhandled", 0x33)

    def test_a_guest_has_no_vmcb_to_inject_into(self):
        result = go(
            f"inject 0x40\nvirq 0x41\n{ERROR}sti\nx: fwait\nend: nop",
            host={"7Eh": "fnclex\nvmrun"},
            expect="x executes",
        )
        holds(result)


EOI = {"08h": "fnclex\nout 0x20, 0x20\niret"}
GUEST = {"08h": "guest: out 0x20, 0x20\niret", "40h": "virtual: iret", "nmi": "iret"}


class TestGif:
    PICS = "bios\nout 0xa1, 0x20\nsti\n"

    @pytest.mark.parametrize("line", ["irq0 high at 22", "nmi high at 22"])
    def test_interrupts_wait_in_the_host_for_vmrun_even_behind_sti(self, line):
        """APM2 15.17."""
        vector = "08h" if line.startswith("irq0") else "02h"
        result = go(
            f"{self.PICS}{ERROR}x: fwait\nend: nop 4",
            host={"7Eh": "sti\nnop 20\nh: vmrun"},
            handlers=EOI | {"nmi": "fnclex\niret"},
            pins=line,
            expect=f"order x exits 7Eh, h executes, handler {vector} enters\nhandler {vector} returns to x",
        )
        holds(result)

    @pytest.mark.parametrize("line", ["irq0 high at 22", "nmi high at 22"])
    def test_or_for_stgi(self, line):
        vector = "08h" if line.startswith("irq0") else "02h"
        result = go(
            f"{self.PICS}{ERROR}x: fwait\nend: nop 4",
            host={"7Eh": "sti\nnop 20\non: stgi\nback: nop\nfnclex\nlast: vmrun"},
            handlers=EOI | {"nmi": "iret"},
            pins=line,
            expect=f"order on executes, handler {vector} enters, last executes\n"
            f"handler {vector} returns to back",
        )
        holds(result)

    def test_clgi_holds_them_off_and_the_diagnosis_names_it(self):
        result = go("nop", host={"start": "sti\nclgi\nstop: hlt\nvmrun"}, pins="nmi high at 9", limit=200)
        assert result.diagnosis.reason == "gif-clear"
        assert str(result.diagnosis).endswith("what would release it: RESET")

    def test_init_waits_for_it_too(self):
        host = {"start": "clgi\nnop 20\nlast: stgi\nnop 5\nvmrun"}
        result = go("nop", host=host, handlers={"reset": "nop"}, pins="init high at 9\ninit low at 10")
        assert story(result, "executes", "init")[:4] == [
            *("executes clgi", "executes nop", "executes last"),
            "init nop",
        ]

    def test_it_is_1_after_reset_so_that_the_host_takes_an_nmi_before_its_first_vmrun(self):
        result = go("nop", host={"start": "nop 20\nvmrun"}, handlers={"nmi": "iret"}, pins="nmi high at 9")
        assert story(result, "enters", "returns") == ["enters nop", "returns nop"]

    def test_nmi_blocking_outlives_the_exit_until_an_iret(self):
        """The NMI's handler exits; a second NMI waits for the IRET, whoever executes it."""
        result = go(
            f"{ERROR}nop 40",
            host={"7Eh": "fnclex\nstgi\nnop 20\nvmrun"},
            handlers={"nmi": "in: fld1\nout: iret"},
            pins="nmi high at 10\nnmi low at 12\nnmi high at 16",
        )
        entered = [event.cycle for event in result.events if event.kind == "enters"]
        returned = [event.cycle for event in result.events if event.kind == "returns"]
        assert len(entered) == 2
        assert entered[1] > returned[0] > 30

    def test_the_host_may_have_handlers_of_its_own(self):
        result = go(
            f"{self.PICS}{ERROR}x: fwait\nend: nop 4",
            host={"7Eh": "stgi\nsti\nnop 20\nfnclex\nvmrun", "handler 08h": "own: out 0x20, 0x20\niret"},
            handlers=EOI,
            pins="irq0 high at 22",
            expect="own executes once\nhandler 08h enters once",
        )
        holds(result)


class TestWhatVmrunSwitches:
    @pytest.mark.parametrize(("shadow", "first"), [("sti", 1), ("mov ss", 1), ("popf if=1", 0)])
    def test_the_interrupt_shadow(self, shadow, first):
        """APM2 15.21.5: X is still in the shadow when the guest goes on; POPF has none."""
        before = "sti" if shadow == "mov ss" else "nop"
        result = go(
            f"bios\nout 0xa1, 0x20\n{ERROR}nop 8\n{before}\n{shadow}\nx: fwait\nend: nop 4",
            host={"start": START, "7Eh": "wrmsr IGNNE 1\nvmrun"},
            handlers={"08h": "out 0x20, 0x20\niret"},
            pins=f"irq0 high at {27 if first else 16}",
        )
        happened = [one for one in story(result, "executes", "enters", "exits") if one[-2:] in (" x", "nd")]
        expected = ["exits x", "executes x", "enters end"]
        assert happened[:3] == (expected if first else ["enters x", "exits x", "executes x"])

    def test_an_out_that_is_emulated_is_over_with_its_shadow(self):
        result = go(
            "bios\nout 0xa1, 0x20\nnop 8\nsti\nx: out 0xf0\nend: nop 4",
            host={"out 0xf0": "vmrun"},
            handlers={"08h": "out 0x20, 0x20\niret"},
            pins="irq0 high at 16",
        )
        assert story(result, "exits", "enters") == ["exits x", "enters end"]

    @pytest.mark.parametrize(("bit", "fault"), [("ts", "#NM"), ("em", "#NM"), ("ne", "#MF")])
    def test_cr0_of_the_host(self, bit, fault):
        """APM2 15.6: as VMRUN saved it; the guest's write of the same bit is not it."""
        result = go(
            f"{ERROR}x: fwait\nend: nop 4",
            host={
                "start": f"mov cr0.{bit} 1\nvmrun",
                "7Eh": "w: fld1\nmov cr0.em 0\nmov cr0.ts 0\nfnclex\nvmrun",
            },
            expect=f"w raises {fault} once\nx executes",
        )
        holds(result)

    def test_ne_of_the_host_is_0_unless_it_sets_it(self):
        """RESET leaves it 0, so an error that the guest left freezes the host too."""
        result = go(f"{ERROR}x: fwait", host={"7Eh": "w: fld1\nvmrun"}, expect="w freezes")
        assert result.diagnosis.reason == "gif-clear"
        assert result.diagnosis.step.label == "w"

    def test_if_of_the_host(self):
        """IF is part of what VMRUN saves: the host's STI holds for the next exit, GIF = 0 all the same."""
        result = go(
            f"bios\nout 0xa1, 0x20\n{ERROR}nop 8\nx: fwait\nend: nop 4",
            host={"start": "sti\nvmrun", "7Eh": "stgi\nback: nop\nfnclex\nvmrun"},
            handlers={"08h": "out 0x20, 0x20\niret"},
            pins="irq0 high at 16",
            expect="handler 08h returns to back",
        )
        holds(result)


class TestIntercepts:
    def test_intr_stays_pending_for_the_host(self):
        """The 8259As are the host's: it takes the interrupt itself and gives the guest a virtual one."""
        result = go(
            "bios\nsti\nnop 20\nend: nop",
            host={
                "start": "sti\nvmrun",
                "60h": "stgi\nnop 2\nset: virq 0x40\nvmrun",
                "handler 08h": "real: out 0x20, 0x20\niret",
            },
            handlers=GUEST,
            pins="irq0 high at 20",
            expect="real executes once\nguest executes never\n"
            "order real executes, set executes, virtual executes\n"
            "handler 40h enters once\nend executes",
        )
        holds(result)
        assert [event.value for event in result.events if event.kind == "exits"] == [0x60]

    def test_nmi(self):
        result = go(
            "nop 20\nend: nop",
            host={"61h": "stgi\nback: nop\nvmrun"},
            handlers=GUEST,
            pins="nmi high at 9",
            expect="handler 02h returns to back\nend executes",
        )
        holds(result)

    def test_a_virtual_interrupt_waits_for_the_guests_if(self):
        result = go(
            "first: nop 5\nsti\nshadowed: nop\nend: nop",
            host={"start": "virq 0x40\nvmrun"},
            handlers=GUEST,
            expect="handler 40h enters once\nhandler 40h returns to end",
        )
        holds(result)

    def test_it_can_be_taken_back(self):
        host = {"start": "virq 0x40\nvmrun", "7Eh": "virq off\nfnclex\nvmrun"}
        result = go(f"{ERROR}x: fwait\nsti\nnop 5", host=host, handlers=GUEST)
        assert story(result, "enters") == []

    def test_vintr_is_an_exit_before_it_is_taken(self):
        result = go(
            "nop 5\nsti\nnop\nend: nop 2",
            host={"start": "virq 0x40\nvmrun", "64h": "virq off\nvmrun"},
            handlers=GUEST,
            expect="end exits 64h\nhandler 40h enters never",
        )
        holds(result)

    @pytest.mark.parametrize(("verb", "code"), [("stgi", "84h"), ("clgi", "85h")])
    def test_stgi_and_clgi(self, verb, code):
        result = go(f"x: {verb}\nend: nop", host={code: "vmrun"}, limit=30)
        assert set(story(result, "exits", "executes")) == {"exits x", "executes vmrun"}
        assert story(go(f"x: {verb}\nend: nop", host={}), "exits") == []


class TestVmrunElsewhere:
    @pytest.mark.parametrize("verb", ["vmrun", "stgi", "clgi"])
    @pytest.mark.parametrize("generation", ["I486", "P6", "AMD64"])
    def test_without_a_hypervisor_it_is_ud(self, verb, generation):
        """APM3: EFER.SVME = 0."""
        holds(go(f"x: {verb}\nend: nop", generation=generation, expect="x raises #UD\nend executes"))

    def test_in_the_guest_it_is_an_exit(self):
        holds(go("x: vmrun\nend: nop", host={}, expect="x exits 80h\nend executes never"))
        host = {"80h": "again: nop\nvmrun"}
        assert go("x: vmrun", host=host, limit=40).diagnosis.reason == "no-end"


class TestReset:
    def test_the_step_forgets_nmis_latched_and_blocked_and_if(self, on):
        pins = "nmi high at 10\nnmi low at 12\nnmi high at 20\nnmi low at 22\nnmi high at 60"
        result = go(
            "nop 100",
            handlers={"nmi": "nop 30\nreset\nnop 20\niret"},
            pins=pins,
            on=on,
        )
        assert [event.cycle for event in result.events if event.kind == "enters"] == [11, 61]

    @pytest.mark.parametrize("way", ["pin", "step"])
    def test_pin_and_step_do_the_same(self, way, on):
        """Guest mode, intercepts, GIF, handlers, CR0 and IF are as at power-up, and `start` runs again."""
        pins = "reset high at 20\nreset low at 21\n" if way == "pin" else ""
        result = go(
            f"{ERROR}mov cr0.ts 1\nsti\nint 0x40\nend: nop",
            host={"start": "first: virq 0x41\nvmrun", "7Eh": "vmrun"},
            handlers={
                "40h": f"nop {20 if way == 'pin' else 12}\n{'nop' if way == 'pin' else 'reset'}\niret",
                "reset": "fld1\niret\nlast: nop 3",
            },
            pins=pins,
            on=on,
        )
        assert story(result, "executes").count("executes first") == 2
        assert story(result, "executes")[-1] == "executes last"
        assert story(result, "#NM", "returns") == []
        rises = [result.trace.cycle(time) for time in result.trace["guest_mode"].rises()]
        assert rises == [2, 23]

    def test_an_nmi_pin_that_stays_high_makes_no_edge_by_reset(self):
        result = go(
            "nop 60",
            handlers={"nmi": "iret", "reset": "nop 20"},
            pins="nmi high at 10\nreset high at 20\nreset low at 22",
        )
        assert [event.cycle for event in result.events if event.kind == "enters"] == [11]

    def test_init_is_like_it_but_for_the_x87_state(self):
        result = go(
            f"{ERROR}mov cr0.ne 1\ninit\nx: fwait",
            handlers={"nmi": "iret"},
            expect="x freezes",
        )
        holds_but_stuck = [one.text for one in result.verdicts if not one.holds]
        assert holds_but_stuck == ["'fwait' goes on"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("program = 'inject 0x75'", "'inject' writes a hypervisor's VMCB: it needs \\[hypervisor\\]"),
        (
            "generation = 'P6'\nprogram = 'nop'\n[hypervisor]\nstart = 'vmrun'",
            "there is none on P6",
        ),
        ("program = 'nop'\n[hypervisor]\nstart = 'vmrun'\n65h = 'vmrun'", "no exit 65h here; expected 60h"),
        ("program = 'nop'\n[hypervisor]\nstart = 'vmrun'\n'handler 8h' = 'vmrun'", "handler 8h ends in iret"),
        ("program = 'popf 1'", "expected popf if=0 or popf if=1, not '1'"),
        ("program = 'virq'\n", "expected virq VECTOR or virq off"),
        ("program = 'nop'\n[hypervisor]", "a hypervisor needs start, which ends in vmrun"),
        ("program = 'nop'\n[hypervisor]\n7Eh = 'vmrun'\n0x7E = 'vmrun'", "'0x7E': .* has 7Eh already"),
        ("program = 'nop'\n[hypervisor]\n'handler 8' = 'iret'\n'handler 08h' = 'iret'", "has 08h already"),
        ("program = 'nop'\n[hypervisor]\n'out 0xf0 240' = 'vmrun'", "has F0h already"),
        ("program = 'nop'\n[hypervisor]\n'out ' = 'vmrun'", "ports such as 'out 0xf0 0x20'"),
    ],
)
def test_what_is_refused_is_one_line(text, message):
    with pytest.raises(SourceError, match=message):
        parse_scenario(Source("x.toml", text), "x")
