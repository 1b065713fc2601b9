"""A step as CUDA: one thread has 32 lanes, each operation of three bits is one LOP3.

The registers of a thread's lanes stand in shared memory, a column for each thread, and so does what does not
fit into the processor's registers: our own plan decides what that is, as the compiler's does far worse in
thousands of lines. A design whose column is too large for that has it in global memory.
"""

import re
from typing import NamedTuple

from .c_source import Writer
from .plan import StepPlan

SHARED_BYTES = 227 * 1024
"""Shared memory that a block may have, from compute capability 9.0 on (CUDA C++ Programming Guide, table of
compute capabilities)."""
ROOM = 220
"""Values at hand: a thread has 255 registers, and some hold addresses, counts and results."""
WARP = 32
MOST_THREADS = 256


class CudaLayout(NamedTuple):
    """What a kernel needs of its caller.

    Attributes
    ----------
    threads: in a block; it runs that many times 32 lanes.
    column: words of 32 bits that each thread has in memory.
    shared: they are in shared memory.
    """

    threads: int
    column: int
    shared: bool

    @property
    def shared_bytes(self) -> int:
        """Shared memory of a block of threads, in bytes; 0 where the columns are in global memory."""
        return 4 * self.threads * self.column if self.shared else 0


def layout_of(source: str) -> CudaLayout:
    """The layout of a kernel, which its text states."""
    found = dict(re.findall(r"\b(THREADS|COLUMN|SHARED) = (\d+)", source))
    return CudaLayout(int(found["THREADS"]), int(found["COLUMN"]), found["SHARED"] == "1")


def cuda_source(plan: StepPlan, toggles: bool) -> str:
    """The kernel as CUDA C++.

    Parameters
    ----------
    plan: for the target "ternary", without guards: threads that differ would wait for each other.
    toggles: also keep which registers ever changed, lane by lane.
    """
    interface = plan.interface
    writer = Writer(plan, True, toggles, room=ROOM, cut=False)
    body = list(writer.calls)
    if interface.fails:
        seen = " | ".join(f"now[{index}]" for index in range(interface.fails))
        body.append(f"if ({seen}) first(now, start + cycle, when, which);")
    registers = len(interface.init)
    column = max(1, registers + writer.slots)
    threads = min(MOST_THREADS, SHARED_BYTES // (4 * column) // WARP * WARP)
    return _TEMPLATE.format(
        threads=threads or 2 * WARP,
        column=column,
        shared=int(threads > 0),
        registers=registers,
        inputs=interface.input_planes,
        watches=len(interface.watches),
        fails=interface.fails,
        room=max(1, len(interface.watches)),
        slots=max(1, writer.slots),
        body="\n    ".join(body),
    )


_TEMPLATE = """\
typedef unsigned int v;
typedef unsigned long long u64;
enum {{ THREADS = {threads}, COLUMN = {column}, SHARED = {shared} }};
enum {{ REGISTERS = {registers}, INPUTS = {inputs}, WATCHES = {watches}, FAILS = {fails} }};
#ifndef BARRIER
#define BARRIER asm volatile("" ::: "memory")
template <int table> static __device__ __forceinline__ v lop3(v a, v b, v c) {{
  v d;
  asm("lop3.b32 %0, %1, %2, %3, %4;" : "=r"(d) : "r"(a), "r"(b), "r"(c), "n"(table));
  return d;
}}
#endif
#define T(a, b, c, table) lop3<table>(a, b, c)

/* Words of one thread: those of the threads of a block stand side by side. */
struct Column {{
  v *base;
  __device__ __forceinline__ v &operator[](int index) const {{ return base[index * THREADS]; }}
}};

static __device__ __forceinline__ u64 add(u64 sum, v x) {{ return sum + __popc(x); }}

/* Keep the cycle in which each failure came first, and the lanes that it came in. */
static __device__ void first(const v *now, u64 cycle, u64 *when, v *which) {{
  for (int j = 0; j < FAILS; j++)
    if (when[j] == ~0ull && now[j]) {{
      when[j] = cycle;
      which[j] = now[j];
    }}
}}

extern "C" __global__ void __launch_bounds__(THREADS, 1)
run(v *states, v *inputs, const v *valids, v *toggles, u64 *counts, u64 *whens, v *whiches,
    u64 cycles, u64 start) {{
#if {shared}
  extern __shared__ v shared[];
  const Column st = {{shared + threadIdx.x}}, sp = {{shared + REGISTERS * THREADS + threadIdx.x}};
#else
  const Column st = {{states + (u64)blockIdx.x * REGISTERS * THREADS + threadIdx.x}};
  v sp[{slots}];
#endif
  const u64 block = blockIdx.x, thread = threadIdx.x;
  const Column home = {{states + block * REGISTERS * THREADS + thread}};
  const Column in = {{inputs + block * INPUTS * THREADS + thread}};
  const Column tg = {{toggles + block * REGISTERS * THREADS + thread}};
  const v valid = valids[block * THREADS + thread], zero = 0;
  u64 sum[{room}] = {{0}}, when[{fails} + 1];
  v now[{room}], which[{fails} + 1];
  for (int j = 0; j < FAILS; j++) when[j] = ~0ull, which[j] = 0;
#if {shared}
  for (int j = 0; j < REGISTERS; j++) st[j] = home[j];
#endif
  for (u64 cycle = 0; cycle < cycles; cycle++) {{
    {body}
  }}
#if {shared}
  for (int j = 0; j < REGISTERS; j++) home[j] = st[j];
#endif
  for (int j = 0; j < WATCHES; j++) atomicAdd(counts + block * WATCHES + j, sum[j]);
  for (int j = 0; j < FAILS; j++) {{
    whens[(block * THREADS + thread) * FAILS + j] = when[j];
    whiches[(block * THREADS + thread) * FAILS + j] = which[j];
  }}
}}
"""
