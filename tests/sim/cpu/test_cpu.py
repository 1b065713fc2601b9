"""The bus-functional CPU: interrupts, shadows, handlers, what a generation lacks."""

import pytest
from support.programs import HANDLERS, SETUP, go, story


class TestInterrupts:
    def test_at_an_instruction_boundary(self):
        result = go("bios\nsti\nnop 10\nend: nop", pins="irq0 high at 16")
        assert story(result, "enters", "returns") == ["enters nop", "returns nop"]

    def test_not_while_if_is_0(self):
        result = go("bios\ncli\nnop 20\nsti\nnop\none: nop\nnop", pins="irq0 high at 12")
        # The instruction behind STI is in its shadow.
        assert story(result, "enters") == ["enters one"]

    def test_sti_has_no_shadow_if_interrupts_were_on(self):
        result = go("bios\nsti\nnop 5\nsti\none: nop\ntwo: nop", pins="irq0 high at 15")
        assert story(result, "enters") == ["enters one"]

    def test_mov_ss_holds_it_off_for_one_instruction(self):
        result = go("bios\nsti\nnop 5\nmov ss\none: nop\ntwo: nop", pins="irq0 high at 15")
        assert story(result, "enters") == ["enters two"]

    def test_a_shadow_does_not_hold_off_what_ends_a_freeze(self):
        result = go(f"{SETUP}cli\nfdiv raises=ZE\nnop 10\nsti\ncheck: fwait\nend: nop")
        assert story(result, "freezes", "enters", "returns") == [
            "freezes check",
            "enters check",
            "returns check",
        ]

    def test_an_interrupt_beats_mf_at_the_same_boundary(self):
        program = f"{SETUP}cli\nfdiv raises=ZE\nnop 10\nmov cr0.ne 1\nsti\ncheck: fwait\nend: nop"
        handlers = {"75h": "out 0xf0\nout 0xa0, 0x20\nout 0x20, 0x20\niret", "mf": "fnclex\niret"}
        result = go(program, handlers=handlers)
        assert [event.value for event in result.events if event.kind == "enters"] == [0x75, 16]

    def test_hlt_waits_and_its_handler_returns_behind_it(self):
        result = go("bios\nsti\nstop: hlt\nafter: nop", pins="irq0 high at 30")
        assert story(result, "enters", "returns") == ["enters after", "returns after"]
        assert result.trace["halted"].rises()[0] // 10 == 12

    def test_nmi_is_an_edge_and_needs_no_if(self):
        pins = "nmi high at 20\nnmi low at 40\nnmi high at 60"
        result = go("nop 100", handlers={"nmi": "nop 5\niret"}, pins=pins)
        assert story(result, "enters") == ["enters nop"] * 2

    def test_nmi_waits_for_the_iret_of_the_one_before(self):
        pins = "nmi high at 20\nnmi low at 22\nnmi high at 24"
        result = go("nop 100", handlers={"nmi": "nop 20\nback: iret"}, pins=pins)
        entered = [event.cycle for event in result.events if event.kind == "enters"]
        returned = [event.cycle for event in result.events if event.kind == "returns"]
        assert len(entered) == 2
        assert entered[1] > returned[0]

    def test_int_n_returns_behind_it_and_clears_if_in_the_handler(self):
        result = go("sti\nint 0x40\nafter: nop", handlers={"40h": "nop 2\niret"})
        assert story(result, "enters", "returns") == ["enters int", "returns after"]
        assert [int(value) for value in result.trace["cpu.if"].values] == [0, 1, 0, 1]

    @pytest.mark.parametrize(
        ("step", "name", "kind"),
        [("fundefined", "ud", "#UD"), ("wrmsr IGNNE 1", "gp", "#GP"), ("mov cr0.ts 1\nfld1", "nm", "#NM")],
    )
    def test_a_fault_with_a_handler_returns_to_the_instruction(self, step, name, kind):
        # The handler cannot mend it, so it comes again and again.
        result = go(step, handlers={name: "iret"}, limit=60)
        assert len(story(result, kind)) > 5
        assert result.diagnosis.reason == "no-end"
        assert "handlers entered: " in str(result.diagnosis)

    def test_a_form_without_n_is_two_instructions_with_a_boundary_between(self):
        result = go("bios\nsti\nnop 5\nboth: fclex\nend: nop", pins="irq0 high at 15")
        assert story(result, "enters", "returns") == ["enters both", "returns both"]
        cycles = {event.kind: event.cycle for event in result.events if event.step.label == "both"}
        # FWAIT is done; only FNCLEX is left.
        assert cycles["executes"] == cycles["returns"] + 1

    def test_a_vector_without_a_handler_ends_the_program(self):
        result = go("bios\nsti\nnop 50\nend: nop", handlers={}, pins="irq3 high at 20")
        assert [verdict.text for verdict in result.verdicts] == ["vector or exit code 0Bh has a handler"]
        assert "executes end" not in story(result, "executes")

    def test_a_spurious_interrupt_is_vector_0f(self):
        handlers = {"0fh": "iret"}
        # The line goes away between INTR and the first INTA pulse.
        result = go("bios\nsti\nnop 50", handlers=handlers, pins="irq5 high at 20\nirq5 low at 21")
        assert [event.value for event in result.events if event.kind == "enters"] == [0x0F]

    def test_nothing_is_driven_while_reset_is_asserted(self, on):
        """The first instruction comes when RESET has gone; before, its effect would be lost with all else."""
        result = go(
            "nop 40",
            handlers={"reset": "first: wrmsr HWCR 0x100\nload: fldcw masks=none\nlast: nop"},
            pins="reset high at 5\nreset low at 9",
            generation="AMD64",
            on=on,
        )
        assert [event.cycle for event in result.events if event.step.label == "first"] == [9]
        assert result.trace.cycle(result.trace["ignne_em"].rises()[0]) == 10
        assert result.trace["masks"].at(result.trace.end) == 0
        assert story(result, "executes")[-1] == "executes last"

    def test_the_reset_pin_starts_over(self):
        handlers = {"reset": "again: nop 3", "75h": "nop 50\niret"}
        result = go(
            f"{SETUP}fdiv raises=ZE\nfwait\nend: nop",
            handlers=handlers,
            pins="reset high at 30\nreset low at 31",
        )
        assert story(result, "executes")[-1] == "executes again"
        assert result.trace["ferr_n"].values[-1] == 1

    def test_the_interrupt_number_is_a_parameter(self):
        handlers = {"70h": HANDLERS["75h"]}
        result = go(f"{SETUP}fdiv raises=ZE\nfwait\n", handlers=handlers, fpu_irq=8)
        assert result.passed
        assert [event.value for event in result.events if event.kind == "enters"] == [0x70]


class TestNmiBlocking:
    """Only the delivery of an NMI blocks others, until the next IRET of whatever handler (SDM3 6.7.1)."""

    def test_int_02h_by_software_blocks_nothing(self, on):
        pins = "nmi high at 8\nnmi low at 9"
        result = go("int 2\nafter: nop", handlers={"nmi": "long: nop 12\niret"}, pins=pins, on=on)
        assert story(result, "enters", "returns") == [
            "enters int",
            "enters long",
            "returns long",
            "returns after",
        ]

    def test_an_iret_of_any_handler_opens_it(self):
        """The handler of INT 40h returns inside the NMI handler: a second NMI nests."""
        pins = "nmi high at 5\nnmi low at 6\nnmi high at 8\nnmi low at 9"
        handlers = {"nmi": "int 0x40\ninside: nop 9\niret", "40h": "nop 6\niret"}
        result = go("nop 60", handlers=handlers, pins=pins, limit=200)
        assert story(result, "enters")[:3] == ["enters nop", "enters int", "enters inside"]

    def test_the_diagnosis_names_no_nmi_as_a_way_out_where_it_is_blocked(self):
        handlers = {"nmi": "inner: fst\niret"}
        result = go(
            "fninit\nfldcw masks=none\nfdiv raises=ZE\nint 2", handlers=handlers, pins="nmi high at 60"
        )
        assert story(result, "freezes") == ["freezes inner"] * 2
        assert "NMI" not in str(result.diagnosis)
        alone = go("fninit\nfldcw masks=none\nfdiv raises=ZE\nint 2", handlers=handlers)
        assert "an NMI" in str(alone.diagnosis)
        assert "INIT" in str(alone.diagnosis)

    def test_nor_init_in_smm(self):
        handlers = {"smi": "inner: fst\nrsm"}
        result = go(
            "fninit\nfldcw masks=none\nfdiv raises=ZE\nnop 40", handlers=handlers, pins="smi high at 8"
        )
        assert story(result, "freezes") == ["freezes inner"]
        assert "INIT" not in str(result.diagnosis)


MISSING = {
    # Instruction, and the generations that have it (SDM2).
    "fcmovb": ("P6", "AMD64"),
    "fcomi": ("P6", "AMD64"),
    "fucomip": ("P6", "AMD64"),
    "fisttp": ("AMD64",),
    "emms": ("P6", "AMD64"),
    "fxsave": ("P6", "AMD64"),
    "fxrstor masks=all": ("P6", "AMD64"),
    "xsave": ("AMD64",),
    "xrstor masks=all": ("AMD64",),
}


class TestWhatAGenerationLacks:
    """One that is missing is #UD; of the 0F page before TS is looked at, an ESC opcode after it."""

    @pytest.mark.parametrize("step", MISSING)
    def test_ud(self, step, generation, on):
        result = go(f"fninit\n{step}\nmov cr0.ts 1\n{step}\n", handlers={}, generation=generation, on=on)
        verb = step.split()[0]
        escape = verb in ("fcmovb", "fcomi", "fucomip", "fisttp")
        expected = [f"executes {verb}", f"#NM {verb}"]
        if generation not in MISSING[step]:
            expected = [f"#UD {verb}", f"{'#NM' if escape else '#UD'} {verb}"]
        found = [one for one in story(result, "executes", "#NM", "#UD") if one.endswith(verb)]
        assert found == expected

    def test_a_pentium_mmx_and_a_pentium_4_have_more(self, on):
        def found(step, generation, **parameters):
            result = go(f"fninit\n{step}", handlers={}, generation=generation, on=on, **parameters)
            return story(result, "executes", "#UD")[-1]

        assert found("emms", "I486", mmx="true") == "executes emms"
        assert found("fisttp", "P6", sse3="true") == "executes fisttp"
        assert found("fisttp", "I486", sse3="true") == "#UD fisttp"

    def test_xsave_ignores_em(self, on):
        result = go("mov cr0.em 1\nxsave\nxrstor masks=all\nfxsave", generation="AMD64", handlers={}, on=on)
        assert story(result, "executes", "#NM")[1:] == ["executes xsave", "executes xrstor", "#NM fxsave"]
