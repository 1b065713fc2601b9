"""The bootable image and its cases, and what is said of bad input to the commands of the kit."""

from pathlib import Path

import pytest
from click.testing import CliRunner
from irq13.model import Generation
from irq13.sim.cli.main import main
from irq13.sim.conformance.image import SIZE, image, only
from irq13.sim.conformance.image_cases import CASES, expected_log, log_text
from irq13.sim.support.errors import ToolError
from irq13.sim.tools.nasm import assemble

ROOT = Path(__file__).parents[3]


def invoke(*arguments):
    return CliRunner().invoke(main, list(arguments))


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
