"""Parameters and machines on the command line: which go together, and what is said where they do not."""

from click.testing import CliRunner
from irq13.sim.cli.main import main


def test_parameters_are_of_one_machine():
    """In-process: names, values and machines that do not go together."""
    for arguments, message in (
        (
            ["lockstep", "--machine", "P6", "--parameter", "native=1"],
            "P6 has no parameter 'native': expected",
        ),
        (
            ["lockstep", "--machine", "XT8087", "--parameter", "native=1"],
            "XT8087: native is for where there is",
        ),
        (["lockstep", "--machine", "P6", "--generation", "P6"], "--machine stands alone"),
        (["lockstep", "--machine", "PC98", "--parameter", "cpu=z80"], "80386, not 'z80' (or 486)"),
        (
            ["lockstep", "--parameter", "irq13_fro=error"],
            "no parameter 'irq13_fro' (did you mean irq13_from?)",
        ),
        (["lockstep", "--parameter", "npx_cycles=x"], "npx_cycles must be a number, not 'x'"),
        (["run", "--parameter", "native=1"], "I486 has no parameter 'native'"),
        (["run", "--machine", "PC98", "--parameter", "cpu=486", "--parameter", "native=1"], "of I486"),
        (["run", "--machine", "all", "--parameter", "npx_cycles=0"], "npx_cycles must be 1..255, not 0"),
        (["fuzz", "--machine", "AT286"], "`irq13 lockstep --machine AT286` compares its model and HDL"),
        (["mutate", "--machine", "AT286", "--generation", "P6"], "--machine stands alone"),
    ):
        result = CliRunner().invoke(main, arguments)
        assert result.exit_code == 2
        assert message in result.stderr, arguments
    for arguments, words in (
        (["--machine", "AT286"], "AT286: 20 cycles"),
        (["--machine", "PC98", "--parameter", "cpu=486"], "PC98: 20 cycles"),
    ):
        assert words in CliRunner().invoke(main, ["lockstep", "--cycles", "20", *arguments]).stdout


def test_a_pc98_with_a_486_runs_what_is_written_for_one(tmp_path, monkeypatch):
    """With --machine and without; what the scenario expects of a latch is not judged there."""
    monkeypatch.chdir(tmp_path)
    for chosen in ([], ["--machine", "PC98"]):
        arguments = ["run", "pc98-handler", *chosen, "--on", "model", "--parameter", "cpu=486"]
        result = CliRunner().invoke(main, arguments)
        assert (result.exit_code, "pass  handler 10h enters once" in result.stdout) == (0, True), (
            result.output
        )
        assert "(not judged: there is no error, latch on a PC-98 with a 486)" in result.stdout


def test_the_page_is_for_the_486_and_later():
    result = CliRunner().invoke(main, ["play", "xt-nmi"])
    assert result.exit_code == 2
    assert "xt-nmi is for XT8087: the page has the PCs from the 486 on" in result.stderr
