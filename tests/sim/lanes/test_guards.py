"""Registers that keep their values are left alone, and large steps are cut: the same values as without."""

import random
import signal
import subprocess
import sys
import time
from functools import partial
from itertools import pairwise

import pytest
from irq13.sim.lanes import c_source
from irq13.sim.lanes.actions import Guard, Store
from irq13.sim.lanes.lanes import Lanes, recipe_of
from irq13.sim.lanes.plan import plan_step
from irq13.sim.netlist.gates import Graph
from irq13.sim.netlist.netlist import Netlist, Register


@pytest.fixture(scope="module", autouse=True)
def compiler(tool):
    tool("cc")


def banks(seed, size=20, count=5):
    """Banks of registers with an enable, some with a reset too, that read each other and shift along."""
    chance = random.Random(seed)
    graph = Graph()
    variables = [[graph.variable() for _ in range(size)] for _ in range(count)]
    inputs = [graph.variable() for _ in range(8)]
    known = [*inputs, *(one for bank in variables for one in bank)]
    for _ in range(200):
        make = chance.choice([graph.and_, graph.xor, graph.mux])
        arity = 3 if make == graph.mux else 2
        known.append(make(*(chance.choice(known) ^ chance.randint(0, 1) for _ in range(arity))))
    registers = []
    for number, bank in enumerate(variables):
        # An enable that is a register, an input, or logic; often 0, so that whole blocks do nothing.
        enable = graph.and_(chance.choice(known), graph.and_(inputs[0], inputs[1]))
        enable = chance.choice([enable, variables[number - 1][0], inputs[2] ^ 1])
        for index, output in enumerate(bank):
            data = chance.choice(known) ^ chance.randint(0, 1)
            if index and number % 2:
                data = bank[index - 1]
            new = graph.mux(enable, data, output)
            if number % 3 == 0:
                new = graph.mux(inputs[3], index % 2, new)
            registers.append(Register(f"bank{number}", index, output, new, chance.randint(0, 1)))
    watched = {"any": [graph.any(variables[0])], "odd": [graph.parity(known[-9:])]}
    return Netlist(graph, {"i": inputs}, watched, sorted(registers))


@pytest.mark.parametrize("part", [1200, 25])
@pytest.mark.parametrize("seed", range(3))
def test_what_is_left_alone_changes_nothing(seed, part, monkeypatch):
    monkeypatch.setattr(c_source, "PART", part)
    netlist = banks(seed)
    plan = plan_step(netlist, "vector", ["any"], ["odd"], guards=True)
    assert sum(isinstance(one, Guard) for one in plan.sections) >= 2
    recipe = recipe_of(netlist, ["any"], ["odd"], toggles=True)
    assert recipe.sources["c"].count("if (some(") > 2
    assert (recipe.sources["c"].count("noinline)) void part") > 8) == (part == 25)
    runs = [Lanes(recipe.kernel(engine), 700) for engine in ("numpy", "compiled")]
    chance = random.Random(seed)
    for _ in range(40):
        values = [chance.getrandbits(8) & chance.getrandbits(8) for _ in range(700)]
        # Now and then nobody is enabled, all are, or all are reset.
        values = chance.choice([values, [0] * 700, [7] * 700, [8] * 700])
        for one in runs:
            one.set_input("i", values)
            one.run(3)
        for one, other in pairwise(runs):
            assert (one.snapshot() != 0).any()
            for name in one.names:
                assert (one.register(name) == other.register(name)).all(), name
    assert runs[0].counts == runs[1].counts
    assert runs[0].first == runs[1].first
    assert runs[0].toggled() == runs[1].toggled()


def test_each_register_is_stored_once_and_most_behind_their_enables():
    plan = plan_step(banks(1), "vector", guards=True)
    stored = [one.number for one in plan.actions if isinstance(one, Store)]
    assert sorted(stored) == list(range(100))
    behind = [one for guard in plan.sections if isinstance(guard, Guard) for one in guard.actions]
    assert sum(isinstance(one, Store) for one in behind) >= 60


LONG = """
from irq13.sim.lanes.lanes import Lanes, kernel_of
from irq13.sim.netlist.gates import Graph
from irq13.sim.netlist.netlist import Netlist, Register
graph = Graph()
bit = graph.variable()
netlist = Netlist(graph, registers=[Register("q", 0, bit, bit ^ 1, 0)])
lanes = Lanes(kernel_of(netlist, engine="compiled"), 9999, 2)
print("begun", flush=True)
try:
    lanes.run(1 << 50)
except KeyboardInterrupt:
    assert 0 < lanes.cycle < 1 << 50
    assert (lanes.register("q") == lanes.cycle % 2).all()
    print("interrupted")
"""


def test_ctrl_c_ends_compiled_lanes_between_two_cycles_of_all():
    command = [sys.executable, "-c", LONG]
    listens = partial(signal.signal, signal.SIGINT, signal.default_int_handler)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, preexec_fn=listens) as process:
        assert process.stdout.readline() == "begun\n"
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=30)[0] == "interrupted\n"
