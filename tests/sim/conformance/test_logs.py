"""What the image logs, read and judged."""

import json
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner
from irq13.model import Generation
from irq13.sim.cli.main import main
from irq13.sim.conformance.conform import JudgedCase, judged
from irq13.sim.conformance.image import ALL_RUNS
from irq13.sim.conformance.image_cases import CASES
from irq13.sim.conformance.image_language import INT, MARK
from irq13.sim.conformance.image_log import Log, Seen, parse_log, read_log
from irq13.sim.conformance.image_reference import LogLine, expected_log


def invoke(*arguments):
    return CliRunner().invoke(main, list(arguments))


LOG = """irq13 image 2
cpu GenuineIntel 00000673
processor P6
chipset: none of those whose FERR# enable bit is known
begin 1 r dos-handshake
case 1 r dos-handshake: 00050006 00028084 00020000 00010007 00020000 ok
begin 1 p dos-handshake
case 1 p dos-handshake: 00050007 00028084 differs
left: IRQ 13 stays requested
begin 2 r clear-first"""
MACHINE = (
    "cpu GenuineIntel 00000673",
    "processor P6",
    "chipset: none of those whose FERR# enable bit is known",
)
AGREES = Seen((LogLine(5, 6), LogLine(2, 0x8084), LogLine(2, 0), LogLine(1, 7), LogLine(2, 0)))
DIFFERS = Seen((LogLine(5, 7), LogLine(2, 0x8084)))


def test_a_log_is_read_as_far_as_it_goes():
    """A case's line comes before it runs, so that it is known which one hangs."""
    log = parse_log(LOG)
    assert log == Log(Generation.P6, MACHINE, {(1, "r"): AGREES, (1, "p"): DIFFERS}, (2, "r"), False, True)


def test_a_log_from_elsewhere_is_judged(tmp_path):
    """A line of differences each, JSON and JUnit for programs, a waveform, families, and the exit status."""
    path = tmp_path / "com1.log"
    path.write_text(LOG)
    options = ["--case", "dos-handshake", "--case", "clear-first"]
    result = invoke(
        "conform", str(path), *options, "--junit", str(tmp_path / "j.xml"), "--waves", str(tmp_path / "waves")
    )
    assert result.exit_code == 1
    words = " ".join(result.output.split())
    assert (
        "dos-handshake (P6, protected mode): INT 75h at 7 (mark) instead of INT 75h at 6 (fwait) (SDM1 figure D-2)"
        in words
    )
    assert "handshake: 1 agrees, 1 differs, 1 hangs, 1 not run" in words
    suite = ElementTree.parse(tmp_path / "j.xml").getroot()[0]
    assert [suite.attrib[name] for name in ("tests", "failures", "errors", "skipped")] == ["4", "3", "0", "0"]
    assert sorted(one.name for one in (tmp_path / "waves").glob("*.vcd")) == [
        "clear-first-P6.vcd",
        "dos-handshake-P6.vcd",
    ]
    assert "ferr_n" in (tmp_path / "waves" / "clear-first-P6.vcd").read_text()
    data = json.loads(invoke("conform", str(path), *options, "--json").stdout)
    assert (
        data["counts"]
        == data["families"]["handshake"]
        == {"agrees": 1, "differs": 1, "hangs": 1, "not run": 1}
    )
    assert data["machine"] == list(MACHINE)
    assert data["cases"][1]["seen"] == "INT 75h at 7 (mark), SW 8084"
    assert "instead of" in data["cases"][1]["sentence"]


def _junit(path):
    """Failures and skipped, and what stands in each case."""
    suite = ElementTree.parse(path).getroot()[0]
    return suite.attrib["failures"], suite.attrib["skipped"], [[part.tag for part in case] for case in suite]


def test_what_is_known_to_fail_fails_no_more_until_something_changes(tmp_path):
    path, known = tmp_path / "com1.log", tmp_path / "known.toml"
    path.write_text(LOG)
    case = ["conform", str(path), "--case", "dos-handshake"]
    assert invoke(*case, "--write-known", str(known)).exit_code == 0
    assert known.read_text() == '[P6]\nprotected = [\n  "dos-handshake",\n]\n'
    junit = ["--junit", str(tmp_path / "j.xml")]
    assert invoke(*case, "--known", str(known), *junit).exit_code == 0
    assert _junit(tmp_path / "j.xml") == ("0", "1", [[], ["skipped"]])
    known.write_text('[P6]\nreal = ["dos-handshake"]\n')
    assert invoke(*case, "--known", str(known), *junit).exit_code == 1
    assert _junit(tmp_path / "j.xml") == ("2", "0", [["failure"], ["failure"]])
    known.write_text("[P6]\n")
    result = invoke(*case, "--known", str(known))
    assert result.exit_code == 1
    assert "not known: dos-handshake (P6, protected mode)" in result.output
    known.write_text('[P6]\nreal = ["dos-handshake"]\nprotected = ["dos-handshake"]\n')
    result = invoke(*case, "--known", str(known))
    assert result.exit_code == 1
    assert "agrees now: P6, dos-handshake (r)" in result.output
    for text, message in (
        ("[P5]\n", "[P5]: expected a table I486, P6 or AMD64"),
        ("[P6]\nvirtual = []\n", "P6.virtual: expected a list 'real' or 'protected'"),
        ('[P6]\nreal = ["foo"]\n', "P6.real: no case 'foo'"),
        ("[P6]\nreal = [[]]\n", "P6.real: no case []"),
        ("[P6\n", "known.toml: "),
    ):
        known.write_text(text)
        result = invoke(*case, "--known", str(known))
        assert (result.exit_code, len(result.stderr.splitlines())) == (2, 1)
        assert message in result.stderr


def test_what_a_log_or_a_command_cannot_be_asked_for_is_refused(tmp_path):
    """Not passed over in silence: its verdicts would be taken for those of another processor."""
    path = tmp_path / "com1.log"
    path.write_text(LOG)
    for options, message in (
        ([str(path), "--generation", "p6"], "a log says its own"),
        ([str(path), "--program", "bochs"], "only qemu, bochs, dosbox-x, dosbox, v86 have one"),
        (["--generation", "p6", "--", "mine", "{image}"], "mine has no P6: expected none"),
    ):
        result = invoke("conform", *options)
        assert (result.exit_code, len(result.stderr.splitlines())) == (2, 1)
        assert message in result.stderr


def test_an_x87_without_exceptions_gets_that_verdict(tmp_path):
    path = tmp_path / "com1.log"
    path.write_text(
        "processor P6\ncase 0 r baseline: 00020004 00010006 differs\ncase 0 p baseline: 00020004 00010006 differs\n"
    )
    assert "this x87 shows no unmasked exception" in invoke("conform", str(path), "--case", "baseline").output
    path.write_text(LOG)
    assert "this x87" not in invoke("conform", str(path), "--case", "baseline").output


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
    result = invoke("conform", str(path))
    assert result.exit_code == 0
    found = [line for line in result.output.splitlines() if line.startswith("found: ")]
    assert found == [
        "found: port F1h does nothing",
        "found: setting the enable bit with FERR# low counts as a falling edge",
        "found: the reset is a RESET",
    ]


def test_a_log_of_another_version_is_refused(tmp_path):
    path = tmp_path / "com1.log"
    path.write_text("processor P6\ncase 0 r something-else: ok\n")
    with pytest.raises(
        ValueError, match="case 0 is called something-else there: the log is of another version"
    ):
        read_log(path)


def test_a_difference_names_what_came_before():
    row = JudgedCase(1, "r", Generation.P6, Seen((LogLine(INT, 6), LogLine(2, 0x8084), LogLine(MARK, 7))))
    assert (
        row.sentence
        == "dos-handshake (P6, real mode): mark 7 instead of SW 0 after SW 8084 (SDM1 figure D-2)"
    )
    assert {row.verdict for row in judged(ALL_RUNS, Generation.P6, {})} == {"not run"}
