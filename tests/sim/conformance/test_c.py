"""The reference in C: held to the model in lockstep over random events (its vectors are in test_vectors.py)."""

import subprocess
from collections import Counter

import pytest
from click.testing import CliRunner
from irq13.model.registers import Generation, HwcrLayout, Parameters, ReservedBits
from irq13.model.reporting import Decision
from irq13.sim.cli.main import main
from support.c_reference import (
    ANSWERS,
    PROGRAMS,
    SOURCE,
    compile_c,
    first_difference,
    random_events,
    run_c,
)

CHOICES = [
    Parameters(generation, hwcr=layout, reserved_bits=bits, port_emulation=other, mmx=other, ferr_enable=not other)
    for generation in Generation
    for layout in HwcrLayout
    if generation is Generation.AMD64 or layout is HwcrLayout.MINIMAL
    for bits, other in ((ReservedBits.MANUAL, False), (ReservedBits.SILICON, True))
]  # fmt: skip
SANITIZED = ("-fsanitize=undefined,address", "-fno-sanitize-recover=all")


@pytest.fixture(scope="module")
def program(tmp_path_factory, tool):
    """With UBSan and ASan."""
    tool("g++")
    target = tmp_path_factory.mktemp("c") / "events"
    return compile_c(target, SOURCE / "irq13.c", PROGRAMS / "events.c", flags=SANITIZED)


@pytest.mark.parametrize("count", [800, pytest.param(10_000, marks=pytest.mark.slow)])
def test_it_is_the_model_event_by_event(program, count):
    """On every choice of parameters: a hundred thousand events in the longer run, of all kinds."""
    seen = Counter()
    for number, parameters in enumerate(CHOICES):
        events = random_events(count, f"{count} {number}")
        assert first_difference(program, parameters, events) is None
        seen.update(outcome[0] for outcome in run_c(program, parameters, events))
    assert set(seen) == set(ANSWERS.values())
    assert seen[ANSWERS[Decision.FREEZE]] > count // 10


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
@pytest.mark.parametrize("flags", [(), ("-m32",)])
def test_it_compiles_without_a_warning(compiler, flags, tmp_path, tool):
    """As C99 and as C++, with both compilers where they are, for 64 bits and for 32."""
    if compiler == "gcc":
        tool("g++")
    probe = tmp_path / "probe.c"
    probe.write_text("#include <stdint.h>\nint probe(void);\nint probe(void) { return 0; }\n")
    try:
        subprocess.run(
            [compiler, *flags, "-c", probe, "-o", tmp_path / "probe.o"], check=True, capture_output=True
        )
    except (OSError, subprocess.CalledProcessError):
        pytest.skip(f"no {compiler} {' '.join(flags)}")
    result = CliRunner().invoke(main, ["c", "--out", str(tmp_path / "c")])
    assert result.exit_code == 0
    source = tmp_path / "c" / "irq13.c"
    warnings = ("-Wall", "-Wextra", "-pedantic", "-Wconversion", "-Wshadow", "-Werror", *flags)
    for language in (("-std=c99",), ("-x", "c++", "-std=c++11")):
        command = [compiler, *language, *warnings, "-c", source, "-o", tmp_path / "one.o"]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    # Behind an emulator's own macros, as in QEMU's sources.
    around = tmp_path / "around.c"
    around.write_text(f'#define BIT(nr) (1UL << (nr))\n#include "{source}"\n')
    command = [compiler, "-std=c99", *warnings, "-c", around, "-o", tmp_path / "one.o"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert sum(len(path.read_text().splitlines()) for path in (source, source.with_suffix(".h"))) <= 600
