"""Many simulations at once, one bit each: a netlist as operations on wide words.

    netlist = lower(component)
    lanes = Lanes(kernel_of(netlist, watch=["ferr_fell"], fail=["lost"]), 100_000)
    lanes.set_register("stimulus.word", seeds)
    lanes.run(1000)
    lanes.counts["ferr_fell"], lanes.first["lost"]

A *lane* is one simulation. 64 of them stand in a word, and an operation on a word is one on 64 lanes; where
lanes differ, they differ in their registers and inputs. What a lane does depends on no other lane.
"""

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple, Protocol

import numpy as np

from ..netlist.netlist import Netlist
from ..support.errors import InputError, NetlistError, ToolError
from . import compiled, cuda, numpy_engine
from .cuda_source import cuda_source
from .observe import observed_values
from .plan import Interface, plan_step
from .values import Blocks, Values, joined, pack_plane, split_values

ENGINES = ("auto", "numpy", "compiled", "cuda")


class Kernel(Protocol):
    """One step of a netlist, ready to run."""

    interface: Interface
    toggles: bool
    """It keeps which registers ever changed."""
    netlist: Netlist | None
    """What it runs, if it was made from that in this process: outputs are worked out from it."""

    def words_for(self, lanes: int) -> int:
        """Words of a plane that are computed together."""
        ...

    def cycles_at_once(self, blocks: int) -> int:
        """Cycles of one call, so that Ctrl-C is looked at again and again."""
        ...

    def run(self, blocks: Blocks, cycles: int, start: int) -> None:
        """Let cycles pass in blocks of lanes, in place.

        Parameters
        ----------
        blocks : Blocks
            Of `words_for` words each.
        cycles, start : int
            How many pass, and the number of the first one.
        """
        ...


class First(NamedTuple):
    """Where a failure came first."""

    cycle: int
    lane: int


@dataclass(frozen=True)
class Recipe:
    """A kernel before it is made, small enough to be kept in a file or sent to another machine.

    Attributes
    ----------
    sources: by engine: C (for this compiler's vectors), Python, and CUDA where CuPy is installed.
    operations: in one step of the compiled engine, or of numpy where there is none: of up to three bits with
        AVX-512, else of two.
    note: why there is no compiled engine, or "".
    """

    interface: Interface
    sources: Mapping[str, str]
    bits: int
    toggles: bool
    operations: int
    note: str = ""

    def kernel(self, engine: str = "auto") -> Kernel:
        """The kernel: by itself ("auto") compiled if there is a compiler, else of numpy calls.

        Raises
        ------
        ToolError
            If the compiled engine is asked for and there is none, or the compiler fails; likewise for "cuda".
        """
        if engine not in ENGINES:
            raise InputError(f"engine must be one of {', '.join(ENGINES)}, not {engine!r}")
        if engine == "cuda":
            if "cuda" not in self.sources:
                raise ToolError(cuda.NO_CUPY)
            return cuda.CudaKernel(self.interface, self.sources["cuda"], self.toggles)
        compiler = compiled.find_compiler()
        if engine == "compiled" and (compiler is None or "c" not in self.sources):
            raise ToolError(self.note or NO_COMPILER)
        if engine == "numpy" or compiler is None or "c" not in self.sources:
            return numpy_engine.NumpyKernel(self.interface, self.sources["python"], self.toggles)
        library = compiled.build(self.sources["c"], compiler)
        return compiled.CompiledKernel(self.interface, library, self.bits, self.toggles)


NO_COMPILER = "no C compiler found ($CC, cc, gcc, clang, or pip install 'irq13[fast]'): numpy is used"


def recipe_of(
    netlist: Netlist,
    watch: Sequence[str] = (),
    fail: Sequence[str] = (),
    *,
    toggles: bool = False,
    bits: int | None = None,
) -> Recipe:
    """The kernel of a netlist, as source.

    Parameters
    ----------
    watch: outputs of one bit whose ones are counted over all lanes and cycles.
    fail: the same for what must never be 1: the first lane and cycle are kept.
    toggles: keep which flip-flops ever changed.
    bits: of a vector, if not the widest that the processor has.

    Raises
    ------
    NetlistError
        For an output that is not there or has more than one bit.
    """
    python = plan_step(netlist, "numpy", watch, fail)
    sources = {"python": numpy_engine.python_source(python)}
    operations = python.cost
    compiler = compiled.find_compiler()
    width = bits or (compiler.vector_bits if compiler else 256)
    if compiler is not None:
        ternary = compiler.ternary and width == 512
        step = plan_step(netlist, "ternary" if ternary else "vector", watch, fail, guards=True)
        operations = step.cost
        sources["c"] = compiled.c_source(step, width, ternary, toggles)
    if cuda.has_cupy():
        sources["cuda"] = cuda_source(plan_step(netlist, "ternary", watch, fail), toggles)
    note = "" if compiler else NO_COMPILER
    return Recipe(python.interface, sources, width, toggles, operations, note)


def kernel_of(
    netlist: Netlist,
    watch: Sequence[str] = (),
    fail: Sequence[str] = (),
    *,
    engine: str = "auto",
    toggles: bool = False,
) -> Kernel:
    """The kernel of a netlist. Errors as in `recipe_of` and `Recipe.kernel`.

    Parameters
    ----------
    netlist : Netlist
        Kept, so that outputs can be read.
    watch, fail : sequence of str
        As in `recipe_of`.
    engine : str
        One of `ENGINES`.
    toggles : bool
        Keep which registers ever changed.
    """
    kernel = recipe_of(netlist, watch, fail, toggles=toggles).kernel(engine)
    kernel.netlist = netlist
    return kernel


class Lanes:
    """Simulations side by side.

    Parameters
    ----------
    kernel: what they all run.
    lanes: how many.
    threads: that share the blocks; the result does not depend on it.

    Attributes
    ----------
    cycle: cycles that have passed.
    counts: how often each watched output was 1, over all lanes and cycles.
    first: where each failure came first, in the lowest lane of the first such cycle, or None.

    Memory: 8 bytes a word of 64 lanes for each register, input and, if kept, toggle: with 200 planes 25 bytes
    a lane.
    """

    def __init__(self, kernel: Kernel, lanes: int, threads: int = 1) -> None:
        if lanes < 1 or threads < 1:
            raise InputError(f"lanes and threads must be at least 1, not {lanes!r} and {threads!r}")
        self.lanes = lanes
        self.cycle = 0
        self._kernel = kernel
        self._threads = threads
        interface, words = kernel.interface, kernel.words_for(lanes)
        self._interface = interface
        blocks = -(-lanes // (64 * words))
        self._state = compiled.aligned((blocks, len(interface.init), words))
        self._inputs = compiled.aligned((blocks, interface.input_planes, words))
        self._valid = compiled.aligned((blocks, words))
        self._toggles = compiled.aligned(self._state.shape) if kernel.toggles else None
        self._counts = np.zeros((blocks, len(interface.watches)), dtype=np.uint64)
        self._firsts = np.full((blocks, interface.fails, 2), np.uint64(compiled.NEVER), dtype=np.uint64)
        self._state[:, np.array(interface.init, dtype=bool)] = np.uint64(compiled.NEVER)
        self._valid[:] = pack_plane(np.ones(lanes, dtype=np.uint8), *self._valid.shape)
        self._blocks = Blocks(
            self._state, self._inputs, self._valid, self._toggles, self._counts, self._firsts
        )

    def run(self, cycles: int) -> None:
        """Let cycles pass in every lane."""
        if cycles < 0:
            raise InputError(f"cycles must be at least 0, not {cycles!r}")
        edges = np.linspace(0, len(self._state), min(self._threads, len(self._state)) + 1).astype(int)
        pieces = [slice(a, b) for a, b in pairwise(edges)]
        most = self._kernel.cycles_at_once(-(-len(self._state) // len(pieces)))
        end = self.cycle + cycles
        with ThreadPoolExecutor(len(pieces)) as pool:
            while self.cycle < end:
                now = min(most, end - self.cycle)
                run = partial(self._run_piece, now)
                if len(pieces) == 1:
                    run(pieces[0])
                else:
                    list(pool.map(run, pieces))
                self.cycle += now

    def _run_piece(self, cycles: int, part: slice) -> None:
        self._kernel.run(self._blocks.part(part), cycles, self.cycle)

    @property
    def counts(self) -> dict[str, int]:
        """Ones of each watched output, over all lanes and cycles."""
        sums = self._counts.sum(axis=0).tolist() if len(self._counts) else []
        return dict(zip(self._interface.watches, sums, strict=True))

    @property
    def first(self) -> dict[str, First | None]:
        """Where each failure came first."""
        found: dict[str, First | None] = {}
        for index, name in enumerate(self._interface.watches[: self._interface.fails]):
            size = 64 * self._valid.shape[1]
            seen = [
                First(int(cycle), block * size + int(lane))
                for block, (cycle, lane) in enumerate(self._firsts[:, index])
                if int(cycle) != compiled.NEVER
            ]
            found[name] = min(seen, default=None)
        return found

    @property
    def names(self) -> list[str]:
        """Of the registers."""
        return list(self._interface.registers)

    def toggled(self) -> dict[str, int]:
        """Of each register the bits that ever changed, in any lane; the kernel must keep toggles."""
        if self._toggles is None:
            raise InputError("this kernel keeps no toggles: make it with toggles=True")
        seen = np.bitwise_or.reduce(self._toggles & self._valid[:, None], axis=(0, 2)) != 0
        return {
            name: sum(int(seen[plane]) << bit for bit, plane in planes.items())
            for name, planes in self._interface.registers.items()
        }

    def register(self, name: str) -> np.ndarray:
        """A register in every lane, as it stands now: words, or Python integers if wider than 64 bits.

        Raises
        ------
        NetlistError
            If there is none of this name.
        ValueError
            For one with an asynchronous reset, if the kernel was made without its netlist.
        """
        planes = self._planes(self._interface.registers, name)
        fixed = self._interface.fixed.get(name, 0)
        at = {bit: self._state[:, plane] for bit, plane in planes.items()}
        shown = self._known_netlist().shown[name] if name in self._interface.asynchronous else {}
        at |= dict(zip(shown, self._observe(list(shown.values())), strict=True))
        width = max([fixed.bit_length(), *(bit + 1 for bit in at)])
        return joined(at, width, fixed, self.lanes)

    def output(self, name: str) -> np.ndarray:
        """An output in every lane, in the cycle that stands now: with the inputs as they were last set.

        Raises
        ------
        NetlistError
            If there is none of this name.
        ValueError
            If the kernel was made without its netlist.
        """
        word = self._planes(self._known_netlist().outputs, name)
        return joined(dict(enumerate(self._observe(word))), len(word), 0, self.lanes)

    def set_register(self, name: str, values: Values) -> None:
        """Give a register a value, the same or another one in each lane.

        Parameters
        ----------
        name : str
            One of `names`.
        values : int, sequence of int or ndarray
            One for all lanes or one for each; from 0 on, in the bits that the register has.

        Raises
        ------
        ValueError
            For a bit that is not there, or one that was taken for constant: it has to be named as `free`.
        NetlistError
            If there is no register of this name.
        """
        planes = self._planes(self._interface.registers, name)
        self._write(self._state, planes, values, self._interface.fixed.get(name, 0), name)

    def set_input(self, name: str, values: Values) -> None:
        """Hold an input at a value from now on, the same or another one in each lane.

        Parameters
        ----------
        name : str
            Of the netlist's inputs.
        values : int, sequence of int or ndarray
            One for all lanes or one for each; from 0 on, in the input's width.

        Raises
        ------
        ValueError
            For a value that the input does not hold, or another count of values than of lanes.
        NetlistError
            If there is no input of this name.
        """
        planes = self._planes(self._interface.inputs, name)
        self._write(self._inputs, dict(enumerate(planes)), values, 0, name)

    def snapshot(self) -> np.ndarray:
        """All planes, to compare with later."""
        return self._state.copy()

    def differs(self, before: np.ndarray, besides: Sequence[str] = ()) -> bool:
        """Whether any lane has another state than in a snapshot, except in some registers.

        Parameters
        ----------
        before : ndarray
            What `snapshot` gave of these lanes.
        besides : sequence of str
            Registers that may differ; KeyError for one that is not there.
        """
        changed = np.bitwise_or.reduce((self._state ^ before) & self._valid[:, None], axis=(0, 2)) != 0
        for name in besides:
            changed[list(self._interface.registers[name].values())] = False
        return bool(changed.any())

    @staticmethod
    def _planes(words: Mapping[str, Any], name: str) -> Any:
        if name not in words:
            raise NetlistError(f"no {name!r}: expected one of {', '.join(words)}")
        return words[name]

    def _write(
        self, where: np.ndarray, planes: Mapping[int, int], values: Values, fixed: int, name: str
    ) -> None:
        # All are checked before the first is written.
        levels = list(split_values(name, values, self.lanes, list(planes), fixed))
        for plane, level in zip(planes.values(), levels, strict=True):
            where[:, plane] = pack_plane(level, *self._valid.shape)

    def _known_netlist(self) -> Netlist:
        if self._kernel.netlist is None:
            raise InputError("this kernel was made without its netlist: make it with kernel_of(netlist)")
        return self._kernel.netlist

    def _observe(self, literals: Sequence[int]) -> list[np.ndarray]:
        if not literals:
            return []
        netlist = self._known_netlist()
        variables = {one.output >> 1: self._state[:, index] for index, one in enumerate(netlist.registers)}
        words = [literal for word in netlist.inputs.values() for literal in word]
        variables |= {literal >> 1: self._inputs[:, index] for index, literal in enumerate(words)}
        return observed_values(netlist, literals, variables, self._valid.shape)


def cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
