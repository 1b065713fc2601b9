"""A bootable floppy image that runs the cases of `image_cases` and compares with the reference in it."""

import struct
from importlib import resources
from pathlib import Path

from ...model.registers import Generation
from ..support.errors import ToolError
from ..support.files import replacing
from ..tools.nasm import assemble
from .image_cases import (
    CASES,
    CW,
    FAULT,
    HANDLER,
    LOADS,
    MARK,
    MSR,
    MSRS,
    PIC,
    SW,
    X87,
    ImageCase,
    expected_log,
    image_of,
    masks_of,
)

SIZE = 1_474_560
"""Bytes of a floppy of 1.44 MB."""
START = b"IRQ13START"
"""Stands before the numbers of the first case and of the one behind the last, and the modes."""
_LOOPS = 3000
"""Accesses to port 80h, of a microsecond or so, in which an interrupt comes if it ever does."""


def image() -> bytes:
    """The floppy. Raises ToolError if NASM is not there."""
    source = (resources.files("irq13.sim.conformance") / "asm" / "image.asm").read_text("utf-8")
    code = assemble(source.replace('%include "cases"', _text()), "image")
    if len(code) > SIZE:
        raise ToolError(f"the image has {len(code)} bytes, and a floppy holds {SIZE}")
    return code + bytes(SIZE - len(code))


def only(floppy: bytes, first: int, end: int, modes: int = 3) -> bytes:
    """The same, with the cases from `first` to before `end`; modes: 1 real, 2 protected, 3 both."""
    at = floppy.index(START) + len(START)
    return floppy[:at] + struct.pack("<HHH", first, end, modes) + floppy[at + 6 :]


def write_image(path: Path) -> int:
    """Write the image; returns how many cases it has. Raises OSError if it cannot be written."""
    data = image()
    with replacing(path) as file:
        file.buffer.write(data)  # type: ignore[attr-defined]
    return len(CASES)


def _text() -> str:
    """Code, tables and expectations of all cases."""
    lines = [f"CASES equ {len(CASES)}", "align 4", "table:"]
    for index, case in enumerate(CASES):
        lines.append(
            f"dw c{index}_name, {int(case.amd)}, c{index}_16, c{index}_32, c{index}_16_at, c{index}_32_at, "
            f"c{index}_expected, c{index}_handlers"
        )
    lines += [f"cw_{name}: dw {masks_of(name):#x}" for name in ("IE", "DE", "ZE", "PE")]
    for mask in ("IE", "DE", "ZE", "PE"):
        for kind in ("flags", "es"):
            # Environment of 16 and of 32 bits, with all registers empty, and room for these.
            control, status = masks_of(mask), image_of(kind)
            lines.append(
                f"image_{mask}_{kind}_16: dw {control:#x}, {status:#x}, 0FFFFh, 0, 0, 0, 0\n times 80 db 0"
            )
            lines.append(
                f"image_{mask}_{kind}_32: dd {control:#x}, {status:#x}, 0FFFFh, 0, 0, 0, 0\n times 80 db 0"
            )
    for index, case in enumerate(CASES):
        lines += _case(index, case)
    return "\n".join(lines)


def _case(index: int, case: ImageCase) -> list[str]:
    lines = [f'c{index}_name: db "{case.name}", 0']
    parts = (("", case.main, 0), ("_handler", case.handler, HANDLER), ("_fault", case.fault, FAULT))
    for bits in (16, 32):
        lines.append(f"bits {bits}")
        offsets = [f"c{index}_{bits}_at:"]
        for suffix, operations, first in parts:
            lines.append(f"c{index}_{bits}{suffix}:")
            for number, operation in enumerate(operations):
                label = f"c{index}_{bits}{suffix}_{number}"
                offsets.append(f"dw {label}, {first + number}")
                lines += [f"{label}:", *_operation(operation, bits, label, first + number)]
            lines.append("ret")
        lines += [*offsets, "dw 0FFFFh"]
    lines += ["bits 16", f"c{index}_handlers:"]
    lines += [f"dw c{index}_16_handler, c{index}_32_handler, c{index}_16_fault, c{index}_32_fault"]
    lines += [f"c{index}_expected: dw " + ", ".join(f"c{index}_on_{one.value}" for one in Generation)]
    for generation in Generation:
        there = not case.amd or generation is Generation.AMD64
        wanted = expected_log(case, generation) if there else []
        lines.append(f"c{index}_on_{generation.value}: dw {len(wanted)}")
        lines += [f"dd {line.kind << 16 | line.value:#x}" for line in wanted]
    return lines


def _operation(operation: str, bits: int, label: str, index: int) -> list[str]:
    """An operation in NASM's language, for 16 or 32 bits."""
    verb, *words = operation.split()
    log = f"call log{bits}"
    if verb in X87:
        return [X87[verb][1]]
    if verb == "fldcw":
        return [f"fldcw [cw_{words[0]}]"]
    if verb in LOADS:
        return [f"{verb} [image_{words[0]}_{words[1]}_{bits}]"]
    if verb.startswith("cr0."):
        bit = {"mp": 2, "em": 4, "ts": 8, "ne": 0x20}[verb[4:]]
        change = f"or eax, {bit}" if words[0] == "1" else f"and eax, {~bit & 0xFFFFFFFF:#x}"
        return ["mov eax, cr0", change, "mov cr0, eax"]
    if verb in ("sw", "cw"):
        kind, mask = (SW, 0x80FF) if verb == "sw" else (CW, 0x3F)
        return [
            f"fnst{verb} [area]",
            "movzx eax, word [area]",
            f"and eax, {mask:#x}",
            f"or eax, {kind << 16:#x}",
            log,
        ]
    if verb in ("irr", "isr"):
        word = 0x0A if verb == "irr" else 0x0B
        read = [f"mov al, {word}", "out 0A0h, al", "in al, 0A0h", "movzx eax, al", "and eax, 20h"]
        return [*read, f"or eax, {PIC << 16:#x}", log]
    if verb == "rdmsr":
        read = ["mov byte [faulted], 0", f"mov ecx, {MSRS[words[0]]:#x}", "rdmsr", "cmp byte [faulted], 0"]
        return [
            *read,
            f"jne {label}_over",
            f"and eax, 0{words[1]}h",
            f"or eax, {MSR << 16:#x}",
            log,
            f"{label}_over:",
        ]
    if verb == "wrmsr":
        value = int(words[1], 16)
        select = f"mov ecx, {MSRS[words[0]]:#x}"
        if words[0] == "HWCR":
            # Its other bits are the processor's own business.
            return [select, "rdmsr", "and eax, 0FFFFFE7Fh", f"or eax, {value:#x}", "wrmsr"]
        return [select, f"mov eax, {value:#x}", "xor edx, edx", "wrmsr"]
    wait = f"settle_{label}"
    return {
        "mark": [f"mov eax, {MARK << 16 | index:#x}", log],
        "out": ["out 0F0h, al"],
        "eoi": ["mov al, 20h", "out 0A0h, al", "out 20h, al"],
        "mask": ["mov al, 0FFh", "out 0A1h, al"],
        "unmask": ["mov al, 0DFh", "out 0A1h, al"],
        "settle": [f"mov ecx, {_LOOPS}", f"{wait}: in al, 80h", "dec ecx", f"jnz {wait}"],
        "spin": [f"{wait}: jmp {wait}"],
        "sti": ["sti"],
        "cli": ["cli"],
    }[verb]
