"""Does a change of the netlist change what the machine does? ABC decides, by property directed reachability.

Both netlists run side by side on the same inputs, from the state in which every register is 0. ABC finds
inputs after which an output differs, or proves that there are none (Een, Mishchenko, Brayton: Efficient
Implementation of Property Directed Reachability, FMCAD 2011).
"""

import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from ...model.registers import Family, Operation
from ..support.errors import ToolError
from ..tools.yosys import FULL, last_line, run_yosys
from .mutated import PC_PORTS, Ports

ABC_NAMES = ("berkeley-abc", "yosys-abc")
"""Debian's program, and the one that comes with an installed Yosys."""
LIMIT = 100
"""Seconds that ABC may take."""


class Equivalence(NamedTuple):
    """What ABC says of two netlists."""

    equivalent: bool
    """Proved: no inputs tell them apart."""
    difference: list[int] | None
    """Inputs, packed, a number for each cycle, in the last of which an output differs."""


def abc() -> str:
    """The program. Raises ToolError if it is not installed."""
    for name in ABC_NAMES:
        if (path := shutil.which(name)) is not None:
            return path
    raise ToolError(f"{ABC_NAMES[0]} is not installed: apt install {ABC_NAMES[0]}")


def compare_netlists(netlist: str, change: str, folder: Path, ports: Ports = PC_PORTS) -> Equivalence:
    """The unchanged netlist against the changed one.

    Parameters
    ----------
    netlist: Yosys commands that make the module dut, whose registers start as 0.
    change: Yosys commands that change the module gate, its copy.
    folder: for files in between, of nobody else meanwhile.
    ports: of both.

    Raises
    ------
    ToolError
        If Yosys or ABC fails or is not there.
    """
    program = abc()
    # The value at the start stays with a register, not with the wire that it drove before the change.
    run_yosys(
        f"""{netlist}
rename dut gold
copy gold gate
{change}
setattr -unset init w:*
zinit -all
read_verilog <<verilog
{pair_of(ports)}
verilog
hierarchy -top pair
proc
flatten
opt -full
techmap
opt
async2sync
dffunmap
simplemap
opt_clean -purge
aigmap
write_aiger -zinit -map pair.map pair.aig
""",
        FULL,
        folder=folder,
    )
    commands = f"read_aiger pair.aig; strash; scorr; pdr -T {LIMIT}; write_cex -a difference"
    done = subprocess.run([program, "-q", commands], cwd=folder, capture_output=True, text=True)
    if "Property proved" in done.stdout:
        return Equivalence(True, None)
    if re.search(r"Output 0 .* was asserted in frame \d+", done.stdout):
        return Equivalence(False, _inputs(folder))
    if done.returncode or "UNDECIDED" not in done.stdout:
        raise ToolError(f"{program}: {last_line(done.stderr or done.stdout)}")
    return Equivalence(False, None)


def _inputs(folder: Path) -> list[int]:
    """The inputs that ABC has found, packed, a number for each cycle."""
    indices = {
        int(index): int(bit)
        for index, bit in re.findall(
            r"^input (\d+) (\d+) drive$", (folder / "pair.map").read_text("ascii"), re.M
        )
    }
    # The first line is the state at the start; a comment ends the last one.
    _, *cycles = re.findall(r"^[01]+", (folder / "difference").read_text("ascii"), re.M)
    return [sum(int(levels[index]) << bit for index, bit in indices.items()) for levels in cycles]


def slices(ports: Mapping[str, int], vector: str) -> dict[str, str]:
    """Where each port is in a Verilog vector of all of them.

    Parameters
    ----------
    ports : mapping of str to int
        Widths by name; the first port is the lowest.
    vector : str
        The vector's name.
    """
    shift, pieces = 0, {}
    for name, width in ports.items():
        pieces[name] = f"{vector}[{shift + width - 1}:{shift}]"
        shift += width
    return pieces


def connections(inputs: dict[str, str], outputs: dict[str, str]) -> str:
    """Ports of a PC, each connected to a piece of a vector.

    Parameters
    ----------
    inputs, outputs : dict of str to str
        For each port an expression of Verilog, as `slices` gives them.
    """
    return ", ".join(f".{name}({piece})" for name, piece in (inputs | outputs).items())


def pair_of(ports: Ports) -> str:
    """Verilog: gold and gate side by side, and whether they differ while the inputs are legal."""
    drive = slices(ports.inputs, "drive")
    gold, gate = (slices(ports.outputs, name) for name in ("gold", "gate"))
    legal = (
        f"(~{drive['op_valid']} | {drive['op_code']} <= {max(Operation):d} & "
        f"{drive['op_family']} <= {max(Family):d}) & ~({drive['io_read']} & {drive['io_write']})"
    )
    valid = f" & {gold['msr_response_valid']}" if ports.payload else ""
    differ = [
        f"({gold[name]} != {gate[name]}{valid if name in ports.payload else ''})" for name in ports.outputs
    ]
    return f"""
module pair(input [{ports.input_bits - 1}:0] drive, input clk, output differ);
  wire [{ports.output_bits - 1}:0] gold, gate;
  gold of_gold(.clk(clk), {connections(drive, gold)});
  gate of_gate(.clk(clk), {connections(drive, gate)});
  reg was_illegal = 0;
  wire illegal = was_illegal | ~({legal});
  always @(posedge clk) was_illegal <= illegal;
  assign differ = ~illegal & ({" | ".join(differ)});
endmodule
"""
