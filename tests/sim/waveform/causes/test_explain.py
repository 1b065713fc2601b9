"""Chains of causes in sentences; WaveJSON."""

import json

import pytest
import wavedrom
from irq13.model.registers import Generation
from irq13.sim import Trace
from irq13.sim.scenarios.run import run_scenario
from irq13.sim.scenarios.scenario import load_scenario
from irq13.sim.waveform.causes.explain import edges_of, explain_edges
from irq13.sim.waveform.selection import choose_signals
from irq13.sim.waveform.trace import TraceError
from irq13.sim.waveform.view.wavejson import wavejson
from rich.console import Console


@pytest.fixture(scope="module")
def handshake():
    return run_scenario(load_scenario("dos-divide-by-zero"), Generation.I486, "model").trace


def text_of(trace, target):
    console = Console(width=200)
    with console.capture() as capture:
        for tree in explain_edges(trace, target):
            console.print(tree)
    return capture.get()


def test_ignne_leads_back_over_the_interrupt_to_the_division(handshake):
    text = text_of(handshake, "ignne_n@22")
    links = ["IGNNE# falls", "OUT F0h rises", "handler becomes 75h", "vector becomes 75h", "INTA rises"]
    links += ["INTR rises", "master IRR becomes 04h", "slave IRR becomes 20h", "IRQ13 rises", "FERR# falls"]
    links += ["ES rises", "step becomes fdiv raises=ZE"]
    positions = [text.index(link) for link in links]
    assert positions == sorted(positions)


def test_a_cycle_means_its_telling_edges_and_a_signal_all_of_its_own(handshake):
    assert {edge.signal for edge in edges_of(handshake, "29")} == {"ferr_n", "ignne_n"}
    assert [edge.cycle for edge in edges_of(handshake, "ferr_n")] == [15, 29]
    assert text_of(handshake, "ferr_n").count("ES rises:") == 1


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("999", "nothing changes in cycle 999; nearest: 31, 32, 33"),
        ("ferr_n@16", "ferr_n does not change in cycle 16; nearest: 15, 29"),
        ("nmi", "nmi never changes"),
        ("fer_n", "did you mean ferr_n"),
        ("ferr_n@x", "expected SIGNAL@CYCLE"),
    ],
)
def test_what_cannot_be_explained_is_said(handshake, target, message):
    with pytest.raises(TraceError, match=message):
        explain_edges(handshake, target)


def test_a_trace_without_a_record_has_no_reasons(handshake):
    bare = Trace(dict(handshake), handshake.edges, handshake.end)
    with pytest.raises(TraceError, match="no record of causes"):
        explain_edges(bare, "ferr_n")


def test_wavejson_is_what_wavedrom_draws(handshake):
    shown = choose_signals(handshake, ["ferr_n", "irq13", "slave_irr"])
    data = wavejson(handshake, shown, 10, 32)
    (pins, (block, irr)) = data["signal"]
    assert pins[0] == "pc"
    assert pins[1] == {"name": "FERR#", "wave": "1....0.............1.."}
    assert block == "pc.slave"
    assert irr == {"name": "IRR", "wave": "=......=...=..........", "data": ["00", "20", "00"]}
    assert data["head"]["tick"] == 10
    svg = wavedrom.render(json.dumps(data)).tostring()
    assert "FERR#" in svg
    assert "IRQ13" in svg
