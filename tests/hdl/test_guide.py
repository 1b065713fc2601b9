"""The timing diagrams of hdl/README.md are what the runs give, by our WaveJSON and WaveDrom."""

import json
import re
from pathlib import Path

import pytest
import wavedrom
from support.command import irq13

HDL = Path(__file__).parents[2] / "hdl"
PAGE = (HDL / "README.md").read_text("utf-8")
DIAGRAMS = re.findall(r"!\[[^\]]+\]\((\w+\.svg)\)\n\n<!-- by: irq13 run (\S+); irq13 view (.*?) -->", PAGE)


@pytest.mark.parametrize(("picture", "scenario", "view"), DIAGRAMS, ids=[one[0] for one in DIAGRAMS])
def test_a_diagram_is_what_its_run_gives(picture, scenario, view, tmp_path):
    assert irq13("run", scenario, "--on", "model", cwd=tmp_path).returncode == 0
    assert irq13("view", *view.split(), "--wavejson", "x.json", cwd=tmp_path).returncode == 0
    text = (tmp_path / "x.json").read_text("utf-8")
    assert len(json.loads(text)["signal"]) > 1
    assert wavedrom.render(text).tostring() == (HDL / picture).read_text("utf-8").partition("\n")[2]


def test_there_are_diagrams():
    assert len(DIAGRAMS) == PAGE.count(".svg)") == 2
