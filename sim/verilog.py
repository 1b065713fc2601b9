"""The design as Verilog-2001, for other people's flows: one flat module, with the files that go with it.

Ports have the names of the datasheets; a structure gives a port for each of its fields. The interface
comment says what each port is and what happens in which cycle.
"""

import inspect
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from amaranth.back import rtlil
from amaranth.hdl import ClockDomain, Elaboratable, Module, Signal, Value
from amaranth.lib import data
from amaranth.lib.wiring import Component, In

from .. import hdl
from ..model.registers import Parameters
from .files import replacing
from .yosys import run_yosys

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

_WHOLE = ("flags", "masks", "raises", "raised")
"""Structures that stay one port: registers of the x87."""


class Port(NamedTuple):
    """A port of the flat module."""

    name: str
    is_input: bool
    signal: Signal
    value: Value
    """What it stands for in the component."""


class Flat(Elaboratable):
    """A component under flat names, without a reset of its clock domain.

    Attributes
    ----------
    ports: in the order of the component's signature.
    """

    def __init__(self, component: Component) -> None:
        self._component = component
        self.clock = ClockDomain("sync", reset_less=True)
        self.ports = list(_ports(component))

    def elaborate(self, platform) -> Module:
        m = Module()
        m.domains.sync = self.clock
        m.submodules.core = self._component
        for port in self.ports:
            m.d.comb += port.value.eq(port.signal) if port.is_input else port.signal.eq(port.value)
        return m


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
        raise ValueError(f"no block {block!r}: expected one of {', '.join(BLOCKS)}")
    name = f"irq13_{block}"
    component = BLOCKS[block](parameters)
    flat = Flat(component)
    header = _comment(name, component, parameters)
    files = {
        f"{name}.v": header + _verilog(name, flat),
        f"{name}.core": _core(name),
        f"{name}_template.v": _verilog_template(name, flat.ports),
        f"{name}_template.vhd": _vhdl_template(name, flat.ports),
    }
    return Export(name, files)


def write(exported: Export, folder: Path) -> list[Path]:
    """The files, each whole or not at all. Raises OSError."""
    for name, text in exported.files.items():
        with replacing(folder / name) as file:
            file.write(text)
    return [folder / name for name in exported.files]


def _ports(component: Component) -> Iterator[Port]:
    for path, member, value in component.signature.flatten(component):
        name = "_".join(str(part) for part in path if part != "payload")
        for suffix, part in _fields(name, value):
            signal = Signal(len(part), name=name + suffix)
            yield Port(name + suffix, member.flow is In, signal, part)


def _fields(name: str, value: Any) -> Iterator[tuple[str, Value]]:
    """The fields of a structure; anything else is one value."""
    if isinstance(value, data.View) and name.rpartition("_")[2] not in _WHOLE:
        for field, _ in data.Layout.cast(value.shape()):
            yield f"_{field}", Value.cast(value[field])
    else:
        yield "", Value.cast(value)


def _verilog(name: str, flat: Flat) -> str:
    ports = [flat.clock.clk, *(port.signal for port in flat.ports)]
    text = rtlil.convert(flat, name=name, ports=ports)
    attributes = "-remove generator -remove top -remove src -remove amaranth.hierarchy -remove amaranth.decoding"
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


def _comment(name: str, component: Component, parameters: Parameters) -> str:
    lines = [f"{name}: {component.__class__.__name__}", "", *inspect.cleandoc(component.__doc__ or "").splitlines()]
    lines += ["", f"Generated for {parameters}", "", *CONTRACT.splitlines()]
    return "".join(f"// {line}".rstrip() + "\n" for line in lines) + "\n"


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


def _verilog_template(name: str, ports: list[Port]) -> str:
    width = max(len(port.name) for port in ports)
    nets = "".join(f"wire {_range(port)}{port.name};\n" for port in ports)
    pins = ",\n".join(f"    .{port.name:<{width}}({port.name})" for port in [*ports])
    return f"{nets}\n{name} {name}_i (\n    .{'clk':<{width}}(clk),\n{pins}\n);\n"


def _range(port: Port) -> str:
    return f"[{len(port.signal) - 1}:0] " if len(port.signal) > 1 else ""


def _vhdl_template(name: str, ports: list[Port]) -> str:
    width = max(len(port.name) for port in ports)

    def kind(port: Port) -> str:
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
    {'clk':<{width}} => clk,
{mapped}
  );
"""
