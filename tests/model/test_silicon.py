"""Sequences measured on an AMD EPYC (data/SILICON.md): trap, status and control word after every step."""

import copy
import json
from pathlib import Path

import pytest
from irq13.model import Parameters
from irq13.sim.machines.machine import MACHINES
from irq13.sim.machines.replay import read_measured, replay_vectors

DATA = Path(__file__).parents[1] / "data"
FILES = {"silicon_pending_follower.json.gz": 5600, "silicon_unmask_remask.json.gz": 3200}
# The HDL takes its time: cut into parts, the first of them for every day.
PARTS = [0, *(pytest.param(part, marks=pytest.mark.slow) for part in range(1, 12))]


def machine(on):
    return MACHINES[on](Parameters("AMD64"))


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("name", FILES)
def test_hdl_as_measured(name, part):
    assert list(replay_vectors(read_measured(DATA / name)[part :: len(PARTS)], machine("hdl"))) == []


@pytest.mark.parametrize(("name", "count"), FILES.items())
def test_model_as_measured(name, count):
    vectors = read_measured(DATA / name)
    assert len(vectors) == count
    assert list(replay_vectors(vectors, machine("model"))) == []


def test_a_handler_that_clears_and_retries(on):
    steps = [
        {"op": "fdiv", "class": "waiting", "effect": "arith", "raises": ["ZE"]},
        {"op": "fadd", "class": "waiting", "effect": "arith", "raises": ["PE"]},
        {"op": "fclex", "class": "waiting", "effect": "fclex", "raises": []},
    ]
    expect = [
        {"trap": False, "sw": 0x8084, "cw": 0},
        {"trap": True, "sw": 0x80A0, "cw": 0},
        {"trap": True, "sw": 0, "cw": 0},
    ]
    vector = {"id": "retry", "on_trap": "clear_retry", "init_cw": 0, "steps": steps, "expect": expect}
    assert list(replay_vectors([vector], machine(on))) == []


@pytest.mark.parametrize("key", ["trap", "sw", "cw"])
def test_a_wrong_expectation_is_found(key):
    vectors = copy.deepcopy(read_measured(DATA / "silicon_unmask_remask.json.gz")[:3])
    wrong = vectors[1]["expect"][2]
    wrong[key] = not wrong[key] if key == "trap" else wrong[key] ^ 1
    (difference,) = replay_vectors(vectors, machine("model"))
    assert (difference.vector, difference.step) == (vectors[1]["id"], 2)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\x1f\x8bgarbage", json.dumps({"a": 1}).encode()])
def test_a_file_that_is_none_is_refused(tmp_path, content):
    path = tmp_path / "x.json"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="expected JSON with a list 'vectors'"):
        read_measured(path)
