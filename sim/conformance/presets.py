"""Emulators that irq13 knows how to start, as they are found: QEMU, Bochs, DOSBox-X, DOSBox, v86."""

import json
import os
import re
import shutil
import sys
from collections.abc import Callable
from importlib import resources
from pathlib import Path

from ...model.registers import Generation
from ..support.errors import ToolError
from .emulators import Emulator, installed, said_to, version_of

SEABIOS = Path("/usr/share/seabios")
"""Debian's."""
_I486, _P6, _AMD64 = Generation


def qemu(program: str = "qemu-system-x86_64") -> Emulator:
    """QEMU's TCG, Debian's or a build of one's own."""
    program = installed(program, "apt install qemu-system-x86")
    version = version_of(program, ["--version"], r"version (\S+)")
    models = {_I486: "486", _P6: "pentium3", _AMD64: "phenom"}
    quiet = ["-display", "none", "-nic", "none", "-monitor", "none"]
    words = ["-M", "pc", "-accel", "tcg", "-m", "32", *quiet]

    def command(image: Path, log: Path, generation: Generation | None) -> list[str]:
        processor = ["-cpu", models[generation or _P6]]
        drive = ["-drive", f"if=floppy,format=raw,file={image}"]
        return [program, *words, *processor, "-serial", f"file:{log}", *drive]

    return Emulator(f"QEMU {version}", command, generations=tuple(models))


_BOCHS_SPEED = 1_000_000
"""Instructions a second of its clock. What the BIOS and the image do is to wait, for times: the fewer
instructions that is, the sooner it is over. The least that it takes; with 50 million the log is the same."""
_BOCHS_MODELS = {
    # With SVM and AMD's MSRs where there is such a model; the first that a build has.
    _I486: ("pentium",),
    _P6: ("p3_katmai", "p2_klamath"),
    _AMD64: ("phenom_8650_toliman", "turion64_tyler", "athlon64_venice"),
}


def bochs(program: str = "bochs") -> Emulator:
    """Bochs, Debian's or a build of one's own, with or without its debugger."""
    program = installed(program, "apt install bochs bochs-term")
    version = version_of(program, ["--help"], r"Bochs x86 Emulator (\S+)")
    debugger = "-rc " in said_to(program, ["--help"])
    known = said_to(program, ["--help", "cpu"])
    models = {
        generation: next((name for name in names if re.search(rf"\b{name}\b", known)), names[-1])
        for generation, names in _BOCHS_MODELS.items()
    }
    roms = _bochs_roms(program)

    def command(image: Path, log: Path, generation: Generation | None) -> list[str]:
        folder = image.parent
        model = models[generation or _P6]
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

    return Emulator(f"Bochs {version}", command, generations=tuple(models))


def _bochs_roms(program: str) -> Path:
    beside = Path(program).resolve().parent
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


_WINDOWLESS = {"SDL_VIDEODRIVER": "dummy", "SDL_AUDIODRIVER": "dummy"}
_CPU = "core=normal\ncycles=fixed 20000\n"


def dosbox_x(program: str = "dosbox-x") -> Emulator:
    """DOSBox-X, as fast as it can."""
    program = installed(program, "apt install dosbox-x")
    said = said_to(program, ["--version"], _WINDOWLESS)
    version = re.search(r"version (\S+)", said)
    models = {_I486: "486", _P6: "pentium_ii"}

    def command(image: Path, log: Path, generation: Generation | None) -> list[str]:
        path = image.parent / "dosbox-x.conf"
        path.write_text(
            "[sdl]\noutput=surface\n[dosbox]\nmemsize=16\nfastbioslogo=true\nstartbanner=false\n"
            f"[cpu]\n{_CPU}turbo=true\ncputype={models[generation or _P6]}\n"
            f"[serial]\nserial1=file file:{log}\n[autoexec]\n@boot {image}\n",
            encoding="utf-8",
        )
        return [program, "-conf", str(path), "-fastlaunch", "-nogui", "-nomenu"]

    name = f"DOSBox-X {version[1] if version else 'of unknown version'}"
    return Emulator(name, command, generations=tuple(models), environment=_WINDOWLESS)


def dosbox(program: str = "dosbox") -> Emulator:
    """DOSBox; what it sends over COM1 comes by its null modem, a connection of TCP on this machine."""
    program = installed(program, "apt install dosbox")
    version = version_of(program, ["--version"], r"version (.+?),")

    def command(image: Path, _: Path, __: Generation | None) -> list[str]:
        path = image.parent / "dosbox.conf"
        path.write_text(
            f"[sdl]\noutput=surface\n[dosbox]\nmemsize=16\n[cpu]\n{_CPU}cputype=486_slow\n[mixer]\nnosound=true\n"
            "[serial]\nserial1=nullmodem server:127.0.0.1 port:@PORT@ transparent:1\n"
            f"[autoexec]\n@boot {image}\n",
            encoding="utf-8",
        )
        relay = str(resources.files("irq13.sim.conformance") / "start" / "null_modem.py")
        return [sys.executable, relay, str(path), program, "-conf", str(path)]

    return Emulator(f"DOSBox {version}", command, True, environment=_WINDOWLESS)


def v86(program: str | None = None) -> Emulator:
    """The npm package v86, or a build of one's own, under Node, with its own SeaBIOS or Debian's.

    Parameters
    ----------
    program: the package's folder; by default that of `npm install v86`, here or above, else of all users.
    """
    node = installed("node", "apt install nodejs")
    folder = Path(program) if program else _v86_package()
    library = folder.resolve() / "build" / "libv86.mjs"
    if not library.exists():
        raise ToolError(f"v86: no {library}: expected the folder of the npm package v86, or of a build of it")
    try:
        version = json.loads((folder / "package.json").read_text("utf-8"))["version"]
    except (OSError, ValueError, KeyError):
        version = "of unknown version"
    bios, vga = _sea_bios(folder.resolve())
    start = str(resources.files("irq13.sim.conformance") / "start" / "v86.mjs")

    def command(image: Path, _: Path, __: Generation | None) -> list[str]:
        return [node, start, str(library), str(bios), str(vga), str(image)]

    return Emulator(f"v86 {version}", command, logs_to_output=True)


def _v86_package() -> Path:
    folders = [folder / "node_modules" for folder in (Path.cwd(), *Path.cwd().parents)]
    if npm := shutil.which("npm"):
        folders += [Path(line) for line in said_to(npm, ["root", "-g"]).splitlines()]
    for folder in folders:
        if (folder / "v86" / "build").exists():
            return folder / "v86"
    raise ToolError("v86 is not installed: npm install v86, or name the folder of a build by --program")


def _sea_bios(folder: Path) -> tuple[Path, Path]:
    pairs = [
        (folder / "bios" / "seabios.bin", folder / "bios" / "vgabios.bin"),
        (SEABIOS / "bios.bin", SEABIOS / "vgabios-stdvga.bin"),
    ]
    for pair in pairs:
        if all(path.exists() for path in pair):
            return pair
    raise ToolError("v86 has no BIOS in its npm package: apt install seabios")


PRESETS: dict[str, Callable[..., Emulator]] = {
    "qemu": qemu,
    "bochs": bochs,
    "dosbox-x": dosbox_x,
    "dosbox": dosbox,
    "v86": v86,
}
"""By name; each takes the program to start, of v86 its folder, and raises ToolError where that is missing."""
