"""FuseSoC's description of a block (CAPI2)."""

from collections.abc import Sequence
from importlib.metadata import version

_TYPES = {"sv": "systemVerilogSource", "vhd": "vhdlSource"}


def core_file(name: str, more: Sequence[str] = ()) -> str:
    """The core of a block.

    Parameters
    ----------
    name : str
        Of module and file.
    more : sequence of str
        Sources in other languages that go with it.
    """
    others = "".join(f"      - {file}: {{file_type: {_TYPES[file.rpartition('.')[2]]}}}\n" for file in more)
    return f"""CAPI=2:
name: ::{name}:{version("irq13")}
description: How an x86 processor reports a floating-point error

filesets:
  rtl:
    files:
      - {name}.v: {{file_type: verilogSource}}
{others}
targets:
  default: &default
    filesets: [rtl]
    toplevel: {name}
  lint:
    <<: *default
    flow: lint
    flow_options:
      tool: verilator
      verilator_options: [-Wall]
"""
