"""Emulators: how each is started without a window, and told a processor, a floppy and where COM1 goes."""

import os
import re
import shutil
import subprocess
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from ...model.registers import Generation
from ..support.errors import InputError, ToolError


class Emulator(NamedTuple):
    """How to start one."""

    name: str
    """With its version."""
    command: Callable[[Path, Path, Generation | None], list[str]]
    """For a floppy image, the file that COM1 goes to, and the processor."""
    logs_to_output: bool = False
    """Its standard output is what comes over COM1."""
    here: bool = False
    """It runs where irq13 does, as its other arguments may name files there; else in a folder of its own."""


def given_command(words: Sequence[str]) -> Emulator:
    """A command line with {image}, and with {log} where its standard output is not what comes over COM1.

    Raises
    ------
    InputError
        Without {image}.
    """
    if not any("{image}" in word for word in words):
        raise InputError("the command has no {image}: expected it where the floppy's file name goes")

    def command(image: Path, log: Path, _: Generation | None) -> list[str]:
        return [word.replace("{image}", str(image)).replace("{log}", str(log)) for word in words]

    return Emulator(words[0], command, logs_to_output=not any("{log}" in word for word in words), here=True)


def qemu(program: str = "qemu-system-x86_64") -> Emulator:
    """QEMU's TCG, Debian's or a build of one's own."""
    version = _asked(program, ["--version"], r"version (\S+)", "apt install qemu-system-x86")
    models = {Generation.I486: "486", Generation.P6: "pentium3", Generation.AMD64: "phenom"}
    quiet = ["-display", "none", "-nic", "none", "-monitor", "none"]
    words = ["-M", "pc", "-accel", "tcg", "-m", "32", *quiet]

    def command(image: Path, log: Path, generation: Generation | None) -> list[str]:
        processor = ["-cpu", models[generation or Generation.P6]]
        drive = ["-drive", f"if=floppy,format=raw,file={image}"]
        return [program, *words, *processor, "-serial", f"file:{log}", *drive]

    return Emulator(f"QEMU {version}", command)


_BOCHS_SPEED = 4_000_000
"""Instructions a second of its clock. What the BIOS and the image do is to wait, for times: the fewer
instructions that is, the sooner it is over. With 1, 4 and 50 million the log is the same."""
_BOCHS_MODELS = {
    # With SVM and AMD's MSRs where there is such a model; the first that a build has.
    Generation.I486: ("pentium",),
    Generation.P6: ("p3_katmai", "p2_klamath"),
    Generation.AMD64: ("phenom_8650_toliman", "turion64_tyler", "athlon64_venice"),
}


def bochs(program: str = "bochs") -> Emulator:
    """Bochs, Debian's or a build of one's own, with or without its debugger."""
    version = _asked(program, ["--help"], r"Bochs x86 Emulator (\S+)", "apt install bochs bochs-term")
    debugger = "-rc " in _said(program, ["--help"])
    known = _said(program, ["--help", "cpu"])
    models = {
        generation: next((name for name in names if re.search(rf"\b{name}\b", known)), names[-1])
        for generation, names in _BOCHS_MODELS.items()
    }
    roms = _bochs_roms(program)

    def command(image: Path, log: Path, generation: Generation | None) -> list[str]:
        folder = image.parent
        model = models[generation or Generation.P6]
        lines = [
            "megs: 32",
            f"cpu: model={model}, count=1, ips={_BOCHS_SPEED}, reset_on_triple_fault=0",
            f"romimage: file={roms / 'BIOS-bochs-latest'}",
            f"vgaromimage: file={_vga_rom(roms)}",
            f"floppya: 1_44={image}, status=inserted, write_protected=1",
            "boot: floppy",
            f"com1: enabled=1, mode=file, dev={log}",
            f"log: {folder / 'bochs.log'}",
            "panic: action=fatal",
            "error: action=report",
            "display_library: term",
            "speaker: enabled=0",
        ]
        (folder / "bochsrc").write_text("\n".join(lines) + "\n", encoding="utf-8")
        (folder / "commands").write_text("c\n", encoding="utf-8")
        commands = ["-rc", str(folder / "commands")] if debugger else []
        return [program, "-q", "-f", str(folder / "bochsrc"), *commands]

    return Emulator(f"Bochs {version}", command)


def _bochs_roms(program: str) -> Path:
    found = shutil.which(program)
    beside = Path(found).resolve().parent if found else Path()
    folders = [
        Path(os.environ.get("BXSHARE", "/nowhere")),
        beside / "bios",
        beside.parent / "share" / "bochs",
        Path("/usr/share/bochs"),
    ]
    for folder in folders:
        if (folder / "BIOS-bochs-latest").exists():
            return folder
    raise ToolError("Bochs's BIOS-bochs-latest is not there: apt install bochsbios, or set BXSHARE")


def _vga_rom(roms: Path) -> Path:
    for folder in (roms, Path("/usr/share/bochs"), Path("/usr/share/vgabios")):
        for name in ("VGABIOS-lgpl-latest", "VGABIOS-lgpl-latest.bin", "vgabios.bin"):
            if (folder / name).exists():
                return folder / name
    raise ToolError("Bochs's VGABIOS-lgpl-latest is not there: apt install vgabios")


PRESETS: dict[str, Callable[..., Emulator]] = {"qemu": qemu, "bochs": bochs}
"""By name; each takes the program to start and raises ToolError where that is not installed."""


def _asked(program: str, options: list[str], pattern: str, hint: str) -> str:
    """Its version."""
    if shutil.which(program) is None:
        raise ToolError(f"{program} is not installed: {hint}")
    found = re.search(pattern, _said(program, options))
    return found[1] if found else "of unknown version"


def _said(program: str, options: list[str]) -> str:
    try:
        done = subprocess.run(
            [program, *options],
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=30,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired:
        return ""
    except OSError as error:
        raise ToolError(f"{program} cannot be started: {error.strerror}") from None
    return done.stdout + done.stderr


class Terminal:
    """A pseudo-terminal that swallows what a program draws, and keeps the end of it."""

    def __init__(self) -> None:
        import pty

        self._master, self.slave = pty.openpty()
        self._said = b""
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def close(self) -> list[str]:
        """The last lines of text."""
        os.close(self.slave)
        self._thread.join(5)
        os.close(self._master)
        text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[()][A-Z0-9]", "", self._said.decode("utf-8", "replace"))
        return [line.strip()[:200] for line in text.splitlines() if line.strip()][-5:]

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self._master, 65536)
            except OSError:
                return
            if not data:
                return
            self._said = (self._said + data)[-4096:]
