"""Fixtures for tests of signal timing, for any project that has irq13 installed.

    def test_mine(simulation):
        sim = simulation(generation="P6")
        ...
        expect(sim.trace()).rise("irq13").exactly(1, "cycle").after.fall("ferr_n")

    def test_theirs(trace):
        expect(trace("their.vcd")).never.rise("error")

When a test fails, the waveform and the picture of each of its simulations are kept in `irq13-failures` and
their paths are printed with the failure; a test that passes leaves nothing behind.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

FOLDER = "irq13-failures"
_SIMULATIONS = pytest.StashKey[list[Any]]()


@pytest.fixture
def simulation(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """`simulation(generation="AMD64", on="hdl", ...)`: a `Simulation`, watched in case the test fails."""
    made: list[Any] = []
    request.node.stash[_SIMULATIONS] = made

    def make(*arguments, **parameters):
        from .simulation import Simulation

        made.append(Simulation(*arguments, **parameters))
        return made[-1]

    return make


@pytest.fixture
def trace() -> Callable[..., Any]:
    """`trace(path)`: a VCD as a `Trace`."""
    from .waveform.trace import Trace

    return Trace.load


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):
    """Keep what the simulations of a test that fails have recorded, and print where.

    Parameters
    ----------
    item : pytest.Item
        The test.
    call : pytest.CallInfo
        Its setup, call or teardown; only a failing call keeps anything.
    """
    report = yield
    if report.when == "call" and report.failed:
        kept = [
            line
            for number, one in enumerate(item.stash.get(_SIMULATIONS, []))
            if one.cycle
            for line in _keep(one, item, number)
        ]
        if kept:
            report.sections.append(("irq13", "\n".join(kept)))
    return report


def _keep(simulation: Any, item: pytest.Item, number: int) -> list[str]:
    """Write what a simulation did; the lines that say where."""
    from .support.files import replacing
    from .waveform.selection import choose_signals
    from .waveform.vcd_writer import write_waveform
    from .waveform.view.text import Canvas, draw

    folder = Path(item.config.rootpath) / FOLDER
    name = re.sub(r"[^\w.-]+", "-", item.nodeid).strip("-")
    path = folder / f"{name}-{number}.vcd"
    done = simulation.trace()
    lines = [line.plain for line in draw(done, choose_signals(done), 0, simulation.cycle, Canvas())]
    try:
        folder.mkdir(exist_ok=True)
        save = write_waveform(done, path)
        with replacing(path.with_suffix(".txt")) as file:
            file.write("\n".join(lines))
    except OSError as error:
        # The test's own failure matters more than what could be said about it.
        return [f"the waveform could not be kept: {error}", *lines]
    return [f"waveform: {path}", f"gtkwave:  {save}", f"picture:  {path.with_suffix('.txt')}", *lines]
