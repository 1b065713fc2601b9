"""Emulators: how each is started without a window, and told a processor, a floppy and where COM1 goes."""

import os
import re
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from ...model.registers import Generation
from ..support.errors import ToolError


class Emulator(NamedTuple):
    """How to start one."""

    name: str
    program: str
    package: str
    """Debian's."""
    processors: dict[Generation, str]
    command: Callable[[Path, str], list[str]]
    """In a folder with `floppy.img`, for a processor; it logs COM1 to `com1.log` there."""
    together: bool
    """It can run all cases after one start; otherwise one case leaves traces in the next."""
    version: str
    """A regular expression in what `--version` or `--help` prints."""


def _qemu(folder: Path, processor: str) -> list[str]:
    drive = f"if=floppy,format=raw,file={folder / 'floppy.img'}"
    options = [
        "-M",
        "pc",
        "-accel",
        "tcg",
        "-m",
        "32",
        "-display",
        "none",
        "-nic",
        "none",
        "-no-reboot",
        "-monitor",
        "none",
    ]
    return [
        "qemu-system-x86_64",
        *options,
        "-cpu",
        processor,
        "-serial",
        f"file:{folder / 'com1.log'}",
        "-drive",
        drive,
    ]


def _bochs(folder: Path, processor: str) -> list[str]:
    (folder / "bochsrc").write_text(
        f"""\
megs: 32
cpu: model={processor}, count=1, ips=50000000, reset_on_triple_fault=0
romimage: file=/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file=/usr/share/bochs/VGABIOS-lgpl-latest
floppya: 1_44={folder / "floppy.img"}, status=inserted, write_protected=1
boot: floppy
com1: enabled=1, mode=file, dev={folder / "com1.log"}
log: {folder / "bochs.log"}
panic: action=fatal
error: action=report
display_library: term
speaker: enabled=0
""",
        encoding="utf-8",
    )
    (folder / "commands").write_text("c\n", encoding="utf-8")
    return ["bochs", "-q", "-f", str(folder / "bochsrc"), "-rc", str(folder / "commands")]


EMULATORS = {
    "qemu": Emulator(
        "QEMU",
        "qemu-system-x86_64",
        "qemu-system-x86",
        {Generation.I486: "486", Generation.P6: "pentium3", Generation.AMD64: "phenom"},
        _qemu,
        False,
        r"version (\S+)",
    ),
    "bochs": Emulator(
        "Bochs",
        "bochs",
        "bochs bochs-term",
        {Generation.I486: "pentium", Generation.P6: "p3_katmai", Generation.AMD64: "athlon64_venice"},
        _bochs,
        True,
        r"Bochs x86 Emulator (\S+)",
    ),
}


def version_of(emulator: Emulator) -> str:
    """Its name and version.

    Raises
    ------
    ToolError
        If it is not installed.
    """
    for option in ("--version", "--help"):
        try:
            done = subprocess.run(
                [emulator.program, option],
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                timeout=30,
                stdin=subprocess.DEVNULL,
            )
        except FileNotFoundError:
            raise ToolError(f"{emulator.program} is not installed: apt install {emulator.package}") from None
        except subprocess.TimeoutExpired:
            continue
        if found := re.search(emulator.version, done.stdout + done.stderr):
            return f"{emulator.name} {found[1]}"
    return emulator.name


class Terminal:
    """A pseudo-terminal that swallows what a program draws, and keeps the end of it."""

    def __init__(self) -> None:
        import pty

        self._master, self.slave = pty.openpty()
        self._said = b""
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def close(self) -> str:
        """The last line of text."""
        os.close(self.slave)
        self._thread.join(5)
        os.close(self._master)
        text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self._said.decode("utf-8", "replace"))
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        return lines[-1][:200] if lines else ""

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self._master, 65536)
            except OSError:
                return
            if not data:
                return
            self._said = (self._said + data)[-4096:]
