"""Any Amaranth component as a netlist: Amaranth's RTLIL, Yosys, and the gate library of `gates`.

A memory, a latch, a second clock or a negative edge is refused.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from amaranth.back import rtlil  # pyright: ignore[reportAttributeAccessIssue]
from amaranth.hdl import CombinationalCycle
from amaranth.lib.wiring import Component

from ..support.errors import NetlistError
from ..tools.yosys import run_yosys
from .cells import Cell, evaluate
from .flat import Flat
from .gates import FALSE, TRUE
from .netlist import Netlist, Register


def lower(
    component: Component,
    tie: Mapping[str, int] = {},
    *,
    free: Sequence[str] = (),
    domain_reset: bool = False,
) -> Netlist:
    """A component as a netlist. Ports have the flat names of `hdl.flat_ports`.

    Parameters
    ----------
    tie: inputs that have one value for ever, and are none any more.
    free: registers that lanes are given of their own before the first cycle.
    domain_reset: the clock domain's own reset is an input `rst`; otherwise there is none, and flip-flops
        begin with their initial values.

    Raises
    ------
    NetlistError
        For a memory, a latch, more than one clock, a combinational loop (through words, even
        where no bit of them depends on itself), or a cell without gates.
    """
    flat = Flat(component, domain_reset=domain_reset)
    domain = [flat.clock.clk, *([flat.clock.rst] if flat.clock.rst is not None else [])]
    try:
        text = rtlil.convert(flat, name="top", ports=[*domain, *(port.signal for port in flat.ports)])
    except CombinationalCycle as error:
        where = re.findall(r"^  (\S+:\d+): ", str(error), re.M)
        raise NetlistError(f"{where[0] if where else 'the design'}: a combinational loop") from None
    script = f"read_rtlil <<rtlil\n{text}\nrtlil\nhierarchy -top top\nproc\nflatten\nopt_clean\nwrite_json\n"
    module = json.loads(run_yosys(script))["modules"]["top"]
    return _Lowering(module, tie).netlist.settled(free)


class _Lowering:
    """A module of Yosys's JSON on its way to gates."""

    def __init__(self, module: dict[str, Any], tie: Mapping[str, int]) -> None:
        self.netlist = Netlist()
        self._graph = self.netlist.graph
        self._cells = {name: cell for name, cell in module["cells"].items() if cell["type"] != "$scopeinfo"}
        self._literals: dict[int | str, int] = {"0": FALSE, "1": TRUE, "x": FALSE}
        self._clock: int | str | None = None
        self._declare(module, tie)
        self._place_registers(module)
        self._place_gates()
        self.netlist.outputs = {
            name: self._word(port["bits"])
            for name, port in module["ports"].items()
            if port["direction"] == "output"
        }

    def _declare(self, module: dict[str, Any], tie: Mapping[str, int]) -> None:
        inputs = {
            name: port["bits"] for name, port in module["ports"].items() if port["direction"] == "input"
        }
        for name in tie:
            if name not in inputs:
                raise NetlistError(f"no input {name!r} to tie: expected one of {', '.join(inputs)}")
        for name, bits in inputs.items():
            if name == "clk":
                self._clock = bits[0]
                continue
            word = [
                (tie[name] >> place) & 1 if name in tie else self._graph.variable()
                for place in range(len(bits))
            ]
            self._literals |= dict(zip(bits, word, strict=True))
            if name not in tie:
                self.netlist.inputs[name] = word

    def _place_registers(self, module: dict[str, Any]) -> None:
        """A variable for each flip-flop; what it takes at the edge is not known yet."""
        names = _names(module)
        inits = _initial_values(module)
        self._flip_flops = []
        for name, cell in self._cells.items():
            if not cell["type"].startswith(("$dff", "$adff")):
                _refuse_state(name, cell)
                continue
            parameters = _parameters(cell)
            if cell["connections"]["CLK"][0] != self._clock or not parameters["CLK_POLARITY"]:
                raise NetlistError(
                    f"{_where(name, cell)}: clocked by something else than the one rising clock"
                )
            for place, bit in enumerate(cell["connections"]["Q"]):
                output = self._graph.variable()
                self._literals[bit] = output
                self._flip_flops.append(
                    (names.get(bit, (name, place)), output, cell, place, inits.get(bit, 0))
                )

    def _place_gates(self) -> None:
        """Cells in an order in which each follows what it reads; then what each flip-flop takes."""
        drivers = {
            bit: name
            for name, cell in self._cells.items()
            if not cell["type"].startswith(("$dff", "$adff"))
            for bit in cell["connections"].get("Y", [])
        }
        state: dict[str, bool] = {}
        for start in self._cells:
            stack = [start]
            while stack:
                name = stack[-1]
                if name not in state and not self._cells[name]["type"].startswith(("$dff", "$adff")):
                    state[name] = False
                    waits = {drivers[bit] for bit in self._read(name) if bit in drivers}
                    if any(state.get(one) is False for one in waits):
                        raise NetlistError(
                            f"{_where(name, self._cells[name])}: a loop through parts of words"
                        )
                    stack += [one for one in waits if one not in state]
                    continue
                stack.pop()
                if state.get(name) is False:
                    state[name] = True
                    self._place(name)
        self.netlist.registers = sorted(
            Register(name, bit, output, self._next(output, cell, place), init)
            for (name, bit), output, cell, place, init in self._flip_flops
        )

    def _read(self, name: str) -> list[int | str]:
        cell = self._cells[name]
        return [
            bit
            for port, bits in cell["connections"].items()
            if cell["port_directions"][port] == "input"
            for bit in bits
        ]

    def _place(self, name: str) -> None:
        cell = self._cells[name]
        inputs = {port: self._word(bits) for port, bits in cell["connections"].items() if port != "Y"}
        try:
            word = evaluate(Cell(self._graph, cell["type"], _parameters(cell), inputs))
        except NetlistError as error:
            raise NetlistError(f"{_where(name, cell)}: {error}") from None
        self._literals |= dict(zip(cell["connections"]["Y"], word, strict=True))

    def _next(self, output: int, cell: dict[str, Any], place: int) -> int:
        """What a flip-flop takes. An enable keeps the value; an asynchronous reset acts at the edge."""
        graph, parameters = self._graph, _parameters(cell)
        (value,) = self._word(cell["connections"]["D"][place : place + 1])
        if "EN" in cell["connections"]:
            (enable,) = self._word(cell["connections"]["EN"])
            value = graph.mux(enable ^ (not parameters["EN_POLARITY"]), value, output)
        if "ARST" in cell["connections"]:
            (reset,) = self._word(cell["connections"]["ARST"])
            constant = parameters["ARST_VALUE"] >> place & 1
            value = graph.mux(reset ^ (not parameters["ARST_POLARITY"]), constant, value)
        return value

    def _word(self, bits: list[int | str]) -> list[int]:
        try:
            return [self._literals[bit] for bit in bits]
        except KeyError:
            # Nothing drives it: Yosys calls it x, and a simulator of two values 0.
            return [self._literals.get(bit, FALSE) for bit in bits]


def _parameters(cell: dict[str, Any]) -> dict[str, int]:
    return {
        name: int(value.replace("x", "0") or "0", 2) if isinstance(value, str) else value
        for name, value in cell["parameters"].items()
    }


def _names(module: dict[str, Any]) -> dict[int | str, tuple[str, int]]:
    """The name and the place of each wire's bits; of several names the one with an initial value."""
    names: dict[int | str, tuple[str, int]] = {}
    wires = sorted(module["netnames"].items(), key=lambda item: "init" in item[1]["attributes"])
    for name, wire in wires:
        for place, bit in enumerate(wire["bits"]):
            names[bit] = name.removeprefix("core."), place
    return names


def _initial_values(module: dict[str, Any]) -> dict[int | str, int]:
    values: dict[int | str, int] = {}
    for wire in module["netnames"].values():
        init = wire["attributes"].get("init")
        if init is not None:
            values |= {
                bit: int(value == "1") for bit, value in zip(wire["bits"], reversed(init), strict=False)
            }
    return values


def _where(name: str, cell: dict[str, Any]) -> str:
    """Where in the source a cell comes from."""
    return cell["attributes"].get("src", name)


def _refuse_state(name: str, cell: dict[str, Any]) -> None:
    kind = cell["type"]
    if kind.startswith("$mem"):
        raise NetlistError(f"{_where(name, cell)}: a memory; lanes have flip-flops only")
    if "latch" in kind or kind.startswith(("$sr", "$ff")):
        raise NetlistError(f"{_where(name, cell)}: a latch or an unclocked register ({kind})")
