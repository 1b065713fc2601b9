"""Sequences captured on the processor that this runs on."""

import pytest
from click.testing import CliRunner
from irq13.model import Generation, Parameters
from irq13.sim.cli.main import main
from irq13.sim.conformance import capture as capturing
from irq13.sim.conformance.capture import OPERATIONS, capture, sequences
from irq13.sim.machines.machine import ModelMachine
from irq13.sim.machines.replay import read_measured, replay_vectors
from irq13.sim.support.errors import ToolError
from irq13.sim.tools.nasm import assemble


def invoke(*arguments):
    return CliRunner().invoke(main, list(arguments))


@pytest.mark.parametrize("count", [1500, pytest.param(8800, marks=pytest.mark.slow)])
def test_this_processor_does_what_the_model_does_and_does_it_twice(tool, tmp_path, count):
    """Sequences with every instruction of the table; the file replays."""
    tool("nasm")
    wanted = sequences(count, 0)
    assert {step["op"] for vector in wanted for step in vector["steps"]} == set(OPERATIONS)
    taken = capture(wanted)
    assert taken == capture(wanted)
    assert list(replay_vectors(taken, ModelMachine(Parameters(Generation.AMD64)))) == []
    traps = sum(row["trap"] for vector in taken for row in vector["expect"])
    faults = sum("fault" in row for vector in taken for row in vector["expect"])
    raised = {flag for vector in taken for step in vector["steps"] for flag in step["raises"]}
    assert traps > count // 3
    assert faults > count // 500
    assert raised == {"IE", "DE", "ZE", "OE", "UE", "PE", "SF"}
    result = invoke("capture", "--count", "50", "--out", str(tmp_path / "mine.json.gz"))
    assert result.exit_code == 0, result.output
    assert "50 sequences" in result.output
    assert len(read_measured(tmp_path / "mine.json.gz")) == 50


def test_many_sequences_go_to_the_program_in_batches(monkeypatch, tool):
    """And more than it has room for at once are refused by it, not run past the end."""
    tool("nasm")
    wanted = sequences(70, 2)
    whole = capture(wanted)
    monkeypatch.setattr(capturing, "BATCH", 30)
    assert capture(wanted) == whole
    monkeypatch.setattr(capturing, "BATCH", 200_000)
    with pytest.raises(ToolError, match="the captured program failed"):
        capture(wanted * 1800)


def test_capture_is_refused_elsewhere(monkeypatch):
    monkeypatch.setattr(capturing.platform, "machine", lambda: "aarch64")
    with pytest.raises(ToolError, match="capture runs on x86-64 Linux only, not on aarch64"):
        capture(sequences(1, 0))


def test_a_captured_program_that_hangs_is_ended(monkeypatch, tool):
    tool("nasm")
    monkeypatch.setattr(capturing, "program", lambda: assemble(_ENDLESS, "endless"))
    with pytest.raises(ToolError, match="did not end within 1 s"):
        capture(sequences(1, 0), seconds=1)


def test_a_captured_program_that_fails_is_told(monkeypatch, tool):
    tool("nasm")
    monkeypatch.setattr(capturing, "program", lambda: assemble(_ENDLESS.replace("jmp $", "hlt"), "failing"))
    with pytest.raises(ToolError, match="the captured program failed"):
        capture(sequences(1, 0))


_ENDLESS = """
bits 64
org 400000h
elf: db 7Fh, "ELF", 2, 1, 1, 0
 times 8 db 0
 dw 2, 62
 dd 1
 dq start, headers - elf, 0
 dd 0
 dw 64, 56, 1, 0, 0, 0
headers: dd 1, 5
 dq 0, elf, elf, end - elf, end - elf, 1000h
start: jmp $
end:
"""
