"""The PC that is stepped by hand."""

import pytest
from irq13.model import Cr0, ExceptionFlag, Hwcr, Parameters
from irq13.model.reporting import Decision
from irq13.sim import Simulation, Trace
from irq13.sim.waveform.causes.cause import Edge


@pytest.fixture
def sim(on):
    with Simulation(generation="AMD64", on=on) as sim:
        sim.issue("fninit")
        sim.issue("fldcw", masks="none")
        yield sim


def test_pins_and_state(sim):
    assert (sim.ferr_n, sim.irq13, sim.es) == (True, False, False)
    assert sim.issue("fdiv", raises="ZE") is Decision.READY
    assert (sim.es, sim.ferr_n, sim.flags) == (True, True, ExceptionFlag.ZE)
    sim.step(2)
    assert (sim.ferr_n, sim.irq13) == (False, True)
    sim.out(0xF0)
    assert (sim.irq13, sim.ignne_n, sim.ignne) == (False, False, False)
    sim.step(2)
    assert sim.ignne
    assert sim.inp(0xF0) == 0xFF


def test_a_frozen_instruction_stays_presented_until_ignne_or_withdrawal(sim):
    sim.issue("fdiv", raises="ZE")
    assert sim.issue("fst") is Decision.FREEZE
    sim.step(5)
    assert sim.freeze
    with pytest.raises(RuntimeError, match="ARITHMETIC is still presented: withdraw"):
        sim.issue("fwait")
    sim.ignne_n = 0
    assert not sim.ignne_n
    sim.step(2)
    assert sim.decision is Decision.READY
    sim.step()
    assert sim.decision is Decision.IDLE
    sim.ignne_n = 1
    sim.step(2)
    assert sim.issue("fwait") is Decision.FREEZE
    sim.withdraw()
    assert sim.decision is Decision.IDLE


def test_a_form_without_n_waits_first(sim):
    sim.issue("fdiv", raises="ZE")
    assert sim.issue("fclex") is Decision.FREEZE
    assert sim.es
    sim.withdraw()
    assert sim.issue("fnclex") is Decision.READY
    assert not sim.es
    assert sim.issue("fclex") is Decision.READY


def test_faults_end_the_instruction(sim):
    sim.issue("fdiv", raises="ZE")
    sim.ne = 1
    assert sim.issue("fld1") is Decision.MF
    sim.cr0 = Cr0.TS
    assert sim.issue("fnclex") is Decision.NM
    assert not sim.ne
    sim.cr0 = Cr0(0)
    assert sim.issue("fundefined") is Decision.UD
    assert sim.decision is Decision.IDLE


def test_reset_and_enable_bit(sim):
    sim.msr["HWCR"] = 0x80
    sim.ne = 1
    sim.ferr_enable = 0
    assert sim.hwcr == Hwcr.ALLOW_FERR_ON_NE
    assert not sim.ferr_enable
    sim.reset()
    assert (sim.hwcr, sim.ne, sim.ferr_enable, sim.masks) == (0, False, True, 0)


def test_the_interrupt_controllers(sim):
    for port, word in ((0x20, 0x13), (0x21, 0x08), (0x21, 0x01)):
        sim.out(port, word)
    sim.irq = 0x10
    sim.step(1)
    assert sim.intr
    assert sim.inta() == 0x0C
    assert not sim.intr
    sim.out(0x20, 0x0B)
    assert sim.inp(0x20) == 0x10
    sim.irq = 0


def test_reading_takes_no_time(sim):
    before = sim.cycle
    for name in ("ferr_n", "irq13", "es", "freeze", "ignne", "ignne_n", "masks", "hwcr"):
        getattr(sim, name)
    assert sim.cycle == before


@pytest.mark.parametrize(
    ("action", "error", "message"),
    [
        (lambda sim: sim.issue("fdivide"), ValueError, "unknown instruction 'fdivide'.*fdiv"),
        (lambda sim: sim.issue("fdiv", raise_="ZE"), ValueError, "fdiv takes raises="),
        (lambda sim: sim.issue("fdiv", raises="XX"), ValueError, "expected flags out of"),
        (lambda sim: sim.issue("nop"), ValueError, "unknown instruction 'nop'"),
        (lambda sim: sim.step(-1), ValueError, "at least 0, not -1"),
        (lambda sim: sim.step(1.5), ValueError, "an integer of at least 0, not 1.5"),
        (lambda sim: sim.out(0x10000), ValueError, r"65536 is not in 0\.\.2\^16-1"),
        (lambda sim: sim.out(0xF0, 256), ValueError, r"256 is not in 0\.\.2\^8-1"),
        (lambda sim: setattr(sim, "ignne_n", 2), ValueError, r"2 is not in 0\.\.2\^1-1"),
        (lambda sim: setattr(sim, "igne_n", 0), AttributeError, "has no 'igne_n' to set"),
        (lambda sim: setattr(sim, "ferr_n", 0), AttributeError, "ferr_n"),
    ],
)
def test_mistakes(sim, action, error, message):
    before = sim.cycle
    with pytest.raises(error, match=message):
        action(sim)
    assert sim.cycle == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"generation": "K7"}, "generation must be one of"),
        ({"on": "fpga"}, "on must be one of hdl, model, lockstep, not 'fpga'"),
    ],
)
def test_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        Simulation(**arguments)


def test_a_machine_before_the_486(on, tmp_path):
    """The same calls on an AT, whose latch holds BUSY; a PC-98 with a 486 is a `Simulation`."""
    with Simulation(machine="AT286", irq13_from="error", on=on, vcd=tmp_path / "at.vcd") as at:
        at.issue("fninit")
        at.issue("fldcw", masks="none")
        at.step(2)
        assert at.issue("fdiv", raises="ZE") is Decision.READY
        assert (at.error, at.npx_busy, at.latch) == (True, True, False)
        at.step()
        assert (at.latch, at.irq13, at.busy) == (True, True, True)
        assert at.issue("fwait") is Decision.FREEZE
        at.withdraw()
        at.out(0xF0)
        assert (at.latch, at.irq13, at.busy) == (False, True, False)
        with pytest.raises(AttributeError):
            _ = at.ferr_n
        with pytest.raises(ValueError, match="'fsin' is not supported on AT286: the 80287 does not have it"):
            at.issue("fsin")
    trace = Trace.load(tmp_path / "at.vcd")
    assert trace.causes[Edge("latch", trace.cycle(trace["latch"].rises()[0]))].text.startswith(
        "L set: ERROR rose"
    )
    with Simulation(machine="XT8087", on=on) as xt:
        xt.out(0xA0, 0x80)
        xt.parity = 1
        assert (xt.nmi, xt.nmi_enable, xt.npx_int, xt.iochk) == (True, True, False, False)
    assert Simulation(machine="PC98", cpu="486", on=on).parameters == Parameters("I486", wiring="PC98")
    assert Simulation(machine="AT486", on=on).parameters == Parameters("I486")


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"machine": "AT586"}, "machine must be one of AT486, P6, AMD64, AT286, AT386, XT8087, PC98"),
        ({"machine": "AT286", "nonsense": 1}, "no parameter 'nonsense': expected one of cpu, npx_cycles"),
        ({"machine": "AT286", "installed": False}, "installed is for where the machine is XT8087"),
        ({"machine": "AT286", "on": "fpga"}, "on must be one of hdl, model, lockstep"),
        ({"machine": "P6", "generation": "P6"}, "generation and machine: one of them"),
    ],
)
def test_a_machine_that_cannot_be_is_refused(arguments, error):
    with pytest.raises((TypeError, ValueError), match=error):
        Simulation(**arguments)
