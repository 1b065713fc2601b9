"""The machines before the 486: each line of their contract and each numbered rule, on model and HDL."""

import pytest
from irq13.model import Cr0, ExceptionFlag, Family, Operation
from irq13.model.older.registers import SUPPORTED
from irq13.model.reporting import Decision
from support.driven_older import OPEN, DrivenOlder

O = Operation  # noqa: E741
READY, HELD, MF, NM = Decision.READY, Decision.FREEZE, Decision.MF, Decision.NM
ATS = ("AT286", "AT386", "PC98")


def test_reset_and_finit():
    """[A18, B14, C7-C9] All masked, M of the 8087 too; an 80387 in error until FNINIT, without a latch."""
    for machine in ("XT8087", *ATS):
        pc = DrivenOlder(machine)
        is_387 = machine in ("AT386", "PC98")
        for _ in range(2):
            now = pc.now
            assert (now.masks, now.flags, now.busy, now.latch, now.irq13) == (0x3F, 0, False, False, False)
            assert (now.es, now.error) == (is_387, is_387)
            assert now.interrupt_mask == (machine == "XT8087")
            pc.cycle(3)
            assert not pc.now.latch
            pc.cycle(reset=True)
        pc.done(O.FNCLEX)
        assert pc.now.error == is_387
        pc.done(O.FNINIT)
        assert not pc.now.es


@pytest.mark.parametrize("machine", ATS)
def test_the_latch(machine):
    """[B2, B4, B7, C2, R6-R9] ERROR, then L without a gap in BUSY; F0h; no second edge before ES fell."""
    pc = DrivenOlder(machine)
    now = pc.fail()
    assert (now.es, now.error, now.npx_busy, now.busy, now.latch) == (True, True, True, True, False)
    pc.cycle()
    assert pc.now.latch
    for _ in range(5):
        assert pc.send(O.FWAIT) is HELD
        assert pc.now.busy
        assert pc.now.irq13
    pc.clears()
    now = pc.now
    assert (now.latch, now.busy, now.irq13, now.error) == (False, False, False, True)
    # With ES still 1 everything runs, and a second error makes no edge.
    pc.done(O.FWAIT)
    pc.done(O.ARITHMETIC, raises=ExceptionFlag.IE)
    pc.cycle(4)
    assert not pc.now.latch
    pc.done(O.FNCLEX)
    pc.done(O.ARITHMETIC, raises=ExceptionFlag.IE)
    pc.cycle(2)
    assert pc.now.latch
    # [R10] FNCLEX leaves it.
    assert pc.send(O.FNCLEX) is READY
    pc.cycle(20)
    now = pc.now
    assert (now.latch, now.busy, now.es, pc.send(O.FWAIT)) == (True, True, False, HELD)
    pc.cycle(reset=True)
    assert not pc.now.latch


def test_a_clear_wins_over_an_edge():
    """[R6]"""
    pc = DrivenOlder("AT286")
    pc.fail()
    pc.clears()
    pc.cycle(3)
    assert not pc.now.latch
    assert pc.now.error


def test_what_loads_an_image_sets_the_latch_too():
    """[B13] FRSTOR, FLDENV and FLDCW make an error pending, and the chip is busy meanwhile."""
    for code, operands in {O.FRSTOR: {"status": 4}, O.FLDENV: {"status": 1}, O.FLDCW: {}}.items():
        pc = DrivenOlder("AT286")
        pc.done(O.ARITHMETIC, raises=4)
        pc.done(code, **operands)
        assert pc.now.busy
        pc.cycle()
        assert pc.now.latch


def test_busy_lasts_for_npx_cycles():
    for cycles in (1, 5):
        pc = DrivenOlder("AT286", npx_cycles=cycles)
        pc.done(O.ARITHMETIC)
        busy = [pc.cycle().busy for _ in range(cycles + 2)]
        assert busy == [True] * cycles + [False] * 2
        pc.done(O.ARITHMETIC)
        assert pc.send(O.FNINIT) is READY
        assert not pc.now.busy


ALWAYS = {O.FNINIT, O.FNCLEX}
LIST_286 = ALWAYS | {O.FNSTSW, O.FNSTCW, O.FNSETPM, O.FNENI, O.FNDISI}
WHEN_FREE = {O.FLDCW, O.FLDENV, O.FRSTOR, O.FNSTENV, O.FNSAVE}


@pytest.mark.parametrize(
    ("machine", "options", "passes"),
    [
        ("AT286", {}, LIST_286),
        ("AT286", {"passes_busy": "386"}, ALWAYS),
        ("AT386", {}, ALWAYS),
        ("AT386", {"passes_busy": "286"}, LIST_286),
        ("PC98", {"cpu": "80286"}, LIST_286),
    ],
)
def test_what_passes_busy(machine, options, passes):
    """[B12, B20, C5, 6.4]"""
    pc = DrivenOlder(machine, **options)
    pc.fail()
    pc.cycle(6)
    assert pc.passing() == passes
    pc.clears()
    assert pc.passing() == set(SUPPORTED)


def test_what_an_8087_takes():
    """[A6, R2, R5] While it executes, and then with INT active."""
    pc = DrivenOlder("XT8087")
    pc.fail()
    assert pc.passing() == LIST_286
    pc.cycle(6)
    assert pc.now.busy
    assert pc.passing() == LIST_286 | WHEN_FREE


ENDS = {
    O.FNCLEX: {},
    O.FNSAVE: {},
    O.FNINIT: {},
    O.FNSTENV: {},
    O.FLDCW: {"control": 0x037F},
    O.FNDISI: {},
}


@pytest.mark.parametrize("code", ENDS, ids=lambda one: one.name)
def test_what_ends_int(code):
    """[R5] INT and BUSY drop; FENI with IR set raises INT."""
    pc = DrivenOlder("XT8087")
    assert pc.fail().int_
    pc.done(code, **ENDS[code])
    while pc.now.npx_busy:
        pc.cycle()
    assert (pc.now.int_, pc.now.busy) == (False, False)
    if code is O.FNDISI:
        assert pc.now.es
        pc.done(O.FNENI)
        assert (pc.now.int_, pc.now.busy) == (True, True)


def test_with_m_set_an_8087_goes_on():
    """[A5] And without it, FENI and FDISI are nothing from the 80287 on [B17]."""
    pc = DrivenOlder("XT8087")
    pc.done(O.FNINIT)
    pc.done(O.FLDCW, control=OPEN | 0x80)
    pc.done(O.ARITHMETIC, raises=4)
    pc.cycle(3)
    assert (pc.now.es, pc.now.int_, pc.now.busy) == (True, False, False)
    at = DrivenOlder("AT286")
    at.fail()
    at.cycle(3)
    before = at.now
    assert at.send(O.FNDISI) is READY
    assert at.now == before


def test_the_nmi_logic():
    """[A9, A13, A15, R3, R4] Off after RESET; enabling it makes the edge; three sources."""
    pc = DrivenOlder("XT8087")
    pc.fail()
    pc.cycle(5)
    assert (pc.now.int_, pc.now.nmi, pc.now.irq13) == (True, False, False)
    pc.out(0xA0, 0x80)
    assert pc.now.nmi
    for port in (0xF0, 0xF1):
        pc.out(port)
        assert pc.now.nmi
    pc.out(0xA0, 0x7F)
    assert not pc.now.nmi
    pc.out(0xA0, 0xFF)
    pc.out(0xA1, 0x00)
    pc.done(O.FNCLEX)
    assert not pc.now.nmi
    for pin in ("parity", "iochk"):
        pc.pins = {pin: True}
        assert pc.now.nmi
    pc.cycle(reset=True)
    assert (pc.now.nmi, pc.now.nmi_enable) == (False, False)
    absent = DrivenOlder("XT8087", installed=False)
    absent.out(0xA0, 0x80)
    absent.fail()
    assert (absent.now.int_, absent.now.nmi) == (True, False)


@pytest.mark.parametrize(
    ("machine", "options", "vector"),
    [
        ("AT286", {}, 0x75),
        ("AT286", {"irq13_from": "error"}, 0x75),
        ("AT386", {}, 0x75),
        ("PC98", {}, 0x10),
        ("PC98", {"cpu": "8086"}, 0x16),
    ],
)
def test_the_interrupt(machine, options, vector):
    """[B6, 6.1, N1, R15, R16] The request and its vector, and what lowers it."""
    pc = DrivenOlder(machine, **options)
    pc.bios()
    pc.fail()
    pc.cycle(4)
    assert pc.now.intr
    pc.cycle(inta=True)
    assert pc.cycle(inta=True).vector == vector == pc.machine.parameters.npx_vector
    pc.clears()
    assert pc.now.irq13 == ("irq13_from" in options or "cpu" in options)
    pc.done(O.FNCLEX)
    assert not pc.now.irq13


def test_f1h():
    """[B4, R11] It resets the coprocessor, and clears the latch only with the parameter."""
    for clears in (False, True):
        pc = DrivenOlder("AT286", f1_clears_latch=clears)
        pc.fail()
        pc.cycle(3)
        pc.out(0xF1)
        assert (pc.now.es, pc.now.masks, pc.now.latch) == (False, 0x3F, not clears)
    pc = DrivenOlder("AT386")
    pc.done(O.FNINIT)
    pc.out(0xF1)
    pc.cycle(2)
    assert (pc.now.error, pc.now.latch) == (True, False)
    xt = DrivenOlder("XT8087")
    xt.fail()
    xt.out(0xF1)
    assert xt.now.es


def test_native_wiring():
    """[B9, C3] #MF at WAIT and at ESC that check, once BUSY has ended; never in AT wiring."""
    for machine in ("AT286", "AT386"):
        pc = DrivenOlder(machine, native=True)
        pc.fail()
        assert pc.send(O.FWAIT) is HELD
        pc.cycle(2)
        assert pc.passing() == LIST_286 | {O.FNSTENV, O.FNSAVE}
        assert pc.send(O.FLDCW) is pc.send(O.FWAIT) is MF
        assert (pc.now.latch, pc.now.irq13, pc.now.cpu_error) == (False, False, True)


def test_device_not_available():
    """[B16] EM and TS stop ESC, TS with MP stops WAIT, whatever is pending; an 8088 has neither."""
    pc, xt = DrivenOlder("AT286"), DrivenOlder("XT8087")
    pc.fail()
    pc.cycle(3)
    for cr0, esc, wait in (
        (Cr0.EM, NM, HELD),
        (Cr0.TS, NM, HELD),
        (Cr0.MP | Cr0.TS, NM, NM),
        (Cr0.MP, READY, HELD),
    ):
        pc.cr0 = xt.cr0 = cr0
        assert (pc.send(O.FNCLEX), pc.send(O.FWAIT)) == (esc, wait)
        assert xt.send(O.FNCLEX) is READY
        pc.cr0 = Cr0(0)
        pc.done(O.ARITHMETIC, raises=4) if not pc.now.busy else None


def test_pereq():
    """[C6, C11] The 80387 asks while it executes a store, the board while L holds BUSY."""
    pc = DrivenOlder("AT386", npx_cycles=3)
    pc.done(O.FNINIT)
    pc.done(O.FLDCW)
    assert not pc.now.pereq
    pc.done(O.ARITHMETIC, family=Family.STORE, raises=4)
    assert [pc.cycle().pereq for _ in range(6)] == [True] * 6
    pc.clears()
    assert not pc.now.pereq


def test_stack_faults():
    """SF came with the 80387; before it a stack fault is IE alone."""
    for machine, flags in {"AT286": 0x01, "XT8087": 0x01, "AT386": 0x41}.items():
        pc = DrivenOlder(machine)
        pc.done(O.FNINIT)
        pc.done(O.ARITHMETIC, raises=ExceptionFlag.SF)
        assert pc.now.flags == flags
        pc.done(O.FLDENV, control=0x3FF, status=0x7F)
        assert pc.now.flags == 0x3E | flags


def test_a_pc98_has_other_ports():
    """[N3, N6] F8h clears the latch; F0h resets the processor and leaves the rest."""
    pc = DrivenOlder("PC98")
    pc.fail()
    pc.cycle(3)
    assert pc.out(0xF0).cpu_reset
    assert pc.now.latch
    pc.out(0xF8)
    assert not pc.now.latch
    assert not DrivenOlder("AT286").out(0xF0).cpu_reset
