"""A bootable floppy image that runs the cases of `image_cases` and compares with the reference in it."""

import struct
from collections.abc import Sequence
from functools import lru_cache
from importlib import resources
from pathlib import Path

from ...model.registers import Generation
from ..support.errors import ToolError
from ..support.files import replacing
from ..tools.nasm import assemble
from .image_cases import CASES, ImageCase
from .image_language import FAULT, HANDLER, assembly, image_of, masks_of
from .image_reference import expected_logs

SIZE = 1_474_560
"""Bytes of a floppy of 1.44 MB."""
START = b"IRQ13START"
"""Stands before the options and the list of what runs."""
STAY, END_AT_DIFFERENCE = 1, 2
"""Options: not to power off; to end after a case that differs, since it may leave traces."""
MODES = {"r": "real", "p": "protected"}
Run = tuple[int, str]
"""The number of a case, and a key of `MODES`."""
ALL_RUNS: tuple[Run, ...] = tuple((number, mode) for number in range(len(CASES)) for mode in MODES)


@lru_cache(maxsize=1)
def image() -> bytes:
    """The floppy with all runs. Raises ToolError if NASM is not there."""
    source = (resources.files("irq13.sim.conformance") / "asm" / "image.asm").read_text("utf-8")
    code = assemble(f"%define CASES {len(CASES)}\n" + source.replace('%include "cases"', _text()), "image")
    if len(code) > SIZE:
        raise ToolError(f"the image has {len(code)} bytes, and a floppy holds {SIZE}")
    return code + bytes(SIZE - len(code))


def only(floppy: bytes, runs: Sequence[Run], options: int = 0) -> bytes:
    """The same, with these runs in this order.

    Parameters
    ----------
    floppy : bytes
        What `image` gave.
    runs : sequence of Run
        At most as many as ALL_RUNS has.
    options : int
        STAY, END_AT_DIFFERENCE, their sum, or 0.
    """
    words = [2 * number + (mode == "p") for number, mode in runs]
    assert len(words) <= len(ALL_RUNS)
    words += [0xFFFF] * (len(ALL_RUNS) + 1 - len(words))
    at = floppy.index(START) + len(START)
    table = struct.pack(f"<{1 + len(words)}H", options, *words)
    return floppy[:at] + table + floppy[at + len(table) :]


def write_image(path: Path, runs: Sequence[Run] = ALL_RUNS, options: int = 0) -> None:
    """Write the image. Raises OSError if it cannot be written, ToolError if NASM is not there.

    Parameters
    ----------
    path : Path
        Replaced if it is there; SIZE bytes.
    runs : sequence of Run
        In the order in which they run.
    options : int
        As of `only`.
    """
    data = only(image(), runs, options)
    with replacing(path) as file:
        file.buffer.write(data)  # type: ignore[attr-defined]


def _text() -> str:
    """Code, tables and expectations of all cases."""
    lines = ["align 4", "table:"]
    for number, case in enumerate(CASES):
        needs = case.amd + 2 * case.circuit + 4 * case.nmi
        lines.append(
            f"dw c{number}_name, {needs}, c{number}_16, c{number}_32, c{number}_16_at, c{number}_32_at, "
            f"c{number}_expected, c{number}_handlers"
        )
    lines += image_lines()
    for number, case in enumerate(CASES):
        lines += _case(number, case)
    return "\n".join(lines)


def image_lines() -> list[str]:
    """Control words, and the images that FLDENV and FRSTOR load, in NASM's language."""
    lines = [f"cw_{name}: dw {masks_of(name):#x}" for name in ("IE", "DE", "ZE", "PE")]
    for mask, kind in (("ZE", "flags"), ("ZE", "es"), ("none", "es")):
        # Environment of 16 and of 32 bits, with all registers empty, and room for these.
        control, status = masks_of(mask), image_of(kind)
        words = f"{control:#x}, {status:#x}, 0FFFFh, 0, 0, 0, 0"
        lines += [f"image_{mask}_{kind}_16: dw {words}\n times 80 db 0"]
        lines += [f"image_{mask}_{kind}_32: dd {words}\n times 80 db 0"]
    return lines


def _case(number: int, case: ImageCase) -> list[str]:
    lines = [f'c{number}_name: db "{case.name}", 0']
    parts = (("", case.main, 0), ("_handler", case.handler, HANDLER), ("_fault", case.fault, FAULT))
    for bits in (16, 32):
        lines.append(f"bits {bits}")
        offsets = [f"c{number}_{bits}_at:"]
        for suffix, operations, first in parts:
            start = f"c{number}_{bits}{suffix}"
            lines.append(f"{start}:")
            for position, operation in enumerate(operations):
                label = f"{start}_{position}"
                offsets.append(f"dw {label}, {first + position}")
                lines += [f"{label}:", *assembly(operation, bits, label, first + position, f"{start}_")]
            offsets.append(f"dw {start}_end, {first + len(operations)}")
            lines += [f"{start}_end:", "ret"]
        lines += [*offsets, "dw 0FFFFh"]
    lines += ["bits 16", f"c{number}_handlers:"]
    lines += [f"dw c{number}_16_handler, c{number}_32_handler, c{number}_16_fault, c{number}_32_fault"]
    return [*lines, *_expected(number, case)]


def _expected(number: int, case: ImageCase) -> list[str]:
    """What each generation may log, once for those that log the same: length and lines, and FFFFh at last."""
    labels: dict[tuple, str] = {}
    lines = []
    for generation in Generation:
        there = not case.amd or generation is Generation.AMD64
        wanted = tuple(expected_logs(case, generation)) if there else ()
        label = f"c{number}_on_{generation.value}"
        if wanted not in labels:
            labels[wanted] = label
            lines += [f"{label}:"]
            for log in wanted:
                lines += [f"dw {len(log)}", *(f"dd {line.kind << 16 | line.value:#x}" for line in log)]
            lines += ["dw 0FFFFh"]
        else:
            lines += [f"{label} equ {labels[wanted]}"]
    return [f"c{number}_expected: dw " + ", ".join(f"c{number}_on_{one.value}" for one in Generation), *lines]
