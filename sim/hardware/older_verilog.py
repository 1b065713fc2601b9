"""The blocks of the PCs before the 486 as Verilog-2001, with templates; `verilog` has the later ones."""

from collections.abc import Callable, Mapping
from typing import Any

from ...hdl import older as design
from ...model.older import OlderMachine, OlderParameters
from ..netlist.flat import Flat
from ..support.errors import InputError
from .languages import systemverilog, verilog_template, vhdl_package, vhdl_template
from .parameters import OLDER_BLOCK_NAMES, suffix_of
from .verilog import LANGUAGES, Export, header_comment, verilog_of

_MAKERS: Mapping[str, Callable[[OlderParameters], Any]] = {
    "pc": design.OlderPc,
    "npx": design.Npx,
    "waits": design.Waits,
    "at_latch": lambda parameters: design.AtLatch(),
    "xt_nmi": design.XtNmi,
}
OLDER_BLOCKS = {name: _MAKERS[name] for name in OLDER_BLOCK_NAMES}
"""What can be written, by name."""
CONTRACT = """\
One clock. A signal "in cycle n" is its settled value before rising edge n+1.

  cause in cycle n                                       effect
  an instruction is presented                            ready, hold, mf, nm: same cycle
  it executes                                            flags, masks, es, error, int_: n+1
  arithmetic, FLDCW, FLDENV, FRSTOR execute              npx_busy: n+1 to n+npx_cycles
  error rises                                            latch = 1: n+1; intr: n+3
  write to port F0h (PC98: F8h), RESET                   latch = 0: n+1, also against an edge in n
  latch, npx_busy, or int_ of an 8087                    busy: same cycle
  write to port A0h (XT8087)                             nmi_enable: n+1
  int_, parity or iochk, with nmi_enable                 nmi: same cycle

There is no reset of the clock domain: flip-flops begin with their initial values, and `reset` is RESET."""


def export_older(block: str, parameters: OlderParameters, language: str = "verilog") -> Export:
    """A block of an older machine as Verilog, with templates in Verilog and VHDL.

    Parameters
    ----------
    block : str
        One of `blocks_of(parameters)`.
    parameters : OlderParameters
        Of the machine.
    language : str
        One of LANGUAGES: `systemverilog` adds a package and an interface, `vhdl` a package.

    Raises
    ------
    InputError
        For a block that the machine does not have, or a language that does not exist.
    ToolError
        If Yosys fails.
    """
    blocks = blocks_of(parameters)
    if block not in blocks:
        machine = parameters.machine.value
        raise InputError(f"no block {block!r} on {machine}: expected one of {', '.join(blocks)}")
    if language not in LANGUAGES:
        raise InputError(f"no language {language!r}: expected one of {', '.join(LANGUAGES)}")
    name = f"irq13_{block}_{suffix_of(parameters)}"
    flat = Flat(OLDER_BLOCKS[block](parameters))
    header = header_comment(name, flat, parameters, CONTRACT)
    files = {f"{name}.v": f"{header}{verilog_of(name, flat)}/* verilator lint_restore */\n"}
    if language == "systemverilog":
        files[f"{name}.sv"] = systemverilog(name, flat.ports)
    if language == "vhdl":
        files[f"{name}_pkg.vhd"] = vhdl_package(name, flat.ports)
    files[f"{name}_template.v"] = verilog_template(name, flat.ports)
    files[f"{name}_template.vhd"] = vhdl_template(name, flat.ports)
    return Export(name, files)


def blocks_of(parameters: OlderParameters) -> list[str]:
    """Those that the machine has."""
    missing = set() if parameters.has_latch else {"at_latch"}
    missing |= set() if parameters.machine is OlderMachine.XT8087 else {"xt_nmi"}
    return [name for name in OLDER_BLOCKS if name not in missing]
