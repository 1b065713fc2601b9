"""The conformance kit: vectors, the image on emulators, captures; and that a wrong reference is caught."""

import gzip
import importlib.util
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import jsonschema
import pytest
from click.testing import CliRunner
from irq13.model import Generation, Parameters
from irq13.sim.cli.main import main
from irq13.sim.conformance import capture as capturing
from irq13.sim.conformance import vectors
from irq13.sim.conformance.capture import OPERATIONS, capture, capture_document, sequences
from irq13.sim.conformance.conform import JudgedCase, Log, Seen, conform, counts, from_log, parse_log
from irq13.sim.conformance.emulators import EMULATORS, Emulator, version_of
from irq13.sim.conformance.image import SIZE, image, only
from irq13.sim.conformance.image_cases import CASES, INT, MARK, LogLine, expected_log, log_text
from irq13.sim.machines.machine import ModelMachine
from irq13.sim.machines.replay import read_measured, replay_vectors
from irq13.sim.support.errors import ToolError
from irq13.sim.tools.nasm import assemble

ROOT = Path(__file__).parents[3]


def invoke(*arguments):
    return CliRunner().invoke(main, list(arguments))


# Vectors


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    target = tmp_path_factory.mktemp("vectors")
    vectors.write_vectors(target)
    return target


def test_the_same_version_writes_the_same_bytes(folder, tmp_path):
    again = tmp_path / "again"
    assert invoke("vectors", "--out", str(again)).exit_code == 0
    names = sorted(path.name for path in folder.iterdir())
    assert names == sorted(path.name for path in again.iterdir())
    assert len(names) == len(vectors.FAMILIES) + 3
    assert all((folder / name).read_bytes() == (again / name).read_bytes() for name in names)
    assert sum((folder / name).stat().st_size for name in names) < 300_000


@pytest.mark.parametrize("family", list(vectors.FAMILIES))
def test_every_file_keeps_to_the_schema(folder, family):
    schema = json.loads((folder / "schema.json").read_text())
    data = json.loads(gzip.decompress((folder / f"{family}.json.gz").read_bytes()))
    jsonschema.Draft202012Validator(schema).validate(data)
    names = [case["name"] for case in data["cases"]]
    assert len(names) == len(set(names))
    assert all(len(row) == len(data["signals"]) for case in data["cases"] for row in case["cycles"])
    assert all(len(case["cycles"]) == len(case["steps"]) for case in data["cases"])


@pytest.mark.parametrize("on", ["hdl", "model"])
def test_every_vector_holds_on_both_halves(folder, on):
    checker = vectors.Checker(on)
    cases = list(vectors.read_vectors(folder))
    assert len(cases) > 3000
    assert [wrong for _, case in cases if (wrong := checker.check(case))] == []


def test_the_loader_in_python_reads_them(folder):
    spec = importlib.util.spec_from_file_location("load_vectors", folder / "load_vectors.py")
    loader = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loader)
    cases = list(loader.load(folder / "handshake.json.gz"))
    assert cases[0]["cycles"][0]["ferr_n"] == 1
    assert cases[0]["steps"][0]["ignne_drive_n"] == 1
    done = subprocess.run(
        [sys.executable, folder / "load_vectors.py", folder / "svm.json.gz"], capture_output=True, text=True
    )
    assert f"{len(list(loader.load(folder / 'svm.json.gz')))} cases" in done.stdout


def test_the_loader_in_c_reads_them(folder, tmp_path, tool):
    program = tmp_path / "load"
    tool("g++")
    source = folder / "load_vectors.c"
    subprocess.run(
        ["gcc", "-std=c99", "-Wall", "-Wextra", "-Werror", "-O1", source, "-o", program], check=True
    )
    for path in folder.glob("*.json.gz"):
        data = gzip.decompress(path.read_bytes())
        cases = json.loads(data)["cases"]
        done = subprocess.run([program], input=data, capture_output=True, check=True)
        cycles = sum(len(case["cycles"]) for case in cases)
        assert done.stdout.decode() == f"{len(cases)} cases, {cycles} cycles, 0 wrong\n"
    broken = data.replace(b'"cycles":[[1', b'"cycles":[[x', 1)
    assert subprocess.run([program], input=broken[:5000], capture_output=True).returncode == 2


def test_a_wrong_vector_is_told(folder, tmp_path):
    data = json.loads(gzip.decompress((folder / "svm.json.gz").read_bytes()))
    data["cases"][3]["cycles"][1][data["signals"].index("es")] ^= 1
    (tmp_path / "svm.json.gz").write_bytes(gzip.compress(json.dumps(data).encode()))
    result = invoke("vectors", "--check", str(tmp_path))
    assert result.exit_code == 1
    assert "cycle 1: es is" in result.output
    assert f"{len(data['cases'])} cases on model: 1 fail" in result.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["vectors"], "give either --out or --check"),
        (["vectors", "--check", "nowhere"], "nowhere: no vectors there"),
        (["image", "--out", "no/irq13.img"], "no/irq13.img: No such file or directory"),
        (["conform", "vmware"], "no target 'vmware': expected qemu, bochs, or a log file"),
        (["conform", "qemu", "--case", "foo"], "no case 'foo': expected one of dos-handshake"),
        (["conform", str(ROOT / "LICENSE")], "not a log of the image: expected a line 'processor I486'"),
        (["capture", "--count", "0"], "Invalid value for '--count'"),
        (["capture", "--count", "1", "--out", "no/mine.json"], "no/mine.json: No such file or directory"),
    ],
)
def test_bad_input_is_one_line(arguments, message, tool):
    tool("nasm")
    result = invoke(*arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "text", [b"{}", b"\x1f\x8b\x08\x00", b"[1]", b'{"format": "irq13-vectors", "version": 2, "cases": []}']
)
def test_a_damaged_file_is_one_line(tmp_path, text):
    (tmp_path / "x.json.gz").write_bytes(text if text[:2] == b"\x1f\x8b" else gzip.compress(text))
    result = invoke("vectors", "--check", str(tmp_path))
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 1


# A wrong reference is caught


MUTATIONS = {
    # One line of the model each: file, what stands there, what is put in its place.
    "FLDCW does not recompute ES": ("x87", "return bool(self.pending)", "return bool(self.flags & 0x3F)"),
    "FNSTENV does not mask": ("x87", "return state._replace(masks=ExceptionFlag(MASKABLE))", "return state"),
    "FNCLEX keeps SF": (
        "x87",
        "return state._replace(flags=ExceptionFlag(0))",
        "return state._replace(flags=state.flags & ExceptionFlag.SF)",
    ),
    "ES of an image is taken verbatim": (
        "x87",
        "return ErrorState(ExceptionFlag(operation.status & 0x7F), _masks(operation.control))",
        "return ErrorState(ExceptionFlag(operation.status & (0x7F if operation.status & 0x80 else 0x40)), _masks(operation.control))",
    ),
    "FXRSTOR waits": ("x87", "        Operation.FXRSTOR,\n", ""),
    "a stack fault is no invalid operation": (
        "x87",
        "return self.raises | ExceptionFlag.IE if stack_fault else self.raises",
        "return self.raises",
    ),
    "IGNNE# is not gated by FERR#": ("chipset", "ignne_n=not self.ff2 or inputs.ferr_n", "ignne_n=not self.ff2"),
    "F0h without an error asserts IGNNE#": ("chipset", "        if inputs.ferr_n:\n            self.ff2 = False\n", ""),
    "IGNNE asserting later clears FERR#": (
        "reporting",
        "if not now.state.es or not self._allowed(now) or self._window_ends(now, decision):",
        "if not now.state.es or not self._allowed(now) or self._gated(now) or self._window_ends(now, decision):",
    ),
    "an I486 reports at once": ("reporting", "return self.parameters.generation is not Generation.I486 or", "return True or"),
    "#MF goes before #NM": (
        "reporting",
        "        if device_not_available(operation.code, now.cr0):",
        "        if device_not_available(operation.code, now.cr0) and not now.state.es:",
    ),
    "IGNNE MBZ bits are ignored": ("msr", "elif manual and request.data & ~IGNNE_BIT:", "elif False:"),
    "the pin works in spite of IgnneEm": (
        "processor",
        "return self.msr.ignne if Hwcr.IGNNE_EM in self.msr.hwcr else self.synchroniser[-1]",
        "return self.msr.ignne or self.synchroniser[-1]",
    ),
    "the freeze is intercepted outside of guests": ("processor", "inputs.guest_mode and inputs.intercept_ferr_freeze", "inputs.intercept_ferr_freeze"),
    "IRQ 13 goes to IR6": ("pc", "self.slave.clock(slave._replace(ir=requests >> 8))", "self.slave.clock(slave._replace(ir=requests >> 7 & 0xFF))"),
}  # fmt: skip
"""More than ten; some vector fails under each."""


@pytest.fixture(scope="module")
def captured(tmp_path_factory, tool):
    """A capture of this processor, where it can be taken."""
    tool("nasm")
    path = tmp_path_factory.mktemp("captured") / "mine.json"
    path.write_text(json.dumps(capture_document(capture(sequences(600, 1)), 1)))
    return path


def _mutant(folder, file, old, new):
    """irq13 once more, with one line of its model changed."""
    package = folder / "irq13"
    for part in ("model", "hdl", "sim"):
        shutil.copytree(ROOT / part, package / part, ignore=shutil.ignore_patterns("__pycache__"))
    path = package / "model" / f"{file}.py"
    text = path.read_text("utf-8")
    assert text.count(old) == 1, f"{file}.py has not exactly one {old!r}"
    path.write_text(text.replace(old, new), encoding="utf-8")


@pytest.mark.parametrize("name", list(MUTATIONS))
def test_a_wrong_model_fails_some_vector(name, folder, tmp_path):
    """Another package of the same name goes first on the path of a fresh interpreter."""
    _mutant(tmp_path, *MUTATIONS[name])
    code = "import sys; sys.path.insert(0, sys.argv.pop(1)); from irq13.sim.cli.main import main; main()"
    command = [sys.executable, "-c", code, str(tmp_path), "vectors", "--check", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 1, done.stderr
    assert "expected" in done.stdout
    assert " 0 fail" not in done.stdout


@pytest.mark.parametrize("name", ["FLDCW does not recompute ES", "FNCLEX keeps SF", "FXRSTOR waits"])
def test_a_wrong_model_fails_on_this_processor_too(name, captured, tmp_path):
    _mutant(tmp_path, *MUTATIONS[name])
    code = "import sys; sys.path.insert(0, sys.argv.pop(1)); from irq13.sim.cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path), "replay", str(captured)], capture_output=True, text=True
    )
    assert done.returncode == 1, done.stderr
    assert ": 0 differences" not in done.stdout


# Captures


def test_this_processor_does_what_the_model_does_and_does_it_twice(tool, tmp_path):
    """8,800 sequences, with every instruction of the table; the file replays."""
    tool("nasm")
    wanted = sequences(8800, 0)
    assert {step["op"] for vector in wanted for step in vector["steps"]} == set(OPERATIONS)
    taken = capture(wanted)
    assert taken == capture(wanted)
    assert list(replay_vectors(taken, ModelMachine(Parameters(Generation.AMD64)))) == []
    traps = sum(row["trap"] for vector in taken for row in vector["expect"])
    faults = sum("fault" in row for vector in taken for row in vector["expect"])
    raised = {flag for vector in taken for step in vector["steps"] for flag in step["raises"]}
    assert traps > 3000
    assert faults > 20
    assert raised == {"IE", "DE", "ZE", "OE", "UE", "PE", "SF"}
    result = invoke("capture", "--count", "50", "--out", str(tmp_path / "mine.json.gz"))
    assert result.exit_code == 0, result.output
    assert "50 sequences" in result.output
    assert len(read_measured(tmp_path / "mine.json.gz")) == 50


def test_capture_is_refused_elsewhere(monkeypatch):
    monkeypatch.setattr(capturing.platform, "machine", lambda: "aarch64")
    with pytest.raises(ToolError, match="capture runs on x86-64 Linux only, not on aarch64"):
        capture(sequences(1, 0))


def test_a_captured_program_that_hangs_is_ended(monkeypatch, tool):
    tool("nasm")
    monkeypatch.setattr(capturing, "program", lambda: assemble(_ENDLESS, "endless"))
    with pytest.raises(ToolError, match="did not end within 1 s"):
        capture(sequences(1, 0), seconds=1)


def test_a_captured_program_that_fails_is_told(monkeypatch, tool):
    tool("nasm")
    monkeypatch.setattr(capturing, "program", lambda: assemble(_ENDLESS.replace("jmp $", "hlt"), "failing"))
    with pytest.raises(ToolError, match="the captured program failed"):
        capture(sequences(1, 0))


_ENDLESS = """
bits 64
org 400000h
elf: db 7Fh, "ELF", 2, 1, 1, 0
 times 8 db 0
 dw 2, 62
 dd 1
 dq start, headers - elf, 0
 dd 0
 dw 64, 56, 1, 0, 0, 0
headers: dd 1, 5
 dq 0, elf, elf, end - elf, end - elf, 1000h
start: jmp $
end:
"""


# The image and its cases


def test_the_image_is_a_bootable_floppy_of_known_cases(tool):
    tool("nasm")
    data = image()
    assert len(data) == SIZE
    assert data[510:512] == b"\x55\xaa"
    assert data == image()
    assert only(data, 3, 4, 2) != data
    assert all(case.name.encode() in data for case in CASES)


def test_expectations_come_from_the_reference():
    """Of the handshake, in words: the interrupt before the frozen FWAIT, ES before and after FNCLEX."""
    case = next(case for case in CASES if case.name == "dos-handshake")
    for generation in Generation:
        lines = expected_log(case, generation)
        words = ", ".join(log_text(case, line) for line in lines)
        assert words == "INT 75h at 5 (fwait), SW 8084, SW 0, mark 6, SW 0"
    assert all(expected_log(case, Generation.AMD64) for case in CASES)
    assert len({case.name for case in CASES}) == len(CASES) > 50


def test_what_is_mistaken_for_an_instruction_is_refused(tool):
    tool("nasm")
    with pytest.raises(ToolError, match=r"nasm: wrong\.asm:1: error"):
        assemble("fnonsense eax\n", "wrong")


def test_without_nasm_it_is_said_how_to_get_it(monkeypatch):
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(ToolError, match="nasm is not installed: apt install nasm"):
        image()


# On emulators


@pytest.mark.parametrize("name", list(EMULATORS))
def test_the_image_runs_to_its_end_on_an_emulator(name, tool):
    """Whatever it thinks of the cases: each has a verdict, and where it behaves, that is that it agrees."""
    tool("nasm")
    tool(EMULATORS[name].program)
    rows = conform(EMULATORS[name], Generation.P6)
    assert len(rows) == 2 * len(CASES)
    assert set(counts(rows)) <= {"agrees", "differs", "crashes", "skipped"}
    by_name = {(CASES[row.number].name, row.mode): row.verdict for row in rows}
    for case in (
        "native-mf",
        "wait-mp-and-ts",
        "undefined-no-check",
        "masked-error-is-silent",
        "non-waiting-go-on",
    ):
        assert by_name[case, "r"] == by_name[case, "p"] == "agrees", case
    assert by_name["ignne-msr", "r"] == "skipped"
    assert not _left_over()


def test_an_amd_processor_is_asked_for_its_msrs(tool):
    tool("nasm")
    tool("bochs")
    numbers = [number for number, case in enumerate(CASES) if case.amd]
    rows = conform(EMULATORS["bochs"], Generation.AMD64, cases=numbers)
    assert "skipped" not in counts(rows)


def _left_over():
    """Processes that an emulator's start has left: its folder is in their command line or environment."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            text = (path / "cmdline").read_bytes() + (path / "environ").read_bytes()
        except OSError:
            continue
        if f"{tempfile.gettempdir()}/irq13-".encode() in text:
            found.append((path.name, text[:200]))
    return found


def _fake(script, tmp_path, together=True):
    """An emulator that is a shell script; $LOG is where COM1 goes."""
    path = tmp_path / "fake"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return Emulator(
        "fake", str(path), "fake", dict.fromkeys(Generation, "x"), lambda folder, _: ["env", f"LOG={folder}/com1.log", str(path)], together, "x"
    )  # fmt: skip


def test_an_emulator_that_crashes_or_hangs_loses_a_case_and_goes_on(tmp_path, tool):
    """It dies at the first case in real mode every time, and hangs in protected mode; nothing is left running."""
    tool("nasm")
    script = """
printf 'irq13 image 1\\nprocessor P6\\n' > $LOG
modes=$(dd if=floppy.img bs=1 skip=$(($(grep -abo IRQ13START floppy.img | head -1 | cut -d: -f1) + 14)) count=1 2>/dev/null | od -An -tu1)
if [ $modes -eq 3 ]; then printf 'case 0 r dos-handshake' >> $LOG; echo it went wrong; exit 3; fi
printf 'case 0 p dos-handshake' >> $LOG
sleep 1000 & sleep 1000
"""
    rows = conform(_fake(script, tmp_path), Generation.P6, limit=1, cases=[0])
    assert [row.verdict for row in rows] == ["crashes", "hangs"]
    assert "it went wrong" in rows[0].text(rows[0].seen.lines)
    assert "dos-handshake (P6, real mode): crashes; expected INT 75h at 5 (fwait)" in rows[0].sentence
    assert not _left_over()


def test_an_interrupt_does_not_wait_for_an_emulator_that_hangs(tmp_path, tool):
    """The first case is over at once, the others would take an hour; nothing is left running."""
    tool("nasm")
    script = """
first=$(dd if=floppy.img bs=1 skip=$(($(grep -abo IRQ13START floppy.img | head -1 | cut -d: -f1) + 10)) count=1 2>/dev/null | od -An -tu1)
[ $first -eq 0 ] || sleep 3600
printf 'done: 0 passed, 0 failed, 0 skipped\\n' > $LOG
sleep 3600
"""

    def interrupt(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        conform(_fake(script, tmp_path, together=False), Generation.P6, 3600, [0, 1, 2, 3], interrupt)
    assert not _left_over()


def test_a_missing_emulator_is_one_line():
    absent = EMULATORS["qemu"]._replace(program="no-such-emulator")
    with pytest.raises(ToolError, match="no-such-emulator is not installed: apt install qemu-system-x86"):
        version_of(absent)


# Logs


LOG = """irq13 image 1
processor P6
case 0 r dos-handshake: 00050005 00028084 00020000 00010006 00020000 ok
case 0 p dos-handshake: 00050006 00028084 differs
case 1 r clear-first"""


def test_a_log_is_read_as_far_as_it_goes():
    log = parse_log(LOG)
    assert log == Log(
        Generation.P6,
        {
            (0, "r"): Seen((LogLine(5, 5), LogLine(2, 0x8084), LogLine(2, 0), LogLine(1, 6), LogLine(2, 0))),
            (0, "p"): Seen((LogLine(5, 6), LogLine(2, 0x8084))),
        },
        (1, "r"),
        False,
    )


def test_a_log_from_elsewhere_is_judged(tmp_path):
    """A line of differences each, JSON for a program, and the exit status."""
    path = tmp_path / "com1.log"
    path.write_text(LOG)
    rows = from_log(path)
    assert [row.verdict for row in rows[:4]] == ["agrees", "differs", "hangs", "not run"]
    result = invoke("conform", str(path), "--case", "dos-handshake")
    assert result.exit_code == 1
    assert (
        "dos-handshake (P6, protected mode): INT 75h at 6 (mark) instead of INT 75h at 5 (fwait) (SDM1 figure D-2)"
        in result.output.replace("\n", " ").replace("  ", " ")
    )
    data = json.loads(invoke("conform", str(path), "--case", "dos-handshake", "--json").stdout)
    assert data["counts"] == {"agrees": 1, "differs": 1}
    assert data["cases"][1]["seen"] == "INT 75h at 6 (mark), SW 8084"


def test_a_log_that_agrees_in_all_has_status_0(tmp_path):
    lines = ["processor I486"]
    for number, case in enumerate(CASES):
        for mode in "rp":
            words = "".join(
                f" {line.kind << 16 | line.value:08x}" for line in expected_log(case, Generation.I486)
            )
            lines.append(
                f"case {number} {mode} {case.name}: skipped"
                if case.amd
                else f"case {number} {mode} {case.name}:{words} ok"
            )
    path = tmp_path / "com1.log"
    path.write_text("\n".join([*lines, "done: "]))
    assert invoke("conform", str(path)).exit_code == 0


def test_a_log_of_another_version_is_refused(tmp_path):
    path = tmp_path / "com1.log"
    path.write_text("processor P6\ncase 0 r something-else: ok\n")
    with pytest.raises(
        ValueError, match="case 0 is called something-else there: the log is of another version"
    ):
        from_log(path)


def test_a_difference_names_what_came_before():
    row = JudgedCase(0, "r", Generation.P6, Seen((LogLine(INT, 5), LogLine(2, 0x8084), LogLine(MARK, 6))))
    assert (
        row.sentence
        == "dos-handshake (P6, real mode): mark 6 instead of SW 0 after SW 8084 (SDM1 figure D-2)"
    )


def test_the_kit_is_part_of_the_package():
    """Assembly sources, schema and loaders are installed with it."""
    names = {path.name for part in ("asm", "kit") for path in (ROOT / "sim" / "conformance" / part).iterdir()}
    assert names >= {"image.asm", "capture.asm", "schema.json", "load_vectors.py", "load_vectors.c"}
