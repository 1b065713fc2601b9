"""The core file: what it says, and its targets as FuseSoC runs them."""

import pytest
from irq13.model import Parameters
from irq13.sim.hardware.fusesoc import core_file
from irq13.sim.hardware.prove import selected
from irq13.sim.hardware.verilog import BLOCKS, export, write_verilog
from support.fusesoc_targets import fusesoc

NAME = "irq13_chipset_amd64"


@pytest.mark.slow
def test_every_target_of_a_core_runs(tool, tmp_path):
    """And fails where the Verilog is another (`synth` is in test_bitstream)."""
    for name in ("perl", "make", "g++", "iverilog"):
        tool(name)
    write_verilog(export("chipset", Parameters()), tmp_path)
    other = export("msr", Parameters(port_emulation=True))
    write_verilog(other, tmp_path)
    for target, name, says in (
        ("lint", NAME, f"verilator -f {NAME}"),
        ("sim", NAME, "PASS=1 FAIL=0"),
        ("sim_verilator", NAME, "PASS=1 FAIL=0"),
        ("formal", other.name, "2 of 2 hold"),
    ):
        status, said = fusesoc(target, name, tmp_path)
        assert (status, says in said) == (0, True), said[-3000:]
    source = tmp_path / f"{NAME}.v"
    text = source.read_text()
    source.write_text(text.replace("/* verilator lint_off UNUSEDSIGNAL */", ""))
    assert fusesoc("lint", NAME, tmp_path)[0] != 0
    source.write_text(text.replace("io_address == 8'hf0", "io_address == 8'hf1"))
    assert source.read_text() != text
    status, said = fusesoc("sim", NAME, tmp_path)
    assert status == 1
    assert "Divergence: cycle" in said


def test_the_core_file_is_capi2():
    import yaml

    for block in BLOCKS:
        name = f"irq13_{block}_amd64"
        text = core_file(name, block, Parameters())
        assert text.startswith("CAPI=2:\n")
        core = yaml.safe_load(text.partition("\n")[2])
        assert core["filesets"]["rtl"]["files"] == [{f"{name}.v": {"file_type": "verilogSource"}}]
        assert {target["toplevel"] for target in core["targets"].values()} == {name}
        assert core["targets"]["default"]["filesets"] == ["rtl"]
        assert core["targets"]["sim"]["flow_options"]["cocotb_module"] == f"{name}_test"
        assert ("synth" in core["targets"]) == (block == "pc")
        prove = core["scripts"]["formal"]["cmd"]
        assert prove[:2] == ["irq13", "prove"]
        assert selected(tuple(name for name in prove[2:] if name[0] != "-" and name != "AMD64"))
    parameters = Parameters("I486", nowait_window=7, ferr_enable=False)
    core = yaml.safe_load(core_file("x", "pc", parameters).partition("\n")[2])
    given = "--generation I486 --parameter ferr_enable=0 --parameter nowait_window=7".split()
    commands = {name: script["cmd"] for name, script in core["scripts"].items()}
    assert commands["formal"] == ["irq13", "prove", *given]
    assert commands["synth"] == ["irq13", "build", "icebreaker", *given]
