"""What the cases assume of instructions, on the processor that this runs on: their sequences in native mode."""

import platform
import struct
import subprocess
from pathlib import Path

import pytest
from irq13.model.registers import Generation
from irq13.sim.conformance.image import image_lines
from irq13.sim.conformance.image_cases import CASES
from irq13.sim.conformance.image_language import FAULT, LOADS, X87, assembly
from irq13.sim.conformance.image_reference import expected_log, log_text
from irq13.sim.tools.nasm import assemble

SOURCE = Path(__file__).parent / "programs" / "native.asm"
ASKS = ("sw", "cw", "top", "mem", "fip", "fdp", "fop", "mark", "clear")
UNDER_IGNNE = {
    # Under NE = 1 their handlers would fault again and again: they use the x87, or do not clear the error.
    "x87-under-ignne", "return-under-ignne", "error-under-ignne", "frozen-until-f0", "fninit-before-interrupt",
    "fnclex-before-interrupt", "ignne-em-cuts-the-pin", "clear-first-twice",
}  # fmt: skip


def _native(operations):
    """Those that a program in user space can execute."""
    left = [one for one in operations if one.split()[0] in (*X87, *LOADS, *ASKS)]
    return tuple(f"fip {left.index('fdiv0')}" if one.startswith("fip") else one for one in left)


def native_cases():
    """Each case with #MF in the place of interrupt 75h."""
    found = []
    for case in CASES:
        if any(
            one.startswith(("cr0.ts", "cr0.em", "cr0.mp", "rdmsr", "wrmsr", "spin", "cli"))
            for one in case.main
        ):
            continue
        handler = case.fault if "cr0.ne 1" in case.main else case.handler
        if "fnclex" not in " ".join(handler) and "fninit" not in handler and "fnsave" not in handler:
            handler = (*handler, "fnclex")
        found.append(case._replace(main=_native(case.main), fault=_native(handler)))
    return [case for case in found if case.name not in UNDER_IGNNE]


def expected(case):
    """By the model under NE = 1; numbers are those without its first operation."""
    with_ne = case._replace(main=("cr0.ne 1", *case.main))
    return [
        line._replace(value=line.value - 1) if line.kind in (1, 6, 8) and line.value < FAULT - 32 else line
        for line in expected_log(with_ne, Generation.AMD64)
    ]


def _text(cases):
    lines = [*image_lines()]
    for number, case in enumerate(cases):
        offsets = []
        for part, operations, first in (("main", case.main, 0), ("fault", case.fault, FAULT)):
            start = f"c{number}_{part}"
            lines.append(f"{start}:")
            for index, one in enumerate(operations):
                offsets.append(f"dq {start}_{index}, {first + index}")
                lines += [
                    f"{start}_{index}:",
                    *assembly(one, 32, f"{start}_{index}", first + index, f"{start}_"),
                ]
            offsets.append(f"dq {start}_end, {first + len(operations)}")
            lines += [f"{start}_end:", "ret" if part == "main" else "jmp [back]"]
        lines += [f"c{number}_at:", *offsets, "dq -1, 0"]
    return "\n".join(
        [*lines, "table:", *(f"dq c{n}_main, c{n}_fault, c{n}_at" for n in range(len(cases))), "dq 0"]
    )


def test_every_sequence_does_on_this_processor_what_its_case_assumes(tmp_path, tool):
    """Flags, masks, TOP, what a store leaves, pointers, and where the fault is."""
    tool("nasm")
    if platform.system() != "Linux" or platform.machine() != "x86_64":
        pytest.skip("x86-64 Linux only")
    cases = native_cases()
    program = tmp_path / "native"
    program.write_bytes(assemble(SOURCE.read_text().replace('%include "cases"', _text(cases)), "native"))
    program.chmod(0o700)
    done = subprocess.run([program], capture_output=True, timeout=20)
    assert done.returncode == 0, done
    got, current = [], []
    for value, kind in struct.iter_unpack("<II", done.stdout):
        if kind == 0xFFFFFFFF:
            got.append(current)
            current = []
        else:
            current.append((kind, value))
    assert len(got) == len(cases) > 60
    for case, lines in zip(cases, got, strict=True):
        wanted = expected(case)
        words = [log_text(case, line) for line in wanted]
        assert lines == [tuple(line) for line in wanted], (case.name, words)
    kinds = {kind for lines in got for kind, _ in lines}
    assert {1, 2, 3, 6, 8, 12, 13, 14} <= kinds
