"""The compiled engine: a step as C over vectors, built with the compiler that is found, called by ctypes.

One function runs a block of lanes, as many as a vector has bits, through all its cycles, so that the state of
a block stays in the first-level cache. With AVX-512 each operation of three bits is one VPTERNLOG.
"""

import ctypes
import errno
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..netlist.netlist import Netlist
from ..support.errors import ToolError
from .c_source import Writer
from .plan import Interface, StepPlan
from .values import Blocks

FLAGS = ("-O2", "-fno-semantic-interposition", "-fPIC", "-shared", "-w")
CALL_CYCLES = 500_000
"""Of all blocks in one call."""
NEVER = (1 << 64) - 1
"""The cycle of what has not happened."""


class Compiler(NamedTuple):
    """A C compiler and what it makes for this processor."""

    command: tuple[str, ...]
    flags: tuple[str, ...]
    identity: str
    """Its version and the features of the processor; part of the cache's key."""
    ternary: bool
    """It has AVX-512."""
    vector_bits: int


_found: dict[str | None, Compiler] = {}


def find_compiler() -> Compiler | None:
    """The compiler: $CC, cc, gcc, clang, or zig from the wheel ziglang; None if there is none that works.

    What was found for a $CC is kept; that none was found is not, for the next look may find one.
    """
    wanted = os.environ.get("CC") or None
    if wanted not in _found:
        compiler = _look_for_compiler(wanted)
        if compiler is None:
            return None
        _found[wanted] = compiler
    return _found[wanted]


def _look_for_compiler(wanted: str | None) -> Compiler | None:
    candidates = [wanted.split()] if wanted else []
    candidates += [[name] for name in ("cc", "gcc", "clang")]
    try:
        import ziglang  # type: ignore[import-not-found] # noqa: F401

        candidates.append([sys.executable, "-m", "ziglang", "cc"])
    except ModuleNotFoundError:
        pass
    for command in candidates:
        if shutil.which(command[0]) is None:
            continue
        for native in (("-march=native",), ()):
            macros = _macros([*command, *native])
            if macros is None:
                continue
            ternary = "__AVX512F__" in macros
            bits = 512 if ternary else 256 if "__AVX2__" in macros else 128
            identity = hashlib.sha256(macros.encode()).hexdigest()
            return Compiler(tuple(command), native, identity, ternary, bits)
    return None


def _macros(command: list[str]) -> str | None:
    """What the preprocessor knows of compiler and processor, or None if it does not run."""
    try:
        # An empty source, on standard input so that no file of that content is needed.
        done = subprocess.run(
            [*command, "-dM", "-E", "-x", "c", "-"],
            input="",
            capture_output=True,
            encoding="utf-8",
            timeout=60,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 and "__STDC__" in done.stdout else None


def cache_folder() -> Path:
    """Where compiled kernels are kept: $XDG_CACHE_HOME/irq13 or ~/.cache/irq13, made if need be.

    Where that cannot be written it is a folder for temporary files. Libraries are loaded from there, so it
    has to be our own.

    Raises
    ------
    OSError
        If there is no such folder.
    """
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    owner = os.getuid() if hasattr(os, "getuid") else 0
    folders = (Path(base) / "irq13", Path(tempfile.gettempdir()) / f"irq13-{owner}")
    for folder in folders:
        with suppress(OSError):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if os.access(folder, os.W_OK) and folder.stat().st_uid == owner:
                return folder
    why = "cannot be written, nor can a temporary folder (XDG_CACHE_HOME says where kernels are kept)"
    raise PermissionError(errno.EACCES, why, str(folders[0]))


def c_source(plan: StepPlan, bits: int, ternary: bool, toggles: bool) -> str:
    """The kernel in C.

    Parameters
    ----------
    bits: of a vector: 128, 256 or 512.
    ternary: write VPTERNLOG.
    toggles: also keep which registers ever changed, lane by lane.
    """
    interface = plan.interface
    writer = Writer(plan, ternary, toggles)
    body = list(writer.calls)
    if interface.fails:
        seen = " | ".join(f"now[{index}]" for index in range(interface.fails))
        body.append(f"if (some({seen})) first(now, start + cycle, fst);")
    parts = "".join(
        _PART.format(number=number, body="\n  ".join(lines))
        for number, lines in enumerate(writer.parts)
        if lines
    )
    lines = "\n      ".join(body)
    return _TEMPLATE.format(
        bits=bits,
        bytes=bits // 8,
        words=bits // 64,
        registers=len(interface.init),
        inputs=interface.input_planes,
        watches=len(interface.watches),
        room=max(1, len(interface.watches)),
        fails=interface.fails,
        ternary=int(ternary),
        type=f"__m{bits}i",
        prefix={512: "_mm512", 256: "_mm256"}.get(bits, "_mm"),
        clear="fst[j] = (uint64_t)-1;" if interface.fails else "",
        slots=max(1, writer.slots),
        toggles="toggles + block * REGISTERS" if toggles else "0",
        body=lines,
        parts=parts,
    )


_TEMPLATE = """\
#include <stdint.h>
#include <stddef.h>
typedef uint64_t v __attribute__((vector_size({bytes}), aligned({bytes})));
enum {{ WORDS = {words}, REGISTERS = {registers}, INPUTS = {inputs}, WATCHES = {watches}, FAILS = {fails} }};
#define BARRIER __asm__ volatile("" ::: "memory")
#if {ternary}
#include <immintrin.h>
#define T(a, b, c, table) ((v){prefix}_ternarylogic_epi64(({type})(a), ({type})(b), ({type})(c), table))
static inline int some(v x) {{ return {prefix}_test_epi64_mask(({type})x, ({type})x) != 0; }}
#else
static inline int some(v x) {{
  uint64_t any = 0;
  for (int j = 0; j < WORDS; j++) any |= x[j];
  return any != 0;
}}
#endif
#if {ternary} && defined(__AVX512VPOPCNTDQ__)
static inline v add(v sum, v x) {{ return sum + (v){prefix}_popcnt_epi64(({type})x); }}
#else
static inline v add(v sum, v x) {{
  for (int j = 0; j < WORDS; j++) sum[j] += __builtin_popcountll(x[j]);
  return sum;
}}
#endif

/* Keep the cycle in which each failure came first, and the lanes that it came in. */
static __attribute__((noinline, cold)) void first(const v *now, uint64_t cycle, uint64_t *fst) {{
  for (int j = 0; j < FAILS; j++) {{
    if (fst[2 * j] != (uint64_t)-1) continue;
    for (int word = 0; word < WORDS; word++) if (now[j][word]) {{
      fst[2 * j] = cycle;
      fst[2 * j + 1] = word * 64 + __builtin_ctzll(now[j][word]);
      break;
    }}
  }}
}}

{parts}void run(v *state, const v *inputs, const v *valids, v *toggles, uint64_t *counts, uint64_t *firsts,
         uint64_t blocks, uint64_t cycles, uint64_t start) {{
  const v zero = {{0}};
  for (uint64_t block = 0; block < blocks; block++) {{
    v *st = state + block * REGISTERS;
    const v *in = inputs + block * INPUTS;
    v *tg = {toggles};
    const v valid = valids[block];
    uint64_t *fst = firsts + block * 2 * FAILS;
    v sum[{room}] = {{0}}, now[{room}], sp[{slots}];
    __asm__ volatile("" : "+m"(sp));
    for (uint64_t cycle = 0; cycle < cycles; cycle++) {{
      {body}
    }}
    for (int j = 0; j < WATCHES; j++)
      for (int word = 0; word < WORDS; word++) counts[block * WATCHES + j] += sum[j][word];
  }}
}}
"""


_PART = """\
static __attribute__((noinline)) void part{number}(
    v *st, const v *in, v *tg, v *sp, v *sum, v *now, v valid) {{
  const v zero = {{0}};
  {body}
}}

"""


def build(source: str, compiler: Compiler) -> Path:
    """The shared library of a kernel, compiled if it is not in the cache.

    Parameters
    ----------
    source : str
        What `c_source` gave for the vectors that the compiler has.
    compiler : Compiler
        Its identity and the source are the key in the cache.

    Raises
    ------
    ToolError
        If the compiler fails. OSError if the cache's folder cannot be written.
    """
    key = hashlib.sha256("\0".join([source, compiler.identity, *FLAGS]).encode()).hexdigest()
    target = cache_folder() / f"kernel-{key[:32]}.so"
    if target.exists():
        return target
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".build-") as folder:
        text, library = Path(folder) / "kernel.c", Path(folder) / "kernel.so"
        text.write_text(source, encoding="utf-8")
        command = [*compiler.command, *compiler.flags, *FLAGS, str(text), "-o", str(library)]
        done = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace")
        if done.returncode:
            raise ToolError(
                f"{compiler.command[0]} failed: {(done.stderr.strip() or 'no message').splitlines()[0]}"
            )
        os.replace(library, target)
    return target


class CompiledKernel:
    """A kernel in a shared library.

    Parameters
    ----------
    interface: of the plan that it was compiled from.
    library: what `build` gave.
    bits: of its vectors.
    toggles: whether it keeps which registers ever changed.
    """

    def __init__(self, interface: Interface, library: Path, bits: int, toggles: bool) -> None:
        self.interface = interface
        self.toggles = toggles
        self.netlist: Netlist | None = None
        self._words = bits // 64
        self._run = ctypes.CDLL(str(library)).run
        self._run.argtypes = [ctypes.c_void_p] * 6 + [ctypes.c_uint64] * 3
        self._run.restype = None

    def words_for(self, lanes: int) -> int:
        """Those of a vector."""
        return self._words

    def cycles_at_once(self, blocks: int) -> int:
        """What takes well under a second for the PC: C is not interrupted."""
        return max(1000, CALL_CYCLES // blocks)

    def run(self, blocks: Blocks, cycles: int, start: int) -> None:
        """As of `Kernel`. Without the GIL.

        Parameters
        ----------
        blocks : Blocks
            Contiguous, and aligned as by `aligned`; changed in place.
        cycles, start : int
            How many pass, and the number of the first, both from 0 to 2^64 - 1.
        """
        pointers = [array.ctypes.data if array is not None else None for array in blocks]
        self._run(*pointers, len(blocks.state), cycles, start)


def aligned(shape: Sequence[int]) -> np.ndarray:
    """Zeros on a boundary of 64 bytes, as vectors need."""
    size = int(np.prod(shape))
    raw = np.zeros(size + 8, dtype=np.uint64)
    offset = (-raw.ctypes.data % 64) // 8
    return raw[offset : offset + size].reshape(shape)
