"""The machines before the 486 as Verilog: legal, named after the machine, refused where it is missing."""

import pyslang
import pytest
from irq13.model.older import OlderParameters
from irq13.sim.hardware.older_verilog import export_older
from irq13.sim.support.errors import InputError


@pytest.mark.parametrize(
    ("block", "parameters", "name", "port"),
    [
        ("pc", OlderParameters("AT286"), "irq13_pc_at286", "latch"),
        ("xt_nmi", OlderParameters("XT8087", installed=False), "irq13_xt_nmi_xt8087_installed_0", "iochk"),
        ("at_latch", OlderParameters("PC98"), "irq13_at_latch_pc98", "npx_reset"),
    ],
)
def test_a_block(block, parameters, name, port):
    exported = export_older(block, parameters, "systemverilog")
    assert set(exported.files) == {f"{name}.v", f"{name}.sv", f"{name}_template.v", f"{name}_template.vhd"}
    text = exported.files[f"{name}.v"]
    tree = pyslang.syntax.SyntaxTree.fromText(text)
    assert not [one for one in tree.diagnostics if one.isError()]
    assert f"module {name}(" in text
    assert f" {port}" in text
    assert "// One clock." in text


def test_what_there_is_not():
    with pytest.raises(
        InputError, match="no block 'xt_nmi' on AT286: expected one of pc, npx, waits, at_latch"
    ):
        export_older("xt_nmi", OlderParameters("AT286"))
    with pytest.raises(InputError, match="no language 'ada'"):
        export_older("pc", OlderParameters("AT286"), "ada")
