"""A reference with one wrong line fails some vector, and some sequence on this processor."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from irq13.sim.conformance import vectors
from irq13.sim.conformance.capture import capture, capture_document, sequences

ROOT = Path(__file__).parents[3]


MUTATIONS = {
    # One line of the model each: file, what stands there, what is put in its place.
    "FLDCW does not recompute ES": ("x87", "return bool(self.pending)", "return bool(self.flags & 0x3F)"),
    "FNSTENV does not mask": ("x87", "return state._replace(masks=ExceptionFlag(MASKABLE))", "return state"),
    "FNCLEX keeps SF": (
        "x87",
        "return state._replace(flags=ExceptionFlag(0))",
        "return state._replace(flags=state.flags & ExceptionFlag.SF)",
    ),
    "ES of an image is taken verbatim": (
        "x87",
        "return ErrorState(ExceptionFlag(operation.status & 0x7F), _masks(operation.control))",
        "return ErrorState(ExceptionFlag(operation.status & (0x7F if operation.status & 0x80 else 0x40)), _masks(operation.control))",
    ),
    "FXRSTOR waits": ("x87", "        Operation.FXRSTOR,\n", ""),
    "a stack fault is no invalid operation": (
        "x87",
        "return self.raises | ExceptionFlag.IE if stack_fault else self.raises",
        "return self.raises",
    ),
    "IGNNE# is not gated by FERR#": ("chipset", "ignne_n=not self.ff2 or inputs.ferr_n", "ignne_n=not self.ff2"),
    "F0h without an error asserts IGNNE#": ("chipset", "        if inputs.ferr_n:\n            self.ff2 = False\n", ""),
    "IGNNE asserting later clears FERR#": (
        "reporting",
        "if not now.state.es or not self._allowed(now) or self._window_ends(now, decision):",
        "if not now.state.es or not self._allowed(now) or self._gated(now) or self._window_ends(now, decision):",
    ),
    "an I486 reports at once": ("reporting", "return self.parameters.generation is not Generation.I486 or", "return True or"),
    "#MF goes before #NM": (
        "reporting",
        "        if device_not_available(operation.code, now.cr0):",
        "        if device_not_available(operation.code, now.cr0) and not now.state.es:",
    ),
    "IGNNE MBZ bits are ignored": ("msr", "if parameters.reserved_bits is ReservedBits.MANUAL and request.data & ~IGNNE_BIT:", "if False:"),
    "the pin works in spite of IgnneEm": (
        "processor",
        "return self.msr.ignne if Hwcr.IGNNE_EM in self.msr.in_effect else self.synchroniser[-1]",
        "return self.msr.ignne or self.synchroniser[-1]",
    ),
    "the freeze is intercepted outside of guests": ("processor", "inputs.guest_mode and inputs.intercept_ferr_freeze", "inputs.intercept_ferr_freeze"),
    "IRQ 13 goes to IR6": ("pc", "self.slave.clock(slave._replace(ir=requests >> 8))", "self.slave.clock(slave._replace(ir=requests >> 7 & 0xFF))"),
}  # fmt: skip
"""More than ten; some vector fails under each."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    target = tmp_path_factory.mktemp("vectors")
    vectors.write_vectors(target)
    return target


@pytest.fixture(scope="module")
def captured(tmp_path_factory, tool):
    """A capture of this processor, where it can be taken."""
    tool("nasm")
    path = tmp_path_factory.mktemp("captured") / "mine.json"
    path.write_text(json.dumps(capture_document(capture(sequences(600, 1)), 1)))
    return path


def _mutant(folder, file, old, new):
    """irq13 once more, with one line of its model changed."""
    package = folder / "irq13"
    for part in ("model", "hdl", "sim"):
        shutil.copytree(ROOT / part, package / part, ignore=shutil.ignore_patterns("__pycache__"))
    path = package / "model" / f"{file}.py"
    text = path.read_text("utf-8")
    assert text.count(old) == 1, f"{file}.py has not exactly one {old!r}"
    path.write_text(text.replace(old, new), encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("name", list(MUTATIONS))
def test_a_wrong_model_fails_some_vector(name, folder, tmp_path):
    """Another package of the same name goes first on the path of a fresh interpreter."""
    _mutant(tmp_path, *MUTATIONS[name])
    code = "import sys; sys.path.insert(0, sys.argv.pop(1)); from irq13.sim.cli.main import main; main()"
    command = [sys.executable, "-c", code, str(tmp_path), "vectors", "--check", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 1, done.stderr
    assert "expected" in done.stdout
    assert " 0 fail" not in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("name", ["FLDCW does not recompute ES", "FNCLEX keeps SF", "FXRSTOR waits"])
def test_a_wrong_model_fails_on_this_processor_too(name, captured, tmp_path):
    _mutant(tmp_path, *MUTATIONS[name])
    code = "import sys; sys.path.insert(0, sys.argv.pop(1)); from irq13.sim.cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path), "replay", str(captured)], capture_output=True, text=True
    )
    assert done.returncode == 1, done.stderr
    assert ": 0 differences" not in done.stdout
