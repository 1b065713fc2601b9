"""The image on emulators: to its end, in spite of crashes and hangs, and with nothing left running."""

import os
import signal
import tempfile
from pathlib import Path

import pytest
from irq13.model import Generation
from irq13.sim.conformance.boots import run_all
from irq13.sim.conformance.conform import counts, judged
from irq13.sim.conformance.emulators import given_command
from irq13.sim.conformance.image import ALL_RUNS
from irq13.sim.conformance.image_cases import CASES
from irq13.sim.conformance.presets import bochs, qemu
from irq13.sim.support.errors import InputError, ToolError

NUMBERS = {case.name: number for number, case in enumerate(CASES)}
BEHAVE = ("baseline", "native-mf", "wait-mp-and-ts", "undefined-no-check", "masked-error-is-silent")
"""What every emulator at hand does right."""


@pytest.fixture(autouse=True)
def own_folder(monkeypatch, tmp_path):
    """Another irq13 on this machine has its emulators elsewhere."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def runs_of(*names, modes="rp"):
    return [(NUMBERS[name], mode) for name in names for mode in modes]


@pytest.mark.slow
def test_the_image_runs_to_its_end_on_bochs_and_powers_it_off(tool):
    """In one boot, whatever it thinks of the cases; it finds the chipset, the processor, and its SVM's MSRs."""
    tool("nasm")
    tool("bochs")
    found = run_all(bochs(), Generation.AMD64, ALL_RUNS, boots="all")
    assert found.boots == 1
    assert found.machine[1:] == (
        "processor AMD64 with AMD's MSRs",
        "chipset: PIIX, XBCS 4Eh bit 5: FERR# enable bit was off, is on",
        "nmi: of the timer, by the I/O APIC",
    )
    rows = judged(ALL_RUNS, found.generation, found.seen)
    assert set(counts(rows)) <= {"agrees", "differs"}
    by_name = {(row.case.name, row.mode): row.verdict for row in rows}
    assert {by_name[name, mode] for name in BEHAVE for mode in "rp"} == {"agrees"}
    assert {by_name["nmi-ends-it", mode] for mode in "rp"} == {"agrees"}
    # Faults that it has: the frozen instruction completes.
    assert {by_name["frozen-store", mode] for mode in "rp"} == {"differs"}
    assert not _left_over()


@pytest.mark.slow
def test_qemu_loses_only_what_makes_it_crash(tool):
    """A boot where it matters: the case after one that differs does not find what that has left."""
    tool("nasm")
    tool("qemu-system-x86_64")
    runs = runs_of("native-mf", "interrupt-at-once", "masked-error-is-silent", modes="r")
    found = run_all(qemu(), Generation.I486, runs)
    verdicts = [row.verdict for row in judged(runs, found.generation, found.seen)]
    assert found.generation is Generation.I486
    assert verdicts[0] == verdicts[2] == "agrees"
    assert verdicts[1] in ("crashes", "differs")
    assert not _left_over()


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


def _fake(script, tmp_path):
    """An emulator that is a shell script: $1 is the floppy, $2 where COM1 goes; `first` is its first run."""
    path = tmp_path / "fake"
    read = "first=$(od -An -tu2 -j $(($(grep -abo IRQ13START $1 | head -1 | cut -d: -f1) + 12)) -N 2 $1)"
    path.write_text(f"#!/bin/sh\n{read}\n{script}\n")
    path.chmod(0o755)
    return given_command([str(path), "{image}", "{log}"])


HEAD = "printf 'irq13 image 2\\nprocessor P6\\n' > $2\n"


def test_an_emulator_that_crashes_or_hangs_loses_a_run_and_goes_on(tmp_path, tool):
    """It dies at the first run every time, and hangs in protected mode; nothing is left running."""
    tool("nasm")
    script = f"""{HEAD}
if [ $first -eq {2 * NUMBERS["dos-handshake"]} ]; then printf 'begin 1 r dos-handshake\\n' >> $2; echo it went wrong; exit 3; fi
printf 'begin 1 p dos-handshake\\n' >> $2
sleep 1000 & sleep 1000
"""
    runs = runs_of("dos-handshake")
    found = run_all(_fake(script, tmp_path), None, runs, limit=1)
    rows = judged(runs, found.generation, found.seen)
    assert [row.verdict for row in rows] == ["crashes", "hangs"]
    assert "it went wrong" in rows[0].text(rows[0].seen.lines)
    assert "dos-handshake (P6, real mode): crashes; expected INT 75h at 6 (fwait)" in rows[0].sentence
    assert not _left_over()


def test_a_verdict_against_an_emulator_counts_only_from_the_first_run_of_a_boot(tmp_path, tool):
    """baseline leaves something that spoils native-mf, which is right in a boot of its own."""
    tool("nasm")
    good = " ".join(["00060006", "00028084", "00010007", "00020000"])
    number = NUMBERS["native-mf"]
    script = f"""{HEAD}
if [ $first -eq 0 ]; then
printf 'begin 0 r baseline\\ncase 0 r baseline: 00028084 00010006 ok\\n' >> $2
printf 'begin {number} r native-mf\\ncase {number} r native-mf: 00010007 differs\\n' >> $2
else printf 'begin {number} r native-mf\\ncase {number} r native-mf: {good} ok\\n' >> $2; fi
printf 'done: 1 passed, 1 failed, 0 skipped\\n' >> $2
"""
    runs = runs_of("baseline", "native-mf", modes="r")
    found = run_all(_fake(script, tmp_path), None, runs, limit=5)
    assert [row.verdict for row in judged(runs, found.generation, found.seen)] == ["agrees", "agrees"]
    assert found.boots == 2
    found = run_all(_fake(script, tmp_path), None, runs, limit=5, boots="all")
    assert [row.verdict for row in judged(runs, found.generation, found.seen)] == ["agrees", "differs"]


def test_without_exceptions_a_boot_goes_on_until_one_shows(tmp_path, tool):
    """Such an x87 leaves nothing: its differences count wherever they are, but not from the first exception on."""
    tool("nasm")
    lines = [
        "case 0 r baseline: 00020004 00010006 differs",
        "case 1 r dos-handshake: 00010007 00020004 differs",
    ]
    number = NUMBERS["native-mf"]
    script = f"""{HEAD}
ends=$(od -An -tu2 -j $(($(grep -abo IRQ13START $1 | head -1 | cut -d: -f1) + 10)) -N 2 $1)
for run in $(od -An -v -tu2 -j $(($(grep -abo IRQ13START $1 | head -1 | cut -d: -f1) + 12)) -N 6 $1); do case $run in
0) echo '{lines[0]}';; 2) echo '{lines[1]}';; {2 * number}) echo 'case {number} r native-mf: SAYS differs';; esac >> $2; [ $ends -eq 2 ] && break; done
echo 'done: 0 passed, 3 failed, 0 skipped' >> $2
"""
    runs = runs_of("baseline", "dos-handshake", "native-mf", modes="r")
    for says, boots in (("00010007", 2), ("00050007", 3)):
        found = run_all(_fake(script.replace("SAYS", says), tmp_path), None, runs, limit=5)
        assert [row.verdict for row in judged(runs, found.generation, found.seen)] == ["differs"] * 3
        assert found.boots == boots


def test_a_command_runs_where_irq13_does(tmp_path, tool, monkeypatch):
    """So that it and its other arguments may be named as they stand there; its output is the log without {log}."""
    tool("nasm")
    (tmp_path / "mine").write_text("#!/bin/sh\ncat $1\n")
    (tmp_path / "mine").chmod(0o755)
    (tmp_path / "said").write_text(
        "processor P6\ncase 0 r baseline: 00028084 00010006 ok\ndone: 1 passed, 0 failed, 0 skipped\n"
    )
    monkeypatch.chdir(tmp_path)
    found = run_all(
        given_command(["./mine", "said", "{image}"]), None, runs_of("baseline", modes="r"), limit=5
    )
    assert [row.verdict for row in judged([(0, "r")], found.generation, found.seen)] == ["agrees"]


def test_an_emulator_that_does_not_boot_is_one_failure_and_not_many(tmp_path, tool):
    tool("nasm")
    fake = _fake("echo no such floppy >&2; exit 1", tmp_path)
    with pytest.raises(ToolError, match=r"fake did not boot the image .*: no such floppy"):
        run_all(fake, None, ALL_RUNS, limit=5)
    fake = _fake(
        "printf 'irq13 image 2\\na 386: it has no FERR#\\ndone: 0 passed, 0 failed, 0 skipped\\n' > $2",
        tmp_path,
    )
    with pytest.raises(ToolError, match="the image found a 386"):
        run_all(fake, None, ALL_RUNS, limit=5)


def test_a_log_without_sense_or_end_costs_its_runs_and_no_more(tmp_path, tool):
    """A run that was not asked for, a device for a log, a flood; what was said last can be printed."""
    tool("nasm")
    runs = runs_of("dos-handshake")
    fake = _fake(f"{HEAD} echo 'begin 0 r baseline' >> $2; printf '\\033[31m\\001oops'; exit 7", tmp_path)
    rows = judged(runs, Generation.P6, run_all(fake, None, runs, limit=5).seen)
    assert [row.seen.why for row in rows] == [r"crashed: \x01oops"] * 2
    for script, words in (
        ("ln -s /dev/zero $2; sleep 1000", r"\(did not end .*\): it said nothing"),
        ("yes > $2", r"\(ended .*\): y \| y"),
    ):
        with pytest.raises(ToolError, match=f"did not boot the image {words}"):
            run_all(_fake(script, tmp_path), None, runs, limit=0.5)


def test_an_interrupt_does_not_wait_for_an_emulator_that_hangs(tmp_path, tool):
    """The first run is over at once, the others would take an hour; nothing is left running."""
    tool("nasm")
    script = f"""{HEAD}
[ $first -eq 0 ] || sleep 3600
printf 'case 0 r baseline: 00028084 00010006 ok\\ndone: 0 passed, 0 failed, 0 skipped\\n' >> $2
sleep 3600
"""

    def interrupt(_):
        raise KeyboardInterrupt

    sent = []

    def terminate(number):
        if number not in sent:
            sent.append(number)
            os.kill(os.getpid(), number)

    # Under nohup the tests have one of them ignored, and so has what they test.
    numbers = [one for one in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(one) != signal.SIG_IGN]
    before = [signal.getsignal(number) for number in numbers]
    ends = [(interrupt, KeyboardInterrupt), *((lambda _, n=n: terminate(n), SystemExit) for n in numbers)]
    for end, error in ends:
        with pytest.raises(error):
            run_all(_fake(script, tmp_path), None, ALL_RUNS[:4], 3600, 2, "each", end)
        assert not _left_over()
    assert [signal.getsignal(number) for number in numbers] == before


def test_an_image_in_place_of_a_log_is_named(tool):
    """The image has every message in it, so that one would be taken for what it logs."""
    tool("nasm")
    with pytest.raises(ToolError, match="its log is the image itself"):
        run_all(given_command(["cat", "{image}"]), None, ALL_RUNS, limit=60)


def test_a_command_without_an_image_is_one_line():
    with pytest.raises(InputError, match=r"the command has no \{image\}"):
        given_command(["my-emulator", "-serial", "{log}"])
