"""The command `irq13`, as a person uses it."""

import contextlib
import subprocess
import sys
from types import SimpleNamespace

from click.testing import CliRunner
from irq13.sim.cli.main import main


def irq13(*arguments, cwd):
    """In this process, where all is imported already: exit status and what it said."""
    with contextlib.chdir(cwd):
        result = CliRunner().invoke(main, list(map(str, arguments)), prog_name="irq13")
    return SimpleNamespace(returncode=result.exit_code, stdout=result.stdout, stderr=result.stderr)


def irq13_process(*arguments, cwd, **options):
    """As a process of its own."""
    command = [sys.executable, "-c", "from irq13.sim.cli.main import main; main()", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=600, **options)
