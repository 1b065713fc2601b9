"""A component under flat names, as Verilog and netlists have them: each field of a structure is a port."""

from collections.abc import Iterable
from typing import Any

from amaranth.hdl import ClockDomain, Elaboratable, Module, Signal, Value
from amaranth.hdl._xfrm import TransformedElaboratable
from amaranth.lib.wiring import Component

from ... import hdl
from ..support.errors import InputError


class Flat(Elaboratable):
    """A component under flat names.

    Parameters
    ----------
    domain_reset: whether its clock domain has a reset of its own.

    Attributes
    ----------
    component: what it contains.
    clock: its only domain.
    ports: in the order of the component's signature.
    """

    def __init__(self, component: Any, *, domain_reset: bool = False) -> None:
        self.component = component
        self.clock: Any = ClockDomain("sync", reset_less=not domain_reset)
        self.ports = hdl.flat_ports(component_of(component))

    @property
    def signals(self) -> list[Signal]:
        """The ports as signals of the top module."""
        return [port.signal for port in self.ports]

    def elaborate(self, platform) -> Module:
        m = Module()
        m.domains.sync = self.clock
        m.submodules.core = self.component
        for port in self.ports:
            m.d.comb += port.value.eq(port.signal) if port.is_input else port.signal.eq(port.value)
        return m


def component_of(design: Any) -> Component | None:
    """The component that a design is, also where DomainRenamer or an inserter stands around it."""
    while isinstance(design, TransformedElaboratable):
        design = design._elaboratable_
    return design if isinstance(design, Component) else None


class Bare(Elaboratable):
    """An elaboratable without a signature, with the signals that are its ports.

    Parameters
    ----------
    core: what it contains.
    ports: signals, or values made of signals alone (a view, a record); by default the public attributes of
        `core` that are such. Those that the design drives are outputs, all others inputs.
    domain_reset: as for `Flat`.

    Attributes
    ----------
    clock: the domain `sync`.
    signals: the ports, without those of no bits.

    Raises
    ------
    InputError
        For a port that is no signal, if there is no port, or if two have one name.
    """

    def __init__(self, core: Any, ports: Iterable[Any] | None = None, *, domain_reset: bool = False) -> None:
        self.core = core
        self.clock: Any = ClockDomain("sync", reset_less=not domain_reset)
        self.signals = signals_of(core, ports)

    def elaborate(self, platform) -> Module:
        m = Module()
        m.domains.sync = self.clock
        m.submodules.core = self.core
        return m


def signals_of(core: Any, ports: Iterable[Any] | None = None) -> list[Signal]:
    """The ports of an elaboratable without a signature. Errors as for `Bare`.

    Parameters
    ----------
    core : object
        Whose public attributes are looked at if `ports` is not given.
    ports : iterable or None
        Signals, or values made of signals alone.

    Returns
    -------
    list of Signal
        Each once, without those of no bits.
    """
    signals: list[Signal] = []
    if ports is None:
        found = [value for name, value in sorted(vars(core).items()) if not name.startswith("_")]
        signals = [one for value in found if (one := _signal(value)) is not None]
    else:
        for value in ports:
            if (one := _signal(value)) is None:
                raise InputError(f"ports: expected signals, not {value!r}")
            signals.append(one)
    signals = [one for one in {id(one): one for one in signals}.values() if len(one)]
    names = [str(one.name) for one in signals]
    if not names:
        raise InputError(
            f"{type(core).__name__} has no signature: name its ports, as in ports=[dut.a, dut.b]"
        )
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(f"two ports of {type(core).__name__} are called {twice[0]}")
    return signals


def _signal(value: Any) -> Signal | None:
    """The signal that a value stands for, if it is one, or a view of one."""
    try:
        cast = Value.cast(value) if not isinstance(value, int | str) else None
    except TypeError:
        return None
    return cast if isinstance(cast, Signal) else None
