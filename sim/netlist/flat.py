"""A component under flat names, as Verilog and netlists have them: each field of a structure is a port."""

from typing import Any

from amaranth.hdl import ClockDomain, Elaboratable, Module
from amaranth.lib.wiring import Component

from ... import hdl


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

    def __init__(self, component: Component, *, domain_reset: bool = False) -> None:
        self.component = component
        self.clock: Any = ClockDomain("sync", reset_less=not domain_reset)
        self.ports = hdl.flat_ports(component)

    def elaborate(self, platform) -> Module:
        m = Module()
        m.domains.sync = self.clock
        submodules: Any = m.submodules
        submodules.core = self.component
        for port in self.ports:
            m.d.comb += port.value.eq(port.signal) if port.is_input else port.signal.eq(port.value)
        return m
