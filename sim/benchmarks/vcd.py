"""Reading a large waveform: pywellen alone, every signal's changes, and `Trace.load`: time and memory.

They alternate in one run, in a process each; the FST is there where pylibfst is installed.

python -m irq13.sim.benchmarks.vcd             # 50 MB
python -m irq13.sim.benchmarks.vcd --megabytes 5
"""

import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import click

ROUNDS = 3
_BITS = 48
_SIGNALS = 64
_BUS_WIDTH = 16
_CODE = {
    "pywellen": (
        "from pywellen import Waveform",
        "for one in Waveform({path!r}).all_vars():\n    for _ in one.tv: pass",
    ),
    "Trace.load": ("from irq13.sim import Trace; Trace", "Trace.load({path!r})"),
    "check, 20 rules": (
        "from irq13.sim import Trace; from irq13.sim.timing.rules import parse_rule",
        "trace = Trace.load({path!r}, 'bit0')\nfor n in range(20): "
        "parse_rule(f'bit{{n}} rises within 400 cycles after bit{{n + 20}} rises').check(trace)",
    ),
}
_MEASURE = """
import resource, time
{setup}
start = time.perf_counter()
{code}
elapsed = time.perf_counter() - start
print(elapsed, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


@click.command()
@click.option("--megabytes", type=click.IntRange(1), default=50, show_default=True, help="Size of the VCD.")
def vcd_main(megabytes: int) -> None:
    """Measure, in a process each, and print a table."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "large.vcd"
        changes = _write_vcd(path, megabytes * 1_000_000)
        size = path.stat().st_size / 1e6
        click.echo(f"{size:.1f} MB, {changes} changes of {_SIGNALS} signals, best of {ROUNDS}")
        paths = [path]
        if find_spec("pylibfst"):
            paths.append(path.with_suffix(".fst"))
            _write_fst(paths[-1], megabytes * 1_000_000)
        for one in paths:
            _compare(one)


def _compare(path: Path) -> None:
    best: dict[str, tuple[float, float]] = {}
    for _ in range(ROUNDS):
        for name, (setup, code) in _CODE.items():
            seconds, used = _measure(setup, code.format(path=str(path)))
            before = best.get(name, (seconds, used))
            best[name] = min(before[0], seconds), min(before[1], used)
    unit, memory = best["pywellen"]
    for name, (seconds, used) in best.items():
        times = f"{seconds:6.2f} s  {seconds / unit:5.2f} times"
        click.echo(f"{path.suffix[1:]:<4}{name:<18}{times}  {used:6.0f} MB  {used / memory:5.2f} times")


def _steps(size: int) -> Iterator[tuple[int, list[tuple[int, int]]]]:
    """Times, and the signals that are written there with their values; about `size` bytes as a VCD."""
    rng = random.Random(13)
    time = written = 0
    while written < size:
        changes = []
        for index in rng.sample(range(_SIGNALS), 8):
            value = rng.getrandbits(1 if index < _BITS else _BUS_WIDTH)
            changes.append((index, value))
            written += 3 if index < _BITS else 4 + value.bit_length()
        yield time, changes
        written += 2 + len(str(time))
        time += 10


def _name(index: int) -> tuple[int, str]:
    return (1, f"bit{index}") if index < _BITS else (_BUS_WIDTH, f"bus{index}")


def _write_vcd(path: Path, size: int) -> int:
    """Levels and buses that change at random; returns the number of changes."""
    count = 0
    with path.open("w", encoding="ascii") as file:
        file.write("$timescale 1 ns $end\n$scope module top $end\n")
        for index in range(_SIGNALS):
            width, name = _name(index)
            file.write(f"$var wire {width} {chr(35 + index)} {name} $end\n")
        file.write("$upscope $end\n$enddefinitions $end\n")
        for time, changes in _steps(size):
            lines = [f"#{time}"]
            for index, value in changes:
                lines.append(f"{value if index < _BITS else f'b{value:b} '}{chr(35 + index)}")
            file.write("\n".join(lines) + "\n")
            count += len(changes)
    return count


def _write_fst(path: Path, size: int) -> None:
    """The same as an FST."""
    from pylibfst import ffi, lib  # pyright: ignore[reportMissingImports]

    file = lib.fstWriterCreate(str(path).encode(), 1)
    lib.fstWriterSetTimescale(file, -9)
    lib.fstWriterSetPackType(file, lib.FST_WR_PT_LZ4)
    lib.fstWriterSetScope(file, lib.FST_ST_VCD_MODULE, b"top", ffi.NULL)
    handles = []
    for index in range(_SIGNALS):
        width, name = _name(index)
        handle = lib.fstWriterCreateVar(file, lib.FST_VT_VCD_WIRE, 0, width, name.encode(), 0)
        handles.append((handle, width))
    lib.fstWriterSetUpscope(file)
    for time, changes in _steps(size):
        lib.fstWriterEmitTimeChange(file, time)
        for index, value in changes:
            handle, width = handles[index]
            lib.fstWriterEmitValueChange(file, handle, f"{value:0{width}b}".encode())
    lib.fstWriterClose(file)


def _measure(setup: str, code: str) -> tuple[float, float]:
    """Seconds, and the most memory in MB, of a Python process of its own."""
    command = [sys.executable, "-c", _MEASURE.format(setup=setup, code=code)]
    seconds, used = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return float(seconds), float(used)


if __name__ == "__main__":
    vcd_main()
