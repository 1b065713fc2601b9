"""How emulators are found and started, with programs in their place that say what the image would."""

import json
import sys

import pytest
from irq13.model import Generation
from irq13.sim.conformance.boots import run_all
from irq13.sim.conformance.conform import judged
from irq13.sim.conformance.presets import PRESETS, v86
from irq13.sim.support.errors import ToolError

SAID = "processor I486\\ncase 0 r baseline: 00028084 00010006 ok\\ndone: 1 passed, 0 failed, 0 skipped\\n"


def program(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return str(path)


def verdict(emulator):
    found = run_all(emulator, None, [(0, "r")], limit=20)
    return [row.verdict for row in judged([(0, "r")], found.generation, found.seen)]


def test_dosbox_x_is_told_floppy_processor_and_file_and_shows_no_window(tmp_path, tool, monkeypatch):
    """The program may be named from where irq13 runs; settings of the user's are not looked for."""
    tool("nasm")
    program(
        tmp_path / "mine",
        rf"""#!/bin/sh
[ "$1" = --version ] && {{ echo "DOSBox-X version 2026.10.01 SDL2"; exit; }}
[ "$SDL_VIDEODRIVER" = dummy ] && [ "$HOME" = "$PWD" ] && grep -q '^cputype=pentium_ii$' $2 || exit 3
grep -aq IRQ13START "$(sed -n 's/^@boot //p' $2)" || exit 4
printf '{SAID}' > "$(sed -n 's/^serial1=file file://p' $2)"
""",
    )
    monkeypatch.chdir(tmp_path)
    emulator = PRESETS["dosbox-x"]("./mine")
    assert (emulator.name, emulator.generations[-1]) == ("DOSBox-X 2026.10.01", Generation.P6)
    assert verdict(emulator) == ["agrees"]


def test_dosbox_sends_com1_over_its_null_modem(tmp_path, tool):
    """Until the connection is over; one that ends before it is made has not booted."""
    tool("nasm")
    text = rf"""#!{sys.executable}
import pathlib, re, socket, sys
if sys.argv[1] == "--version":
    sys.exit("DOSBox version 0.74-3, copyright")
settings = pathlib.Path(sys.argv[2]).read_text()
print("Serial1: Connected")
port = re.search(r"server:127.0.0.1 port:(\d+)", settings)[1]
socket.create_connection(("127.0.0.1", int(port))).sendall(b"{SAID}")
"""
    emulator = PRESETS["dosbox"](program(tmp_path / "dosbox", text))
    assert emulator.name == "DOSBox 0.74-3"
    assert verdict(emulator) == ["agrees"]
    program(tmp_path / "dosbox", text.replace('print("Serial1: Connected")', 'sys.exit("no display")'))
    with pytest.raises(ToolError, match=r"did not boot the image .*: no display"):
        verdict(emulator)


def test_v86_is_found_as_node_finds_it_and_needs_a_bios(tmp_path, tool, monkeypatch):
    """Here or above, else among npm's; what is missing is one line that says what to install."""
    tool("nasm")
    bin_folder, package = tmp_path / "bin", tmp_path / "all" / "node_modules" / "v86"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{bin_folder}:/usr/bin:/bin")
    program(
        bin_folder / "node",
        f"""#!/bin/sh
[ -e $1 ] && [ -e $2 ] && [ -e $3 ] && [ -e $4 ] && grep -aq IRQ13START $5 && printf '{SAID}'
""",
    )
    program(bin_folder / "npm", f"#!/bin/sh\necho {tmp_path}/all/node_modules\n")
    with pytest.raises(ToolError, match="v86 is not installed: npm install v86, or "):
        v86()
    with pytest.raises(
        ToolError, match=r"v86: no .*/bin/build/libv86.mjs: expected the folder of the npm package"
    ):
        v86("bin")
    program(package / "build" / "libv86.mjs", "")
    program(package / "package.json", json.dumps({"version": "0.5.1"}))
    # A build of one's own has a BIOS in it.
    for name in ("seabios.bin", "vgabios.bin"):
        program(package / "bios" / name, "")
    assert v86().name == v86("all/node_modules/v86").name == "v86 0.5.1"
    assert verdict(v86()) == ["agrees"]
    monkeypatch.setattr("irq13.sim.conformance.presets.SEABIOS", tmp_path / "none")
    (package / "bios" / "vgabios.bin").unlink()
    with pytest.raises(ToolError, match="v86 has no BIOS in its npm package: apt install seabios"):
        v86()
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolError, match="node is not installed: apt install nodejs"):
        v86()


def test_the_script_for_v86_hands_it_the_files_and_writes_what_comes_over_com1(tmp_path):
    """And nothing else: v86 talks on the console."""
    import shutil
    import subprocess
    from importlib import resources

    node = shutil.which("node")
    if node is None:
        pytest.skip("needs node: apt install nodejs")
    (tmp_path / "libv86.mjs").write_text("""
export class V86 {
    constructor(options) { this.options = options; console.log("booting"); }
    add_listener(event, take) {
        const text = [event, ...["bios", "vga_bios", "fda"].map((key) =>
            Buffer.from(this.options[key].buffer).toString()), this.options.wasm_path].join(" ");
        for (const byte of Buffer.from(text)) take(byte);
    }
}
""")
    for name in ("bios", "vga", "floppy"):
        (tmp_path / name).write_text(f"<{name}>")
    script = resources.files("irq13.sim.conformance") / "start" / "v86.mjs"
    arguments = [str(tmp_path / name) for name in ("libv86.mjs", "bios", "vga", "floppy")]
    done = subprocess.run([node, str(script), *arguments], capture_output=True, encoding="utf-8", timeout=60)
    assert done.stdout == f"serial0-output-byte <bios> <vga> <floppy> {tmp_path}/v86.wasm"
    assert done.stderr == "booting\n"


def test_a_missing_program_is_one_line():
    for name in ("qemu", "bochs", "dosbox-x", "dosbox"):
        with pytest.raises(ToolError, match="no-such-emulator is not installed: apt install"):
            PRESETS[name]("no-such-emulator")
