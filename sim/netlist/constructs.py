"""What may be in a netlist: flip-flops of one clock and cells with gates. All else is refused, by name."""

import re
from collections.abc import Mapping
from typing import Any

from ..support.errors import NetlistError

SYNCHRONOUS = ("$dff", "$dffe", "$sdff", "$sdffe", "$sdffce")
"""Flip-flops that change at the clock only."""
ASYNCHRONOUS = ("$adff", "$adffe")
"""Flip-flops with an asynchronous reset."""
STATE = (*SYNCHRONOUS, *ASYNCHRONOUS)
_REFUSED = {
    "$print": "Print is not supported: lanes have no text; watch an output of one bit in its place",
    "$check": "Assert, Assume and Cover are not supported: give the condition an output of one bit, and "
    "name it in `fail` or `watch`",
    "$dlatch": "a latch is not supported: lanes have edge-triggered flip-flops only",
    "$adlatch": "a latch is not supported: lanes have edge-triggered flip-flops only",
    "$dlatchsr": "a latch is not supported: lanes have edge-triggered flip-flops only",
    "$sr": "a latch is not supported: lanes have edge-triggered flip-flops only",
    "$ff": "a register without a clock is not supported",
    "$dffsr": "a flip-flop with asynchronous set and reset is not supported: use one of the two",
    "$dffsre": "a flip-flop with asynchronous set and reset is not supported: use one of the two",
    "$aldff": "an asynchronous load is not supported: load at the clock, or reset to a constant",
    "$aldffe": "an asynchronous load is not supported: load at the clock, or reset to a constant",
    "$tribuf": "a tri-state driver is not supported: make it an output and its enable",
    "$pow": "a power with a variable exponent is not supported",
}


def where(name: str, cell: dict[str, Any]) -> str:
    """Where in the source a cell comes from, FILE:LINE, or the cell's name if Yosys does not say.

    Parameters
    ----------
    name : str
        The cell's.
    cell : dict
        As Yosys's JSON has it.
    """
    return cell["attributes"].get("src", name)


def refuse(name: str, cell: dict[str, Any]) -> None:
    """Raises NetlistError for a cell that can be no gate and no flip-flop.

    Parameters
    ----------
    name : str
        The cell's, for the message.
    cell : dict
        As Yosys's JSON has it.
    """
    kind = cell["type"]
    if kind in _REFUSED:
        raise NetlistError(f"{where(name, cell)}: {_REFUSED[kind]}")
    if not kind.startswith("$"):
        raise NetlistError(
            f"{where(name, cell)}: an Instance of {kind} ({name.removeprefix('core.')}) is not supported: "
            "what is in it is not known; put an elaboratable in its place"
        )
    if kind.startswith(("$any", "$all", "$initstate", "$assert", "$assume", "$live", "$fair", "$cover")):
        raise NetlistError(f"{where(name, cell)}: {kind[1:]}, for formal proofs, is not supported")


def one_clock(module: Mapping[str, Any], cells: Mapping[str, dict[str, Any]]) -> tuple[int | str | None, str]:
    """The net that clocks every flip-flop, and its domain; None and "sync" without any flip-flop.

    Parameters
    ----------
    module : mapping
        As `sources` gives it: its ports, its nets' names and perhaps `domains`.
    cells : mapping of str to dict
        Its cells by name, as Yosys's JSON has them.

    Raises
    ------
    NetlistError
        If there are several, or one that comes from logic, or one of falling edges.
    """
    names = _net_names(module)
    inputs = {name: port["bits"] for name, port in module["ports"].items() if port["direction"] == "input"}
    clocks = module.get("domains", inputs)
    given = {bits[0] for name, bits in inputs.items() if len(bits) == 1 and name in clocks}
    clock: int | str | None = None
    for name, cell in cells.items():
        if cell["type"] not in STATE:
            continue
        (bit,) = cell["connections"]["CLK"]
        if not parameters_of(cell)["CLK_POLARITY"]:
            raise NetlistError(
                f"{where(name, cell)}: clocked by a falling edge, which is not supported: "
                "use the rising edge of the one clock"
            )
        if bit not in given:
            domain = _domain(names.get(bit, "?"))
            raise NetlistError(
                f"{where(name, cell)}: the clock of the domain {domain!r} comes from logic "
                "or a port, which is not supported: EnableInserter does what a gated clock does"
            )
        if clock is None:
            clock = bit
        if bit != clock:
            one, other = sorted((_domain(names.get(clock, "?")), _domain(names.get(bit, "?"))))
            into = "sync" if "sync" in (one, other) else one
            renamed = other if into == one else one
            raise NetlistError(
                f"{where(name, cell)}: several clocks, of the domains {one!r} and {other!r}, are not "
                f"supported: DomainRenamer({{{renamed!r}: {into!r}}}) makes them one"
            )
    return clock, "sync" if clock is None else _domain(names[clock])


def not_as_data(
    module: Mapping[str, Any], cells: Mapping[str, dict[str, Any]], clocks: set[int | str]
) -> None:
    """Raises NetlistError if a clock is read as a level: in lanes it has none.

    Parameters
    ----------
    module : mapping
        As `sources` gives it.
    cells : mapping of str to dict
        Its cells by name, as Yosys's JSON has them.
    clocks : set of int or str
        The nets of the clocks.
    """
    for name, cell in cells.items():
        for port, bits in cell["connections"].items():
            data = port != "CLK" and cell["port_directions"][port] == "input"
            if data and not clocks.isdisjoint(bits):
                raise NetlistError(f"{where(name, cell)}: a clock that is read as a level is not supported")
    for name, port in module["ports"].items():
        if port["direction"] != "input" and not clocks.isdisjoint(port["bits"]):
            raise NetlistError(f"output {name}: a clock that is an output is not supported")


def _net_names(module: Mapping[str, Any]) -> dict[int | str | None, str]:
    """A name for each net: of several that of a clock, and of those the shortest."""
    names: dict[int | str | None, str] = {}

    def rank(item: tuple[str, Any]) -> tuple[bool, int, str]:
        return item[0].endswith("clk"), -len(item[0]), item[0]

    for name, wire in sorted(module["netnames"].items(), key=rank):
        names |= dict.fromkeys(wire["bits"], name)
    return names


def _domain(clock: str) -> str:
    """The clock domain by its clock's name: usb_clk is that of usb, and clk that of sync."""
    leaf = clock.rpartition(".")[2]
    return "sync" if leaf == "clk" else leaf.removesuffix("_clk")


def domain_resets(module: Mapping[str, Any], clocks: set[str]) -> list[str]:
    """The resets of an Amaranth design's domains: of `sync`, and of those that nobody made in the design.

    Parameters
    ----------
    module : mapping
        As `sources` gives it; without `domains`, as from Verilog, there are none.
    clocks : set of str
        The names of the inputs that are clocks.
    """
    domains = module.get("domains", ())
    return [name for name in domains if name == "rst" or re.sub(r"rst$", "clk", name) in clocks - {name}]


def unread(module: Mapping[str, Any], cells: Mapping[str, dict[str, Any]]) -> set[str]:
    """Those clocks and resets of an Amaranth design, but that of `sync`, that nothing reads.

    Parameters
    ----------
    module : mapping
        As `sources` gives it; without `domains` there are none.
    cells : mapping of str to dict
        Its cells by name, as Yosys's JSON has them.
    """
    read = {
        bit
        for cell in cells.values()
        for port, bits in cell["connections"].items()
        if cell["port_directions"][port] == "input"
        for bit in bits
    }
    read |= {
        bit for port in module["ports"].values() if port["direction"] == "output" for bit in port["bits"]
    }
    return {
        name
        for name in module.get("domains", ())
        if name != "rst" and read.isdisjoint(module["ports"][name]["bits"])
    }


def parameters_of(cell: dict[str, Any]) -> dict[str, int]:
    """The parameters of a cell that are numbers; bits that Yosys leaves open are 0."""
    return {
        name: int(re.sub("[xz]", "0", value) or "0", 2) if isinstance(value, str) else value
        for name, value in cell["parameters"].items()
        if not isinstance(value, str) or re.fullmatch("[01xz]*", value)
    }
