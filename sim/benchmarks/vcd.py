"""Reading a large VCD: vcdvcd alone, and `Trace.load`, alternating in one run: time and memory.

python -m irq13.sim.benchmarks.vcd             # 50 MB
python -m irq13.sim.benchmarks.vcd --megabytes 5
"""

import random
import subprocess
import sys
import tempfile
from pathlib import Path

import click

ROUNDS = 3
_CODE = {
    "vcdvcd, values stored": "from vcdvcd import VCDVCD; VCDVCD({path!r})",
    "vcdvcd, as a stream": "from vcdvcd import VCDVCD; VCDVCD({path!r}, store_tvs=False)",
    "Trace.load": "from irq13.sim import Trace; Trace.load({path!r})",
}
_MEASURE = """
import resource, time
start = time.perf_counter()
{code}
elapsed = time.perf_counter() - start
print(elapsed, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


@click.command()
@click.option("--megabytes", type=click.IntRange(1), default=50, show_default=True)
def vcd_main(megabytes: int) -> None:
    """Measure, in a process each, and print a table."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "large.vcd"
        changes = _write(path, megabytes * 1_000_000)
        click.echo(f"{path.stat().st_size / 1e6:.1f} MB, {changes} changes of 64 signals, best of {ROUNDS}")
        best: dict[str, tuple[float, float]] = {}
        for _ in range(ROUNDS):
            for name, code in _CODE.items():
                seconds, megabytes_used = _measure(code.format(path=str(path)))
                best[name] = min(best.get(name, (seconds, megabytes_used)), (seconds, megabytes_used))
        unit = best["vcdvcd, as a stream"][0]
        for name, (seconds, used) in best.items():
            click.echo(f"{name:<22} {seconds:6.1f} s  {seconds / unit:5.2f} times  {used:6.0f} MB")


def _write(path: Path, size: int) -> int:
    """A VCD of 48 levels and 16 buses that change at random; returns the number of changes."""
    rng = random.Random(13)
    written = changes = 0
    with path.open("w", encoding="ascii") as file:
        file.write("$timescale 1 ns $end\n$scope module top $end\n")
        for index in range(64):
            width, name = (1, f"bit{index}") if index < 48 else (16, f"bus{index}")
            file.write(f"$var wire {width} {chr(35 + index)} {name} $end\n")
        file.write("$upscope $end\n$enddefinitions $end\n")
        time = 0
        while written < size:
            lines = [f"#{time}"]
            for index in rng.sample(range(64), 8):
                value = f"{rng.getrandbits(1)}" if index < 48 else f"b{rng.getrandbits(16):b} "
                lines.append(f"{value}{chr(35 + index)}")
            text = "\n".join(lines) + "\n"
            file.write(text)
            written += len(text)
            changes += 8
            time += 10
    return changes


def _measure(code: str) -> tuple[float, float]:
    """Seconds, and the most memory in MB, of a Python process of its own."""
    command = [sys.executable, "-c", _MEASURE.format(code=code)]
    seconds, used = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return float(seconds), float(used)


if __name__ == "__main__":
    vcd_main()
