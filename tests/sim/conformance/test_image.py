"""The bootable image and its cases, and what is said of bad input to the commands of the kit."""

from pathlib import Path

import pytest
from click.testing import CliRunner
from irq13.model import Generation
from irq13.sim.cli.main import main
from irq13.sim.conformance.image import ALL_RUNS, SIZE, image, only
from irq13.sim.conformance.image_cases import CASES
from irq13.sim.conformance.image_reference import expected_log, log_text
from irq13.sim.support.errors import ToolError
from irq13.sim.tools.nasm import assemble

ROOT = Path(__file__).parents[3]


def invoke(*arguments):
    return CliRunner().invoke(main, list(arguments))


def words_of(name, generation):
    case = next(case for case in CASES if case.name == name)
    return ", ".join(log_text(case, line) for line in expected_log(case, generation))


def test_the_image_is_a_bootable_floppy_of_known_cases(tool, tmp_path):
    tool("nasm")
    data = image()
    assert len(data) == SIZE
    assert data[510:512] == b"\x55\xaa"
    assert only(data, ALL_RUNS) == data
    assert only(data, [(3, "p")]) != data
    assert all(case.name.encode() in data for case in CASES)
    path = tmp_path / "irq13.img"
    result = invoke(
        "image",
        "--out",
        str(path),
        "--case",
        "frozen-store",
        "--case",
        "baseline",
        "--mode",
        "real",
        "--stay",
    )
    assert result.exit_code == 0, result.output
    names = [case.name for case in CASES]
    at = data.index(b"IRQ13START") + 10
    words = [int.from_bytes(path.read_bytes()[at + 2 * n : at + 2 * n + 2], "little") for n in range(4)]
    assert words == [1, 2 * names.index("frozen-store"), 0, 0xFFFF]
    result = invoke("conform", str(path))
    assert result.stderr == f"irq13: {path}: the image itself, and not what it logs to COM1\n"


def test_the_list_has_each_case_and_its_rule():
    lines = invoke("image", "--list").stdout.splitlines()
    assert [line.split()[1] for line in lines] == [case.name for case in CASES]
    assert all(case.rule in line for case, line in zip(CASES, lines, strict=True))
    some = invoke("image", "--list", "--case", "frozen-store", "--mode", "real").stdout
    assert some.split()[:2] == ["freeze", "frozen-store"]


def test_expectations_come_from_the_reference():
    """In words: the interrupt before the frozen instruction, which has no effect before it; who reports when."""
    assert len({case.name for case in CASES}) == len(CASES) > 75
    assert all(expected_log(case, Generation.AMD64) for case in CASES)
    for generation in Generation:
        assert words_of("dos-handshake", generation) == "INT 75h at 6 (fwait), SW 8084, SW 0, mark 7, SW 0"
        assert words_of("frozen-store", generation) == (
            "INT 75h at 7 (fstp), stored 0, TOP 7, mark 8, stored 3f80, TOP 0"
        )
        # A second error, of a division of one and not of zero by zero, which would be an invalid operation.
        assert (
            words_of("twice", generation).count("SW 8084") == words_of("twice", generation).count("INT") == 2
        )
        # FCLEX is two instructions: the interrupt comes before the first.
        assert words_of("freeze-at-fclex", generation) == "INT 75h at 6 (fwait), mark 8"


def test_generations_differ_in_when_they_report():
    """Deferred against immediate, and FERR# under NE = 1."""
    late, at_once = Generation.I486, (Generation.P6, Generation.AMD64)
    assert words_of("arithmetic-reports", late) == "IR5 0, SW 8084, IR5 20, mark 10"
    assert words_of("interrupt-at-once", late) == "INT 75h at 5 (fwait), SW 8084, mark 6, SW 0"
    for generation in at_once:
        assert words_of("arithmetic-reports", generation) == "IR5 20, SW 8084, IR5 20, mark 10"
        assert words_of("interrupt-at-once", generation) == "INT 75h at 4 (settle), SW 8084, mark 6, SW 0"
    native = [words_of("native-irq13", generation) for generation in Generation]
    assert [[word for word in text.split(", ") if "IR5" in word] for text in native] == [
        ["IR5 0", "IR5 20"], ["IR5 20", "IR5 20"], ["IR5 0", "IR5 0"],
    ]  # fmt: skip


def test_a_case_that_turns_interrupts_off_is_ended_by_nmi():
    """Every case begins with IF = 1, which the timer needs; where it is 0 the timer's NMI has to be armed."""
    off = [case for case in CASES if "cli" in case.main]
    assert [case.name for case in off] == ["frozen-with-if-0", "nmi-ends-it"]
    assert all(case.nmi and case.main.index("timer-nmi") > case.main.index("cli") for case in off)


def test_what_is_mistaken_for_an_instruction_is_refused(tool):
    tool("nasm")
    with pytest.raises(ToolError, match=r"nasm: wrong\.asm:1: error"):
        assemble("fnonsense eax\n", "wrong")


def test_without_nasm_it_is_said_how_to_get_it(monkeypatch):
    monkeypatch.setattr("shutil.which", lambda name: None)
    image.cache_clear()
    with pytest.raises(ToolError, match="nasm is not installed: apt install nasm"):
        image()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["vectors"], "give either --out or --check"),
        (["vectors", "--check", "nowhere"], "nowhere: no vectors there"),
        (["image", "--out", "no/irq13.img"], "no/irq13.img: No such file or directory"),
        (
            ["conform", "vmware"],
            "no target 'vmware': expected qemu, bochs, dosbox-x, dosbox, v86, a log file, or a command",
        ),
        (["conform", "qemu", "--case", "foo"], "no case 'foo'"),
        (["image", "--list", "--case", "frozen-stor"], "no case 'frozen-stor' (did you mean frozen-store or"),
        (["conform", "--", "my-emulator", "irq13.img"], "the command has no {image}"),
        (["conform", "qemu", "--known", "nowhere.toml"], "'nowhere.toml' does not exist"),
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
