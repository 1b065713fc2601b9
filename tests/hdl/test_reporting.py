"""Freeze, #MF, #NM, #UD and when FERR# speaks, on HDL and model."""

import functools
import itertools
import operator

import pytest
from irq13.model import Cr0, ExceptionFlag, Msr, Operation
from irq13.model.msr import MsrResponse
from irq13.model.x87 import OperationRequest
from support.driven_pc import F0, IDLE, NE, DrivenPc, op, rdmsr, wrmsr

NON_WAITING = set(
    "FNSTSW FNSTCW FXSAVE XSAVE FNENI FNDISI FNSETPM FNSTENV FNSAVE FNINIT FNCLEX FXRSTOR XRSTOR".split()
)
IGNNE = IDLE._replace(ignne_n=False)
CONTROL_REGISTERS = [
    functools.reduce(operator.or_, bits, Cr0(0))
    for count in range(5)
    for bits in itertools.combinations((Cr0.MP, Cr0.EM, Cr0.TS, Cr0.NE), count)
]


LACKS = {"I486": "MMX FXSAVE FXRSTOR XSAVE XRSTOR".split(), "P6": "XSAVE XRSTOR".split(), "AMD64": []}
"""SDM2: what came later than a generation."""


def expected_decision(code, cr0, es, ignne, lacks=()):
    """Section by section: #UD, #NM (SDM3 table 2-2), #UD, non-waiting, then NE and IGNNE (SDM1 8.7)."""
    if code.name in lacks:
        return "UD"
    if code is Operation.FWAIT:
        not_available = Cr0.MP in cr0 and Cr0.TS in cr0
    elif code is Operation.MMX:
        not_available = Cr0.TS in cr0 and Cr0.EM not in cr0
    elif code in (Operation.XSAVE, Operation.XRSTOR):
        not_available = Cr0.TS in cr0
    else:
        not_available = Cr0.TS in cr0 or Cr0.EM in cr0
    if not_available:
        return "NM"
    if code is Operation.UNDEFINED or (code is Operation.MMX and Cr0.EM in cr0):
        return "UD"
    if code.name in NON_WAITING or not es:
        return "READY"
    if Cr0.NE in cr0:
        return "MF"
    return "READY" if ignne else "FREEZE"


def test_every_operation_under_every_cr0_with_and_without_error_and_ignne(on, generation):
    for es, ignne in itertools.product((False, True), repeat=2):
        driven = DrivenPc(on, generation)
        pin = IDLE._replace(ignne_n=not ignne)
        # FERR# is asserted first, so that no I486 operation opens its window here.
        driven.run(*([op("fsin", raises="IE")] if es else []), IDLE, IDLE, IDLE, pin, pin, pin)
        for code, cr0 in itertools.product(Operation, CONTROL_REGISTERS):
            presented = pin._replace(cr0=cr0, operation=OperationRequest(code))
            decision = driven.machine.settle(presented).decision.name
            expected = expected_decision(code, cr0, es, ignne, LACKS[generation])
            assert decision == expected, (code, cr0, es, ignne)


def is_immediate(generation, family, flag):
    """The I486 table of SDM1 D.2.1.1; all others report at once (SDM1 D.2.2, APM1 table 6-22)."""
    if generation != "I486":
        return True
    return flag in {"fdiv": "", "fsin": "IE SF DE", "fst": "IE SF DE ZE OE UE"}[family].split()


@pytest.mark.parametrize("family", ["fdiv", "fsin", "fst"])
@pytest.mark.parametrize("flag", ["IE", "SF", "DE", "ZE", "OE", "UE", "PE"])
def test_immediate_or_deferred_by_family_and_exception(pc, generation, family, flag):
    dut = pc(generation)
    # SF comes with IE only (SDM1 8.1.3.4).
    raises = "IE,SF" if flag == "SF" else flag
    out = dut.run(op(family, raises=raises), *[IDLE] * 5, op("fwait"), IDLE)
    immediate = is_immediate(generation, family, flag)
    assert out.ferr_n == ("11000000" if immediate else "11111110")
    assert out.freeze == "00000010"


def test_immediate_wins_where_both_kinds_are_pending(pc):
    dut = pc("I486")
    assert dut.run(op("fst", raises="PE,OE"), *[IDLE] * 3).ferr_n == "1100"


def test_a_masked_exception_is_not_remembered_as_immediate(pc):
    dut = pc("I486", masks="IE")
    dut.run(op("fsin", raises="IE"), IDLE, op("fldcw", masks="none"))
    assert dut.run(*[IDLE] * 4, op("fwait"), IDLE).ferr_n == "111110"


@pytest.mark.parametrize(
    ("load", "generation"),
    [
        (load, one)
        for one in LACKS
        for load in ("fldenv", "frstor", "fxrstor", "xrstor")
        if load.upper() not in LACKS[one]
    ],
)
def test_what_an_image_brings_is_deferred_on_i486_and_immediate_elsewhere(pc, generation, load):
    out = pc(generation).run(op(load, masks="none", flags="IE"), *[IDLE] * 4, op("fwait"), IDLE)
    assert out.ferr_n == ("1111110" if generation == "I486" else "1100000")


def test_es_and_b_of_an_image_are_ignored(pc, generation):
    out = pc(generation).run(op("fldenv", masks="all", status=0x8080), IDLE, IDLE)
    assert out.es == "000"
    out = pc(generation).run(op("frstor", masks="none", status=0x0004), IDLE)
    assert out.es == "01"


def test_fldcw_keeps_the_kind_of_a_flag_that_stays_pending(pc):
    dut = pc("I486")
    low = lambda inputs: inputs._replace(ignne_n=False)  # noqa: E731
    # Gated by IGNNE#, so that the immediate error is still unreported when FLDCW comes.
    dut.run(*[IGNNE] * 3, low(op("fsin", raises="IE")), low(op("fldcw", masks="PE")))
    assert dut.run(*[IDLE] * 4).ferr_n == "1110"


def test_an_image_that_brings_a_pending_flag_again_makes_it_a_deferred_one(pc):
    dut = pc("I486")
    low = lambda inputs: inputs._replace(ignne_n=False)  # noqa: E731
    dut.run(*[IGNNE] * 3, low(op("fsin", raises="IE")), low(op("frstor", masks="none", flags="IE")))
    assert dut.run(*[IDLE] * 5, op("fwait"), IDLE).ferr_n == "1111110"


def test_an_exception_that_was_cleared_is_forgotten_as_immediate(pc):
    dut = pc("I486")
    dut.run(op("fsin", raises="IE"), IDLE, op("fnclex"), IDLE, IDLE)
    assert dut.run(op("fdiv", raises="IE"), *[IDLE] * 3, op("fwait"), IDLE).ferr_n == "111110"


def test_masking_and_unmasking_makes_an_immediate_error_a_deferred_one(pc):
    dut = pc("I486")
    low = lambda inputs: inputs._replace(ignne_n=False)  # noqa: E731
    dut.run(*[IGNNE] * 3, low(op("fsin", raises="IE")), low(op("fldcw", masks="all")))
    dut.run(low(op("fldcw", masks="none")))
    assert dut.run(*[IDLE] * 5, op("fwait"), IDLE).ferr_n == "1111110"


class TestGating:
    """IGNNE and FERR# (SDM1 D.2.1.1; APM1 6 for AMD64)."""

    def test_ignne_before_the_error_gates_ferr_on_intel_and_not_on_amd64(self, pc, generation):
        dut = pc(generation)
        dut.run(*[IGNNE] * 3)
        out = dut.run(op("fsin", raises="IE")._replace(ignne_n=False), *[IGNNE] * 3)
        assert out.ferr_n == ("1100" if generation == "AMD64" else "1111")
        assert out.es == "0111"

    def test_ignne_does_not_clear_ferr(self, pc, generation):
        dut = pc(generation)
        dut.run(op("fsin", raises="IE"), IDLE, IDLE)
        assert dut.run(*[IGNNE] * 5).ferr_n == "00000"

    @pytest.mark.parametrize("generation", ["I486", "P6"])
    def test_an_immediate_error_is_reported_when_ignne_deasserts(self, pc, generation):
        dut = pc(generation)
        dut.run(*[IGNNE] * 3, op("fsin", raises="IE")._replace(ignne_n=False))
        out = dut.run(IGNNE, *[IDLE] * 4)
        assert out.ignne == "11100"
        assert out.ferr_n == "11110"

    def test_a_deferred_error_is_reported_at_the_next_waiting_instruction_after_ignne(self, pc):
        dut = pc("I486")
        dut.run(*[IGNNE] * 3, op("fdiv", raises="ZE")._replace(ignne_n=False))
        assert dut.run(*[IDLE] * 6, op("fwait"), IDLE).ferr_n == "11111110"

    @pytest.mark.parametrize("generation", ["I486", "P6"])
    def test_ignne_gates_nothing_while_ne_is_1_on_intel(self, pc, generation):
        dut = pc(generation)
        dut.run(*[IGNNE] * 3)
        native = IGNNE._replace(cr0=NE)
        out = dut.run(op("fsin", NE, raises="IE")._replace(ignne_n=False), *[native] * 3)
        assert out.ferr_n == "1100"

    def test_a_second_error_makes_no_new_edge(self, pc, generation):
        dut = pc(generation)
        dut.run(op("fsin", raises="IE"), IDLE, F0, IDLE, F0, IDLE, IDLE)
        out = dut.run(op("fsin", raises="DE"), *[IDLE] * 3)
        assert out.ready == "1000"
        assert out.ferr_n == "0000"
        assert out.irq13 == "0000"


class TestNativeMode:
    """CR0.NE = 1 (SDM1 8.7.1, D.4.2; PPR AllowFerrOnNe)."""

    native = IDLE._replace(cr0=NE)

    def test_ferr_under_ne(self, pc, generation):
        out = pc(generation).run(op("fsin", NE, raises="IE"), *[self.native] * 3)
        assert out.ferr_n == ("1111" if generation == "AMD64" else "1100")

    def test_allow_ferr_on_ne(self, pc):
        dut = pc("AMD64")
        dut.run(wrmsr(Msr.HWCR, 0x80))
        assert dut.run(op("fsin", NE, raises="IE"), *[self.native] * 3).ferr_n == "1100"

    def test_setting_ne_negates_ferr_on_amd64_only(self, pc, generation):
        dut = pc(generation)
        dut.run(op("fsin", raises="IE"), IDLE, IDLE)
        out = dut.run(*[self.native] * 3, *[IDLE] * 3)
        assert out.ferr_n == ("011100" if generation == "AMD64" else "000000")

    def test_mf_has_no_effect_and_ignne_does_not_stop_it(self, pc, generation):
        dut = pc(generation)
        dut.run(op("fdiv", raises="ZE"), *[IGNNE] * 4)
        out = dut.run(op("fadd", NE, raises="PE")._replace(ignne_n=False), IDLE)
        assert out.mf == "10"
        assert int(out[1].flags) == ExceptionFlag.ZE


class TestFreeze:
    """NE = 0 without IGNNE (SDM1 D.2.1.1)."""

    def test_a_frozen_instruction_has_no_effect_before_it_executes(self, pc, generation):
        dut = pc(generation)
        dut.run(op("fdiv", raises="ZE"), IDLE)
        frozen = op("fldcw", masks="all")
        low = frozen._replace(ignne_n=False)
        out = dut.run(*[frozen] * 5, low, low, low, IDLE)
        assert out.freeze == "111111100"
        assert out.ready == "000000010"
        assert [int(o.masks) for o in out] == [0] * 8 + [0x3F]

    @pytest.mark.parametrize("waiting", ["fwait", "fnop", "fxch", "ffree", "fincstp", "emms", "fst"])
    def test_every_waiting_instruction_freezes(self, pc, generation, waiting):
        dut = pc(generation, mmx=True)
        dut.run(op("fdiv", raises="ZE"), IDLE)
        assert dut.run(op(waiting)).freeze == "1"


class TestNoWaitWindow:
    """SDM1 D.2.1.3 and figure D-3."""

    def pending(self, pc, generation="I486"):
        dut = pc(generation)
        dut.run(op("fdiv", raises="ZE"), IDLE, IDLE)
        return dut

    @pytest.mark.parametrize("generation", ["P6", "AMD64"])
    def test_only_i486_has_it(self, pc, generation):
        assert self.pending(pc, generation).run(op("fnstsw")).ready == "1"

    def test_an_instruction_that_leaves_es_set_makes_way_for_a_second_edge(self, pc):
        dut = self.pending(pc)
        assert dut.run(*[op("fnstcw")] * 5, IDLE, op("fwait"), IDLE).ferr_n == "10000110"

    def test_one_that_clears_es_makes_one_pulse_and_irq13_stays_latched(self, pc):
        dut = self.pending(pc)
        out = dut.run(*[op("fnclex")] * 5, *[IDLE] * 4)
        assert out.ferr_n == "100001111"
        assert out.irq13 == "001111111"
        assert out.es == "111110000"

    def test_nothing_extra_where_ferr_is_asserted_already(self, pc):
        dut = self.pending(pc)
        dut.run(op("fwait"), IDLE)
        assert dut.run(op("fnstsw"), IDLE).window == "00"

    def test_nothing_extra_where_ignne_gates(self, pc):
        dut = self.pending(pc)
        dut.run(*[IGNNE] * 3)
        out = dut.run(op("fnstsw")._replace(ignne_n=False), IGNNE)
        assert (out.ready, out.ferr_n) == ("10", "11")

    def test_no_window_where_an_immediate_error_is_about_to_be_reported(self, pc):
        out = pc("I486").run(op("fsin", raises="IE"), op("fnstsw"), IDLE, IDLE)
        assert (out.ready, out.window, out.ferr_n) == ("1100", "0000", "1100")

    def test_withdrawn_when_it_is_about_to_execute_it_leaves_ferr_asserted(self, pc):
        out = self.pending(pc).run(*[op("fnstsw")] * 4, *[IDLE] * 4)
        assert (out.window, out.ferr_n) == ("11110000", "10000000")

    def test_ne_makes_no_difference(self, pc):
        dut = self.pending(pc)
        assert dut.run(*[op("fnstsw", NE)] * 5).window == "11110"

    def test_a_waiting_instruction_in_the_middle_finds_ferr_asserted_and_freezes(self, pc):
        dut = self.pending(pc)
        out = dut.run(op("fnstsw"), op("fnstsw"), op("fwait"), *[IDLE] * 6)
        assert out.window == "110000000"
        assert out.freeze == "001000000"
        assert out.ferr_n == "100000000"


def test_port_emulation_makes_the_msr_bit_behave_like_the_flip_flop(pc):
    dut = pc("AMD64", port_emulation=True)
    dut.run(wrmsr(Msr.HWCR, 0x100), IDLE, F0, IDLE)
    out = dut.run(op("fdiv", raises="ZE"), IDLE, IDLE, F0, IDLE, op("fnclex"), *[IDLE] * 3)
    assert out.ignne_msr == "000011100"
    assert out.ignne == "000011100"
    assert out.ferr_n == "110000011"


def test_a_read_in_the_cycle_in_which_port_emulation_clears_the_bit_gives_it_as_it_was(pc):
    dut = pc("AMD64", port_emulation=True)
    dut.run(wrmsr(Msr.HWCR, 0x100), IDLE, F0, IDLE)
    dut.run(op("fdiv", raises="ZE"), IDLE, IDLE, F0, IDLE, op("fnclex"))
    before, after = dut.run(rdmsr(Msr.IGNNE), IDLE)
    assert (before.ignne_msr, after.ignne_msr) == (True, False)
    assert after.msr_response == MsrResponse(data=1)


def test_without_port_emulation_f0_leaves_the_msr_alone(pc):
    dut = pc("AMD64")
    dut.run(wrmsr(Msr.HWCR, 0x100))
    out = dut.run(op("fdiv", raises="ZE"), IDLE, IDLE, F0, *[IDLE] * 3)
    assert out.ignne_msr == "0000000"
