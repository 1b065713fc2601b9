"""Assembly sources of irq13 to machine code, by NASM."""

import shutil
import subprocess
import tempfile
from pathlib import Path

from ..support.errors import ToolError


def assemble(source: str, name: str) -> bytes:
    """A flat binary.

    Parameters
    ----------
    source: in NASM's syntax.
    name: what a message calls it.

    Raises
    ------
    ToolError
        If NASM is not installed or finds a mistake.
    """
    if shutil.which("nasm") is None:
        raise ToolError("nasm is not installed: apt install nasm")
    with tempfile.TemporaryDirectory() as folder:
        text, code = Path(folder) / f"{name}.asm", Path(folder) / f"{name}.bin"
        text.write_text(source, encoding="utf-8")
        done = subprocess.run(
            ["nasm", "-w+error=number-overflow", "-f", "bin", "-o", str(code), str(text)],
            capture_output=True,
            encoding="utf-8",
        )
        if done.returncode:
            raise ToolError(f"nasm: {done.stderr.strip().splitlines()[0].replace(str(folder) + '/', '')}")
        return code.read_bytes()
