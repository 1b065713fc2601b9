"""Random programs under a hypervisor: the CPU in lanes goes where the CPU goes, at every phase."""

import random
import re

import numpy as np
import pytest
from irq13 import hdl
from irq13.model import Generation
from irq13.sim.lanes.lanes import Lanes, kernel_of
from irq13.sim.machines.machine import ModelMachine
from irq13.sim.netlist.lowering import lower
from irq13.sim.scenarios.run import Driver
from irq13.sim.scenarios.scenario import parse_scenario
from irq13.sim.support.toml_source import Source
from irq13.sim.sweep.design import netlist_of
from irq13.sim.sweep.pins import pin_pulse
from irq13.sim.sweep.sweep import phase

PULSES = [
    *[pin_pulse("irq0", 9), pin_pulse("irq14", 5), pin_pulse("nmi", 3), pin_pulse("ignne_n", 7)],
    *[pin_pulse("init", 2), pin_pulse("flush", 1), pin_pulse("stpclk", 6)],
]
ALONE = [*PULSES, pin_pulse("smi", 2), pin_pulse("reset", 2)]
"""Without a hypervisor there is SMM."""
RARE = ("init", "reset")
GUEST = [
    *["fdiv raises=ZE", "fsin raises=IE", "fld1", "fwait", "fclex", "fnclex", "fninit", "fldcw masks=none"],
    *["nop", "nop 4", "cli", "sti", "sti", "mov ss", "popf if=1", "popf if=0", "hlt", "int 0x40", "int 2"],
    *["out 0xf0", "out 0x20, 0x20", "in 0x20", "mov cr0.ts 1", "mov cr0.ts 0", "mov cr0.ne 1"],
    *["vmrun", "stgi", "clgi", "inject 0x08", "virq 0x40", "wrmsr IGNNE 1", "fundefined", "iret"],
]
HOST = [
    *["nop", "nop 3", "sti", "cli", "stgi", "clgi", "fnclex", "fld1", "mov cr0.ts 1", "mov cr0.ne 0"],
    *["wrmsr IGNNE 1", "wrmsr IGNNE 0", "wrmsr HWCR 0x100", "inject 0x75", "inject 2", "inject 0x33"],
    *["virq 0x40", "virq 0x08", "virq off", "popf if=1", "mov ss", "int 0x40", "out 0x20, 0x20", "iret"],
]
BRANCHES = [
    *["fnstsw", "fstsw", "fnstcw", "in 0x21", "rdmsr HWCR", "mov cx, 2", "mov [n], 1", "inc [n]", "dec [n]"],
    *[
        "dec cx",
        "test sw, ZE",
        "test sw, 0x8080",
        "test cw, ZM",
        "test cw, 0x300",
        "test al, 4",
        "cmp [n], 1",
    ],
    *["test msr, 0x100", "fldcw control=0xc00", "exit", "jmp ?", "jz ?", "jnz ?", "jz ?", "jnz ?", "loop ?"],
    *["loop ?, 2", "loop ?, 5"],
]
"""Steps that look at what was stored, and jumps, whose labels come last."""


def random_scenario(seed, hypervisor=True):
    """A program with handlers; or a guest, and a hypervisor with some of the exits and some handlers."""
    pick = random.Random(seed)
    own = [step for step in GUEST if hypervisor or step.split()[0] not in ("inject", "virq")]
    own += [] if hypervisor else ["hlt", "hlt", "hlt"]

    def block(steps, most, end):
        letter = "h" if steps is HOST else "g"
        lines = [pick.choice(pick.choice([steps, steps, BRANCHES])) for _ in range(pick.randrange(most))]
        if pick.random() < 0.04:
            lines.append("reset" if pick.random() < 0.5 else "init")
        lines = [
            f"{letter}{pick.randrange(10**9)}: {line}" if pick.random() < 0.3 else line for line in lines
        ]
        return "'''\n" + "\n".join([*lines, end]).replace("?", f"?{letter}") + "\n'''\n"

    text = "generation = 'AMD64'\nlimit = 2000\nprogram = '''\nbios\nsti\nfninit\ng0: fldcw masks=none\n"
    text += block(own, 25, "nop 3").removeprefix("'''\n") + "[handlers]\n"
    for vector in (2, 6, 7, 13, 16, 0x08, 0x40, 0x75, 0x76):
        if pick.random() < 0.9:
            eoi = "out 0xa0, 0x20\nout 0x20, 0x20\n" if vector >= 0x70 else "out 0x20, 0x20\n"
            trap = " trap" if pick.random() < 0.2 else ""
            end = f"{eoi}iret" if pick.random() < 0.9 else "nop"
            text += f"'{vector:02x}h{trap}' = " + block(own, 3, end)
    if pick.random() < 0.3:
        text += "reset = " + block(own, 5, "nop")
    if not hypervisor:
        text += "smi = " + block([*own, "rsm"], 8, "rsm")
    else:
        text += "[hypervisor]\nstart = " + block(HOST, 5, "h0: vmrun") + "7Eh = " + block(HOST, 5, "vmrun")
        for name in ("60h", "61h", "64h", "80h", "84h", "85h", "'out 0xf0'", "'out 0x20 0xa0'"):
            if pick.random() < 0.5:
                text += f"{name} = " + block(HOST, 5, "vmrun")
        for name in ("'handler 08h'", "'handler 02h trap'", "'handler 07h'"):
            if pick.random() < 0.3:
                text += f"{name} = " + block(HOST, 3, "iret")
    labels = {letter: re.findall(rf"^({letter}\d+):", text, re.MULTILINE) for letter in "gh"}
    text = re.sub(r"\?([gh])", lambda found: pick.choice(labels[found[1]]), text)
    return parse_scenario(Source("random.toml", text), "random")


OPERANDS = ("sw", "cw", "msr", "al", "cx", "[n]")


def stored(cpu, name):
    where = cpu.stores.memory if name.startswith("[") else cpu.stores.values
    return where.get(name, 0)


STATE = {
    "cpu.zf": lambda cpu, pc: cpu.stores.zero,
    "cpu.smm": lambda cpu, pc: cpu.smm is not None,
    **{f"cpu.mem.{name}": lambda cpu, pc, name=name: stored(cpu, name) for name in OPERANDS},
    "cpu.if": lambda cpu, pc: cpu.interrupts,
    "cpu.host": lambda cpu, pc: cpu.host,
    "cpu.gif": lambda cpu, pc: cpu.gif,
    "cpu.nmi_blocked": lambda cpu, pc: cpu.nmi_blocked,
    "cpu.cr0": lambda cpu, pc: int(cpu.cr0) >> 1 & 7 | int(cpu.cr0) >> 5 << 3,
    "cpu.frame.valid": lambda cpu, pc: (1 << len(cpu._frames)) - 1,
    "processor.x87.flags": lambda cpu, pc: int(pc.processor.state.flags),
    "processor.x87.masks": lambda cpu, pc: int(pc.processor.state.masks),
    "processor.reporting.ferr": lambda cpu, pc: pc.processor.reporting.ferr,
    "chipset.irq13": lambda cpu, pc: pc.chipset.ff1,
    "master.isr": lambda cpu, pc: pc.master.isr,
    "slave.isr": lambda cpu, pc: pc.slave.isr,
}


@pytest.fixture(scope="module")
def pc():
    scenario = random_scenario(0)
    return lower(hdl.Pc(scenario.parameters_for(Generation.AMD64)))


def compare(seed, pc, lanes_wanted, cycles, kinds, hypervisor=True):
    """Runs of one program at as many phases: the first difference, or None."""
    scenario = random_scenario(seed, hypervisor)
    pulses = PULSES if hypervisor else ALONE
    chance = np.random.default_rng(seed)
    times = chance.integers(0, cycles - 10, (len(pulses), lanes_wanted))
    for number, one in enumerate(pulses):
        if one.pin in RARE:
            times[number] *= 3
    lanes = Lanes(kernel_of(netlist_of(scenario, Generation.AMD64, pulses, pc), engine="numpy"), lanes_wanted)
    for number, (one, cycle) in enumerate(zip(pulses, times, strict=True)):
        lanes.set_register(f"at{number}.on", cycle)
        lanes.set_register(f"at{number}.off", cycle + one.width)
    seen = []
    for _ in range(cycles):
        lanes.run(1)
        row = {name: lanes.register(name) for name in STATE if name in lanes.names}
        row["done"] = lanes.register("cpu.done")
        row["overflow"] = lanes.register("seen.overflow") if "seen.overflow" in lanes.names else 0 * times[0]
        seen.append(row)
    for lane in range(lanes_wanted):
        alone = phase(scenario, pulses, [int(column[lane]) for column in times])
        driver = Driver(ModelMachine(scenario.parameters_for(Generation.AMD64)), alone.program, alone.pins)
        for cycle, row in enumerate(seen):
            driver.step()
            if row["overflow"][lane]:
                break
            if row["done"][lane] and driver.cpu.current:
                return f"seed {seed}, cycle {cycle}, {lane}, {alone.pins}: over in lanes only"
            wanted = {name: int(get(driver.cpu, driver.machine._pc)) for name, get in STATE.items()}
            got = {name: int(row[name][lane]) for name in STATE if name in row}
            if got != {name: wanted[name] for name in got}:
                differs = {name: (wanted[name], got[name]) for name in got if got[name] != wanted[name]}
                return f"seed {seed}, cycle {cycle}, {alone.pins}: {differs}"
        kinds |= {(event.kind, event.value if event.kind == "exits" else 0) for event in driver.cpu.events}
    return None


def check(seeds, pc, lanes, codes, hypervisor=True):
    kinds = set()
    found = [compare(seed, pc, lanes, 120, kinds, hypervisor) for seed in seeds]
    assert found == [None] * len(found)
    assert codes <= {value for kind, value in kinds if kind == "exits"}
    assert {"enters", "returns", "flushes", "stops", "init"} <= {kind for kind, _ in kinds}


HYPERVISOR_SEEDS = (8, 17, 18, 22, 27, 30)


@pytest.mark.slow
def test_hypervisor_programs_in_lanes_are_those_of_the_cpu(pc):
    check(HYPERVISOR_SEEDS, pc, 24, {0x60, 0x61, 0x64, 0x7B, 0x7E, 0x80, 0x84})


@pytest.mark.slow
def test_programs_with_smm_in_lanes_are_those_of_the_cpu(pc):
    check((8, 12, 17, 23, 30, 35), pc, 24, set(), hypervisor=False)


@pytest.mark.slow
def test_more_of_them(pc):
    seeds = [seed for seed in range(24) if seed not in HYPERVISOR_SEEDS]
    check(seeds, pc, 24, {0x60, 0x61, 0x7B, 0x80})
