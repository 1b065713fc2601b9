"""The save file in the real GTKWave: it loads, groups, and shows names."""

import subprocess

import pytest
from irq13.model.registers import Generation
from irq13.sim.scenarios.run import run_scenario
from irq13.sim.scenarios.scenario import load_scenario
from irq13.sim.waveform.vcd_writer import write_waveform

SCRIPT = """
gtkwave::setMarker 205
for {set i 0} {$i < [gtkwave::getTotalNumTraces]} {incr i} {
  puts "TRACE|[gtkwave::getTraceNameFromIndex $i]|[gtkwave::getTraceValueAtMarkerFromIndex $i]"
}
exit
"""


@pytest.fixture(scope="module")
def traces(tool, tmp_path_factory):
    """Name and value of each line that GTKWave shows, at the second pulse of INTA."""
    folder = tmp_path_factory.mktemp("gtkwave")
    save = write_waveform(
        run_scenario(load_scenario("dos-divide-by-zero"), Generation.I486, "model").trace, folder / "x.vcd"
    )
    (folder / "x.tcl").write_text(SCRIPT)
    command = [tool("xvfb-run"), "-a", tool("gtkwave"), "-S", "x.tcl", save.name]
    output = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60).stdout
    return [line.split("|")[1:] for line in output.splitlines() if line.startswith("TRACE|")]


def test_the_pins_come_first_in_a_group_of_their_own(traces):
    names = [name for name, _ in traces]
    assert names[:5] == ["clk", "pc", "FERR#", "IRQ13", "IR5 (wire)"]
    assert {"pc.cpu", "pc.processor.x87", "pc.processor.msr", "pc.chipset", "pc.master"} <= set(names)


def test_values_and_names_of_enums_are_shown(traces):
    values = dict(traces)
    assert values["FERR#"] == "0"
    assert values["vector[7:0]"] == "75"
    assert values["step"] == "fstp"
    assert values["handler"] == "main"
