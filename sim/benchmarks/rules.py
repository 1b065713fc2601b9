"""Checking rules over a large VCD: loading it, and putting 20 rules of all forms to the test.

python -m irq13.sim.benchmarks.rules             # 50 MB
python -m irq13.sim.benchmarks.rules --megabytes 5
"""

import random
import tempfile
import time
from pathlib import Path

import click

from ..support.toml_source import Source
from ..timing.rule_file import RuleFile, check_rules, parse_rules
from ..timing.rules import RuleReport
from ..waveform.trace import Trace

ROUNDS = 3
RULES = """
bit1 rises within 2 cycles after bit0 rises
bit2 falls within 3 cycles after bit3 rises while bit4 = 1
bit5 changes within 1 cycle after bus0 changes
bit6 rises within 25 ns after bit7 falls
bit8 rises exactly 2 cycles after bit9 rises
bit10 rises exactly 20 ns after bit11 rises while bus1 = 0x12
bit12 rises within 1 cycle by bit13 after bit14 rises
bit15 rises never while bit16 = 1
bit17 falls never while bus2 = 17 and bit18 = 0
bus3 becomes 12 never
bit19 = 1 and bit20 = 1 never while bit21 = 1
bus4 = 0xFF never
bus5 unknown never
bit22 stable while bit23 = 1
bus6 stable while bit24 = 1 and bit25 = 0
bit26 high at least 2 cycles
bit27 low at least 35 ns while bit28 = 1
bus7 stable 5 ns before clk rises
bus8 stable 2.5 ns after bit29 rises
order bit30 rises, bit31 rises, bit30 falls
"""


@click.command()
@click.option("--megabytes", type=click.IntRange(1), default=50, show_default=True)
def rules_main(megabytes: int) -> None:
    """Measure by turns in one process, and print a table."""
    file = parse_rules(Source("rules", f"rules = '''{RULES}'''"))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "large.vcd"
        changes = _write(path, megabytes * 1_000_000)
        click.echo(f"{path.stat().st_size / 1e6:.1f} MB, {changes} changes of 65 signals, best of {ROUNDS}")
        rounds = [_once(path, file) for _ in range(ROUNDS)]
    load, check, reports = min(rounds, key=lambda one: one[0] + one[1])
    tests = sum(report.triggers for report in reports)
    broken = sum(len(report.violations) for report in reports)
    click.echo(f"loading               {load:6.2f} s")
    click.echo(f"{len(reports)} rules              {check:6.2f} s  {check / load:5.2f} times")
    click.echo(f"{tests} tests, {broken} violations")


def _once(path: Path, file: RuleFile) -> tuple[float, float, list[RuleReport]]:
    """Seconds to load, seconds to check, and what came of it."""
    start = time.perf_counter()
    trace = Trace.load(path)
    loaded = time.perf_counter()
    reports = check_rules(file, trace)
    for report in reports:
        # As much as is printed.
        _ = report.status, report.violations[:1]
    return loaded - start, time.perf_counter() - loaded, reports


def _write(path: Path, size: int) -> int:
    """A VCD of a clock, 48 levels and 16 buses that change at random; returns the number of changes."""
    rng = random.Random(13)
    written = changes = 0
    with path.open("w", encoding="ascii") as file:
        file.write("$timescale 1 ns $end\n$scope module top $end\n$var wire 1 ! clk $end\n")
        for index in range(64):
            width, name = (1, f"bit{index}") if index < 48 else (16, f"bus{index - 48}")
            file.write(f"$var wire {width} {chr(35 + index)} {name} $end\n")
        file.write("$upscope $end\n$enddefinitions $end\n")
        now = 0
        while written < size:
            lines = [f"#{now}", f"{now // 5 % 2}!"]
            for index in rng.sample(range(64), 8) if now % 2 == 0 else ():
                value = f"{rng.getrandbits(1)}" if index < 48 else f"b{rng.getrandbits(16):b} "
                lines.append(f"{value}{chr(35 + index)}")
            text = "\n".join(lines) + "\n"
            file.write(text)
            written += len(text)
            changes += len(lines) - 1
            now += 5
    return changes


if __name__ == "__main__":
    rules_main()
