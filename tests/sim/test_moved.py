"""Names of irq13 0.1 go on working for one version, and say where they are now."""

import importlib
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

CHANGES = (Path(__file__).parents[2] / "sim" / "CHANGELOG.md").read_text("utf-8")

MOVED = {
    "irq13.sim.lowering": ("lower", "irq13.sim.netlist.lowering", "lower"),
    "irq13.sim.verilog": ("write", "irq13.sim.hardware.verilog", "write_verilog"),
    "irq13.sim.bench": ("main", "irq13.sim.benchmarks.engines", "engines_main"),
    "irq13.sim.bench_vcd": ("main", "irq13.sim.benchmarks.vcd", "vcd_main"),
    "irq13.sim.lanes": ("kernel_of", "irq13.sim.lanes.lanes", "kernel_of"),
    "irq13.sim.timing": ("expect", "irq13.sim.timing.assertions", "expect"),
}
"""A name that each module had, and where it is now."""


@pytest.mark.parametrize("old", MOVED)
def test_an_old_name_gives_the_new_one_and_says_so(old):
    name, module, now = MOVED[old]
    with pytest.warns(DeprecationWarning, match=rf"{old}\.{name} is now {module}\.{now}; .* irq13 0\.3"):
        found = getattr(importlib.import_module(old), name)
    assert found is getattr(importlib.import_module(module), now)


@pytest.mark.parametrize("old", MOVED)
def test_a_name_that_never_was_is_none(old):
    with pytest.raises(AttributeError):
        _ = importlib.import_module(old).no_such_name


@pytest.mark.parametrize("old", ["irq13.sim.bench", "irq13.sim.bench_vcd"])
def test_an_old_module_runs_as_a_program(old):
    command = [sys.executable, "-m", old, "--help"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0
    assert "usage: python -m irq13.sim.bench" in done.stdout.lower()
    assert f"DeprecationWarning: {old}.main is now {MOVED[old][1]}." in done.stderr


def test_what_moved_is_told_and_is_there():
    rows = re.findall(r"^\| `(irq13\.[\w.]+)` \| `(irq13\.[\w.]+)` \|$", CHANGES, re.M)
    assert len(rows) > 80
    for _, now in rows:
        pkgutil.resolve_name(now)
    assert set(MOVED) - {"irq13.sim.lanes", "irq13.sim.timing"} <= {old for old, _ in rows}
