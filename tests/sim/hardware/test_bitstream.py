"""Bitstreams from what pip installs."""

import re
import subprocess
from importlib.metadata import version

import pytest
from irq13.hdl.board.boards import BOARDS
from irq13.model import Parameters
from irq13.sim.hardware.verilog import export, write_verilog
from support.command import irq13, irq13_process
from support.fusesoc_targets import fusesoc


# By the tools of today 44.1 and 133.2; any other placement by them reaches this, and so should tomorrow's.
@pytest.mark.slow
@pytest.mark.parametrize(("board", "at_least"), [("icebreaker", 41), ("ulx3s", 122)])
def test_a_board_is_built_and_says_how_large_and_how_fast(board, at_least, tool, tmp_path):
    """The iCEBreaker by way of the target `synth` of the core file."""
    if board == "icebreaker":
        for name in ("perl", "make"):
            tool(name)
        write_verilog(export("pc", Parameters()), tmp_path)
        status, said = fusesoc("synth", "irq13_pc_amd64", tmp_path)
        done = subprocess.CompletedProcess("", status, said, said)
        tmp_path = tmp_path / "build" / f"irq13_pc_amd64_{version('irq13')}" / "synth"
    else:
        done = irq13_process("build", board, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    size = next(line for line in done.stdout.splitlines() if "flip-flops" in line)
    speed, path = done.stdout.partition(size)[2].splitlines()[1:3]
    luts, flip_flops = map(int, re.search(r"(\d+) LUTs, (\d+) flip-flops", size).groups())
    assert 500 < luts < 5000
    assert 300 < flip_flops < 2000
    fmax, requested = map(float, re.search(r"Fmax (\S+) MHz, requested (\S+) MHz", speed).groups())
    assert fmax > at_least > requested
    assert (tmp_path / path).stat().st_size > 50_000


@pytest.mark.slow
def test_the_computer_fits_and_is_in_time(tool, tmp_path):
    """30.0 MHz by the tools of today."""
    tool("nasm")
    done = irq13_process("build", "icebreaker", "--design", "machine", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert float(re.search(r"Fmax (\S+) MHz, requested 12.0 MHz", done.stdout)[1]) > 24


@pytest.mark.slow
def test_a_design_that_is_too_slow_is_exit_status_1(tmp_path):
    done = irq13_process("build", "hx8k", "--clock", "500", "--generation", "I486", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.endswith("irq13: the design is slower than its clock\n")
    assert "requested 500.0 MHz" in done.stdout


# What amaranth_boards asks for is deprecated in Amaranth.
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("board", BOARDS)
def test_a_plan_has_the_pins_with_pull_ups_and_open_drain(board, tmp_path):
    assert irq13("build", board, "--plan", "--out", "x", cwd=tmp_path).returncode == 0
    text = "".join(path.read_text() for path in (tmp_path / "x").iterdir() if path.suffix != ".v")
    for name in ("ferr", "ignne", "irq", "intr"):
        assert f"irq13_0__{name}" in text
    # A constraint, or on iCE40 a parameter of the pin's cell.
    assert len(re.findall(r'PULL(?:UP|MODE)[ ={"]+(?:1|UP|TRUE)', text)) >= 2


def test_a_board_of_a_vendor_is_planned_only(tmp_path):
    done = irq13("build", "arty", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "its tools are the vendor's; --plan writes the plan" in done.stderr
    assert not (tmp_path / "build-arty").exists()


def test_a_board_that_does_not_exist_is_refused(tmp_path):
    done = irq13("build", "arduino", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr == f"irq13: no board 'arduino': expected one of {', '.join(BOARDS)}\n"
