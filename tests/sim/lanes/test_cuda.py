"""The CUDA engine without a GPU: its kernel as C++, and the way to CuPy through a stand-in for that."""

import ctypes
import random
import re
import subprocess
import sys
import types
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
from irq13 import hdl
from irq13.model.registers import Parameters
from irq13.sim.fuzz.stimulated import HASH, begin, stimulated
from irq13.sim.lanes import cuda, cuda_source
from irq13.sim.lanes.lanes import Lanes, recipe_of
from irq13.sim.lanes.plan import plan_step
from irq13.sim.netlist.lowering import lower
from irq13.sim.support.errors import ToolError

from .test_guards import banks

HOST = Path(__file__).with_name("cuda_host.h")
DRIVER = """
extern "C" void on_host(unsigned blocks, v *states, v *inputs, const v *valids, v *toggles, u64 *counts,
                        u64 *whens, v *whiches, u64 cycles, u64 start) {
  for (blockIdx.x = 0; blockIdx.x < blocks; blockIdx.x++)
    for (threadIdx.x = 0; threadIdx.x < THREADS; threadIdx.x++)
      run(states, inputs, valids, toggles, counts, whens, whiches, cycles, start);
}
"""


def built(source, folder):
    """The kernel as a function of host arrays, compiled by the system's C++ compiler."""
    text, library = folder / "kernel.cpp", folder / "kernel.so"
    text.write_text(f'#include "{HOST}"\n' + source + DRIVER)
    command = ["g++", "-O1", "-w", "-fPIC", "-shared", str(text), "-o", str(library)]
    subprocess.run(command, check=True)
    function = ctypes.CDLL(str(library)).on_host
    function.argtypes = [ctypes.c_uint32, *[ctypes.c_void_p] * 7, ctypes.c_uint64, ctypes.c_uint64]
    function.restype = None

    def launch(state, *more):
        *arrays, cycles, start = more
        pointers = [None if one is None else one.ctypes.data for one in (state, *arrays)]
        function(len(state), *pointers, int(cycles), int(start))

    return launch


@pytest.fixture(autouse=True)
def compiler(tool):
    tool("g++")


def kernels(netlist, watch, fail, launch_of, *, toggles=True):
    """The numpy engine's kernel, and CUDA's."""
    recipe = recipe_of(netlist, watch, fail, toggles=toggles)
    source = cuda_source.cuda_source(plan_step(netlist, "ternary", watch, fail), toggles)
    return recipe.kernel("numpy"), cuda.CudaKernel(recipe.interface, source, toggles, launch_of(source))


def same(one, other):
    """Two runs of lanes came to the same."""
    for name in one.names:
        assert (one.register(name) == other.register(name)).all(), name
    assert (one.counts, one.first) == (other.counts, other.first)


@pytest.mark.parametrize("shared_bytes", [cuda_source.SHARED_BYTES, 1000], ids=["shared", "global"])
def test_banks_of_registers_are_those_of_numpy(shared_bytes, tmp_path, monkeypatch):
    """With inputs, toggles, counts and firsts, in two launches a run; state in shared or in global memory."""
    monkeypatch.setattr(cuda_source, "SHARED_BYTES", shared_bytes)
    monkeypatch.setattr(cuda_source, "ROOM", 40)
    monkeypatch.setattr(cuda, "LAUNCH_CYCLES", 3)
    numpy, gpu = kernels(banks(4), ["any"], ["odd"], lambda source: built(source, tmp_path))
    assert gpu.layout.shared == (shared_bytes > 1000)
    lanes = 64 * gpu.words_for(1) * 2 + 77
    runs = [Lanes(numpy, lanes), Lanes(gpu, lanes, threads=2)]
    chance = random.Random(4)
    for _ in range(6):
        values = [chance.getrandbits(8) for _ in range(lanes)]
        for one in runs:
            one.set_input("i", values)
            one.run(5)
        same(*runs)
    assert runs[0].first["odd"] is not None
    assert runs[0].toggled() == runs[1].toggled()


@pytest.mark.slow
def test_the_pc_is_that_of_numpy(tmp_path):
    """Signatures of all outputs over 150 cycles; shared memory holds the state of three warps at least."""
    netlist = stimulated(lower(hdl.Pc(Parameters("AMD64"))))
    numpy, gpu = kernels(netlist, ["intr"], ["irq13"], lambda source: built(source, tmp_path), toggles=False)
    assert gpu.layout.shared
    assert gpu.layout.threads >= 96
    runs = [Lanes(numpy, 3500), Lanes(gpu, 3500)]
    for one in runs:
        begin(one, 13)
        one.run(150)
    assert len(set(runs[0].register(HASH).tolist())) == 3500
    same(*runs)


class FakeCupy(types.ModuleType):
    """What of CuPy is used, on the host: two GPUs."""

    def __init__(self, folder, count=2):
        super().__init__("cupy")
        self.launches = []
        self.asarray, self.asnumpy = np.array, np.asarray
        error = type("CUDARuntimeError", (RuntimeError,), {})
        compile_error = type("CompileException", (Exception,), {})
        runtime = types.SimpleNamespace(
            getDeviceCount=lambda: count,
            getDeviceProperties=lambda number: {"name": b"GPU %d" % number},
            CUDARuntimeError=error,
        )
        self.cuda = types.SimpleNamespace(
            runtime=runtime,
            Device=nullcontext,
            compiler=types.SimpleNamespace(CompileException=compile_error),
            driver=types.SimpleNamespace(CUDADriverError=type("CUDADriverError", (RuntimeError,), {})),
        )

        def raw_module(code, options, backend):
            assert backend == "nvrtc"
            if "LOP4" in code:
                raise compile_error('kernel.cu(7): error: "LOP4"\nmore')
            launch = built(code, folder)

            class LaunchedKernel:
                max_dynamic_shared_size_bytes = 0

                def __call__(self, grid, block, arguments, shared_mem):
                    assert shared_mem == self.max_dynamic_shared_size_bytes <= 227 * 1024
                    assert len(arguments[0]) == grid[0]
                    assert arguments[0].shape[2] == block[0]
                    assert all(isinstance(one, np.uint64) for one in arguments[-2:])
                    outer.launches.append(grid[0])
                    launch(*arguments)

            return types.SimpleNamespace(get_function=lambda name: {"run": LaunchedKernel()}[name])

        outer = self
        self.RawModule = raw_module


@pytest.fixture
def fake(tmp_path, monkeypatch):
    fake = FakeCupy(tmp_path)
    monkeypatch.setitem(sys.modules, "cupy", fake)
    monkeypatch.setattr(cuda, "has_cupy", lambda: True)
    cuda.gpu_names.cache_clear()
    yield fake
    cuda.gpu_names.cache_clear()


def test_blocks_are_shared_out_among_gpus(fake):
    netlist = banks(5)
    recipe = recipe_of(netlist, ["any"], ["odd"])
    gpu = recipe.kernel("cuda")
    lanes = 64 * gpu.words_for(1) * 3
    runs = [Lanes(recipe.kernel("numpy"), lanes), Lanes(gpu, lanes)]
    for one in runs:
        one.set_input("i", [lane * 37 % 256 for lane in range(lanes)])
        one.run(20)
    same(*runs)
    assert fake.launches == [2, 1]


def test_what_is_missing_is_one_line(fake, monkeypatch):
    recipe = recipe_of(banks(5))
    broken = recipe.sources["cuda"] + "LOP4"
    with pytest.raises(
        ToolError, match=re.escape('GPU 0 does not take the kernel: kernel.cu(7): error: "LOP4"')
    ):
        cuda.CudaKernel(recipe.interface, broken, False)
    cuda.gpu_names.cache_clear()
    fake.cuda.runtime.getDeviceCount = lambda: 0
    with pytest.raises(ToolError, match="engine cuda: there is no GPU"):
        recipe.kernel("cuda")
    cuda.gpu_names.cache_clear()
    monkeypatch.setattr(cuda, "has_cupy", lambda: False)
    with pytest.raises(ToolError, match=r"CuPy is not installed: pip install 'irq13\[gpu\]'"):
        recipe_of(banks(5)).kernel("cuda")
