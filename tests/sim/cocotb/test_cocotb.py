"""The cocotb drivers: the README's example as it stands, under Icarus and Verilator; and the rest."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from irq13.hdl import Pc, flat_ports
from irq13.model import Parameters
from irq13.sim.hardware.parameters import block_of_module, suffix_of
from irq13.sim.hardware.verilog import export, write_verilog
from support.fusesoc_targets import environment

PAGE = (Path(__file__).parents[3] / "sim/cocotb/README.md").read_text("utf-8")
COMMAND, TEST, RUN = re.findall(r"^```\w+\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
NEEDS = {"icarus": ["iverilog"], "verilator": ["g++", "make", "perl"]}


def ran(folder, simulator, run=RUN):
    (folder / "run.py").write_text(run)
    command = [sys.executable, "run.py", simulator]
    done = subprocess.run(
        command, cwd=folder, env=environment(folder), capture_output=True, text=True, timeout=300
    )
    return done.stdout + done.stderr


@pytest.mark.slow
def test_the_page_runs_under_both_by_copy_and_paste(tool, tmp_path):
    waves = []
    for simulator, programs in NEEDS.items():
        for program in programs:
            tool(program)
        folder = tmp_path / simulator
        folder.mkdir()
        subprocess.run(
            ["sh", "-ec", COMMAND], cwd=folder, env=environment(folder), check=True, capture_output=True
        )
        (folder / "divide_by_zero.py").write_text(TEST)
        said = ran(folder, simulator)
        assert "PASS=1 FAIL=0" in said, said[-3000:]
        waves += [path.read_bytes() for path in folder.rglob("divide_by_zero.vcd")]
    assert len(waves) == 2
    assert waves[0] == waves[1]


OTHERS = """
import cocotb
import pytest
from irq13.cocotb import Divergence, GeneralProtection, IoBus, MsrBus, OperationPort, Pic, PinError
from irq13.cocotb import Pins, Scoreboard, power_up
from irq13.sim.cocotb import Scoreboard as same

@cocotb.test()
async def msrs_and_a_freeze(dut):
    assert Scoreboard is same
    with pytest.raises(PinError, match="has no port 'op_codex'"):
        Pins(dut, ["op_codex"])
    with pytest.raises(PinError, match=r"op_valid is \\w: power_up"):
        Pins(dut, ["op_valid"]).level("op_valid")
    board = Scoreboard(dut)
    await power_up(dut)
    bus, fpu, io, pic = MsrBus(dut), OperationPort(dut, timeout=20), IoBus(dut), Pic(dut)
    with pytest.raises(GeneralProtection, match="IGNNE bits 63:1 must be zero"):
        await bus.write("IGNNE", 2)
    await bus.write(0xC001_0015, 0x100)
    assert await bus.read("HWCR") == 0x100
    await fpu.issue("fldcw", masks="none")
    await fpu.issue("fdiv", raises="ZE")
    assert (await fpu.issue("fwait")).name == "FREEZE"
    with pytest.raises(TimeoutError, match="still frozen after 20 cycles"):
        await fpu.resume()
    await bus.write("IGNNE", 1)
    assert (await fpu.resume()).name == "READY"
    dut.cr0_ne.value = 1
    await bus.write("IGNNE", 0)
    assert (await fpu.issue("fwait")).name == "MF"
    assert (await fpu.issue("fclex")).name == "MF"
    assert (await fpu.issue("fnclex")).name == "READY"
    await pic.initialise()
    await pic.mask(13)
    assert await io.inp(0xA1) == 0x20
    await pic.mask(13, 0)
    await pic.mask(5)
    pic.request(5)
    pic.request(9)
    assert await pic.acknowledge() == 0x71
    pic.request(9, 0)
    await pic.end_of_interrupt(9)
    with pytest.raises(ValueError, match="irq must be 0..15 and not 2"):
        pic.request(2)
    assert await io.inp(0x21) == 0x20
    assert board.cycles > 60
    board.check()

@cocotb.test(expect_error=Divergence)
async def a_difference_is_found(dut):
    await power_up(dut)
    io = IoBus(dut)
    await io.out(0x20, 0x11)
    Scoreboard(dut)
    # The model has not seen ICW1, so it takes ICW2 for the mask.
    await io.out(0x21, 0x55)
    await io.inp(0x21)
    await io.inp(0x21)
"""


TWO = """
import cocotb
import pytest
from irq13.cocotb import OperationPort, PinError, Scoreboard, power_up
from irq13.model import Parameters

@cocotb.test()
async def two_generations(dut):
    pcs = {"old_": Parameters("I486"), "new_": Parameters("P6")}
    with pytest.raises(PinError, match="is no module of irq13 verilog: give"):
        await power_up(dut, clock="sys_clk")
    await power_up(dut, clock="sys_clk", pcs=pcs)
    boards = [Scoreboard(dut, one, prefix=prefix, clock="sys_clk") for prefix, one in pcs.items()]
    for prefix, one in pcs.items():
        fpu = OperationPort(dut, one, prefix=prefix, clock="sys_clk")
        await fpu.issue("fldcw", masks="none")
        await fpu.issue("fdiv", raises="ZE")
    for _ in range(3):
        await cocotb.triggers.RisingEdge(dut.sys_clk)
    # Reported by the next waiting instruction, and at once.
    assert [dut.old_ferr_n.value, dut.new_ferr_n.value] == [1, 0]
    assert all(board.cycles > 5 for board in boards)
"""


@pytest.mark.slow
def test_two_generations_in_one_design(tool, tmp_path):
    """With ports and a clock of other names, each against its model."""
    tool("iverilog")
    source, instances, nets = "", "", ["input sys_clk"]
    for prefix, one in (("old_", Parameters("I486")), ("new_", Parameters("P6"))):
        exported = export("pc", one)
        source += exported.files[f"{exported.name}.v"]
        pins = [".clk(sys_clk)"]
        for port in flat_ports(Pc(one)):
            direction = "input" if port.is_input else "output"
            nets.append(f"{direction} [{len(port.signal) - 1}:0] {prefix}{port.name}")
            pins.append(f".{port.name}({prefix}{port.name})")
        instances += f"{exported.name} {prefix}pc({', '.join(pins)});\n"
    (tmp_path / "rtl").mkdir()
    (tmp_path / "rtl/two.v").write_text(f"{source}module two({', '.join(nets)});\n{instances}endmodule\n")
    (tmp_path / "generations.py").write_text(TWO)
    run = RUN.replace("irq13_pc_i486", "two").replace("divide_by_zero", "generations")
    said = ran(tmp_path, "icarus", run)
    assert "PASS=1 FAIL=0" in said, said[-4000:]


def test_msrs_interrupts_and_a_difference(tool, tmp_path):
    tool("iverilog")
    exported = export("pc", Parameters("AMD64"))
    (tmp_path / "rtl").mkdir()
    write_verilog(exported, tmp_path / "rtl")
    (tmp_path / "others.py").write_text(OTHERS)
    run = RUN.replace("irq13_pc_i486", exported.name).replace("divide_by_zero", "others")
    said = ran(tmp_path, "icarus", run)
    assert "PASS=2 FAIL=0" in said, said[-4000:]
    assert "model and design differ" in said
    assert "master: model" in said


def test_a_modules_name_says_what_it_is():
    for parameters in (
        Parameters("I486", nowait_window=7, port_emulation=True),
        Parameters("P6"),
        Parameters("AMD64", 3, "silicon", ferr_enable=False),
    ):
        assert block_of_module(f"irq13_pc_{suffix_of(parameters)}") == ("pc", parameters)
    for name in ("top", "irq13_pc_i387", "irq13_pc_i486_width_7"):
        with pytest.raises(ValueError, match="is no module of irq13 verilog"):
            block_of_module(name)
