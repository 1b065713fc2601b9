"""Lanes: every engine gives the model's outputs, whatever the number of lanes, blocks and threads."""

import os
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from amaranth.sim import Simulator
from irq13 import hdl
from irq13.model import Parameters
from irq13.model.lanes.pc import LanePc, lane_registers
from irq13.model.pc import Pc
from irq13.sim.fuzz.stimulated import HASH, StimulatedMachine, StimulatedPc, begin, stimulated
from irq13.sim.fuzz.stimulus import TRIPLES, WORDS, seeds, xorshift
from irq13.sim.lanes import compiled, numpy_engine
from irq13.sim.lanes.cache import cached, fingerprint_of
from irq13.sim.lanes.lanes import Lanes, kernel_of, recipe_of
from irq13.sim.machines.lockstep import RandomStimulus
from irq13.sim.machines.machine import ModelMachine
from irq13.sim.machines.ports import INPUTS, OUTPUTS, pack_outputs, split, values_of
from irq13.sim.netlist.lowering import lower
from irq13.sim.support.errors import NetlistError, ToolError

SEED, CYCLES = 5, 2000
ROOT = Path(__file__).parents[3]
WATCHED = ("op_freeze", "irq13")


@pytest.fixture(scope="module", autouse=True)
def compiler(tool):
    tool("cc")


@pytest.fixture(
    scope="module", params=["I486", *(pytest.param(name, marks=pytest.mark.slow) for name in ("P6", "AMD64"))]
)
def stimulated_pc(request):
    """The PC with its stimulus, as a netlist and as a recipe."""
    parameters = Parameters(request.param)
    netlist = stimulated(lower(hdl.Pc(parameters)))
    return parameters, netlist, recipe_of(netlist, WATCHED, toggles=True)


@pytest.fixture(scope="module")
def expected(stimulated_pc):
    """The model's signatures on four lanes, by cycle."""
    machines = [StimulatedMachine(ModelMachine(stimulated_pc[0]), SEED, lane) for lane in range(4)]
    found = [[one.signature for one in machines]]
    for _ in range(CYCLES):
        for one in machines:
            one.step()
        found.append([one.signature for one in machines])
    return found


def _run(kernel, lanes, cycles, threads=1):
    many = Lanes(kernel, lanes, threads)
    begin(many, SEED)
    many.run(cycles)
    return many


@pytest.mark.parametrize(
    ("engine", "cycles"), [pytest.param("numpy", 500, marks=pytest.mark.slow), ("compiled", CYCLES)]
)
def test_lanes_give_the_models_outputs_in_every_cycle(stimulated_pc, expected, engine, cycles):
    """A signature over all outputs, on four lanes and every generation; a cycle of numpy takes 4 ms."""
    many = _run(stimulated_pc[2].kernel(engine), 4, cycles)
    assert many.register(HASH).tolist() == expected[cycles]


@pytest.mark.parametrize("bits", [128, 256])
def test_narrow_vectors_without_avx_512_give_the_same(stimulated_pc, expected, bits):
    many = _run(recipe_of(stimulated_pc[1], bits=bits).kernel("compiled"), 4, CYCLES)
    assert many.register(HASH).tolist() == expected[CYCLES]


def test_the_same_design_in_amaranths_simulator_gives_the_same(stimulated_pc):
    """StimulatedPc is what `stimulated` makes of gates."""
    cycles, dut = 300, StimulatedPc(stimulated_pc[0])
    simulator = Simulator(dut)
    simulator.add_clock(1e-8)
    found = []

    async def testbench(ctx):
        ctx.set(dut.load, 1)
        ctx.set(
            dut.seed, sum(int(word[0]) << 32 * index for index, word in enumerate(seeds(SEED, 1).values()))
        )
        await ctx.tick()
        ctx.set(dut.load, 0)
        await ctx.tick().repeat(cycles)
        found.append(ctx.get(dut.hash))

    simulator.add_testbench(testbench)
    simulator.run()
    assert found == _run(stimulated_pc[2].kernel("numpy"), 1, cycles).register(HASH).tolist()


def test_a_single_flipped_gate_is_caught(stimulated_pc, expected):
    """Some gates, complemented where one register reads it."""
    netlist = stimulated_pc[1]
    indices = [
        index for index, one in enumerate(netlist.registers) if one.name.startswith(("processor", "chipset"))
    ]
    good = _run(stimulated_pc[2].kernel("numpy"), 4, 200).register(HASH).tolist()
    for index in indices[:: len(indices) // 2]:
        registers = list(netlist.registers)
        registers[index] = registers[index]._replace(next=registers[index].next ^ 1)
        broken = type(netlist)(netlist.graph, netlist.inputs, netlist.outputs, registers, netlist.fixed)
        many = _run(kernel_of(broken, engine="numpy"), 4, 200)
        assert many.register(HASH).tolist() != good, registers[index].name


@pytest.mark.parametrize("engine", ["numpy", "compiled"])
def test_what_a_lane_does_depends_on_no_other_lane(stimulated_pc, engine, monkeypatch):
    """Not on how many there are, how they are cut into blocks, nor on threads."""
    kernel = stimulated_pc[2].kernel(engine)
    alone = _run(kernel, 1, 150)
    for lanes, threads in ((65, 1), (513, 2), (2000, 3)):
        many = _run(kernel, lanes, 150, threads)
        assert many.register(HASH)[0] == alone.register(HASH)[0]
        counts = sum(_run(kernel, 1, 0).counts.values())
        assert counts == 0
    monkeypatch.setattr(numpy_engine, "BLOCK_WORDS", 3)
    cut = _run(kernel, 2000, 150, 2)
    assert (cut.register(HASH) == many.register(HASH)).all()
    assert (cut.counts, cut.toggled()) == (many.counts, many.toggled())


def test_engines_count_the_same(stimulated_pc):
    """Ones of watched outputs over all lanes and cycles, and bits that ever changed."""
    runs = [_run(stimulated_pc[2].kernel(engine), 700, 120) for engine in ("numpy", "compiled")]
    assert runs[0].counts == runs[1].counts
    assert all(runs[0].counts.values())
    assert runs[0].toggled() == runs[1].toggled()
    assert runs[0].toggled()["processor.reporting.ferr"] == 1


def test_the_first_failure_is_the_lowest_lane_of_the_first_cycle(stimulated_pc):
    """IRQ 13 taken for a failure; the same from both engines, and as the model has it."""
    found = []
    for engine in ("numpy", "compiled"):
        many = Lanes(kernel_of(stimulated_pc[1], fail=["irq13"], engine=engine), 600)
        begin(many, SEED)
        many.run(100)
        many.run(100)
        found.append(many.first["irq13"])
    assert found[0] == found[1]
    cycle, lane = found[0]
    one = StimulatedMachine(ModelMachine(stimulated_pc[0]), SEED, lane)
    outputs = [one.step()[1].irq13 for _ in range(cycle)]
    assert outputs.index(True) == cycle - 1


def test_each_lane_has_the_stream_of_a_scalar_generator():
    """xorshift of 32 bits, by G. Marsaglia's triples, from the same seed."""
    for (left, right, again), word in zip(TRIPLES, WORDS, strict=True):
        seed = int(seeds(9, 3)[word][2])
        x, bits = seed, [seed >> index & 1 for index in range(32)]
        for _ in range(100):
            x ^= x << left & 0xFFFF_FFFF
            x ^= x >> right
            x ^= x << again & 0xFFFF_FFFF
            bits = xorshift(bits, left, right, again)
            assert sum(bit << index for index, bit in enumerate(bits)) == x


def test_seeds_differ_by_lane_and_generator_and_are_never_0():
    many = np.stack(list(seeds(3, 5000).values()))
    assert (many != 0).all()
    assert len(np.unique(many)) > 4 * 5000 - 10
    assert (seeds(3, 10, 40)["word1"] == seeds(3, 50)["word1"][40:]).all()


OTHERS = {"port_emulation": True, "synchroniser_stages": 3, "reserved_bits": "silicon", "nowait_window": 2}
OTHERS |= {"wiring": "PC98", "ferr_enable": False, "hwcr": "k8"}
GENERATIONS = ("I486", "P6", "AMD64")


@pytest.mark.parametrize(
    "chosen",
    [
        *(pytest.param(Parameters(one), marks=pytest.mark.slow, id=one) for one in GENERATIONS),
        *(pytest.param(Parameters(one, **OTHERS), id=f"{one} others") for one in GENERATIONS),
        pytest.param(Parameters("AMD64", hwcr="zen"), marks=pytest.mark.slow, id="AMD64 zen"),
    ],
)
def test_the_reference_in_lanes_is_the_scalar_model(chosen):
    """64 models with stimulus of their own, and one reference in 64 lanes: every output, every cycle."""
    models = [Pc(chosen) for _ in range(64)]
    stimuli, outputs = [RandomStimulus(seed, chosen) for seed in range(64)], [None] * 64
    zero = np.zeros(1, dtype=np.uint64)
    reference = LanePc(chosen, zero)
    state = {
        name: [~zero if init >> bit & 1 else zero for bit in range(width)]
        for name, (width, init) in lane_registers(chosen).items()
    }

    def planes(rows, widths):
        return {
            name: [
                sum((row[name] >> bit & 1) << lane for lane, row in enumerate(rows)) for bit in range(width)
            ]
            for name, width in widths.items()
        }

    for _ in range(250):
        inputs = [stimulus.next(before) for stimulus, before in zip(stimuli, outputs, strict=True)]
        outputs = [model.step(one) for model, one in zip(models, inputs, strict=True)]
        driven = planes([values_of(one) for one in inputs], INPUTS)
        words = {name: [np.array([bit], dtype=np.uint64) for bit in word] for name, word in driven.items()}
        got, state = reference.step(state, words)
        wanted = planes([split(pack_outputs(one), OUTPUTS) for one in outputs], OUTPUTS)
        valid = int(got["msr_response_valid"][0][0])
        for name, word in wanted.items():
            counts = valid if name in ("msr_response_data", "msr_response_fault") else (1 << 64) - 1
            assert [int(bit[0]) & counts for bit in got[name]] == word, name


def test_without_a_compiler_lanes_are_numpys_and_say_so(monkeypatch):
    monkeypatch.setattr(compiled, "find_compiler", lambda: None)
    recipe = recipe_of(stimulated(lower(hdl.Pc(Parameters("P6")))))
    assert "no C compiler found" in recipe.note
    assert isinstance(recipe.kernel(), numpy_engine.NumpyKernel)
    with pytest.raises(ToolError, match="no C compiler found"):
        recipe.kernel("compiled")
    with pytest.raises(ValueError, match="engine must be one of auto, numpy, compiled, cuda, not 'opencl'"):
        recipe.kernel("opencl")


def test_a_compiler_is_found_by_name_or_by_cc(monkeypatch, tmp_path):
    """One that fails is looked for again: it may have been the disk that was full."""
    monkeypatch.setattr(compiled, "_found", {})
    compiler = tmp_path / "mycc"
    compiler.write_text("#!/bin/sh\nexit 1\n")
    compiler.chmod(0o755)
    monkeypatch.setenv("CC", str(compiler))
    path = os.environ["PATH"]
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(sys.modules, "ziglang", None)
    assert compiled.find_compiler() is None
    monkeypatch.setenv("PATH", path)
    compiler.write_text('#!/bin/sh\nexec cc "$@"\n')
    assert compiled.find_compiler().command == (str(compiler),)
    monkeypatch.delenv("CC")
    assert compiled.find_compiler().command == ("cc",)


def test_a_compiler_that_fails_is_one_line():
    compiler = compiled.find_compiler()
    with pytest.raises(ToolError, match=re.escape(f"{compiler.command[0]} failed: ")):
        compiled.build("this is no C\n", compiler)


def test_a_kernel_is_compiled_once(stimulated_pc):
    compiler = compiled.find_compiler()
    first = compiled.build(stimulated_pc[2].sources["c"], compiler)
    stamp = first.stat().st_mtime_ns
    assert compiled.build(stimulated_pc[2].sources["c"], compiler) == first
    assert first.stat().st_mtime_ns == stamp
    assert not list(first.parent.glob(".build-*"))


def test_a_cache_that_cannot_be_written_is_elsewhere(tmp_path, monkeypatch):
    """In the folder for temporary files; where that cannot be written either, it is one line."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    monkeypatch.setattr(compiled.tempfile, "gettempdir", lambda: str(tmp_path))
    assert compiled.cache_folder() == tmp_path / f"irq13-{os.getuid()}"
    monkeypatch.setattr(compiled.tempfile, "gettempdir", lambda: str(tmp_path / "file"))
    with pytest.raises(PermissionError, match="XDG_CACHE_HOME"):
        compiled.cache_folder()


def test_a_change_in_any_folder_makes_kernels_anew(tmp_path):
    packages = {path.parent for part in ("hdl", "model", "sim") for path in (ROOT / part).rglob("*.py")}
    folders = sorted(str(folder.relative_to(ROOT)) for folder in packages)
    assert {"hdl", "hdl/board", "model/lanes", "sim", "sim/netlist", "sim/waveform/causes"} <= set(folders)
    for folder in folders:
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        (tmp_path / folder / "x.py").write_text("")
    seen = {fingerprint_of(tmp_path)}
    for folder in folders:
        (tmp_path / folder / "x.py").write_text("pass\n")
        seen.add(fingerprint_of(tmp_path))
    assert len(seen) == 1 + len(folders)


def test_recipes_are_kept_and_a_damaged_one_is_made_anew(stimulated_pc, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    made = []

    def make():
        made.append(1)
        return stimulated_pc[2]

    assert cached("this", make) == cached("this", make) == stimulated_pc[2]
    assert len(made) == 1
    cached("that", make)
    assert len(made) == 2
    for path in (tmp_path / "irq13").glob("recipe-*.json"):
        path.write_text("{")
    assert cached("this", make) == stimulated_pc[2]
    assert len(made) == 3


def test_wrong_names_and_values_are_refused(stimulated_pc):
    many = Lanes(stimulated_pc[2].kernel("numpy"), 2)
    with pytest.raises(NetlistError, match="no 'nothing': expected one of"):
        many.register("nothing")
    with pytest.raises(ValueError, match="word0 cannot be 0x100000000"):
        many.set_register("word0", 1 << 32)
    with pytest.raises(ValueError, match="at least 1"):
        Lanes(stimulated_pc[2].kernel("numpy"), 0)
    with pytest.raises(ValueError, match="cycles must be at least 0"):
        many.run(-1)
    with pytest.raises(NetlistError, match="no output 'flags' of one bit"):
        kernel_of(stimulated_pc[1], watch=["flags"])
