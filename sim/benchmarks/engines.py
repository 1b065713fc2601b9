"""How fast each engine is, on the same design, stimulus and observation.

Run it with `python -m irq13.sim.benchmarks.engines`.

The design is `StimulatedPc`: random stimulus, the PC, and a signature of all outputs in every cycle. Before
an engine is timed its signatures are compared with those of the reference model.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

from amaranth.sim import Simulator

from ... import hdl
from ...model.registers import Parameters
from ..fuzz.stimulated import HASH, StimulatedMachine, StimulatedPc, begin, stimulated
from ..fuzz.stimulus import seeds
from ..hardware.verilog import verilog_of
from ..lanes.compiled import cache_folder, find_compiler
from ..lanes.cuda import CudaKernel, gpu_names, multiprocessors
from ..lanes.lanes import Lanes, Recipe, recipe_of
from ..lanes.plan import Compute, plan_step
from ..machines.machine import ModelMachine
from ..netlist.flat import Flat
from ..netlist.lowering import lower
from ..support.errors import ToolError
from .programs import run_program, verilated

SEED = 13
CHECK_LANES = 4
CHECK_CYCLES = 2000


class BenchmarkRun(NamedTuple):
    """One run of an engine: signatures of its first lanes, and the seconds that the cycles took."""

    signatures: list[int]
    seconds: float


class Engine(NamedTuple):
    """An engine, ready to run.

    Attributes
    ----------
    run: with a number of lanes and of cycles; one after the other where it has only one lane.
    first: seconds from the design to the first result: lowering, compilation and 1,000 cycles of a lane.
    share: lanes and cycles of a run that is timed.
    """

    name: str
    run: Callable[[int, int], BenchmarkRun]
    first: float
    share: tuple[int, int]


def engines_main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(
        prog="python -m irq13.sim.benchmarks.engines",
        description=__doc__,
        epilog="Example: python -m irq13.sim.benchmarks.engines --rounds 5",
    )
    parser.add_argument("--generation", default="AMD64", choices=["I486", "P6", "AMD64"])
    parser.add_argument(
        "--rounds", type=int, default=3, help="runs of each engine, by turns; medians are shown"
    )
    parser.add_argument(
        "--engine",
        choices=["cuda"],
        help="cuda: the GPUs alone, against the model's signatures; about two minutes",
    )
    parser.add_argument("--json", action="store_true", help="the same as JSON")
    options = parser.parse_args(arguments)
    if options.rounds < 1:
        parser.error("--rounds must be at least 1")
    try:
        _report(Parameters(options.generation), options.rounds, options.json, options.engine == "cuda")
    except (ToolError, OSError) as error:
        sys.exit(f"irq13: {error}")
    except KeyboardInterrupt:
        sys.exit(130)


def _report(parameters: Parameters, rounds: int, as_json: bool, gpus: bool) -> None:
    expected = _model(parameters, CHECK_LANES, CHECK_CYCLES).signatures
    with ExitStack() as stack:
        engines = [_on_gpus(parameters)] if gpus else _engines(parameters, stack)
        for engine in engines:
            got = engine.run(CHECK_LANES, CHECK_CYCLES).signatures
            if got != expected:
                raise ToolError(f"{engine.name}: signatures {got}, the model has {expected}")
            print(
                f"{engine.name}: the model's signatures; first result after {engine.first:.1f} s",
                file=sys.stderr,
            )
        rates: dict[str, list[float]] = {engine.name: [] for engine in engines}
        for _ in range(rounds):
            for engine in engines:
                lanes, cycles = engine.share
                rates[engine.name].append(lanes * cycles / engine.run(lanes, cycles).seconds)
        growth = [_growth(engine) for engine in engines]
    base = statistics.median(rates.get("Verilator", [float("nan")]))
    rows = [
        {
            "engine": engine.name,
            "cycles_per_second": statistics.median(rates[engine.name]),
            "to_verilator": statistics.median(rates[engine.name]) / base,
            "first_result_s": engine.first,
            "growth": grown,
        }
        for engine, grown in zip(engines, growth, strict=True)
    ]
    bound = _bound(parameters)
    if as_json:
        print(json.dumps({"engines": rows, "kernel": bound}, indent=1))
        return
    print("| engine | cycles a second | to Verilator | first result |\n| --- | --- | --- | --- |")
    for row in rows:
        print(
            f"| {row['engine']} | {row['cycles_per_second']:.2g} | {row['to_verilator']:.3g} | "
            f"{row['first_result_s']:.1f} s |"
        )
    print("\nGrowth (lanes x cycles: cycles a second):")
    for row in rows:
        print(
            f"  {row['engine']}: "
            + ", ".join(f"{shape}: {rate:.2g}" for shape, rate in row["growth"].items())
        )
    print("\nThe compiled kernel: " + ", ".join(f"{name} {value}" for name, value in bound.items()))


def _engines(parameters: Parameters, stack: ExitStack) -> list[Engine]:
    """All of them, slowest first."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    design = verilog_of("bench", Flat(StimulatedPc(parameters)))
    (folder / "bench.v").write_text(design, encoding="utf-8")
    engines = [
        Engine("plain-Python model", lambda lanes, cycles: _model(parameters, lanes, cycles), 0.0, (1, 3000)),
        _timed(
            "Amaranth's simulator",
            lambda: lambda lanes, cycles: _amaranth(parameters, lanes, cycles),
            (1, 3000),
        ),
        _timed("Icarus", lambda: _icarus(folder), (1, 30_000)),
    ]
    verilated = _timed("Verilator", lambda: _verilator(folder), (1, 3_000_000))
    engines += [
        verilated,
        verilated._replace(name="Verilator, two processes", run=_twice(verilated.run), share=(2, 3_000_000)),
    ]
    recipes: list[Recipe] = []

    def lanes(engine: str, threads: int) -> Callable[[int, int], BenchmarkRun]:
        if not recipes:
            recipes.append(recipe_of(stimulated(lower(hdl.Pc(parameters)))))
        kernel = recipes[0].kernel(engine)
        return lambda lanes, cycles: _lanes(kernel, lanes, cycles, threads)

    engines.append(_timed("numpy lanes", lambda: lanes("numpy", 1), (131_072, 400)))
    recipes.clear()
    if find_compiler() is not None:
        _forget_kernels()
        engines.append(_timed("compiled lanes", lambda: lanes("compiled", 1), (8192, 100_000)))
        recipes.clear()
        _forget_kernels()
        engines.append(_timed("compiled lanes, two threads", lambda: lanes("compiled", 2), (16_384, 100_000)))
    return engines


def _on_gpus(parameters: Parameters) -> Engine:
    """The CUDA engine, with a block of threads for each multiprocessor twice over."""
    names = ", ".join(gpu_names())
    kernels: list[CudaKernel] = []

    def make() -> Callable[[int, int], BenchmarkRun]:
        kernel = recipe_of(stimulated(lower(hdl.Pc(parameters)))).kernel("cuda")
        assert isinstance(kernel, CudaKernel)
        kernels.append(kernel)
        return lambda lanes, cycles: _lanes(kernel, lanes, cycles, 1)

    timed = _timed(f"CUDA: {names}", make, (1, 1))
    lanes = 64 * kernels[0].words_for(1) * 2 * multiprocessors()
    return timed._replace(share=(lanes, 100_000))


def _timed(
    name: str, make: Callable[[], Callable[[int, int], BenchmarkRun]], share: tuple[int, int]
) -> Engine:
    begun = time.perf_counter()
    run = make()
    run(1, 1000)
    return Engine(name, run, time.perf_counter() - begun, share)


def _forget_kernels() -> None:
    """Compile anew: the time to the first result is to have it in."""
    for path in cache_folder().glob("kernel-*.so"):
        path.unlink(missing_ok=True)


def _growth(engine: Engine) -> dict[str, float]:
    """Its rate at a hundredth, a tenth and all of the cycles that are timed, and with few lanes."""
    lanes, cycles = engine.share
    shapes = [(lanes, max(1, cycles // 100)), (lanes, max(1, cycles // 10))]
    if lanes > 2:
        shapes += [(512, cycles), (lanes * 8, max(1, cycles // 8))]
    return {f"{a} x {b}": a * b / engine.run(a, b).seconds for a, b in shapes}


def _bound(parameters: Parameters) -> dict[str, Any]:
    """What one step of the compiled kernel is made of."""
    compiler = find_compiler()
    ternary = compiler is not None and compiler.ternary
    netlist = stimulated(lower(hdl.Pc(parameters)))
    made = plan_step(netlist, "ternary" if ternary else "vector")
    recipe = recipe_of(netlist)
    source = recipe.sources.get("c", "")
    return {
        "bits": recipe.bits,
        "flip-flops": len(netlist.registers),
        "operations": made.cost,
        "statements": sum(isinstance(action, Compute) for action in made.actions),
        "loads": source.count("= st[") + source.count("= sp["),
        "stores": source.count("      st[") + source.count("      sp["),
        "bytes of state": len(netlist.registers) * recipe.bits // 8,
    }


def _seed_words(lane: int) -> list[int]:
    return [int(values[0]) for values in seeds(SEED, 1, lane).values()]


def _model(parameters: Parameters, lanes: int, cycles: int) -> BenchmarkRun:
    signatures, seconds = [], 0.0
    for lane in range(lanes):
        bench = StimulatedMachine(ModelMachine(parameters), SEED, lane)
        begun = time.perf_counter()
        for _ in range(cycles):
            bench.step()
        seconds += time.perf_counter() - begun
        signatures.append(bench.signature)
    return BenchmarkRun(signatures, seconds)


def _amaranth(parameters: Parameters, lanes: int, cycles: int) -> BenchmarkRun:
    signatures, seconds = [], 0.0
    for lane in range(lanes):
        dut: Any = StimulatedPc(parameters)
        simulator = Simulator(dut)
        simulator.add_clock(1e-8)
        seed = sum(word << 32 * index for index, word in enumerate(_seed_words(lane)))

        async def testbench(ctx, dut=dut, seed=seed):
            ctx.set(dut.load, 1)
            ctx.set(dut.seed, seed)
            await ctx.tick()
            ctx.set(dut.load, 0)
            await ctx.tick().repeat(cycles)
            signatures.append(ctx.get(dut.hash))

        simulator.add_testbench(testbench)
        begun = time.perf_counter()
        simulator.run()
        seconds += time.perf_counter() - begun
    return BenchmarkRun(signatures, seconds)


_TESTBENCH = """
module test;
  reg clk = 0, load = 1;
  reg [127:0] seed;
  integer cycles, cycle;
  wire [63:0] hash;
  bench bench(.clk(clk), .load(load), .seed(seed), .hash(hash));
  initial begin
    if (!$value$plusargs("seed=%h", seed) || !$value$plusargs("cycles=%d", cycles)) $finish;
    #1 clk = 1; #1 clk = 0; load = 0;
    for (cycle = 0; cycle < cycles; cycle = cycle + 1) begin #1 clk = 1; #1 clk = 0; end
    $display("%h", hash);
  end
endmodule
"""
_MAIN = """
#include <cstdio>
#include <cstdlib>
#include "Vbench.h"

int main(int argc, char** argv) {
    Vbench bench;
    const long cycles = atol(argv[1]);
    for (int word = 0; word < 4; word++) bench.seed[word] = strtoul(argv[2 + word], nullptr, 10);
    bench.load = 1;
    for (long cycle = -1; cycle < cycles; cycle++) {
        bench.clk = 0;
        bench.eval();
        bench.clk = 1;
        bench.eval();
        bench.load = 0;
    }
    printf("%llx\\n", (unsigned long long)bench.hash);
}
"""


def _icarus(folder: Path) -> Callable[[int, int], BenchmarkRun]:
    (folder / "test.v").write_text(_TESTBENCH, encoding="utf-8")
    run_program(["iverilog", "-g2005", "-o", "test.vvp", "test.v", "bench.v"], folder)

    def command(lane: int, cycles: int) -> list[str]:
        seed = "".join(f"{word:08x}" for word in reversed(_seed_words(lane)))
        return ["vvp", "-N", "test.vvp", f"+seed={seed}", f"+cycles={cycles}"]

    return lambda lanes, cycles: _processes(folder, [command(lane, cycles) for lane in range(lanes)])


def _verilator(folder: Path) -> Callable[[int, int], BenchmarkRun]:
    program = verilated(_MAIN, folder)

    def command(lane: int, cycles: int) -> list[str]:
        return [program, str(cycles), *map(str, _seed_words(lane))]

    return lambda lanes, cycles: _processes(folder, [command(lane, cycles) for lane in range(lanes)])


def _twice(run: Callable[[int, int], BenchmarkRun]) -> Callable[[int, int], BenchmarkRun]:
    """Two lanes at a time, each in a process of its own."""

    def both(lanes: int, cycles: int) -> BenchmarkRun:
        if lanes > 2:
            return run(lanes, cycles)
        begun = time.perf_counter()
        with ThreadPoolExecutor(2) as pool:
            runs = list(pool.map(lambda _: run(1, cycles), range(lanes)))
        return BenchmarkRun(runs[0].signatures, time.perf_counter() - begun)

    return both


def _processes(folder: Path, commands: list[list[str]]) -> BenchmarkRun:
    begun = time.perf_counter()
    signatures = [int(run_program(command, folder).split()[-1], 16) for command in commands]
    return BenchmarkRun(signatures, time.perf_counter() - begun)


def _lanes(kernel: Any, lanes: int, cycles: int, threads: int) -> BenchmarkRun:
    many = Lanes(kernel, lanes, threads)
    begin(many, SEED)
    begun = time.perf_counter()
    many.run(cycles)
    seconds = time.perf_counter() - begun
    return BenchmarkRun([int(value) for value in many.register(HASH)[:CHECK_LANES]], seconds)


if __name__ == "__main__":
    engines_main()
