"""Another interrupt, or two, in any cycle around an error: the error is handled whenever they come."""

from itertools import combinations
from pathlib import Path

import pytest
from irq13.model import Generation
from irq13.sim.scenarios import scenario as scenarios
from irq13.sim.support.toml_source import Source
from irq13.sim.sweep.pins import pin_pulse
from irq13.sim.sweep.sweep import sweep

NAME = "other-interrupts-must-not-lose-irq13"
LIBRARY = Path(scenarios.__file__).parent / "library"
PINS = ("irq0", "irq8", "irq14", "nmi")


@pytest.fixture(scope="module", autouse=True)
def compiler(tool):
    tool("cc")


def nested():
    """The same with handlers that let other interrupts in at once."""
    text = (LIBRARY / f"{NAME}.toml").read_text("utf-8")
    assert text.count("        nop 2\n") == 4
    return scenarios.parse_scenario(
        Source("nested.toml", text.replace("        nop 2\n", "        sti\n        nop 2\n")), "nested"
    )


def verdicts(scenario, generation, pins, cycles=range(60)):
    done = sweep(scenario, generation, [pin_pulse(pin) for pin in pins], [cycles] * len(pins))
    assert done.table.size == len(cycles) ** len(pins)
    return {one.verdict for one in done.outcomes}, {
        vector for one in done.outcomes for vector in one.handlers
    }


@pytest.mark.parametrize(
    "pin", ["irq0", "nmi", *(pytest.param(pin, marks=pytest.mark.slow) for pin in ("irq8", "irq14"))]
)
def test_no_cycle_of_another_interrupt_loses_the_error(pin):
    seen, handlers = verdicts(scenarios.load_scenario(NAME), Generation.I486, [pin])
    assert seen == {"handled"}
    assert {"75h", "76h"} <= handlers


@pytest.mark.slow
@pytest.mark.parametrize("generation", list(Generation))
@pytest.mark.parametrize("pins", list(combinations(PINS, 2)), ids="-".join)
def test_no_pair_of_cycles_of_two_other_interrupts_does(pins, generation):
    for scenario in (scenarios.load_scenario(NAME), nested()):
        seen, handlers = verdicts(scenario, generation, pins)
        assert seen == {"handled"}
        assert {"75h", "76h"} <= handlers
