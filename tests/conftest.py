import contextlib
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import settings
from irq13.sim.lanes.cache import fingerprint
from irq13.sim.machines import machine, two_processors
from support.driven_pc import DrivenPc
from support.machines import POOL, TWO_PROCESSOR_POOL

# vcdvcd makes a broken pipe deadly to the process when it is imported: here a test may well break one.
_before = signal.getsignal(signal.SIGPIPE)
import vcdvcd  # noqa: E402, F401

signal.signal(signal.SIGPIPE, _before)

# As in an activated virtual environment: makefiles of Verilator and cocotb want a program called python.
os.environ["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"

# Behind & or nohup SIGINT is ignored, by what a test starts too, and some tests send it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Machines are noisy: how long an example takes says nothing.
settings.register_profile("irq13", deadline=None)
settings.load_profile("irq13")

machine.MACHINES.update(POOL.machines())
two_processors.TWO_PROCESSOR_MACHINES.update(TWO_PROCESSOR_POOL.machines())


@pytest.fixture(scope="session", autouse=True)
def kernels(request):
    """Compiled kernels are kept in pytest's own cache, from run to run while the sources stay the same.

    Processes that a test starts find them too. What does not hang on our sources stays where a user has it:
    the machine code of Yosys and nextpnr, which takes a minute to make.
    """
    own = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = request.config.cache.mkdir("kernels") / fingerprint()[:16]
    folder.mkdir(exist_ok=True)
    # Those of other sources are never asked for again.
    for old in folder.parent.iterdir():
        if old != folder:
            shutil.rmtree(old, ignore_errors=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder))
        patch.setenv("YOWASP_CACHE_DIR", os.environ.get("YOWASP_CACHE_DIR") or str(own / "YoWASP"))
        # Another worker has made it, or there is no such folder to write to: then it is compiled here.
        with contextlib.suppress(OSError):
            (own / "wasmtime").mkdir(parents=True, exist_ok=True)
            (folder / "wasmtime").symlink_to(own / "wasmtime")
        yield


@pytest.fixture(params=["hdl", "model"])
def on(request):
    """Each test of a rule runs on the HDL and on the model."""
    return request.param


@pytest.fixture
def pc(on):
    """`pc(generation, masks="none", **parameters)`: a PC with these masks and no flag set."""
    return lambda generation, masks="none", **parameters: DrivenPc(on, generation, masks, **parameters)


@pytest.fixture(params=["I486", "P6", "AMD64"])
def generation(request):
    return request.param


@pytest.fixture(scope="session")
def tool():
    """`tool("gtkwave")`: the path of a system program. Where all are required, a missing one is a failure."""

    def find(name):
        path = shutil.which(name)
        if path is None:
            _missing(name, name)
        return path

    return find


@pytest.fixture(scope="session")
def c_header(tool):
    """`c_header("json-c/json.h", "libjson-c-dev")`: goes on only where a C compiler finds it; as `tool`."""

    def find(name, package):
        command = [tool("gcc"), "-E", "-include", name, "-x", "c", "-"]
        if subprocess.run(command, input=b"", capture_output=True).returncode:
            _missing(name, package)

    return find


def _missing(name, package):
    if os.environ.get("IRQ13_TOOLS") == "required":
        pytest.fail(f"{name} is not installed")
    pytest.skip(f"needs {name}: apt install {package}")
