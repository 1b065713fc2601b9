"""The cycle contract is said once: the README's table, the rule file and the Verilog header are its rows."""

from pathlib import Path

from irq13.model import Parameters
from irq13.sim.hardware.verilog import export
from irq13.sim.timing.contract import CONTRACT
from irq13.sim.timing.rule_file import load_rules

README = Path(__file__).parents[3] / "model" / "README.md"


def test_the_readme_has_the_rows():
    section = README.read_text("utf-8").partition("\n## The cycle contract\n")[2].partition("\n## ")[0]
    table = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("|")]
    assert table == [
        ["cause in cycle n", "effect"],
        ["---", "---"],
        *([row.cause, row.effect] for row in CONTRACT),
    ]


def test_the_rule_file_has_the_rules_each_in_one_row():
    in_file = [rule.text for _, rule in load_rules("contract").rules]
    in_rows = [rule for row in CONTRACT for rule in row.rules]
    assert sorted(in_file) == sorted(in_rows)


def test_the_verilog_header_has_the_rows():
    header = export("reporting", Parameters()).files["irq13_reporting_amd64.v"].partition("`timescale")[2]
    lines = [line.removeprefix("//").split() for line in header.splitlines() if line.startswith("//")]
    for row in CONTRACT:
        assert f"{row.port_cause} {row.port_effect}".split() in lines
