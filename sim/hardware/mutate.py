"""Mutation of the netlist: does the stimulus notice when the design is wrong at one point?

Yosys breaks the netlist at one point after the other, many in one design with a port that selects which, and
Verilator compiles it; then the stimulus of the lockstep comparison, recorded with the model's outputs, runs
against each. For what survives ABC searches for inputs that tell it from the design, which then run as the
stimulus did, or proves that there are none.
"""

import os
import random
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from amaranth.back import rtlil  # pyright: ignore[reportAttributeAccessIssue]

from ...model.older import OlderParameters
from ...model.registers import Parameters
from ..machines.ports import split
from ..netlist.flat import Flat
from ..support.errors import InputError, ToolError
from ..tools.verilator import verilator
from ..tools.yosys import FULL, lines_of, run_yosys
from .equivalence import Equivalence, abc, compare_netlists, connections, slices
from .mutated import Mutated, Ports, mutated

SETTLE = 4
"""Cycles of RESET, unbroken, before each mutant."""
ALL = 1_000_000
"""More points than any machine has."""
BATCH = 400
"""Mutants that are compiled as one design."""


class Mutant(NamedTuple):
    """One way in which the netlist is broken."""

    number: int
    command: str
    """For Yosys."""

    @property
    def text(self) -> str:
        """What is done where, with the lines of the source that it comes from."""
        mode = re.search(r"-mode (\S+)", self.command)
        wire = re.search(r"-wire (\S+)(?: -wirebit (\d+))?", self.command)
        lines = [line.rpartition("/")[2] for line in _sources(self.command)]
        where = f" of {wire[1]}[{wire[2]}]" if wire else ""
        return f"{mode[1] if mode else '?'}{where} at {', '.join(lines) or 'a cell without a source'}"


class MutantOutcome(NamedTuple):
    """What became of a mutant."""

    mutant: Mutant
    killed_in: int | None
    """The cycle of the first difference on an output, or None if there was none."""
    searched: bool = False
    """By inputs that ABC found, not by the random stimulus."""
    equivalent: bool = False
    """Proved to behave as the design does."""


def mutate(
    parameters: Parameters | OlderParameters,
    count: int,
    cycles: int,
    seed: int,
    step: Callable[[str], None] = lambda text: None,
    source: str = "",
) -> Iterator[MutantOutcome]:
    """Each of about `count` mutants, or of all that there are, with what became of it.

    Parameters
    ----------
    source: only points that come from a source file whose path contains this.

    Raises
    ------
    ToolError
        If Yosys, Verilator or ABC fails or is not there, or if the design itself differs from the model.
    """
    abc()
    step("listing mutants")
    design = mutated(parameters)
    netlist = _netlist(design)
    listed = run_yosys(f"{netlist}mutate -list {ALL if source else count} -seed {seed}\n", FULL, quiet=False)
    # But for clocks: neither a stimulus of whole cycles nor ABC knows of them.
    commands = [one for one in listed.splitlines() if one.startswith("mutate -") and "-port C " not in one]
    if source:
        commands = [one for one in commands if any(source in path for path in _sources(one))]
        if not commands:
            raise InputError(f"no point comes from a source with {source!r} in its path")
        chosen = set(random.Random(seed).sample(range(len(commands)), min(count, len(commands))))
        commands = [one for index, one in enumerate(commands) if index in chosen]
    mutants = [Mutant(number, command) for number, command in enumerate(commands, start=1)]
    step("recording the model")
    stimulus = _record(design, design.random_inputs(cycles, seed))
    for first in range(0, len(mutants), BATCH):
        with tempfile.TemporaryDirectory() as name:
            batch = _Batch(Path(name), netlist, design.ports, mutants[first : first + BATCH], step)
            yield from _judge(batch, design, stimulus, step)


def _sources(command: str) -> list[str]:
    """The lines of the source that a point comes from."""
    return re.findall(r"-src (\S+)", command)


def _judge(batch, design, stimulus, step) -> Iterator[MutantOutcome]:
    """What becomes of each mutant of a batch."""
    killed = batch.run(stimulus, batch.mutants)
    left = [mutant for mutant in batch.mutants if mutant.number not in killed]
    verdicts = {}
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for mutant, verdict in zip(left, pool.map(batch.compare, left), strict=True):
            step(f"decided {mutant.text}")
            verdicts[mutant] = verdict
    for mutant in batch.mutants:
        if mutant.number in killed:
            yield MutantOutcome(mutant, killed[mutant.number])
            continue
        verdict = verdicts[mutant]
        again = {}
        if verdict.difference is not None:
            again = batch.run(_record(design, verdict.difference), [mutant])
        yield MutantOutcome(mutant, again.get(mutant.number), True, verdict.equivalent)


def _netlist(design: Mutated) -> str:
    """Yosys commands that make the machine as single-bit cells, under the name dut.

    Each register starts as 0, and nothing is left open: what would not matter could matter in a mutant.
    """
    flat = Flat(design.component)
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
zinit -all
setundef -zero
simplemap
opt_clean -purge
"""


class _Batch:
    """Mutants in one design, each selected by its index from 1 on, compiled; 0 is the unbroken netlist."""

    def __init__(
        self,
        folder: Path,
        netlist: str,
        ports: Ports,
        mutants: list[Mutant],
        step: Callable[[str], None],
    ) -> None:
        self.mutants = mutants
        self._ports = ports
        self._folder, self._netlist, self._step = folder, netlist, step
        self._indices = {mutant.number: index for index, mutant in enumerate(mutants, start=1)}
        width = len(mutants).bit_length()
        broken = "".join(
            f"{one.command} -ctrl mutant {width} {self._indices[one.number]}\n" for one in mutants
        )
        step(f"breaking the netlist at {mutants[0].number} to {mutants[-1].number}")
        verilog = run_yosys(f"{netlist}{broken}opt_clean\nwrite_verilog -noattr\n", FULL)
        (folder / "harness.v").write_text(f"{_harness(width, ports)}\n{verilog}", encoding="utf-8")
        (folder / "main.cpp").write_text(_MAIN, encoding="utf-8")
        step(f"compiling {mutants[0].number} to {mutants[-1].number}")
        options = (
            "--cc --exe --build --top-module harness -Wno-fatal -Wno-lint --output-split 0 -O2 -CFLAGS -O1"
        )
        _run([*verilator(), *options.split(), "harness.v", "main.cpp"], folder)

    def run(self, stimulus: bytes, mutants: Iterable[Mutant]) -> dict[int, int]:
        """The cycle in which each mutant that is noticed is noticed first."""
        (self._folder / "stimulus").write_bytes(stimulus)
        numbers = {self._indices[mutant.number]: mutant.number for mutant in mutants}
        ports = self._ports
        sizes = [len(stimulus) // _row(ports), SETTLE, _words(ports.input_bits), _words(ports.output_bits)]
        command = [str(self._folder / "obj_dir" / "Vharness"), "stimulus", *map(str, (*sizes, 0, *numbers))]
        killed = {}
        for line in lines_of(command, self._folder, "the simulation"):
            index, cycle = map(int, line.split())
            if index:
                self._step(f"running mutant {numbers[index]}")
                if cycle >= 0:
                    killed[numbers[index]] = cycle
            elif cycle >= 0:
                raise ToolError(f"the unbroken netlist differs from the model in cycle {cycle}")
        return killed

    def compare(self, mutant: Mutant) -> Equivalence:
        """What ABC says of a mutant."""
        with tempfile.TemporaryDirectory(dir=self._folder) as name:
            change = mutant.command.replace("-module dut", "-module gate")
            return compare_netlists(self._netlist, change, Path(name), self._ports)


def _words(bits: int) -> int:
    return -(-bits // 32)


def _record(design: Mutated, packed: Iterable[int]) -> bytes:
    """For each cycle inputs, the model's outputs, and which bits of them count, in words of 32 bits."""
    pc, ports = design.new_model(), design.ports
    in_bytes, out_bytes = 4 * _words(ports.input_bits), 4 * _words(ports.output_bits)
    rows = bytearray()
    for _ in range(SETTLE):
        pc.step(design.reset)
        rows += design.pack(design.reset).to_bytes(in_bytes, "little") + bytes(2 * out_bytes)
    for levels in packed:
        outputs = design.pack_outputs(pc.step(design.read(split(levels, ports.inputs))))
        rows += levels.to_bytes(in_bytes, "little")
        rows += outputs.to_bytes(out_bytes, "little")
        rows += design.counts(outputs).to_bytes(out_bytes, "little")
    return bytes(rows)


def _row(ports: Ports) -> int:
    """Bytes of a cycle."""
    return 4 * (_words(ports.input_bits) + 2 * _words(ports.output_bits))


def _harness(width: int, ports: Ports) -> str:
    """All ports of the machine as two vectors."""
    pins = connections(slices(ports.inputs, "drive"), slices(ports.outputs, "got"))
    vectors = f"input [{ports.input_bits - 1}:0] drive, output [{ports.output_bits - 1}:0] got"
    return f"""module harness(
  input clk, input [31:0] number, {vectors}
);
  wire [{width - 1}:0] mutant = number[{width - 1}:0];
  dut dut(.clk(clk), .mutant(mutant), {pins});
endmodule
"""


_MAIN = """
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>
#include "Vharness.h"

int main(int argc, char** argv) {
    const int cycles = atoi(argv[2]), settle = atoi(argv[3]);
    const int in_words = atoi(argv[4]), out_words = atoi(argv[5]), row = in_words + 2 * out_words;
    std::vector<uint32_t> data(size_t(cycles) * row);
    FILE* file = fopen(argv[1], "rb");
    if (!file || fread(data.data(), 4, data.size(), file) != data.size()) return 2;
    Vharness harness;
    for (int at = 6; at < argc; at++) {
        const int number = atoi(argv[at]);
        int killed = -1;
        for (int cycle = 0; cycle < cycles && killed < 0; cycle++) {
            const uint32_t* now = &data[size_t(cycle) * row];
            harness.number = cycle < settle ? 0 : number;
            for (int word = 0; word < in_words; word++) harness.drive[word] = now[word];
            harness.clk = 0;
            harness.eval();
            for (int word = 0; word < out_words; word++)
                if ((harness.got[word] ^ now[in_words + word]) & now[in_words + out_words + word])
                    killed = cycle - settle;
            harness.clk = 1;
            harness.eval();
        }
        printf("%d %d\\n", number, killed);
        fflush(stdout);
    }
}
"""


def _run(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise ToolError(f"{command[0]}: {done.stderr.strip().splitlines()[-1]}")
