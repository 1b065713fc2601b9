"""What the image logs, read and judged."""

import json

import pytest
from click.testing import CliRunner
from irq13.model import Generation
from irq13.sim.cli.main import main
from irq13.sim.conformance.conform import JudgedCase, Log, Seen, from_log, parse_log
from irq13.sim.conformance.image_cases import CASES, INT, MARK, LogLine, expected_log


def invoke(*arguments):
    return CliRunner().invoke(main, list(arguments))


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
