"""The design as Verilog-2001, for other people's flows: one flat module, with the files that go with it.

Ports have the names of the datasheets; a structure gives a port for each of its fields. The interface
comment says what each port is and what happens in which cycle.
"""

import errno
import re
import textwrap
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from amaranth.back import rtlil  # pyright: ignore[reportAttributeAccessIssue]

from ... import hdl
from ...hdl.bus import AxiLiteBridge, IsaBridge, WishboneBridge
from ...model.registers import Family, Operation, Parameters, Wiring
from ..netlist.flat import Flat
from ..support.errors import InputError
from ..support.files import replacing
from ..timing.contract import contract_text
from ..tools.yosys import run_yosys
from .fusesoc import cocotb_test, core_file
from .languages import systemverilog, verilog_template, vhdl_package, vhdl_template
from .parameters import BLOCK_NAMES, suffix_of
from .register_map import BRIDGES, register_files

_MAKERS: Mapping[str, Any] = {
    "pc": lambda parameters: hdl.Pc(parameters),
    "processor": lambda parameters: hdl.Processor(parameters),
    "reporting": lambda parameters: hdl.Reporting(parameters),
    "x87": lambda parameters: hdl.X87(),
    "msr": lambda parameters: hdl.MsrFile(parameters),
    "chipset": lambda parameters: hdl.Chipset(parameters),
    "pic": lambda parameters: hdl.Pic(),
    "isa": lambda parameters: IsaBridge(),
    "wishbone": lambda parameters: WishboneBridge(),
    "axilite": lambda parameters: AxiLiteBridge(),
}
BLOCKS: Mapping[str, Any] = {name: _MAKERS[name] for name in BLOCK_NAMES}
"""What can be written, by name."""

_LINT = """\
// Yosys writes constants in as few bits as they need, and decoders as overlapping cases in order. What a
// generation does not look at is a port all the same.
/* verilator lint_save */
/* verilator lint_off WIDTH */
/* verilator lint_off CASEOVERLAP */
/* verilator lint_off UNUSEDSIGNAL */
"""
_INITIAL = re.compile(r"^(  reg (?:\[\d+:\d+\] )?)(\S+ ?) = (\S+);$", re.MULTILINE)
"""A flip-flop with its initial value, which Verilator wants apart (PROCASSINIT)."""
_PARALLEL = re.compile(r"^( *)(case.*?) // synopsys parallel_case$", re.MULTILINE)
"""What Yosys says in a comment, and Verilog-2001 in an attribute."""
LANGUAGES = ("verilog", "systemverilog", "vhdl")
"""Languages of the design that the block goes into."""


class Export(NamedTuple):
    """What is written for a block, by file name."""

    name: str
    files: dict[str, str]


def export(block: str, parameters: Parameters, language: str = "verilog") -> Export:
    """A block as Verilog, with its FuseSoC core file and templates.

    Its module, files and core are called after the block, the generation, and what is not at its default, so
    that two of them can stand in one design.

    Parameters
    ----------
    block : str
        One of BLOCKS.
    parameters : Parameters
    language : str
        Of the design that it goes into: `systemverilog` adds a package and an interface, `vhdl` a package.

    Raises
    ------
    InputError
        For a block or a language that does not exist, and for a bridge in a PC-98.
    ToolError
        If Yosys fails.
    """
    if block not in BLOCKS:
        raise InputError(f"no block {block!r}: expected one of {', '.join(BLOCKS)}")
    if language not in LANGUAGES:
        raise InputError(f"no language {language!r}: expected one of {', '.join(LANGUAGES)}")
    if block in BRIDGES and parameters.wiring is not Wiring.AT:
        raise InputError(
            f"{block} has the registers of a PC/AT: expected wiring=AT, not {parameters.wiring.value}"
        )
    name = f"irq13_{block}_{suffix_of(parameters)}"
    flat = Flat(BLOCKS[block](parameters))
    header = header_comment(name, flat, parameters, contract_text())
    more = {}
    if language == "systemverilog":
        more[f"{name}.sv"] = systemverilog(name, flat.ports)
    if language == "vhdl":
        more[f"{name}_pkg.vhd"] = vhdl_package(name, flat.ports)
    files = {
        f"{name}.v": f"{header}{verilog_of(name, flat)}/* verilator lint_restore */\n",
        **more,
        f"{name}.core": core_file(name, block, parameters, list(more)),
        f"{name}_test.py": cocotb_test(name),
        **register_files(name, block),
        f"{name}_template.v": verilog_template(name, flat.ports),
        f"{name}_template.vhd": vhdl_template(name, flat.ports),
    }
    return Export(name, files)


def write_verilog(exported: Export, folder: Path, *, force: bool = False) -> list[Path]:
    """The files, each whole or not at all.

    Parameters
    ----------
    exported : Export
        What `export` or `export_older` gave.
    folder : Path
        It has to be there.
    force : bool
        Replace files that are there already and differ.

    Raises
    ------
    FileExistsError
        If one of them is there already with another text, and `force` is not given; nothing is written.
    OSError
        As of the file system.
    """
    paths = {folder / name: text for name, text in exported.files.items()}
    for path, text in paths.items():
        if not force and path.exists() and path.read_bytes() != text.encode("utf-8"):
            why = "is there already, with another text (--force replaces it)"
            raise FileExistsError(errno.EEXIST, why, str(path))
    for path, text in paths.items():
        with replacing(path) as file:
            file.write(text)
    return list(paths)


def verilog_of(name: str, flat: Flat) -> str:
    """A design as one flat Verilog-2001 module. Raises ToolError if Yosys fails.

    Parameters
    ----------
    name : str
        Of the module.
    flat : Flat
        The design; its ports and `clk` are the module's.
    """
    ports = [flat.clock.clk, *(port.signal for port in flat.ports)]
    text = rtlil.convert(flat, name=name, ports=ports)
    kinds = ("generator", "top", "src", "amaranth.hierarchy", "amaranth.decoding")
    attributes = " ".join(f"-remove {kind}" for kind in kinds)
    script = f"""
read_rtlil <<rtlil
{text}
rtlil
hierarchy -top {name}
proc
flatten -separator _
opt_clean -purge
attrmap {attributes}
attrmap -modattr {attributes}
write_verilog -noattr
"""
    text = _INITIAL.sub(r"\1\2;\n  initial \2 = \3;", run_yosys(script))
    return _PARALLEL.sub(r"\1(* parallel_case *)\n\1\2", text)


def header_comment(name: str, flat: Flat, parameters: Any, contract: str) -> str:
    """Ports with widths, what they are, the values of enumerations, and the cycle contract.

    Parameters
    ----------
    name : str
        Of the module.
    flat : Flat
        The design, for its ports.
    parameters : Parameters or OlderParameters
        What the module was generated for.
    contract : str
        Lines that end the comment.
    """
    width = max(len(port.name) for port in flat.ports)
    lines = [
        *textwrap.wrap(f"{name}: generated for {_text_of(parameters)}", 107),
        "",
        f"  {'clk':<{width}}  in    1  the clock",
    ]
    for port in flat.ports:
        direction = "in " if port.is_input else "out"
        start = f"  {port.name:<{width}}  {direction}  {len(port.signal):>2}  "
        lines += textwrap.wrap(f"{start}{port.says}", 107, subsequent_indent=" " * len(start))
    if any(port.name.endswith("code") and len(port.signal) == 5 for port in flat.ports):
        lines += ["", "Operation codes", *(f"  {code.value:>2}  {code.name}" for code in Operation)]
        lines += ["Families", *(f"  {family.value:>2}  {family.name}" for family in Family)]
    lines += ["", *contract.splitlines()]
    comment = "".join(f"// {line}".rstrip() + "\n" for line in lines)
    return f"`timescale 1ns / 1ps\n{comment}\n{_LINT}\n"


def _text_of(parameters: Any) -> str:
    values = asdict(parameters).items()
    return ", ".join(f"{name} {getattr(value, 'value', value)}" for name, value in values)
