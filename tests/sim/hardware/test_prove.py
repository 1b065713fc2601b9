"""Every property is proved, every state reached; and each property fails on a design that breaks it."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from irq13.hdl.older import pc as older_pc
from irq13.hdl.older.properties import OLDER_PROPERTIES
from irq13.hdl.properties import PROPERTIES
from irq13.model import Parameters
from irq13.model.registers import Generation
from irq13.sim.hardware.prove import prove, prove_one, selected
from support.command import irq13

ROOT = Path(__file__).parents[3]
CASES = [
    (prop, Parameters(generation, hwcr=layout))
    for prop in PROPERTIES
    for generation in prop.generations
    for layout in prop.layouts
]


@pytest.mark.slow
@pytest.mark.parametrize(("prop", "parameters"), CASES, ids=lambda one: getattr(one, "name", None))
def test_it_holds(prop, parameters):
    assert prove_one(prop, parameters).holds


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "generation", "given"),
    [
        ("non-waiting", Generation.I486, {"nowait_window": 9}),
        ("ignne-em", Generation.AMD64, {"port_emulation": True, "synchroniser_stages": 4, "hwcr": "zen"}),
        ("msr-fault", Generation.AMD64, {"port_emulation": True, "reserved_bits": "silicon", "hwcr": "k8"}),
        ("ferr-to-intr", Generation.AMD64, {"fpu_irq": 3}),
    ],
)
def test_it_holds_with_other_parameters_too(name, generation, given):
    (result,) = prove(selected((name,)), [generation], given)
    assert result.holds
    assert result.parameters == Parameters(generation, **given)


HOLDS = "waiting & self.es & (ne | ~self.ignne)"
MF = "may_run & waiting & self.es & ne)"
REPORTS = "self.es & allowed & ~window_end & (self.ferr | op.window | (due & ~gated))"
TAKEN = "(error & ~error_before) | (self.irq13 & ~f0_write)"
WRITES_IGNNE = "with m.If(at_ignne & ~ignne_bad):\n                m.d.sync += self.ignne"
SETS = "yield bit, self._registers[bit] | value[bit]"
INT = "self._int_held | (self._found & ~self._quiet)"
HELD = "goes_on & Mux(self._after_first"
RESTS = "self._quiet.eq(self._polled | last | "
HOLDS_IRR = "Mux(self._second ^ self.inta"
CALLS = "with m.If(self.inta | self._words.icw1):"
# The source text is replaced, and the design not parametrised: a parameter that breaks the core would be a
# line of the core for everybody who builds or reads it, and what is proved would be another design than what
# is built. A text that stands there no longer, or twice, fails the test.
MUTANTS = {
    # Property (and which mutant): generation, file, what stands there, what breaks it.
    "ferr-only-unmasked": ("P6", "reporting", REPORTS, "allowed & (self.ferr | op.ready)"),
    "es": ("I486", "x87", "flags & ~masks", "flags & ~(masks >> 1)"),
    "waiting": ("P6", "reporting", HOLDS, HOLDS.replace("~self", "~op.raises.pe & ~self")),
    "non-waiting": ("I486", "reporting", "done.eq(window == length)", "done.eq(window == length + 1)"),
    "mf": ("P6", "reporting", MF, MF.replace("ne)", "(ne | self.ignne))")),
    "one-answer": ("AMD64", "reporting", "op.freeze.eq(stops & ~op.vmexit)", "op.freeze.eq(stops)"),
    "ignne-n": ("P6", "chipset", "~(ff2 & ~self.ferr_n)", "~ff2"),
    "never-lost": ("P6", "chipset", f"({TAKEN})", "((error & ~error_before) | self.irq13) & ~f0_write"),
    "msr-fault": ("AMD64", "msr", WRITES_IGNNE, WRITES_IGNNE.replace(" & ~ignne_bad", "")),
    # On the layout zen, which is the last one of this property.
    "hwcr: set-only": ("AMD64", "msr", SETS, "yield bit, value[bit]"),
    "hwcr: locked": ("AMD64", "msr", "Mux(self._registers[0], ", "Mux(0, "),
    "hwcr: a fault": ("AMD64", "msr", "with m.If(at_hwcr & ~hwcr_bad):", "with m.If(at_hwcr):"),
    "hwcr: a read": ("AMD64", "msr", "range(64) if self._bits.ones", "range(24) if self._bits.ones"),
    "ignne-em": ("AMD64", "processor", "msr.ignne, pin)", "msr.ignne | pin, pin)"),
    "8259a-mask": ("AMD64", "pic", "asked.eq(self.irr & ~self.imr)", "asked.eq(self.irr & ~(self.imr >> 1))"),
    "8259a-order": ("AMD64", "pic", "self._below(m, asked | self._busy)", "self._below(m, asked)"),
    "8259a-int": ("AMD64", "pic", HELD, HELD.replace("goes_on & ", "")),
    "8259a-hold": ("AMD64", "pic", HOLDS_IRR, HOLDS_IRR.replace("^", "& ~")),
    "8259a-poll": ("AMD64", "pic", "m.Elif(self._acknowledged)", "m.Elif(self._after_first)"),
    # As it was: a master silent between the pulses, and nobody after them.
    "cascade": ("AMD64", "pic", INT, "self._found & ~(self._second & self._leads)"),
    "cascade: no rest after INTA": ("AMD64", "pic", RESTS, RESTS.replace(" | last", "")),
    "cascade: no rest after a poll": ("AMD64", "pic", RESTS, RESTS.replace("self._polled | ", "")),
    "ferr-to-intr": ("AMD64", "pic", f"{HOLDS_IRR}, self.irr, self.ir)", f"{HOLDS_IRR}, self.irr, sampled)"),
    "inta-vector": ("AMD64", "pic", CALLS, "with m.If(1):"),
    "isa-write": ("AMD64", "bus/isa", "io.write.eq(wrote & ~iow)", "io.write.eq(wrote & iow)"),
    "isa-read": ("AMD64", "bus/isa", "ior & (done | io.read)", "ior & ~done & io.read"),
    "wishbone": ("AMD64", "bus/wishbone", "self.stb_i & ~acknowledge", "self.stb_i"),
    "axilite": ("AMD64", "bus/axilite", "takes_write & self.s_axi_wstrb[0]", "takes_write"),
    "reach freeze": ("I486", "reporting", "stops.eq(may_run &", "stops.eq(ne &"),
}
PROVE = """
import sys
from irq13 import hdl
from irq13.model import Parameters
from irq13.sim.hardware.prove import prove_one, selected
assert hdl.__path__[0].startswith(sys.argv[1]), hdl.__path__
(prop,) = selected((sys.argv[2],))
parameters = Parameters(sys.argv[3], hwcr=prop.layouts[-1])
print("HOLDS" if prove_one(prop, parameters).holds else "FAILS")
"""


def test_every_property_has_a_mutant():
    assert {prop.name for prop in PROPERTIES if not prop.is_cover} <= {
        name.partition(":")[0] for name in MUTANTS
    }


@pytest.mark.parametrize("name", MUTANTS)
def test_the_text_that_a_mutant_replaces_stands_once(name):
    _, file, there, broken = MUTANTS[name]
    assert (ROOT / "hdl" / f"{file}.py").read_text("utf-8").count(there) == 1
    assert there != broken


@pytest.mark.slow
@pytest.mark.parametrize("name", MUTANTS)
def test_it_fails_on_a_design_that_breaks_it(name, tmp_path):
    generation, file, there, broken = MUTANTS[name]
    for package in ("hdl", "model", "sim"):
        shutil.copytree(
            ROOT / package, tmp_path / "irq13" / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    source = tmp_path / "irq13" / "hdl" / f"{file}.py"
    text = source.read_text("utf-8")
    source.write_text(text.replace(there, broken), encoding="utf-8")
    command = [sys.executable, "-c", PROVE, str(tmp_path), name.partition(":")[0], generation]
    done = subprocess.run(
        command, cwd=tmp_path, env={"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True
    )
    assert (done.stdout, done.stderr) == ("FAILS\n", "")


OLDER = {one.prop.name: one for one in OLDER_PROPERTIES}
OLDER_MUTANTS = {
    # Property (and which mutant): the class of the block, what stands there, what breaks it.
    "latch-set": ("AtLatch", "self.error & ~seen", "self.error"),
    "latch-set: by RESET": ("AtLatch", "self.error | self.npx_reset", "self.error"),
    "latch-busy": ("OlderPc", "npx.busy | npx.int_ | self.latch", "npx.busy | npx.int_"),
    "latch-busy: a gap": (
        "Npx",
        "with m.Elif(self.execute & computes):",
        "with m.Elif(self.execute & loads):",
    ),
    "latch-kept": ("AtLatch", "self.latch | (self.error & ~seen)", "self.error & (self.latch | ~seen)"),
    "at-no-mf": ("Waits", "if self.parameters.native else 0", "if 1 else 0"),
    "native-mf": ("Waits", "(*CONTROL_UNIT, Operation", "(*CONTROL_UNIT, Operation.FWAIT, Operation"),
    "wait-busy": ("Waits", "self.busy & ~code", "self.npx_busy & ~code"),
    "older-one-answer": ("Waits", "with m.Else():", "with m.If(~held):"),
    "xt-nmi": ("XtNmi", "self.enable & (npx", "(self.enable | self.iochk) & (npx"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", OLDER)
def test_it_holds_on_an_older_machine(name):
    assert prove_one(OLDER[name].prop, OLDER[name].on[-1]).holds


def test_every_older_property_has_a_mutant():
    names = {name.partition(":")[0] for name in OLDER_MUTANTS}
    assert names == {name for name, one in OLDER.items() if not one.prop.is_cover}


@pytest.mark.slow
@pytest.mark.parametrize("name", OLDER_MUTANTS)
def test_it_fails_on_an_older_machine_that_breaks_it(name, monkeypatch):
    block, there, broken = OLDER_MUTANTS[name]
    module = sys.modules[getattr(older_pc, block).__module__]
    text = Path(module.__file__).read_text("utf-8")
    assert text.count(there) == 1
    mutant = {"__name__": module.__name__, "__package__": module.__package__}
    exec(compile(text.replace(there, broken), f"{block} of the mutant", "exec"), mutant)
    for holder in (older_pc, sys.modules["irq13.hdl.older.properties"]):
        monkeypatch.setattr(holder, block, mutant[block], raising=holder is older_pc)
    one = OLDER[name.partition(":")[0]]
    assert not prove_one(one.prop, one.on[min(1, len(one.on) - 1)]).holds


def test_a_property_that_does_not_exist_is_refused():
    with pytest.raises(ValueError, match="no property 'x': expected one of ferr-only-unmasked"):
        selected(("x",))


@pytest.mark.parametrize(
    ("arguments", "which"),
    [("hwcr --generation I486", "of I486"), ("latch-set --parameter nowait_window=7", "with --parameter")],
)
def test_nothing_to_prove_is_no_success(arguments, which, tmp_path):
    done = irq13("prove", *arguments.split(), cwd=tmp_path)
    said = f"irq13: nothing is proved {which} by these properties: {arguments.split()[0]}\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", said)
