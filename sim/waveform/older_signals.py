"""The signals of the machines before the 486: tables as `signals.SIGNALS`, with which they share many."""

from typing import TYPE_CHECKING

from ...model.older.registers import HostCpu, OlderMachine, OlderParameters
from ..support.errors import InputError
from ..support.suggest import nearest
from .signals import BY_NAME, EDGES, Signal
from .two_signals import TWO_NAMES
from .wave import Wave

if TYPE_CHECKING:
    from .trace import Trace

_BUS = (
    *("intr", "inta", "reset", "step", "handler", "if", "halted", "op_valid", "operation", "family"),
    *("raises", "ready", "mf", "nm", "cr0_em", "cr0_ts", "cr0_mp", "io_write", "io_read", "io_address"),
    *("io_write_data", "io_read_data", "master_irr", "master_isr", "master_imr", "irq", "vector"),
)
"""What every machine has, as a later one does."""
_SLAVE = ("slave_irr", "slave_isr", "slave_imr", "slave_int")
_STATE = ("es", "flags", "masks", "sf", *(flag + kind for kind in "em" for flag in "idzoup"))


def _npx(name: str) -> Signal:
    """A signal of the x87 unit, here in a chip of its own."""
    return BY_NAME[name]._replace(path=f"pc.npx.{name}")


_BUSY = Signal(
    "pc.busy",
    1,
    lambda i, o, c: o.busy,  # pyright: ignore[reportAttributeAccessIssue]
    "BUSY",
    "BUSY: WAIT has to wait",
    "BUSY negated",
)
_HELD = BY_NAME["freeze"]._replace(
    rises="an instruction waits for BUSY to end", falls="nothing waits for BUSY any more"
)
_IRQ13 = BY_NAME["irq13"]._replace(
    rises="the coprocessor's interrupt request", falls="the interrupt request is lowered"
)


def _output(path: str, alias: str = "", rises: str = "", falls: str = "") -> Signal:
    name = path.rpartition(".")[2]
    return Signal(path, 1, lambda i, o, c: getattr(o, name), alias, rises, falls)


_ERROR = _output("pc.error", "ERROR", "ERROR: an unmasked exception is pending", "ERROR negated")
_CPU_ERROR = _output("pc.cpu_error", "ERROR at the CPU")
_LATCH = _output("pc.latch", "L", "the latch is set: BUSY stays", "the latch is cleared")
_INT = Signal(
    "pc.npx_int",
    1,
    lambda i, o, c: o.int_,  # pyright: ignore[reportAttributeAccessIssue]
    "INT",
    "INT of the 8087: an unmasked exception is pending",
    "INT of the 8087 negated",
)
_NMI = Signal("pc.nmi", 1, lambda i, o, c: c.nmi or getattr(o, "nmi", False), "NMI", "NMI", "NMI negated")
_XT = (
    _output("pc.xt_nmi.nmi_enable", "A0h bit 7", "port A0h lets NMI pass", "port A0h holds NMI off"),
    Signal("pc.xt_nmi.parity", 1, lambda i, o, c: getattr(i, "parity", False)),
    Signal("pc.xt_nmi.iochk", 1, lambda i, o, c: getattr(i, "iochk", False)),
)
_INTERRUPT_MASK = _output(
    "pc.npx.interrupt_mask", "M", "M = 1: the 8087 does not interrupt", "M = 0: the 8087 interrupts"
)
_PEREQ = _output("pc.pereq", "PEREQ")
_NPX_BUSY = _output("pc.npx.npx_busy", "NPX busy")
_IR13 = _output("pc.ir13")
_CPU_RESET = _output("pc.cpu_reset", "", "OUT F0h resets the processor")
_CLEAR = Signal(
    "pc.clear_write",
    1,
    lambda i, o, c: i.io is not None and i.io.write and i.io.address in (0xF0, 0xF8),
    "OUT F0h/F8h",
)


def older_signals(parameters: OlderParameters) -> tuple[Signal, ...]:
    """What a machine has, the pins first."""
    is_8087 = parameters.cpu is HostCpu.I8086
    xt = parameters.machine is OlderMachine.XT8087
    pins = [_INT if is_8087 else _ERROR]
    pins += [_LATCH] if parameters.has_latch else []
    pins += [_CPU_ERROR] if parameters.native else []
    pins += [_BUSY] if xt else [_BUSY, _IRQ13, _IR13]
    pins += [_NMI, _HELD, _NPX_BUSY, *(BY_NAME[name] for name in _BUS)]
    pins += [] if xt else [BY_NAME[name] for name in _SLAVE]
    pins += _XT if xt else [_CLEAR]
    pins += [_INTERRUPT_MASK] if is_8087 else []
    pins += [_PEREQ] if parameters.cpu is HostCpu.I80386 else []
    pins += [_CPU_RESET] if parameters.machine is OlderMachine.PC98 else []
    return (*pins, *map(_npx, _STATE))


def older_pins(parameters: OlderParameters) -> tuple[str, ...]:
    """What is shown of a run."""
    if parameters.machine is OlderMachine.XT8087:
        return ("npx_int", "nmi_enable", "nmi", "busy", "es", "freeze", "handler")
    if parameters.cpu is HostCpu.I8086:
        return ("npx_int", "busy", "irq13", "intr", "inta", "es", "freeze", "handler")
    middle = ("latch",) if parameters.has_latch else ()
    return ("error", *middle, "busy", "irq13", "intr", "inta", "es", "freeze", "handler")


_EVERY = {
    signal.name: signal
    for machine in OlderMachine
    for cpu in ((HostCpu.I8086, HostCpu.I80386) if machine is OlderMachine.PC98 else (None,))
    for native in (False, True)
    if not native or machine is OlderMachine.AT286
    for signal in older_signals(OlderParameters(machine, cpu=cpu, native=native))
}
"""The signals of all of them, by name."""
OLDER_ALIASES = {signal.path: signal.alias for signal in _EVERY.values()}
NAMES = {**_EVERY, **TWO_NAMES, **BY_NAME}
"""Every signal that some machine has, by name; a later machine's where both have it."""


def edge_of_any(name: str) -> Signal:
    """The one-bit signal of this name, of whatever machine. Raises ValueError with the nearest names."""
    several = {**_EVERY, **TWO_NAMES}
    edges = {**{name: one for name, one in several.items() if one.width == 1}, **EDGES}
    if name not in edges:
        raise InputError(f"no signal {name!r} of one bit{nearest(name, edges)}")
    return edges[name]


def wave_of(trace: "Trace", name: str) -> Wave:
    """A signal of a run by name: its path depends on the machine.

    Parameters
    ----------
    trace : Trace
        Of any machine, also of one with two processors; there a name without a prefix is processor a's.
    name : str
        Without scopes: 'ferr_n', 'irq13'.

    Raises
    ------
    SignalError
        If the run's machine has no such signal.
    """
    path = NAMES[name].path
    if path not in trace and f"pc.a.{name}" in trace:
        path = f"pc.a.{name}"
    return trace[path if path in trace else _EVERY[name].path]
