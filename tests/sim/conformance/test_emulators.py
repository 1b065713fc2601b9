"""The image on emulators: to its end, in spite of crashes and hangs, and with nothing left running."""

import tempfile
from pathlib import Path

import pytest
from irq13.model import Generation
from irq13.sim.conformance.conform import conform, counts
from irq13.sim.conformance.emulators import EMULATORS, Emulator, version_of
from irq13.sim.conformance.image_cases import CASES
from irq13.sim.support.errors import ToolError


@pytest.mark.slow
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


@pytest.mark.slow
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
