"""The LiteX module in a SoC: LiteX's own Verilog under a simulator, driven over its bus."""

import subprocess
import sys

import pytest
from irq13.hdl.bus import REGISTERS
from irq13.model.registers import BIOS_WORDS
from support.fusesoc_targets import environment

SOC = """
import sys
from pathlib import Path
from irq13.model import Parameters
from irq13.sim.hardware.litex_core import LitexPc
from litex.build.generic_platform import Pins, Subsignal
from litex.build.sim import SimPlatform
from litex.gen import LiteXModule
from litex.soc.integration.soc import SoCRegion
from litex.soc.integration.soc_core import SoCMini
from litex.soc.interconnect import wishbone
from migen import ClockDomain

HOST = dict(adr=30, dat_w=32, dat_r=32, sel=4, cyc=1, stb=1, ack=1, we=1, cti=3, bte=2, err=1)
PC = ("op_valid op_code op_family op_raises op_control op_status op_ready op_freeze op_window op_mf op_nm"
      " op_ud op_vmexit ferr_n irq13 intr irq").split()
WIDTHS = dict(op_code=5, op_family=2, op_raises=7, op_control=16, op_status=16, irq=16)

class Clock(LiteXModule):
    def __init__(self, platform):
        self.cd_sys = ClockDomain()
        self.comb += self.cd_sys.clk.eq(platform.request("sys_clk"))
        self.comb += self.cd_sys.rst.eq(platform.request("sys_rst"))

platform = SimPlatform("SIM", [
    ("sys_clk", 0, Pins(1)), ("sys_rst", 0, Pins(1)),
    ("host", 0, *[Subsignal(name, Pins(width)) for name, width in HOST.items()]),
    ("pc", 0, *[Subsignal(name, Pins(WIDTHS.get(name, 1))) for name in PC]),
])
soc = SoCMini(platform, clk_freq=1_000_000)
soc.crg = Clock(platform)
host = wishbone.Interface(data_width=32, address_width=32, addressing="word")
soc.comb += host.connect_to_pads(platform.request("host"), mode="slave")
soc.bus.add_master(name="host", master=host)
soc.pc = LitexPc(platform, Parameters("I486"), Path("rtl"))
soc.bus.add_slave("irq13", soc.pc.bus, SoCRegion(origin=0x9000_0000, size=LitexPc.SIZE, cached=False))
pads = platform.request("pc")
inputs = [name for name in PC if name == "irq" or name in PC[:6]]
soc.comb += [
    getattr(soc.pc, name).eq(getattr(pads, name)) if name in inputs
    else getattr(pads, name).eq(getattr(soc.pc, name)) for name in PC
]
soc.finalize()
platform.get_verilog(soc, name='top').write('top.v')
"""
BENCH = """
import cocotb
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge, RisingEdge
from irq13.cocotb import OperationPort
from irq13.model import Parameters

@cocotb.test()
async def an_error_over_the_bus(dut):
    async def transfer(address, value=None):
        dut.host_adr.value = (0x9000_0000 + address) >> 2
        dut.host_we.value = value is not None
        dut.host_dat_w.value = value or 0
        dut.host_cyc.value = dut.host_stb.value = 1
        for _ in range(50):
            await FallingEdge(dut.sys_clk)
            acknowledged, data = dut.host_ack.value, dut.host_dat_r.value
            await RisingEdge(dut.sys_clk)
            if acknowledged == 1:
                dut.host_cyc.value = dut.host_stb.value = 0
                await RisingEdge(dut.sys_clk)
                return int(data) if value is None else None
        raise TimeoutError

    for name in ("adr", "dat_w", "cyc", "stb", "we", "cti", "bte"):
        getattr(dut, f"host_{name}").value = 0
    dut.host_sel.value = 15
    dut.pc_op_valid.value = dut.pc_irq.value = 0
    dut.sys_rst.value = 1
    Clock(dut.sys_clk, 10, "ns").start()
    for _ in range(4):
        await RisingEdge(dut.sys_clk)
    dut.sys_rst.value = 0
    fpu = OperationPort(dut, Parameters("I486"), prefix="pc_", clock="sys_clk")
    for port, value in {words}:
        await transfer(4 * port, value)
    await transfer({mask}, 0x55)
    assert await transfer({mask}) == 0x55
    await transfer({mask}, 0)
    await fpu.issue("fninit")
    await fpu.issue("fldcw", masks="none")
    await fpu.issue("fdiv", raises="ZE")
    assert (await fpu.issue("fwait")).name == "FREEZE"
    for _ in range(4):
        await RisingEdge(dut.sys_clk)
    assert [dut.pc_ferr_n.value, dut.pc_irq13.value, dut.pc_intr.value] == [0, 1, 1]
    # A poll of the slave: level 5.
    await transfer({command}, 0x0C)
    assert await transfer({command}) == 0x85
    await transfer({clear}, 0)
    assert [dut.pc_ferr_n.value, dut.pc_irq13.value] == [0, 0]
    assert (await fpu.resume()).name == "READY"
    assert await transfer({clear}) == 0xFF
"""
RUN = """
import sys
from cocotb_tools.runner import get_runner
runner = get_runner(sys.argv[1])
sources = ["top.v", "rtl/irq13_pc_i486.v", "rtl/irq13_wishbone_i486.v"]
# LiteX's Verilog is not written to be without warnings.
arguments = ["-Wno-fatal", "-CFLAGS", "-O0", "--output-split", "0"] if sys.argv[1] == "verilator" else []
runner.build(sources=sources, hdl_toplevel="top", timescale=("1ns", "1ps"), build_args=arguments)
runner.test(hdl_toplevel="top", test_module="bench")
"""


@pytest.mark.slow
@pytest.mark.parametrize(("simulator", "program"), [("icarus", "iverilog"), ("verilator", "g++")])
def test_a_soc_serves_an_error_over_its_bus(tool, tmp_path, simulator, program):
    """Verilator is what LiteX's own simulation is made by."""
    tool(program)
    port = {one.name: one.port * 4 for one in REGISTERS}
    named = {"mask": "PIC_SLAVE_MASK", "command": "PIC_SLAVE_COMMAND", "clear": "FPU_CLEAR"}
    bench = BENCH.replace("{words}", repr(BIOS_WORDS))
    for word, name in named.items():
        bench = bench.replace(f"{{{word}}}", hex(port[name]))
    (tmp_path / "bench.py").write_text(bench)
    said = ""
    for name, code in (("soc", SOC), ("run", RUN)):
        (tmp_path / f"{name}.py").write_text(code)
        command = [sys.executable, "-W", "ignore", f"{name}.py", simulator]
        done = subprocess.run(
            command, cwd=tmp_path, env=environment(tmp_path), capture_output=True, text=True, timeout=300
        )
        said += done.stdout + done.stderr
    assert "PASS=1 FAIL=0" in said, said[-4000:]
