"""Native-mode sequences on the processor that this runs on: vectors in the format of the measured ones.

A small static program, assembled here, runs x87 instructions one by one with CR0.NE = 1, where #MF comes as
SIGFPE. Of each it tells whether it trapped, which flags it raises from a clean state, and the status and
control words after it.
"""

import platform
import random
import struct
import subprocess
import tempfile
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

from ...model.registers import ExceptionFlag
from ..machines.replay import CONTROL_MASK, STATUS_MASK
from ..support.errors import ToolError
from ..tools.nasm import assemble

SEQUENCES = 8800
"""As many as were measured on an AMD EPYC."""
SECONDS = 60
"""Within which the program has to be done."""
BATCH = 20_000
"""Sequences for one start of it: its room for input and output holds more than twice as many."""


class CapturedOperation(NamedTuple):
    """One operation: in the words of the vectors, and in NASM's."""

    kind: str
    """waiting, nonwaiting, nonx87 or ud."""
    effect: str
    code: str


_SINGLES = {
    "one": 0x3F800000, "two": 0x40000000, "three": 0x40400000, "half": 0x3F000000, "neg1": 0xBF800000,
    "zero": 0, "inf": 0x7F800000, "qnan": 0x7FC00000, "snan": 0x7FA00000, "den": 0x00000001, "big": 0x7F7FFFFF,
}  # fmt: skip
_DOUBLES = {
    "d_big": 0x7FEFFFFFFFFFFFFF,
    "d_den": 1,
    "d_snan": 0x7FF4000000000000,
    "d_tiny": 0x0010000000000000,
}
_EXTENDED = {
    "x_max": (0xFFFFFFFFFFFFFFFF, 0x7FFE), "x_min": (0x8000000000000000, 1), "x_pden": (0x8000000000000000, 0),
    "x_pi": (0xC90FDAA22168C235, 0x4000), "x_unn": (0x4000000000000000, 0x3FFF),
}  # fmt: skip


def _operations() -> dict[str, CapturedOperation]:
    table = {}
    for verb in ("fadd", "fmul", "fsub", "fsubr", "fdiv", "fdivr", "fcom", "fcomp", "fld"):
        for name in _SINGLES:
            table[f"{verb}_{name}"] = CapturedOperation("waiting", "arith", f"{verb} dword [{name}]")
        for name in _DOUBLES:
            table[f"{verb}_{name}"] = CapturedOperation("waiting", "arith", f"{verb} qword [{name}]")
    for name in _EXTENDED:
        table[f"fld_{name}"] = CapturedOperation("waiting", "arith", f"fld tword [{name}]")
    plain = "fld1 fldz fldpi fldl2e fabs fchs fsqrt ftst fxam frndint fscale fxtract fprem fprem1 f2xm1 fyl2x fyl2xp1 "
    plain += "fpatan fptan fsin fcos fsincos fincstp fdecstp fcompp fucompp"
    for verb in plain.split():
        table[verb] = CapturedOperation("waiting", "arith", verb)
    for text in ("fxch st1", "fadd st0", "fmul st0", "fdiv st0", "fst st1", "fstp st0", "fucom st1", "fcomi st0, st1",
                 "ffree st0", "ffree st7", "fcmovb st0, st1", "faddp st1", "fmulp st1", "fdivp st1"):  # fmt: skip
        name = text.replace(" ", "_").replace(",", "")
        table[name] = CapturedOperation("waiting", "arith", text)
    for name, text in {
        "fst32": "fst dword [area]", "fstp32": "fstp dword [area]", "fst64": "fst qword [area]", "fstp80": "fstp tword [area]",
        "fist16": "fist word [area]", "fist32": "fist dword [area]", "fistp64": "fistp qword [area]",
        "fisttp32": "fisttp dword [area]", "fbstp": "fbstp [area]", "fild_i16": "fild word [i16]", "fidiv_i0": "fidiv word [i0]",
        "fiadd_i16": "fiadd word [i16]",
    }.items():  # fmt: skip
        table[name] = CapturedOperation("waiting", "arith", text)
    table |= {
        "fnop": CapturedOperation("waiting", "nop", "fnop"),
        "fwait": CapturedOperation("waiting", "nop", "fwait"),
        "emms": CapturedOperation("waiting", "nop", "emms"),
        "movq_mm": CapturedOperation("waiting", "nop", "movq mm0, mm1"),
        "paddb": CapturedOperation("waiting", "nop", "paddb mm0, mm1"),
        "addps": CapturedOperation("nonx87", "nop", "addps xmm0, xmm1"),
        "fldcw": CapturedOperation("waiting", "fldcw", "fldcw [arg_cw]"),
        "fldenv": CapturedOperation("waiting", "fldenv", "fldenv [environment]"),
        "frstor": CapturedOperation("waiting", "frstor", "frstor [image]"),
        "fxrstor": CapturedOperation("nonwaiting", "fxrstor", "fxrstor [fx_image]"),
        "fxsave": CapturedOperation("nonwaiting", "nop", "fxsave [area]"),
        "fnclex": CapturedOperation("nonwaiting", "fclex", "fnclex"),
        "fninit": CapturedOperation("nonwaiting", "finit", "fninit"),
        "fnstenv": CapturedOperation("nonwaiting", "fstenv", "fnstenv [area]"),
        "fnsave": CapturedOperation("nonwaiting", "fsave", "fnsave [area]"),
        "fnstsw_ax": CapturedOperation("nonwaiting", "fstsw", "fnstsw ax"),
        "fnstsw_m": CapturedOperation("nonwaiting", "fstsw", "fnstsw [area]"),
        "fnstcw": CapturedOperation("nonwaiting", "fstcw", "fnstcw [area]"),
        "fneni": CapturedOperation("nonwaiting", "nop", "db 0DBh, 0E0h"),
        "fndisi": CapturedOperation("nonwaiting", "nop", "db 0DBh, 0E1h"),
        "fnsetpm": CapturedOperation("nonwaiting", "nop", "db 0DBh, 0E4h"),
        "fclex": CapturedOperation("waiting", "fclex", "fclex"),
        "finit": CapturedOperation("waiting", "finit", "finit"),
        "undefined_d9d1": CapturedOperation("ud", "nop", "db 0D9h, 0D1h"),
        "undefined_dbe7": CapturedOperation("ud", "nop", "db 0DBh, 0E7h"),
    }
    return table


OPERATIONS = _operations()
"""What can be a step, by name."""
_RAISERS = ["fdiv_zero", "fmul_inf", "fadd_snan", "fmul_den", "fld_d_den", "fadd_three", "fdiv_three", "fsqrt", "fcom_qnan", "fst32", "fist16", "fbstp", "fld_snan", "fscale", "f2xm1", "fptan", "fmul_half", "fadd_st0", "fdivr_zero", "fidiv_i0"]  # fmt: skip
_STARTS = [
    "fld1",
    "fldz",
    "fldpi",
    "fld_one",
    "fld_three",
    "fld_neg1",
    "fld_big",
    "fld_x_max",
    "fld_x_min",
    "fld_d_tiny",
    "fld_x_pi",
]
_CONTROLS = [
    "fldcw",
    "fldenv",
    "frstor",
    "fxrstor",
    "fnstenv",
    "fnsave",
    "fninit",
    "fnclex",
    "fnstsw_ax",
    "fnstcw",
    "fclex",
    "finit",
    "fnstsw_m",
    "fxsave",
]


def sequences(count: int, seed: int) -> list[dict[str, Any]]:
    """Vectors without what is expected: half with every kind of follower, half that mask and unmask.

    Parameters
    ----------
    count : int
        How many.
    seed : int
        The same seed gives the same vectors.

    Returns
    -------
    list of dict
        Each with `id`, `on_trap` ("skip" or "clear_retry"), `init_cw` and `steps`, operations of OPERATIONS.
    """
    chance = random.Random(seed)
    masks = [0x3F & ~(1 << bit) for bit in range(6)]
    names = list(OPERATIONS)
    vectors = []
    for number in range(count):
        follows = number % 2 == 0
        steps = [chance.choice(_STARTS) for _ in range(chance.randrange(1, 4))]
        steps += [chance.choice(_RAISERS) for _ in range(chance.randrange(1, 3))]
        if follows:
            # Every instruction comes at least once after an error, as long as there are sequences enough.
            steps += [names[number // 2 % len(names)], chance.choice(names), "fwait"]
        else:
            steps += [chance.choice(_CONTROLS) for _ in range(chance.randrange(1, 4))]
            steps += [chance.choice(("fwait", "fnop", "fld1", "emms"))]
        group = "pending_follower" if follows else "unmask_remask"
        vectors.append(
            {
                "id": f"{group}/{number // 2}",
                "on_trap": chance.choice(("skip", "skip", "clear_retry")),
                "init_cw": chance.choice((*masks, 0x3F, 0, chance.randrange(64))) | 0x300,
                "steps": [_step(name, chance) for name in steps],
            }
        )
    return vectors


def _step(name: str, chance: random.Random) -> dict[str, Any]:
    kind, effect, _ = OPERATIONS[name]
    step: dict[str, Any] = {"op": name, "class": kind, "effect": effect}
    if name in ("fldcw", "fldenv", "frstor", "fxrstor"):
        step["arg_cw"] = chance.choice((0x3F, 0, chance.randrange(64))) | 0x300
    if name in ("fldenv", "frstor", "fxrstor"):
        step["arg_sw"] = chance.choice((0, chance.randrange(128))) | chance.choice((0, 0x8080))
    return step


def program() -> bytes:
    """The ELF program. Raises ToolError if NASM is not there."""
    source = (resources.files("irq13.sim.conformance") / "asm" / "capture.asm").read_text("utf-8")
    return assemble(source.replace('%include "operations"', _text()), "capture")


def _text() -> str:
    """A routine for each operation, a table of them, and their operands."""
    lines = [f"op{index}: {one.code}\n        ret" for index, one in enumerate(OPERATIONS.values())]
    lines += ["align 8", "table:"] + [f"        dq op{index}" for index in range(len(OPERATIONS))]
    lines += [f"{name}: dd {value:#x}" for name, value in _SINGLES.items()]
    lines += [f"{name}: dq {value:#x}" for name, value in _DOUBLES.items()]
    lines += [f"{name}: dq {low:#x}\n        dw {high:#x}" for name, (low, high) in _EXTENDED.items()]
    lines += ["i16: dw 12345", "i0: dw 0"]
    return "\n".join(lines)


def capture(vectors: list[dict[str, Any]], seconds: float = SECONDS) -> list[dict[str, Any]]:
    """The vectors with `raises` and `expect` as this processor has them.

    Parameters
    ----------
    vectors : list of dict
        What `sequences` gave; they stay as they are.
    seconds : float
        Within which each start of the program, of BATCH vectors, has to be done.

    Raises
    ------
    ToolError
        On anything but x86-64 Linux, without NASM, or if the program does not end in time.
    """
    if platform.system() != "Linux" or platform.machine() not in ("x86_64", "AMD64"):
        raise ToolError(f"capture runs on x86-64 Linux only, not on {platform.machine()} {platform.system()}")
    code = program()
    taken = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "capture"
        path.write_bytes(code)
        path.chmod(0o700)
        for first in range(0, len(vectors), BATCH):
            taken += _captured(path, vectors[first : first + BATCH], seconds)
    return taken


def _captured(path: Path, vectors: list[dict[str, Any]], seconds: float) -> list[dict[str, Any]]:
    """One start of the program."""
    try:
        done = subprocess.run([path], input=_encoded(vectors), capture_output=True, timeout=seconds)
    except subprocess.TimeoutExpired:
        raise ToolError(f"the captured program did not end within {seconds:g} s") from None
    except OSError as error:
        raise ToolError(f"the captured program cannot be run in {path.parent}: {error.strerror}") from None
    wanted = 8 * sum(len(vector["steps"]) for vector in vectors)
    if done.returncode or len(done.stdout) != wanted:
        raise ToolError(
            f"the captured program failed (status {done.returncode}, {len(done.stdout)} of {wanted} bytes)"
        )
    return _decoded(vectors, done.stdout)


def _encoded(vectors: list[dict[str, Any]]) -> bytes:
    numbers = {name: index for index, name in enumerate(OPERATIONS)}
    parts = []
    for vector in vectors:
        parts.append(
            struct.pack("<HBB", vector["init_cw"], vector["on_trap"] == "clear_retry", len(vector["steps"]))
        )
        parts += [
            struct.pack("<HHH", numbers[step["op"]], step.get("arg_cw", 0), step.get("arg_sw", 0))
            for step in vector["steps"]
        ]
    return b"".join([*parts, b"\0\0\0\xff"])


def _decoded(vectors: list[dict[str, Any]], output: bytes) -> list[dict[str, Any]]:
    rows = struct.iter_unpack("<BBBxHH", output)
    result = []
    for vector in vectors:
        steps, expect = [], []
        for step in vector["steps"]:
            trap, fault, raised, status, control = next(rows)
            arithmetic = step["effect"] == "arith"
            names = [str(flag.name) for flag in ExceptionFlag(raised)] if arithmetic else []
            steps.append(step | {"raises": names})
            row = {"trap": bool(trap), "sw": status & STATUS_MASK, "cw": control & CONTROL_MASK}
            expect.append(row | ({"fault": "UD"} if fault else {}))
        result.append(
            vector | {"init_cw": vector["init_cw"] & CONTROL_MASK, "steps": steps, "expect": expect}
        )
    return result


def capture_document(vectors: list[dict[str, Any]], seed: int) -> dict[str, Any]:
    """What is written to a file, ready for JSON.

    Parameters
    ----------
    vectors : list of dict
        What `capture` gave.
    seed : int
        That `sequences` had.
    """
    return {
        "meta": {
            "source": f"silicon: {processor_name()}, user space, CR0.NE=1 native #MF via SIGFPE",
            "sw_mask": STATUS_MASK,
            "cw_mask": CONTROL_MASK,
            "seed": seed,
            "stats": {"n": len(vectors), "steps": sum(len(vector["steps"]) for vector in vectors)},
        },
        "vectors": vectors,
    }


def processor_name() -> str:
    """As /proc/cpuinfo has it: model name, family, model and stepping."""
    fields = {}
    for line in Path("/proc/cpuinfo").read_text("utf-8").split("\n\n")[0].splitlines():
        name, _, value = line.partition(":")
        fields[name.strip()] = value.strip()
    numbers = " ".join(
        f"{name.removeprefix('cpu ')} {fields.get(name, '?')}" for name in ("cpu family", "model", "stepping")
    )
    return f"{fields.get('model name', 'unknown')} {numbers}"
