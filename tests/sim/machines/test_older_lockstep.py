"""The machines before the 486 under random stimulus, model against HDL, and what they are built with."""

import pytest
from irq13.model.older import OlderParameters
from irq13.sim.machines.older import older_lockstep, older_variants
from irq13.sim.support.errors import Divergence


@pytest.mark.parametrize("machine", ["AT286", "XT8087"])
def test_random_stimulus(machine):
    older_lockstep(OlderParameters(machine), 3, 300)


@pytest.mark.slow
@pytest.mark.parametrize("parameters", older_variants(), ids=str)
def test_random_stimulus_with_other_parameters(parameters):
    older_lockstep(parameters, 5, 1_000)


@pytest.mark.slow
@pytest.mark.parametrize("machine", ["AT286", "AT386", "XT8087", "PC98"])
def test_long_random_stimulus(machine):
    seen = older_lockstep(OlderParameters(machine), 4, 3_000)
    own = {"int_", "nmi"} if machine == "XT8087" else {"latch", "error", "irq13", "NM"}
    assert {"READY", "FREEZE", "busy", "npx_busy", "intr", "vector", *own} <= {
        name for name, count in seen.items() if count > 10
    }


def test_a_difference_is_found(monkeypatch):
    monkeypatch.setattr("irq13.model.older.at_latch.AtLatch.clock", lambda self, inputs: None)
    with pytest.raises(Divergence, match=r"AT286, seed 3: cycle \d+: model and HDL differ\n  .*: model"):
        older_lockstep(OlderParameters("AT286"), 3, 4_000)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"machine": "AT486"}, "machine must be one of AT286, AT386, XT8087, PC98, not 'AT486'"),
        ({"cpu": "8086"}, "cpu must be 80286 on AT286, not '8086'"),
        ({"npx_cycles": 0}, "npx_cycles must be 1..255, not 0"),
        ({"installed": False}, "installed is for where the machine is XT8087: it must be True here"),
        ({"machine": "XT8087", "native": True}, "native is for where there is an 80286 or 80386"),
        ({"native": True, "irq13_from": "error"}, "irq13_from is for where there is a latch"),
        ({"native": 1}, "native must be True or False, not 1"),
    ],
)
def test_parameters_are_checked(options, error):
    with pytest.raises((TypeError, ValueError), match=error.replace("(", r"\(")):
        OlderParameters(**{"machine": "AT286", **options})
