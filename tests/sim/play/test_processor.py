"""The page's processor goes where `cpu.Cpu` goes, cycle by cycle, whatever is pressed."""

import random
from functools import cache

import pytest
from irq13 import hdl
from irq13.model import Parameters
from irq13.model.pc import PcInputs
from irq13.model.registers import Cr0
from irq13.sim.cpu.cpu import Cpu
from irq13.sim.cpu.program import Instruction, Program, block_of
from irq13.sim.cpu.steps import parse_step
from irq13.sim.lanes.js_source import javascript_of
from irq13.sim.machines.machine import ModelMachine
from irq13.sim.machines.ports import values_of
from irq13.sim.netlist.lowering import lower
from irq13.sim.play import programs
from irq13.sim.play.programs import instructions, signal_data
from irq13.sim.play.sources import joined_scripts
from support.javascript import evaluate

STEPS = """
    bios | sti | cli | sti | fninit | fldcw masks=none | fldcw masks=all | fdiv raises=ZE | fsin raises=IE
    fst | fstp raises=PE | fwait | fnstsw | fnclex | fclex | out 0xf0 | out 0xf0 | out 0xa0, 0x20
    out 0x20, 0x20 | out 0xa1, 0x20 | in 0xa0 | iret | iret | iret | wrmsr HWCR 0x100 | wrmsr HWCR 0
    wrmsr IGNNE 1 | wrmsr IGNNE 0 | rdmsr IGNNE | wrmsr IGNNE 2 | mov cr0.ne 1 | mov cr0.ne 0 | mov cr0.em 1
    mov cr0.em 0 | mov cr0.ts 1 | mov cr0.ts 0 | mov ss | popf if=1 | int 0x75 | mov ferr_enable 0
    mov ferr_enable 1 | fundefined
"""
TEXTS = [text.strip() for text in STEPS.replace("\n", "|").split("|") if text.strip()]
START = ["bios", "sti", "fninit", "fldcw masks=none"]
# A handshake as it is meant, in between: None lets time pass.
ROUND = [
    "mov cr0.ne 0",
    "mov cr0.em 0",
    "mov cr0.ts 0",
    "bios",
    *[None] * 10,
    "sti",
    "fninit",
    "fldcw masks=none",
]
ROUND += [
    "fdiv raises=ZE",
    "fst",
    *[None] * 9,
    "out 0xf0",
    "fnclex",
    "out 0xa0, 0x20",
    "out 0x20, 0x20",
    "iret",
]
BY_HAND = {
    "by hand": {},
    "served": {0x75: ["out 0xf0", "fnclex", "out 0xa0, 0x20", "out 0x20, 0x20", "iret"]},
}
DRIVE = """(source, text, signals, parts, handlers, actions) => {
    const { Pc, Processor } = (0, eval)(`(() => { ${text}; return { Pc, Processor }; })()`);
    const pc = new Pc((0, eval)(source), signals), cpu = new Processor(handlers), seen = [];
    const pins = {};
    actions.forEach((now) => {
        for (const [what, value] of now) {
            if (what === "press") {
                parts[value].forEach((one, part) => cpu.push({ ...one, key: [value, part] }));
            }
            if (what !== "press") pins[what] = value;
        }
        cpu.nmi = !!pins.nmi;
        if (pins.reset) cpu.reset();
        const inputs = { ...cpu.inputs }, { nmi, ...levels } = pins;
        for (const name in levels) inputs[name] = levels[name];
        const view = cpu.view();
        pc.step(inputs);
        // Which instruction an interrupt came before is not known where none has been pressed yet.
        const step = cpu.taking && !cpu.current ? null : view.step;
        seen.push([inputs, step, view.handler, view.if, view.waiting]);
        cpu.clock(pc.output);
    });
    const events = cpu.events.map(({ cycle, step, kind, value }) => [cycle, step && step.text, kind, value]);
    return { seen, events, blocks: cpu.blocks.map((one) => one.map((part) => part.key || null)) };
}"""


@cache
def source_of(parameters):
    return javascript_of(lower(hdl.Pc(parameters)))


class LiveCpu(Cpu):
    """`Cpu` on blocks that come one after the other: at power-up, after RESET, and for each handler."""

    def __init__(self, blocks, program, parameters):
        self._queue = iter(blocks)
        super().__init__(program, parameters)

    def _begin(self, position, init=False):
        super()._begin(position._replace(block=next(self._queue)), init)

    def _enter(self, vector):
        own = vector not in self._handlers
        if own:
            self._handlers[vector] = next(self._queue)
        super()._enter(vector)
        if own:
            del self._handlers[vector]

    def _fault(self, name):
        if name == "#MF":
            return super()._fault(name)
        self._record(name)
        return True


def random_actions(seed, cycles):
    """What is pressed and which pins change, cycle by cycle."""
    pick = random.Random(seed)
    levels = {"ignne_drive_n": 1, "nmi": 0, "irq": 0}
    actions = [[["press", TEXTS.index(text)] for text in START]]
    waiting = []
    for _ in range(cycles):
        now = []
        if pick.random() < 0.02:
            waiting = list(ROUND)
        if waiting and (text := waiting.pop(0)):
            now.append(["press", TEXTS.index(text)])
        elif not waiting and pick.random() < 0.3:
            now.append(["press", pick.randrange(len(TEXTS))])
        for pin, mask in (("ignne_drive_n", 1), ("nmi", 1), ("irq", 1)):
            if pick.random() < 0.02:
                levels[pin] ^= mask
                now.append([pin, levels[pin]])
        now.append(["reset", int(pick.random() < 0.002)])
        actions.append(now)
    return actions


def twin(parameters, served, actions, blocks):
    """The same with `Cpu` and the model: what the page's processor has to show."""
    nop = Instruction(parse_step(0, "nop")._replace(text="-"), None, last=False)
    made = [block_of([parse_step(0, text)], parameters) for text in TEXTS]
    whole = [[nop if key is None else made[key[0]][key[1]] for key in block] for block in blocks]
    handlers = {vector: [parse_step(0, text) for text in texts] for vector, texts in served.items()}
    cpu, machine = LiveCpu(whole, Program([], handlers), parameters), ModelMachine(parameters)
    pins, seen = {"ignne_drive_n": 1, "nmi": 0, "irq": 0, "reset": 0}, []
    for now in actions:
        pins |= {what: value for what, value in now if what != "press"}
        cpu.pins = cpu.pins | {"nmi": bool(pins["nmi"])}
        if pins["reset"]:
            cpu.reset()
        inputs = cpu.inputs._replace(
            reset=bool(pins["reset"]), ignne_n=bool(pins["ignne_drive_n"]), irq=pins["irq"]
        )
        view = cpu.view()
        seen.append([values_of(inputs), view.step, view.handler, int(view.interrupts), view.waiting])
        cpu.clock(machine.step(inputs))
    events = [[one.cycle, one.step.text if one.step else None, one.kind, one.value] for one in cpu.events]
    return seen, events


def compare(tool, generation, seed, cycles, served):
    parameters = Parameters(generation)
    actions = random_actions(seed, cycles)
    parts = [instructions(text, parameters) for text in TEXTS]
    handlers = {
        str(vector): [part for text in texts for part in instructions(text, parameters)]
        for vector, texts in served.items()
    }
    source = source_of(parameters)
    got = evaluate(
        tool, DRIVE, source, joined_scripts("pc", "processor"), signal_data(), parts, handlers, actions
    )
    seen, events = twin(parameters, served, actions, got["blocks"])
    idle = values_of(PcInputs(cr0=Cr0(0)))
    for cycle, (shown, wanted) in enumerate(zip(got["seen"], seen, strict=True)):
        shown[1] = wanted[1] if shown[1] is None else shown[1]
        levels = {name: int(str(level), 0) for name, level in shown[0].items()}
        assert [idle | levels, *shown[1:]] == wanted, f"cycle {cycle}"
    # What comes next at the end of a block is not known here either, nor what an instruction stores.
    told = [[cycle, kind, value * (kind != "executes")] for cycle, _, kind, value in events]
    heard = [[cycle, kind, value * (kind != "executes")] for cycle, _, kind, value in got["events"]]
    assert heard == told
    return {event[2] for event in events}


@pytest.mark.parametrize(
    ("generation", "cycles", "how"),
    [
        ("I486", 800, "by hand"),
        pytest.param("I486", 3000, "by hand", marks=pytest.mark.slow),
        pytest.param("P6", 3000, "served", marks=pytest.mark.slow),
        pytest.param("AMD64", 3000, "by hand", marks=pytest.mark.slow),
    ],
)
def test_it_does_what_cpu_does(tool, generation, cycles, how):
    kinds = compare(tool, generation, 24, cycles, BY_HAND[how])
    assert {"executes", "freezes", "enters", "returns", "reads", "#GP"} <= kinds


def test_another_processor_is_noticed(tool, monkeypatch):
    """A processor that does not restart the frozen instruction."""
    text = joined_scripts("pc", "processor")
    wrong = text.replace("if (this.interrupted()) return false;", "if (this.interrupted()) return true;")
    assert wrong != text
    monkeypatch.setitem(globals(), "joined_scripts", lambda *_: wrong)
    with pytest.raises(AssertionError):
        compare(tool, "I486", 24, 400, {})


def test_every_signal_is_found():
    assert set(signal_data()) == {name for _, name, _ in programs.variable_data()}
