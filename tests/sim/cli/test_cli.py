"""The command line as a person uses it, bad paths included."""

import contextlib
import gzip
import json
import os
import pty
import shlex
import signal
import subprocess
import sys
import time
from importlib.metadata import version

import pytest
from irq13.sim import Trace
from irq13.sim.cli.main import COMMANDS
from irq13.sim.conformance.vectors import VERSION, hash_of
from irq13.sim.scenarios.scenario import shipped_scenarios
from support.command import irq13, irq13_process

ENDLESS = "limit = 1000000\nprogram = '''\nnop 900000\n'''\n"


def files(folder):
    return sorted(path.name for path in folder.iterdir())


def test_run_without_arguments_shows_the_handshake_and_writes_a_vcd_beside_it(tmp_path):
    done = irq13_process("run", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "FERR# asserted: the error is reported to the chipset" in done.stdout
    assert "pass  irq13 rises 1 cycle after ferr_n falls" in done.stdout
    assert "FAIL" not in done.stdout
    assert files(tmp_path) == ["dos-divide-by-zero.gtkw", "dos-divide-by-zero.vcd"]
    assert len(Trace.load(tmp_path / "dos-divide-by-zero.vcd")["ferr_n"].falls()) == 1


def test_hdl_model_and_lockstep_say_the_same(tmp_path):
    said = [irq13("run", "native-mf", "--on", on, cwd=tmp_path) for on in ("hdl", "model", "lockstep")]
    assert {done.returncode for done in said} == {0}
    for done, on in zip(said, ("hdl", "model", "lockstep"), strict=True):
        assert done.stdout.replace(f"({on})", "") == said[0].stdout.replace("(hdl)", "")


def test_several_generations_write_a_vcd_each(tmp_path):
    assert irq13("run", "ferr-under-ne", "--vcd", "x.vcd", cwd=tmp_path).returncode == 0
    assert files(tmp_path) == sorted(f"x.{g}.{e}" for g in ("I486", "P6", "AMD64") for e in ("vcd", "gtkw"))


def test_a_failed_expectation_is_exit_status_1(tmp_path):
    (tmp_path / "x.toml").write_text("program = 'nop'\nexpect = 'ferr_n falls'\n")
    done = irq13("run", "x.toml", cwd=tmp_path)
    assert done.returncode == 1
    assert "FAIL  ferr_n falls  (did not happen)" in done.stdout


def test_brackets_and_a_byte_order_mark_are_only_text(tmp_path):
    text = 'title = "[/] [bold]t"\nprogram = "nop"\ngeneration = "I486"\n'
    (tmp_path / "[red].toml").write_text(text, encoding="utf-8-sig")
    for arguments in ((), ("--machine", "all"), ("--generation", "p6")):
        done = irq13("run", "[red].toml", "--on", "model", *arguments, cwd=tmp_path)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith("[/] [bold]t on ")
        assert "waveform: [red].vcd" in done.stdout


def test_a_stuck_program_says_where(tmp_path):
    program = "limit = 30\nprogram = '''\nfldcw masks=none\nfdiv raises=ZE\nfwait\n'''\n"
    (tmp_path / "x.toml").write_text(program)
    done = irq13("run", "x.toml", cwd=tmp_path)
    assert done.returncode == 1
    assert "stuck 'fwait' (line 5) is frozen since cycle 6" in done.stdout
    assert "why: ES = 1 (ZE), CR0.NE = 0, IGNNE not in effect" in done.stdout
    assert "the slave 8259A masks the request (IMR = FFh)" in done.stdout


def test_scenarios_lists_every_one(tmp_path):
    done = irq13("scenarios", cwd=tmp_path)
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    named = [line.split()[0] for line in lines if line.startswith("  ")]
    assert sorted(named) == sorted(shipped_scenarios())
    assert named[0] == shipped_scenarios()[0]
    headings = [line for line in lines if line and not line.startswith("  ")]
    assert "PC/AT, 486 and later: reports from the field" in headings
    assert len(headings) == len(set(headings))


def test_check_passes_our_own_waveform_and_fails_a_rule_that_it_breaks(tmp_path):
    irq13("run", cwd=tmp_path)
    done = irq13("check", "dos-divide-by-zero.vcd", "contract", cwd=tmp_path)
    assert done.returncode == 0
    assert "0 fail" in done.stdout
    assert irq13("check", "dos-divide-by-zero.vcd", "contract", "--strict", cwd=tmp_path).returncode == 1
    (tmp_path / "r.toml").write_text("rules = 'irq13 rises exactly 2 cycles after ferr_n falls'\n")
    done = irq13("check", "dos-divide-by-zero.vcd", "r.toml", cwd=tmp_path)
    assert done.returncode == 1
    assert "in cycle 15 (150 ns): irq13 rises follows 1 cycle later" in done.stdout


def test_lockstep_names_what_it_saw(tmp_path):
    done = irq13("lockstep", "--cycles", 500, "--generation", "i486", cwd=tmp_path)
    assert done.returncode == 0
    assert done.stdout.startswith("I486: 500 cycles, seed 0: no difference (")


@pytest.mark.parametrize("command", [[], *([one] for one in COMMANDS)], ids=str)
def test_help_has_an_example(tmp_path, command):
    done = irq13(*command, "--help", cwd=tmp_path)
    assert done.returncode == 0
    assert "Example:" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "no-such-thing"], "no scenario 'no-such-thing'"),
        (["run", "natve-mf"], "did you mean native-mf?"),
        (["run", "missing.toml"], "missing.toml: No such file or directory"),
        (["run", "typo.toml"], "typo.toml:2: unknown step 'fdivv' (did you mean fdiv"),
        (["run", "binary.toml"], "binary.toml:1: not a text file in UTF-8"),
        (["run", "--on", "fpga"], "'fpga' is not one of"),
        (["run", "--generation", "K7"], "'K7' is not one of"),
        (["run", "--vcd", "none/x.vcd"], "none/x.vcd: No such file or directory"),
        (["run", "--vcd", "folder"], "folder: Is a directory"),
        (["run", "--vcd", "."], ".: Is a directory"),
        (["run", "allow-ferr-on-ne", "--vcd", "/"], "/: Is a directory"),
        (["run", "--vcd", "/proc/x.vcd"], "/proc/x.vcd: "),
        (["run", "a", "b"], "unexpected extra argument"),
        (["runn"], "No such command 'runn' (did you mean run?)"),
        (["run", "native-mf", "-s", "ferrn"], "no signal 'ferrn' (did you mean ferr_n"),
        (["run", "--parameter", "hwrc=zen"], "no parameter 'hwrc' (did you mean hwcr?)"),
        (["run", "--machine", "AT285"], "'AT285' is not one of 'at486'"),
        (["run", "--board", "/dev/none"], "/dev/none: No such file or directory"),
        (["run", "empty"], "empty:1: a scenario needs a program"),
        (["view", "empty"], "empty: expected a VCD with $enddefinitions"),
        (["view", "folder"], "folder: Is a directory"),
        (["view", "long.vcd"], "long.vcd: expected a VCD with $enddefinitions"),
        (["replay", "folder"], "folder: Is a directory"),
        (["replay", "long.vcd"], "long.vcd: expected JSON with a list 'vectors'"),
        (["replay", "vectors.json"], "vectors.json: vector 0: not a sequence of steps"),
        (["vectors", "--check", "folder"], "folder: x: not a test vector: expected an object with name, "),
        (["vectors", "--out", "empty"], "Directory 'empty' is a file"),
        (["msr", "empty"], "empty:1: there is no script"),
        (["msr", "--histogram", "binary.toml"], "binary.toml: no stack in it"),
        (["msr", "--replay", "binary.toml", "--record", "none/x"], "none/x: No such file or directory"),
        (["conform", "binary.toml"], "binary.toml: not a log of the image"),
        (["conform", "qmu"], "no target 'qmu': expected qemu, bochs"),
        (["conform", "bochs", "--case", "frozen-stor"], "(did you mean frozen-store"),
        (["size", "pcc"], "no block 'pcc' (did you mean pc or pic?)"),
        (["play", "--out", "folder"], "folder: Is a directory"),
        (["play", "--out", "empty/x.html"], "empty/x.html: Not a directory"),
        (["fuzz", "--cycles", "1", "--state", "typo.toml"], "typo.toml: not the state of a fuzzing campaign"),
        (["run", ""], "no scenario ''"),
        (
            ["sweep", "native-mf", "--pin", "nmi", "--to", "99999999", "--html", "none/x.html"],
            "none/x.html: No such file or directory",
        ),
        (
            ["run", "--machine", "AT286", "--parameter", "hwcr=zen"],
            "AT286 has no parameter 'hwcr': expected one of cpu, npx",
        ),
        (["lockstep", "--cycles", "0"], "0 is not in the range"),
        (["replay", "typo.toml"], "typo.toml: expected JSON with a list 'vectors'"),
        (["replay", "missing.json"], "missing.json: No such file or directory"),
        (["msr", "nothing"], "no script 'nothing'; there are boot, filter, ignne"),
        (["msr", "typo.toml"], "typo.toml:1: unknown key 'program'"),
        (["check", "typo.toml", "contract"], "typo.toml: expected a VCD with $enddefinitions"),
        (["check", "missing.vcd", "contract"], "missing.vcd: No such file or directory"),
        (["check", "missing.vcd", "contracts"], "no rules 'contracts' (did you mean contract?)"),
        (["check", "missing.vcd", "typo.toml"], "typo.toml:1: unknown key 'program'"),
        (["replay"], "Missing argument 'FILE'"),
    ],
)
def test_a_mistake_is_one_line_on_stderr_and_exit_status_2(tmp_path, arguments, message):
    (tmp_path / "typo.toml").write_text("program = '''\nfdivv raises=ZE\n'''\n")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "empty").touch()
    (tmp_path / "long.vcd").write_text("x\n" * 10**6)
    (tmp_path / "vectors.json").write_text('{"vectors": [{"id": "a"}]}')
    (tmp_path / "folder").mkdir()
    case = {"name": 1}
    cases = [case | {"hash": hash_of(case)}]
    document = {"format": "irq13-vectors", "version": VERSION, "family": "x", "cases": cases}
    (tmp_path / "folder" / "x.json.gz").write_bytes(gzip.compress(json.dumps(document).encode()))
    before = files(tmp_path)
    done = irq13(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("irq13: ")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert files(tmp_path) == before


def test_a_bug_shows_its_traceback_and_how_to_report_it(tmp_path):
    """What no user has caused must not look as if one had, though its type is one that input causes, too."""
    script = (
        "from irq13.sim.scenarios import scenario; "
        "scenario.shipped_scenarios = lambda: [1, 2].index(3); "
        "from irq13.sim.cli.entry import start; start()"
    )
    command = [sys.executable, "-c", script, "scenarios"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (70, "")
    *above, last = done.stderr.splitlines()
    assert above[0] == "Traceback (most recent call last):"
    assert above[-1] == "ValueError: 3 is not in list"
    assert last.startswith(
        f"irq13: this is a bug in irq13 {version('irq13')}: please report it with the lines"
    )


def test_a_full_disk_leaves_nothing_half_written(tmp_path):
    # The limit on a file's size stands for the disk: either way a write fails in the middle.
    script = (
        "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000)); "
        "from irq13.sim.cli.entry import start; start()"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, "run"], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 2
    assert done.stderr.startswith("irq13: dos-divide-by-zero.vcd: File too large")
    assert done.stderr.count("\n") == 1
    assert files(tmp_path) == []


@pytest.mark.parametrize("delay", [0.2, 1.0])
def test_ctrl_c_is_exit_status_130_and_leaves_nothing(tmp_path, delay):
    (tmp_path / "x.toml").write_text(ENDLESS)
    # A shell's background jobs inherit an ignored SIGINT; the terminal that this test stands for does not.
    script = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "from irq13.sim.cli.entry import start; print('ready', flush=True); start()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, "run", "x.toml"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout.readline() == "ready\n"
            time.sleep(0.1 + delay)
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 130
    assert said == "irq13: interrupted\n"
    assert files(tmp_path) == ["x.toml"]


ENTRY = "from irq13.sim.cli.entry import start; start()"


@pytest.mark.parametrize(
    ("target", "arguments", "status", "says"),
    [
        # As of a program that SIGPIPE ends.
        ("a closed pipe", ["scenarios"], 141, ""),
        ("a closed pipe", ["--help"], 141, ""),
        ("a closed pipe", ["run", "--on", "model"], 141, ""),
        ("/dev/full", ["scenarios"], 2, "irq13: No space left on device\n"),
        ("/dev/full", ["run", "--on", "model"], 2, "irq13: No space left on device\n"),
        ("&-", ["scenarios"], 2, "irq13: standard output is closed\n"),
    ],
)
def test_output_that_nobody_takes(tmp_path, target, arguments, status, says):
    """It is the end of the command, in one line or none, and not a traceback nor a failed expectation."""
    command = shlex.join([sys.executable, "-c", ENTRY, *arguments])
    read, write = os.pipe()
    os.close(read)
    shell = command if target == "a closed pipe" else f"{command} >{target}"
    done = subprocess.run(["sh", "-c", shell], cwd=tmp_path, stdout=write, stderr=subprocess.PIPE)
    os.close(write)
    assert (done.returncode, done.stderr.decode()) == (status, says)


@pytest.mark.parametrize("stage", ["import click", "import rich.console", "import numpy", "import amaranth"])
def test_ctrl_c_while_python_still_loads_is_quiet(tmp_path, stage):
    """At the import of each of these, from the first one on that is not Python's own."""
    script = (
        "import builtins, os, signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "load = builtins.__import__\n"
        "def loading(name, *rest):\n"
        f"    if name == {stage.split()[1]!r}:\n"
        "        builtins.__import__ = load\n"
        "        os.kill(os.getpid(), signal.SIGINT)\n"
        "    return load(name, *rest)\n"
        f"builtins.__import__ = loading\n{ENTRY}"
    )
    command = [sys.executable, "-c", script, "run"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "irq13: interrupted\n")
    assert files(tmp_path) == []


def test_names_from_a_file_do_not_command_the_terminal(tmp_path):
    (tmp_path / "x.vcd").write_text(
        "$timescale 1 ns $end $scope module a\x1b[2J $end $var wire 1 ! b\x1b[31m $end $upscope $end "
        "$enddefinitions $end\n#0\n0!\n#5\n1!\n"
    )
    for arguments in (["signals", "x.vcd"], ["view", "x.vcd"], ["view", "\x1b[2J.vcd"]):
        with pty_of([sys.executable, "-c", ENTRY, *arguments], tmp_path) as said:
            assert b"\x1b[2J" not in said
            assert b"\x1b[31m" not in said
            assert b"\\x1b[" in said


@contextlib.contextmanager
def pty_of(command, cwd):
    """What a command writes to a terminal."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(command, cwd=cwd, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        said = b""
        with contextlib.suppress(OSError):
            while piece := os.read(ours, 65536):
                said += piece
        process.wait(60)
    os.close(ours)
    yield said


@pytest.fixture
def waveform(tmp_path):
    irq13("run", "--on", "model", cwd=tmp_path)
    return tmp_path / "dos-divide-by-zero.vcd"


def test_view_draws_what_is_asked_for(waveform):
    done = irq13("view", waveform.name, "ferr_n", "handler", "--from", 14, cwd=waveform.parent)
    assert (done.returncode, done.stderr) == (0, "")
    assert [line.split()[0] for line in done.stdout.splitlines() if line[0] != " "] == ["FERR#", "handler"]
    assert "│75h" in done.stdout
    plain = irq13("view", waveform.name, "--ascii", cwd=waveform.parent).stdout
    assert plain.isascii()
    environment = os.environ | {"PYTHONIOENCODING": "latin-1"}
    latin = irq13_process("view", waveform.name, cwd=waveform.parent, env=environment)
    assert latin.stdout == plain


def test_view_writes_a_page_and_wavejson(waveform):
    done = irq13("view", waveform.name, "--html", "x.html", "--wavejson", "x.json", cwd=waveform.parent)
    assert (done.returncode, done.stdout) == (0, "x.html\nx.json\n")
    assert "deferred until" in (waveform.parent / "x.html").read_text("utf-8")
    assert '"FERR#"' in (waveform.parent / "x.json").read_text("utf-8")


def test_explain_prints_the_chain(waveform):
    done = irq13("explain", waveform.name, "irq13", cwd=waveform.parent)
    assert (done.returncode, done.stderr) == (0, "")
    assert "IRQ13 rises: FF1 set: FERR# fell in cycle 15" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["view", "none.vcd"], "No such file"),
        (["view", "x.toml"], "x.toml: expected a VCD"),
        (["view", "{}", "fer_n"], "no signal 'fer_n' (did you mean ferr_n"),
        (["view", "{}", "--from", "999"], "ends after 39 cycles"),
        (["view", "{}", "--clock", "nothing"], "no signal 'nothing'"),
        (["view", "{}", "--html", "none/x.html"], "none/x.html: No such file or directory"),
        (["explain", "{}", "999"], "nothing changes in cycle 999"),
        (["explain", "{}", "fer_n"], "no signal 'fer_n'"),
    ],
)
def test_view_and_explain_refuse_in_one_line(waveform, arguments, message):
    (waveform.parent / "x.toml").write_text("program = 'nop'\n")
    before = files(waveform.parent)
    done = irq13(*[one.format(waveform.name) for one in arguments], cwd=waveform.parent)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert files(waveform.parent) == before
