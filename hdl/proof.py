"""A block with free inputs, and what is asserted of it in every cycle."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from amaranth.hdl import Assert, Assume, ClockDomain, Elaboratable, Module, Signal, Value
from amaranth.lib.wiring import In

from ..model.registers import Generation, HwcrLayout

ALL = tuple(Generation)


class Property(NamedTuple):
    """Something that holds always, or that can be reached."""

    name: str
    """As `irq13 prove` takes it."""
    says: str
    """In words."""
    build: Callable[["Proof"], None]
    """Puts the block and the assertions into a proof."""
    generations: tuple[Generation, ...]
    """Those on which it is shown."""
    depth: int
    """Steps of the induction, or cycles within which a state has to be reached."""
    is_cover: bool = False
    layouts: tuple[HwcrLayout, ...] = (HwcrLayout.MINIMAL,)
    """The layouts of HWCR on which it is shown."""


class Proof(Elaboratable):
    """A property around a block.

    Parameters
    ----------
    prop : Property
        What is shown; its `build` adds the block and the assertions.
    parameters : Parameters or OlderParameters
        Of the block.

    Attributes
    ----------
    m : Module
        What a property adds to.
    parameters : Parameters or OlderParameters
        Of the block.
    ports : list of Signal
        What is free: the inputs of the block, and the clock.
    """

    def __init__(self, prop: Property, parameters: Any) -> None:
        self.m = Module()
        self.parameters = parameters
        self.clock = ClockDomain("sync", reset_less=True)
        self.m.domains.sync = self.clock
        self.ports = [self.clock.clk]
        self._started = Signal()
        self.m.d.sync += self._started.eq(1)
        prop.build(self)

    def elaborate(self, platform):
        return self.m

    def free(self, component, name: str):
        """A block of which every input is free.

        Parameters
        ----------
        component : Component
            The block; it becomes a submodule.
        name : str
            The submodule's name.

        Returns
        -------
        Component
            The same.
        """
        self.m.submodules[name] = component
        self.ports += [Value.cast(value) for _, member, value in inputs_of(component)]
        return component

    def past(self, value):
        """What it was in the cycle before; its initial value is not looked at.

        Parameters
        ----------
        value : value
            Of any width.

        Returns
        -------
        Signal
            A register as wide, which takes it at each edge.
        """
        value = Value.cast(value)
        kept = Signal(len(value))
        self.m.d.sync += kept.eq(value)
        return kept

    def always(self, condition) -> None:
        """Assert one bit in every cycle."""
        self.m.d.comb += Assert(condition)

    def after_first(self, condition) -> None:
        """Assert one bit in every cycle that has one before it."""
        self.m.d.comb += Assert(~self._started | condition)

    def assume(self, condition) -> None:
        """Look only at cycles in which one bit is 1."""
        self.m.d.comb += Assume(condition)

    def reached(self, condition) -> None:
        """One bit has to become 1 some time: its denial has to fail."""
        self.m.d.comb += Assert(~condition)


def inputs_of(component) -> Iterator:
    """The free members of a component's signature.

    Parameters
    ----------
    component : Component
        With its ports made.

    Yields
    ------
    tuple
        Path, member and value, as of `Signature.flatten`.
    """
    return (entry for entry in component.signature.flatten(component) if entry[1].flow is In)
