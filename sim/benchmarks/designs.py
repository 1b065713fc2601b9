"""How fast lanes are against Verilator, on many designs: ours, libraries' and anybody's.

Run it with `python -m irq13.sim.benchmarks.designs`.

Each design has the same random inputs and the same signature of all outputs on both sides, and nothing is
timed before signatures are equal. Verilator simulates one lane in a process, the compiled engine many in
one thread.
"""

import argparse
import importlib.util
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from ..lanes.compiled import find_compiler
from ..lanes.lanes import Lanes
from ..lanes.trial import SIGNATURE, Trial
from ..support.errors import InputError, NetlistError, ToolError
from .example_designs import EXAMPLES
from .programs import run_program, verilated
from .under_stimulus import UnderStimulus, seed_of

SEED = 13
CHECK_LANES = 4
CHECK_CYCLES = 2000
LANES = 4096
SECONDS = 1.0
"""What a run that is timed takes about."""


class DesignRow(NamedTuple):
    """What was measured for a design; rates in lane-cycles a second, medians of all rounds."""

    design: str
    flip_flops: int
    operations: int
    """Of three bits, in one step of the compiled kernel."""
    verilator: float
    lanes: float
    ratio: float
    first_result: float
    """Seconds from the design to the first 1,000 cycles in lanes, compilation included."""
    first_verilator: float


def designs_main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(
        prog="python -m irq13.sim.benchmarks.designs",
        description=__doc__,
        epilog="Example: python -m irq13.sim.benchmarks.designs --design uart.py:Uart --rounds 5",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--design",
        action="append",
        metavar="FILE:CLASS",
        help="an Amaranth design of your own, made without arguments, in place of ours; may be repeated",
    )
    parser.add_argument("--only", metavar="NAME", help=f"one of ours: {', '.join(EXAMPLES)}")
    parser.add_argument(
        "--rounds", type=int, default=3, help="runs of each side, by turns; medians are shown"
    )
    parser.add_argument("--json", action="store_true", help="the same as JSON")
    options = parser.parse_args(arguments)
    if options.rounds < 1:
        parser.error("--rounds must be at least 1")
    try:
        if find_compiler() is None:
            raise ToolError("no C compiler found: the compiled engine is what is measured here")
        rows = list(_rows(_chosen(options.design, options.only), options.rounds))
    except (ToolError, InputError, NetlistError, OSError) as error:
        print(f"irq13: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
    if options.json:
        print(json.dumps([row._asdict() for row in rows], indent=1))
        return
    print("| design | flip-flops | operations | Verilator | lanes | ratio | first result | Verilator's |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for row in rows:
        print(
            f"| {row.design} | {row.flip_flops:,} | {row.operations:,} | {row.verilator:.2g} | "
            f"{row.lanes:.2g} | {row.ratio:.0f} | {row.first_result:.1f} s | {row.first_verilator:.1f} s |"
        )


def _chosen(given: Sequence[str] | None, only: str | None) -> dict[str, Callable[[], Any]]:
    if given:
        return {text: partial(_loaded, text) for text in given}
    if only is None:
        return dict(EXAMPLES)
    if only not in EXAMPLES:
        raise InputError(f"--only: no design {only!r}: expected one of {', '.join(EXAMPLES)}")
    return {only: EXAMPLES[only]}


def _loaded(text: str) -> Any:
    """The design that FILE:CLASS names. Its folder is searched for what it imports."""
    name, colon, attribute = text.rpartition(":")
    if not colon or not name or not attribute:
        raise InputError(f"--design: expected FILE:CLASS, not {text!r}")
    path = Path(name)
    if not path.is_file():
        raise FileNotFoundError(2, "No such file", name)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise InputError(f"--design: {name} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(path.parent.absolute()))
    try:
        spec.loader.exec_module(module)
        if not hasattr(module, attribute):
            raise InputError(f"--design: {name} has no {attribute}")
        return getattr(module, attribute)()
    except (InputError, KeyboardInterrupt):
        raise
    except BaseException as error:
        # Somebody else's code can fail in any way, and may even exit.
        raise InputError(f"--design: {text}: {_said(error)}") from None


@contextmanager
def _refusing(name: str) -> Iterator[None]:
    """What somebody else's design raises while it is elaborated is one line."""
    try:
        yield
    except (InputError, ToolError, OSError):
        raise
    except Exception as error:
        raise InputError(f"{name}: {_said(error)}") from None


def _said(error: BaseException) -> str:
    lines = str(error).splitlines() or [""]
    return f"{type(error).__name__}: {lines[0]}"


def _rows(designs: dict[str, Callable[[], Any]], rounds: int) -> Iterator[DesignRow]:
    for name, make in designs.items():
        with tempfile.TemporaryDirectory() as folder:
            yield _measured(name, make, rounds, Path(folder))


def _measured(name: str, make: Callable[[], Any], rounds: int, folder: Path) -> DesignRow:
    begun = time.perf_counter()
    design = make()
    with _refusing(name):
        trial = Trial(design, seed=SEED)
    _in_lanes(trial, 1, 1000)
    first = time.perf_counter() - begun
    begun = time.perf_counter()
    design = make()
    with _refusing(name):
        program = _verilated(design, trial, folder)
    _in_verilator(program, trial, 0, 1000)
    first_verilator = time.perf_counter() - begun
    print(f"{name}: first result after {first:.1f} s, Verilator's {first_verilator:.1f} s", file=sys.stderr)
    got, _ = _in_lanes(trial, CHECK_LANES, CHECK_CYCLES)
    expected = [_in_verilator(program, trial, lane, CHECK_CYCLES)[0] for lane in range(CHECK_LANES)]
    if got != expected:
        raise ToolError(f"{name}: signatures {got} in lanes, {expected} under Verilator")
    # As many cycles as take about a second, on each side.
    cycles = _long_enough(lambda count: _in_lanes(trial, LANES, count)[1])
    alone = _long_enough(lambda count: _in_verilator(program, trial, 0, count)[1])
    rates: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        rates[0].append(LANES * cycles / _in_lanes(trial, LANES, cycles)[1])
        rates[1].append(alone / _in_verilator(program, trial, 0, alone)[1])
    many, one = (statistics.median(found) for found in rates)
    return DesignRow(name, trial.flip_flops, trial.operations, one, many, many / one, first, first_verilator)


def _long_enough(seconds: Callable[[int], float]) -> int:
    cycles = 200
    while (taken := seconds(cycles)) < SECONDS / 4:
        cycles *= 4
    return max(1, int(cycles * SECONDS / taken))


def _in_lanes(trial: Trial, lanes: int, cycles: int) -> tuple[list[int], float]:
    """Signatures of the first lanes, and the seconds that the cycles took."""
    made: Lanes = trial.lanes(lanes, engine="compiled")
    started = trial.stimulus.initial(SEED, lanes)
    # A cycle without seeds first, as it takes Verilator's side one to load them.
    for name in started:
        made.set_register(name, 0)
    made.run(1)
    for name, values in started.items():
        made.set_register(name, values)
    made.set_register(SIGNATURE, 0)
    begun = time.perf_counter()
    made.run(cycles)
    seconds = time.perf_counter() - begun
    return [int(value) for value in made.register(SIGNATURE)[:CHECK_LANES]], seconds


_MAIN = """
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include "Vbench.h"

int main(int argc, char** argv) {
    Vbench bench;
    const long cycles = atol(argv[1]);
    %(seed)s
    bench.load = 1;
    auto begun = std::chrono::steady_clock::now();
    for (long cycle = -1; cycle < cycles; cycle++) {
        bench.clk = 0;
        bench.eval();
        bench.clk = 1;
        bench.eval();
        bench.load = 0;
    }
    std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begun;
    printf("%%llx %%.9f\\n", (unsigned long long)bench.hash, taken.count());
}
"""


def _verilated(design: Any, trial: Trial, folder: Path) -> str:
    top = UnderStimulus(design, trial.stimulus, trial.outputs)
    (folder / "bench.v").write_text(top.verilog("bench"), encoding="utf-8")
    words = -(-len(top.seed) // 32)
    # Verilator has a port of up to 64 bits as one integer.
    text = "bench.seed = strtoull(argv[2], nullptr, 10) | strtoull(argv[3], nullptr, 10) << 32;"
    if words > 2:
        text = (
            f"for (int word = 0; word < {words}; word++) bench.seed[word] = strtoul(argv[2 + word], 0, 10);"
        )
    return verilated(_MAIN % {"seed": text}, folder)


def _in_verilator(program: str, trial: Trial, lane: int, cycles: int) -> tuple[int, float]:
    seed = seed_of(trial.stimulus, SEED, lane)
    count = max(2, -(-seed.width // 32))
    words = [str(seed.value >> 32 * index & 0xFFFF_FFFF) for index in range(count)]
    signature, seconds = run_program([program, str(cycles), *words]).split()
    return int(signature, 16), float(seconds)


if __name__ == "__main__":
    designs_main()
