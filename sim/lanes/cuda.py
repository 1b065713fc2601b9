"""The engine for NVIDIA's GPUs, through CuPy, which compiles the kernel at run time by NVRTC.

Blocks of lanes are shared out among the GPUs that there are. State goes to the GPU and back in each run, so
many cycles at a time are what it is good at. Memory on the GPU is as that of `lanes.Lanes`.
"""

import importlib
import importlib.util
from collections.abc import Callable
from functools import cache
from threading import Lock
from typing import Any

import numpy as np

from ..netlist.netlist import Netlist
from ..support.errors import ToolError
from .cuda_source import WARP, layout_of
from .plan import Interface
from .values import Blocks

NO_CUPY = "engine cuda: CuPy is not installed: pip install 'irq13[gpu]'"
LAUNCH_CYCLES = 1 << 20
"""Cycles of one launch, so that Ctrl-C is looked at between them."""
NEVER = np.uint64((1 << 64) - 1)

Launch = Callable[..., None]
"""Runs the kernel over host arrays, in place: states, inputs, valids, toggles (or None), counts, whens and
whiches; then cycles and start. States, inputs and toggles are words of 32 bits by block, plane and thread."""


def has_cupy() -> bool:
    """CuPy is installed, whether there is a GPU or not."""
    return importlib.util.find_spec("cupy") is not None


@cache
def gpu_names() -> tuple[str, ...]:
    """The GPUs. Raises ToolError if CuPy is not installed, or finds none."""
    if not has_cupy():
        raise ToolError(NO_CUPY)
    cupy = importlib.import_module("cupy")

    try:
        count = cupy.cuda.runtime.getDeviceCount()
        names = [cupy.cuda.runtime.getDeviceProperties(number)["name"] for number in range(count)]
    except cupy.cuda.runtime.CUDARuntimeError as error:
        raise ToolError(f"engine cuda: no GPU can be used: {error}") from None
    if not names:
        raise ToolError("engine cuda: there is no GPU")
    return tuple(name.decode() for name in names)


def multiprocessors() -> int:
    """Of all GPUs. Errors as `gpu_names`."""
    gpus = range(len(gpu_names()))
    runtime = importlib.import_module("cupy").cuda.runtime
    return sum(runtime.getDeviceProperties(gpu)["multiProcessorCount"] for gpu in gpus)


class CudaKernel:
    """A kernel on GPUs.

    Parameters
    ----------
    interface: of the plan that it was written from.
    source: what `cuda_source` gave.
    toggles: whether it keeps which registers ever changed.
    launch: what runs it, if not all GPUs.

    Raises
    ------
    ToolError
        If CuPy is not installed, finds no GPU, or cannot compile the kernel for it.
    """

    def __init__(
        self, interface: Interface, source: str, toggles: bool, launch: Launch | None = None
    ) -> None:
        self.interface = interface
        self.toggles = toggles
        self.netlist: Netlist | None = None
        self.layout = layout_of(source)
        self._launch = launch or gpu_launch(source)
        self._lock = Lock()

    def words_for(self, lanes: int) -> int:
        """Those of a block of threads."""
        return self.layout.threads * WARP // 64

    def cycles_at_once(self, blocks: int) -> int:
        """Those of a launch."""
        return LAUNCH_CYCLES

    def run(self, blocks: Blocks, cycles: int, start: int) -> None:
        """As of `Kernel`. Calls of several threads wait for each other.

        Parameters
        ----------
        blocks : Blocks
            In the host's memory, changed in place.
        cycles, start : int
            How many pass, and the number of the first, both from 0 to 2^64 - 1.
        """
        state, inputs, valid, toggles, counts, firsts = blocks
        fails, threads = self.interface.fails, self.layout.threads
        words = [None if one is None else one.view(np.uint32) for one in (state, inputs, valid, toggles)]
        whens = np.full((len(state), threads, fails), NEVER)
        whiches = np.zeros((len(state), threads, fails), dtype=np.uint32)
        with self._lock:
            self._launch(*words, counts, whens, whiches, np.uint64(cycles), np.uint64(start))
        _keep_firsts(firsts, whens, whiches)


def _keep_firsts(firsts: np.ndarray, whens: np.ndarray, whiches: np.ndarray) -> None:
    """Of each block's threads the first cycle and its lowest lane, where none was known."""
    for block, index in np.ndindex(firsts.shape[:2]):
        when = whens[block, :, index]
        if firsts[block, index, 0] != NEVER or (when == NEVER).all():
            continue
        thread = int(when.argmin())
        which = int(whiches[block, thread, index])
        firsts[block, index] = when[thread], thread * WARP + (which & -which).bit_length() - 1


def gpu_launch(source: str) -> Launch:
    """The kernel on all GPUs, each with an equal share of the blocks. Errors as `CudaKernel`."""
    layout, gpus = layout_of(source), len(gpu_names())
    cupy = importlib.import_module("cupy")

    kernels: list[Any] = []
    for gpu in range(gpus):
        with cupy.cuda.Device(gpu):
            try:
                module = cupy.RawModule(code=source, options=("--std=c++14",), backend="nvrtc")
                kernel = module.get_function("run")
                if layout.shared:
                    kernel.max_dynamic_shared_size_bytes = layout.shared_bytes
            except (cupy.cuda.compiler.CompileException, cupy.cuda.driver.CUDADriverError) as error:
                line = str(error).strip().splitlines()[0]
                raise ToolError(f"engine cuda: {gpu_names()[gpu]} does not take the kernel: {line}") from None
            kernels.append(kernel)

    def launch(state, inputs, valid, toggles, counts, whens, whiches, cycles, start) -> None:
        shares = np.array_split(np.arange(len(state)), gpus)
        pieces = [(gpu, slice(share[0], share[-1] + 1)) for gpu, share in enumerate(shares) if len(share)]
        waiting = []
        for gpu, piece in pieces:
            with cupy.cuda.Device(gpu):
                arrays = [
                    # A kernel that keeps no toggles never looks at them.
                    cupy.asarray(one[piece] if one is not None else np.zeros(1, dtype=np.uint32))
                    for one in (state, inputs, valid, toggles, counts, whens, whiches)
                ]
                blocks = piece.stop - piece.start
                grid = (blocks,), (layout.threads,)
                kernels[gpu](*grid, (*arrays, cycles, start), shared_mem=layout.shared_bytes)
                waiting.append(arrays)
        for (gpu, piece), arrays in zip(pieces, waiting, strict=True):
            with cupy.cuda.Device(gpu):
                for one, array in zip(
                    (state, None, None, toggles, counts, whens, whiches), arrays, strict=True
                ):
                    if one is not None:
                        one[piece] = cupy.asnumpy(array)

    return launch
