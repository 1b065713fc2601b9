"""The registers behind a bridge: as a C header that compiles, and as the table of the room's page."""

import subprocess
from pathlib import Path

import pytest
from irq13.hdl.bus import REGISTERS
from irq13.model import Parameters
from irq13.model.registers import PIC_MASTER, PIC_SLAVE, PORT_F0, PORT_F1
from irq13.sim.hardware.register_map import markdown_table
from irq13.sim.hardware.verilog import export

PAGE = Path(__file__).parents[3] / "hdl/bus/README.md"


def test_the_table_of_the_page_is_made_from_the_registers():
    assert markdown_table(4).rstrip() in PAGE.read_text("utf-8")
    expected = {PORT_F0, PORT_F1, PIC_MASTER, PIC_MASTER + 1, PIC_SLAVE, PIC_SLAVE + 1}
    assert {one.port for one in REGISTERS} == expected


@pytest.mark.parametrize(("block", "step"), [("isa", 1), ("axilite", 4)])
def test_the_header_compiles_and_has_every_offset_and_mask(block, step, tool, tmp_path):
    exported = export(block, Parameters())
    header = f"{exported.name}.h"
    (tmp_path / header).write_text(exported.files[header])
    checks = [f"IRQ13_{one.name} == {one.port * step}" for one in REGISTERS]
    for one in REGISTERS:
        for field in one.fields:
            name = f"IRQ13_{one.name}_{field.name}"
            checks += [f"{name}_SHIFT == {field.low}"]
            checks += [f"{name}_MASK >> {name}_SHIFT == {(1 << field.width) - 1}"]
    assert len(checks) > 40
    asserts = "".join(f'_Static_assert({check}, "");\n' for check in checks)
    (tmp_path / "check.c").write_text(f'#include "{header}"\n#include "{header}"\n{asserts}')
    command = [tool("gcc"), "-std=c11", "-Wall", "-Wextra", "-pedantic", "-Werror", "-c", "check.c"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_only_bridges_have_registers():
    assert not [name for name in export("chipset", Parameters()).files if name.endswith((".h", ".md"))]
