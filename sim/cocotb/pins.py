"""The ports of a design by name, with the clock that says when they are read and driven."""

from collections.abc import Iterable, Mapping
from typing import Any

from amaranth.hdl import Signal
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge, RisingEdge, Timer

from ... import hdl
from ...model.registers import Parameters
from ..hardware.parameters import block_of_module
from ..hardware.verilog import BLOCKS
from ..support.errors import InputError


class PinError(InputError):
    """A design without the port that is asked for, or a level that is neither 0 nor 1."""


class Pins:
    """Some ports of a design, by their names in the exported Verilog.

    Parameters
    ----------
    dut: cocotb's handle of the module, or of whatever has these ports.
    names: of the ports.
    prefix: what stands before each name in the design.
    clock: the name of the clock; the prefix does not go before it.

    Raises
    ------
    PinError
        If the design has no such port or no such clock.
    """

    def __init__(self, dut: Any, names: Iterable[str], *, prefix: str = "", clock: str = "clk") -> None:
        self._handles = {name: _handle(dut, prefix + name) for name in names}
        self.clock = _handle(dut, clock)

    def drive(self, **levels: int) -> None:
        """Levels from now on."""
        for name, level in levels.items():
            self._handles[name].value = int(level)

    def has(self, name: str) -> bool:
        """It is one of the ports."""
        return name in self._handles

    def level(self, name: str) -> int:
        """The level of a port now. Raises PinError if a bit of it is x or z."""
        value = self._handles[name].value
        try:
            return int(value)
        except ValueError:
            raise PinError(f"{name} is {value}: power_up(dut) drives all inputs") from None

    def levels(self) -> dict[str, int]:
        """The levels of all."""
        return {name: self.level(name) for name in self._handles}

    async def begin(self) -> None:
        """Behind a rising edge: at once if there has just been one, else behind the next."""
        if str(self.clock.value) != "1":
            await self.edge()

    async def settled(self) -> None:
        """What is driven in this cycle has settled."""
        await FallingEdge(self.clock)

    async def edge(self) -> None:
        """The end of this cycle: the next rising edge."""
        await RisingEdge(self.clock)


def _handle(dut: Any, name: str) -> Any:
    handle = getattr(dut, name, None)
    if handle is None:
        raise PinError(f"{dut._path} has no port {name!r}")
    return handle


def identify(dut: Any) -> tuple[str, Parameters]:
    """The block and the parameters of a module of the exported Verilog, from its name.

    Raises
    ------
    PinError
        If it is another module.
    """
    for name in (getattr(dut, "_def_name", ""), dut._name):
        try:
            return block_of_module(str(name))
        except InputError:
            continue
    raise PinError(f"{dut._path} is no module of irq13 verilog: give its parameters")


def parameters_for(dut: Any, parameters: Parameters | None) -> Parameters:
    """Those that are given, else those of the module's name. Raises PinError if that is none of irq13's.

    Parameters
    ----------
    dut : object
        cocotb's handle of the module; not looked at if `parameters` are given.
    parameters : Parameters or None
        Of the design.
    """
    return identify(dut)[1] if parameters is None else parameters


async def power_up(
    dut: Any,
    period: float = 10,
    unit: str = "ns",
    *,
    clock: str = "clk",
    pcs: Mapping[str, Parameters] | None = None,
) -> None:
    """Idle levels on every input, then the clock, then RESET for a cycle, for blocks that have one.

    Parameters
    ----------
    dut : object
        cocotb's handle of a module of the exported Verilog, or of a design around some.
    period : float
        Of the clock, in `unit`.
    unit : str
        As of `cocotb.clock.Clock`: "ns", "ps", "step" and so on.
    clock : str
        The name of the clock.
    pcs : mapping of str to Parameters, or None
        Those in a design of your own, by the prefix of their ports.

    Raises
    ------
    PinError
        If it is another module and `pcs` is not given, or lacks an input of one.
    """
    blocks = {"": identify(dut)} if pcs is None else {prefix: ("pc", one) for prefix, one in pcs.items()}
    cores = []
    for prefix, (block, parameters) in blocks.items():
        idle = idle_levels(block, parameters)
        cores.append(Pins(dut, idle, prefix=prefix, clock=clock))
        cores[-1].drive(**idle)
    handle = _handle(dut, clock)
    handle.value = 0
    await Timer(period, unit)  # pyright: ignore[reportArgumentType]
    resets = [core for core in cores if core.has("reset")]
    for core in resets:
        core.drive(reset=1)
    Clock(handle, period, unit).start()  # pyright: ignore[reportArgumentType]
    await RisingEdge(handle)
    if resets:
        await RisingEdge(handle)
    for core in resets:
        core.drive(reset=0)


def idle_levels(block: str, parameters: Parameters) -> Mapping[str, int]:
    """The level of each input of a block when nothing happens: active-low pins are 1.

    Parameters
    ----------
    block : str
        One of `hardware.verilog.BLOCKS`.
    parameters : Parameters
        Which it is made with.
    """
    ports = hdl.flat_ports(BLOCKS[block](parameters))
    return {
        port.name: port.value.init if isinstance(port.value, Signal) else 0 for port in ports if port.is_input
    }
