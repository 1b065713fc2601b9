"""The bridges under masters that others have written: cocotbext-axi and cocotbext-wishbone."""

import subprocess
import sys
from pathlib import Path

import pytest
from irq13 import hdl
from irq13.hdl.bus import AxiLiteBridge, WishboneBridge
from irq13.model import Parameters
from irq13.sim.hardware.verilog import export
from support.fusesoc_targets import environment

PREFIX = {"axilite": ("", "axi"), "wishbone": ("wb_", "wb")}
MEMORY = """
wire [15:0] {of}_address; wire {of}_write, {of}_read; wire [7:0] {of}_written;
reg [7:0] {of}_memory [0:255]; integer {of}_port; output reg [31:0] {of}_accesses = 0;
initial for ({of}_port = 0; {of}_port < 256; {of}_port = {of}_port + 1) {of}_memory[{of}_port] = 0;
always @(posedge clk) begin
    if ({of}_write) {of}_memory[{of}_address[7:0]] <= {of}_written;
    if ({of}_write | {of}_read) {of}_accesses <= {of}_accesses + 1;
end
"""
RUN = """
from cocotb_tools.runner import get_runner
runner = get_runner("icarus")
runner.build(sources=["top.v"], hdl_toplevel="top", timescale=("1ns", "1ps"))
runner.test(hdl_toplevel="top", test_module="support.bus_masters")
"""


def top():
    """Both bridges, each before a memory."""
    names, body, modules = ["clk", "reset", "wb_stall"], "", []
    declared = "input clk, reset; output wb_stall;\n"
    for block, bridge in (("axilite", AxiLiteBridge()), ("wishbone", WishboneBridge())):
        prefix, of = PREFIX[block]
        exported = export(block, Parameters())
        modules.append(exported.files[f"{exported.name}.v"])
        pins = {"clk": "clk", "reset": "reset", "io_read_data": f"{of}_memory[{of}_address[7:0]]"}
        pins |= {"io_address": f"{of}_address", "io_write_data": f"{of}_written"}
        pins |= {"io_write": f"{of}_write", "io_read": f"{of}_read"}
        for port in hdl.flat_ports(bridge):
            if port.name not in pins:
                pins[port.name] = prefix + port.name
                names.append(prefix + port.name)
                width = f"[{len(port.signal) - 1}:0] " if len(port.signal) > 1 else ""
                declared += f"{'input' if port.is_input else 'output'} {width}{prefix}{port.name};\n"
        names.append(f"{of}_accesses")
        body += MEMORY.format(of=of)
        body += f"{exported.name} {of}_i ({', '.join(f'.{name}({net})' for name, net in pins.items())});\n"
    body += "assign wb_stall = wb_cyc_i & ~wb_ack_o;\n"
    return "\n".join([*modules, f"module top({', '.join(names)});\n{declared}{body}endmodule\n"])


@pytest.mark.slow
def test_other_peoples_masters_get_what_they_wrote_and_no_access_is_made_twice(tool, tmp_path):
    """With pauses on every AXI channel, Wishbone classic and pipelined, byte selects, back to back."""
    tool("iverilog")
    (tmp_path / "top.v").write_text(top())
    (tmp_path / "run.py").write_text(RUN)
    tests = {"PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(
        [sys.executable, "run.py"],
        cwd=tmp_path,
        env=environment(tmp_path) | tests,
        capture_output=True,
        text=True,
        timeout=120,
    )
    said = done.stdout + done.stderr
    assert "PASS=3 FAIL=0" in said, said[-4000:]
