"""The design as Verilog-2001, for other people's flows: one flat module, with the files that go with it.

Ports have the names of the datasheets; a structure gives a port for each of its fields. The interface
comment says what each port is and what happens in which cycle.
"""

import textwrap
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from amaranth.back import rtlil  # pyright: ignore[reportAttributeAccessIssue]

from ... import hdl
from ...model.registers import Family, Operation, Parameters
from ..netlist.flat import Flat
from ..support.errors import InputError
from ..support.files import replacing
from ..tools.yosys import run_yosys

BLOCKS: Mapping[str, Any] = {
    "pc": lambda parameters: hdl.Pc(parameters),
    "processor": lambda parameters: hdl.Processor(parameters),
    "reporting": lambda parameters: hdl.Reporting(parameters),
    "x87": lambda parameters: hdl.X87(),
    "msr": lambda parameters: hdl.MsrFile(parameters),
    "chipset": lambda parameters: hdl.Chipset(parameters),
    "pic": lambda parameters: hdl.Pic(),
}
"""What can be written, by name."""

CONTRACT = """\
One clock. A signal "in cycle n" is its settled value before rising edge n+1.

  cause in cycle n                                       effect
  an operation is presented                              ready, freeze, mf, nm, ud, vmexit: same cycle
  it executes                                            flags, masks, es: n+1
  es = 1, immediate, allowed, not gated                  ferr_n = 0: n+1
  a waiting operation freezes or takes #MF (deferred)    ferr_n = 0: n+1
  es = 0                                                 ferr_n = 1: n+1
  ignne_n changes                                        in effect: n+2 (synchroniser stages)
  MSR request accepted                                   response, new value in effect: n+1
  ferr_n falls                                           irq13 = 1: n+1; intr: n+3
  write to port F0h                                      irq13 = 0, ignne_n = 0 if ferr_n = 0: n+1
  ferr_n = 1                                             ignne_n = 1: same cycle
  a no-wait operation opens its window of w (I486)       ferr_n = 0: n+1 to n+w; it executes in n+w

There is no reset of the clock domain: flip-flops begin with their initial values, and `reset` is RESET."""

_LINT = """\
// Yosys writes constants in as few bits as they need, and decoders as overlapping cases in order.
/* verilator lint_off WIDTH */
/* verilator lint_off CASEOVERLAP */
"""


class Export(NamedTuple):
    """What is written for a block, by file name."""

    name: str
    files: dict[str, str]


def export(block: str, parameters: Parameters) -> Export:
    """Verilog, FuseSoC core and instantiation templates of a block.

    Raises
    ------
    ValueError
        For a block that does not exist.
    ToolError
        If Yosys fails.
    """
    if block not in BLOCKS:
        raise InputError(f"no block {block!r}: expected one of {', '.join(BLOCKS)}")
    name = f"irq13_{block}"
    flat = Flat(BLOCKS[block](parameters))
    header = _comment(name, flat, parameters)
    files = {
        f"{name}.v": header + verilog_of(name, flat),
        f"{name}.core": _core(name),
        f"{name}_template.v": _verilog_template(name, flat.ports),
        f"{name}_template.vhd": _vhdl_template(name, flat.ports),
    }
    return Export(name, files)


def write_verilog(exported: Export, folder: Path) -> list[Path]:
    """The files, each whole or not at all. Raises OSError."""
    for name, text in exported.files.items():
        with replacing(folder / name) as file:
            file.write(text)
    return [folder / name for name in exported.files]


def verilog_of(name: str, flat: Flat) -> str:
    """A design as one flat Verilog-2001 module. Raises ToolError if Yosys fails."""
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
    return run_yosys(script)


def _comment(name: str, flat: Flat, parameters: Parameters) -> str:
    """Ports with widths, what they are, the values of enumerations, and the cycle contract."""
    width = max(len(port.name) for port in flat.ports)
    lines = [f"{name}: generated for {_text_of(parameters)}", "", f"  {'clk':<{width}}  in    1  the clock"]
    for port in flat.ports:
        direction = "in " if port.is_input else "out"
        start = f"  {port.name:<{width}}  {direction}  {len(port.signal):>2}  "
        lines += textwrap.wrap(f"{start}{port.says}", 107, subsequent_indent=" " * len(start))
    if any(port.name.endswith("code") and len(port.signal) == 5 for port in flat.ports):
        lines += ["", "Operation codes", *(f"  {code.value:>2}  {code.name}" for code in Operation)]
        lines += ["Families", *(f"  {family.value:>2}  {family.name}" for family in Family)]
    lines += ["", *CONTRACT.splitlines()]
    comment = "".join(f"// {line}".rstrip() + "\n" for line in lines)
    return f"{comment}\n{_LINT}\n"


def _text_of(parameters: Parameters) -> str:
    values = asdict(parameters).items()
    return ", ".join(f"{name} {getattr(value, 'value', value)}" for name, value in values)


def _core(name: str) -> str:
    """FuseSoC's description of the block (CAPI2)."""
    return f"""CAPI=2:
name: ::{name}:0.1.0
description: How an x86 processor reports a floating-point error

filesets:
  rtl:
    files:
      - {name}.v
    file_type: verilogSource

targets:
  default: &default
    filesets: [rtl]
  lint:
    <<: *default
    default_tool: verilator
    toplevel: {name}
    tools:
      verilator:
        mode: lint-only
"""


def _verilog_template(name: str, ports: list[hdl.Port]) -> str:
    width = max(len(port.name) for port in ports)
    nets = "".join(f"wire {_range(port)}{port.name};\n" for port in ports)
    pins = ",\n".join(f"    .{port.name:<{width}}({port.name})" for port in [*ports])
    return f"{nets}\n{name} {name}_i (\n    .{'clk':<{width}}(clk),\n{pins}\n);\n"


def _range(port: hdl.Port) -> str:
    return f"[{len(port.signal) - 1}:0] " if len(port.signal) > 1 else ""


def _vhdl_template(name: str, ports: list[hdl.Port]) -> str:
    width = max(len(port.name) for port in ports)

    def kind(port: hdl.Port) -> str:
        size = len(port.signal)
        return "std_logic" if size == 1 else f"std_logic_vector({size - 1} downto 0)"

    declared = ";\n".join(
        f"    {port.name:<{width}} : {'in ' if port.is_input else 'out'} {kind(port)}" for port in ports
    )
    signals = "".join(f"signal {port.name:<{width}} : {kind(port)};\n" for port in ports)
    mapped = ",\n".join(f"    {port.name:<{width}} => {port.name}" for port in ports)
    clock = f"    {'clk':<{width}} : in  std_logic;\n"
    return f"""component {name} is
  port (
{clock}{declared}
  );
end component;

{signals}
{name}_i : {name}
  port map (
    {"clk":<{width}} => clk,
{mapped}
  );
"""
