"""Mutation of the netlist: does the stimulus notice when the design is wrong in one place?

Yosys breaks the netlist in one place after the other, all in one design with a port that selects which, and
Verilator compiles it; then the stimulus of the lockstep comparison, recorded with the model's outputs, runs
against each. What survives is either equivalent, which Yosys then proves, or shows something that no stimulus
looks at.
"""

import re
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from amaranth.back import rtlil

from .. import model
from ..model.pc import PcInputs, PcOutputs
from ..model.registers import Parameters
from .errors import ToolError
from .lockstep import Stimulus
from .packing import INPUT_BITS, INPUTS, OUTPUT_BITS, OUTPUTS, PAYLOAD, join, pack, pack_outputs
from .verilator import verilator
from .verilog import BLOCKS, Flat
from .yosys import FULL, lines_of, run_yosys

SETTLE = 4
"""Cycles of RESET and idling, unbroken, before each mutant."""


class Mutant(NamedTuple):
    """One place in which the netlist is broken."""

    number: int
    command: str
    """For Yosys."""

    @property
    def text(self) -> str:
        """What is done where, with the lines of the source that it comes from."""
        mode = re.search(r"-mode (\S+)", self.command)
        wire = re.search(r"-wire (\S+)(?: -wirebit (\d+))?", self.command)
        lines = [line.rpartition("/")[2] for line in re.findall(r"-src (\S+)", self.command)]
        where = f" of {wire[1]}[{wire[2]}]" if wire else ""
        return f"{mode[1] if mode else '?'}{where} at {', '.join(lines) or 'a cell without a source'}"


class Outcome(NamedTuple):
    """What became of a mutant."""

    mutant: Mutant
    killed_in: int | None
    """The cycle of the first difference on an output, or None if there was none."""
    equivalent: bool = False
    """Proved to behave as the design does."""


def mutate(
    parameters: Parameters,
    count: int,
    cycles: int,
    seed: int,
    step: Callable[[str], None] = lambda text: None,
) -> Iterator[Outcome]:
    """Each of `count` mutants with what became of it.

    Raises
    ------
    ToolError
        If Yosys or Verilator fails or is not there, or if the design itself differs from the model.
    """
    step("listing mutants")
    netlist = _netlist(parameters)
    listed = run_yosys(f"{netlist}mutate -list {count} -seed {seed}\n", FULL, quiet=False)
    commands = [line for line in listed.splitlines() if line.startswith("mutate -")]
    mutants = [Mutant(number, command) for number, command in enumerate(commands, start=1)]
    step("writing stimulus")
    with tempfile.TemporaryDirectory() as folder:
        killed = _simulate(Path(folder), netlist, mutants, parameters, cycles, seed, step)
    if 0 in killed:
        raise ToolError(f"the unbroken netlist differs from the model in cycle {killed[0]}")
    for mutant in mutants:
        if mutant.number in killed:
            yield Outcome(mutant, killed[mutant.number])
        else:
            step(f"proving {mutant.text} equivalent")
            yield Outcome(mutant, None, _is_equivalent(netlist, mutant))


def _netlist(parameters: Parameters) -> str:
    """Yosys commands that make the PC as single-bit cells, under the name dut."""
    flat = Flat(BLOCKS["pc"](parameters))
    text = rtlil.convert(flat, name="dut", ports=[flat.clock.clk, *(port.signal for port in flat.ports)])
    return f"""
read_rtlil <<rtlil
{text}
rtlil
hierarchy -top dut
proc
flatten -separator _
opt
simplemap
opt_clean -purge
"""


def _simulate(folder, netlist, mutants, parameters, cycles, seed, step) -> dict[int, int]:
    """The cycle in which each mutant that is noticed is noticed first; 0 is the unbroken netlist."""
    width = len(mutants).bit_length()
    broken = "".join(f"{one.command} -ctrl mutant {width} {one.number}\n" for one in mutants)
    step("breaking the netlist")
    verilog = run_yosys(f"{netlist}{broken}opt_clean\nwrite_verilog -noattr\n", FULL)
    (folder / "bench.v").write_text(f"{_bench(width)}\n{verilog}", encoding="utf-8")
    (folder / "main.cpp").write_text(_MAIN, encoding="utf-8")
    step("recording the model")
    _write_stimulus(folder / "stimulus", parameters, cycles, seed)
    step("compiling")
    options = [
        "--cc",
        "--exe",
        "--build",
        "--top-module",
        "bench",
        "-Wno-fatal",
        "-Wno-lint",
        "--output-split",
        "0",
    ]
    _run([*verilator(), *options, "-O2", "-CFLAGS", "-O1", "bench.v", "main.cpp"], folder)
    killed = {}
    sizes = [SETTLE, SETTLE + cycles, len(mutants), _words(INPUT_BITS), _words(OUTPUT_BITS)]
    command = [str(folder / "obj_dir" / "Vbench"), "stimulus", *map(str, sizes)]
    for line in lines_of(command, folder, "the simulation"):
        number, cycle = map(int, line.split())
        step(f"mutant {number} of {len(mutants)}")
        if cycle >= 0:
            killed[number] = cycle
    return killed


def _words(bits: int) -> int:
    return -(-bits // 32)


def _write_stimulus(path: Path, parameters: Parameters, cycles: int, seed: int) -> None:
    """For each cycle inputs, outputs, and which bits of the outputs count, in words of 32 bits."""
    pc, stimulus, outputs = model.Pc(parameters), Stimulus(seed), None
    in_bytes, out_bytes = 4 * _words(INPUT_BITS), 4 * _words(OUTPUT_BITS)
    with path.open("wb") as file:
        for number in range(SETTLE):
            file.write(pack(PcInputs(reset=number == 0)).to_bytes(in_bytes, "little") + bytes(2 * out_bytes))
        for _ in range(cycles):
            inputs = stimulus.next(outputs)
            outputs = pc.step(inputs)
            file.write(pack(inputs).to_bytes(in_bytes, "little"))
            file.write(pack_outputs(outputs).to_bytes(out_bytes, "little"))
            file.write(_counts(outputs).to_bytes(out_bytes, "little"))


def _counts(outputs: PcOutputs) -> int:
    """A payload means nothing while it is not valid."""
    valid = outputs.msr_response is not None
    ones = {name: (1 << width) - 1 if valid or name not in PAYLOAD else 0 for name, width in OUTPUTS.items()}
    return join(ones, OUTPUTS)


def _bench(width: int) -> str:
    """All ports of the PC as two vectors."""

    def slices(ports: dict[str, int], vector: str) -> Iterator[str]:
        shift = 0
        for name, bits in ports.items():
            yield f".{name}({vector}[{shift + bits - 1}:{shift}])"
            shift += bits

    pins = ", ".join([".clk(clk)", ".mutant(mutant)", *slices(INPUTS, "drive"), *slices(OUTPUTS, "got")])
    return f"""module bench(
  input clk, input [31:0] number, input [{INPUT_BITS - 1}:0] drive, output [{OUTPUT_BITS - 1}:0] got
);
  wire [{width - 1}:0] mutant = number[{width - 1}:0];
  dut dut({pins});
endmodule
"""


_MAIN = """
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>
#include "Vbench.h"

int main(int argc, char** argv) {
    const int settle = atoi(argv[2]), cycles = atoi(argv[3]), mutants = atoi(argv[4]);
    const int in_words = atoi(argv[5]), out_words = atoi(argv[6]), row = in_words + 2 * out_words;
    std::vector<uint32_t> data(size_t(cycles) * row);
    FILE* file = fopen(argv[1], "rb");
    if (!file || fread(data.data(), 4, data.size(), file) != data.size()) return 2;
    Vbench bench;
    for (int number = 0; number <= mutants; number++) {
        int killed = -1;
        for (int cycle = 0; cycle < cycles && killed < 0; cycle++) {
            const uint32_t* now = &data[size_t(cycle) * row];
            bench.number = cycle < settle ? 0 : number;
            for (int word = 0; word < in_words; word++) bench.drive[word] = now[word];
            bench.clk = 0;
            bench.eval();
            for (int word = 0; word < out_words; word++)
                if ((bench.got[word] ^ now[in_words + word]) & now[in_words + out_words + word])
                    killed = cycle - settle;
            bench.clk = 1;
            bench.eval();
        }
        printf("%d %d\\n", number, killed);
        fflush(stdout);
    }
}
"""


def _is_equivalent(netlist: str, mutant: Mutant) -> bool:
    """Proved by Yosys: every register and output behaves the same, by induction over matching registers."""
    broken = mutant.command.replace("-module dut", "-module gate")
    script = f"""{netlist}
rename dut gold
copy gold gate
{broken}
equiv_make gold gate equiv
hierarchy -top equiv
equiv_simple
equiv_induct
equiv_status -assert
"""
    try:
        run_yosys(script, FULL)
    except ToolError as error:
        if "unproven" in str(error):
            return False
        raise
    return True


def _run(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise ToolError(f"{command[0]}: {done.stderr.strip().splitlines()[-1]}")
