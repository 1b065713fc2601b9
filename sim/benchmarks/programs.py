"""Other people's simulators for the benchmarks: how they are run, and a design that Verilator compiles."""

import subprocess
from pathlib import Path

from ..support.errors import ToolError
from ..tools.verilator import verilator


def run_program(command: list[str], folder: Path | None = None) -> str:
    """What a program prints on its standard output.

    Parameters
    ----------
    command : list of str
        The program and its arguments.
    folder : Path or None
        Where it runs; None for the present one.

    Raises
    ------
    ToolError
        If it is not installed or fails.
    """
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, encoding="utf-8")
    except FileNotFoundError:
        raise ToolError(f"{command[0]} is not installed") from None
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines() or ["no message"]
        raise ToolError(f"{Path(command[0]).name} failed: {lines[-1]}")
    return done.stdout


def verilated(main: str, folder: Path) -> str:
    """The program that Verilator makes of the module `bench` in the folder's bench.v.

    Parameters
    ----------
    main: its `main` in C++.

    Raises
    ------
    ToolError
        If Verilator is not installed or fails.
    """
    (folder / "main.cpp").write_text(main, encoding="utf-8")
    options = (
        "--cc --exe --build -O3 --x-assign fast --x-initial fast -Wno-fatal -Wno-lint --top-module bench"
    )
    command = [*verilator(), *options.split(), "-CFLAGS", "-O3 -march=native", "bench.v", "main.cpp"]
    run_program(command, folder)
    return str(folder / "obj_dir" / "Vbench")
