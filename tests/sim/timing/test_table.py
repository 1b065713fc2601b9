"""Each row of the table of README.md: its rule holds, fails and is undecided on its examples."""

import re
from pathlib import Path

import pytest
from irq13.sim.timing.rules import RuleStatus, parse_rule
from support.drawn_traces import drawn

README = Path(__file__).parents[3] / "sim" / "timing" / "README.md"
ROWS = [
    [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
    for line in README.read_text("utf-8").partition("## What a rule means")[2].splitlines()
    if line.startswith("| `")
]
STATUSES = (RuleStatus.PASS, RuleStatus.FAIL, RuleStatus.UNDECIDED)
EXAMPLES = [
    (rule.strip("`"), cell.strip("`"), status)
    for rule, _, _, *cells in ROWS
    for cell, status in zip(cells, STATUSES, strict=True)
    if cell != "none"
]


@pytest.mark.parametrize(("rule", "picture", "status"), EXAMPLES)
def test_an_example_is_what_the_table_says(rule, picture, status):
    assert parse_rule(rule).check(drawn(picture)).status is status


def test_the_table_is_whole():
    """A row for each form, and an example in each column."""
    forms = {type(parse_rule(rule).parts).__name__ for rule, _, _ in EXAMPLES}
    assert forms == {"Follows", "Never", "Absent", "Stable", "PulseWidth", "Quiet", "Order"}
    for status in STATUSES:
        assert sum(one is status for _, _, one in EXAMPLES) > 8
