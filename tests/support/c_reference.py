"""The reference in C beside the model: events for both, and what both are after each."""

import random
import struct
import subprocess
from pathlib import Path

from irq13.model.chipset import Chipset, ChipsetInputs, IoAccess
from irq13.model.msr import MsrRequest
from irq13.model.processor import Processor, ProcessorInputs
from irq13.model.registers import (
    Cr0,
    ExceptionFlag,
    Family,
    Generation,
    HwcrLayout,
    Msr,
    Operation,
    ReservedBits,
)
from irq13.model.reporting import Decision
from irq13.model.x87 import OperationRequest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "sim" / "conformance" / "c"
PROGRAMS = ROOT / "tests" / "sim" / "conformance" / "programs"
INSTRUCTION, CR0, OUT, ENABLE, PIN, WRMSR, RDMSR, RESET, GUEST, WITHDRAW = range(10)
ASK, EXECUTED = 2, 3
EVENT, OUTCOME = struct.Struct("<BBBBHHIIQ"), struct.Struct("<8BQQ")
ANSWERS = {
    Decision.READY: 0, Decision.FREEZE: 1, Decision.WINDOW: 2, Decision.MF: 3, Decision.NM: 4, Decision.UD: 5,
    Decision.VMEXIT: 6,
}  # fmt: skip


def compile_c(target, *sources, flags=(), include=SOURCE, libraries=()):
    """A program from C sources, with every warning an error."""
    command = ["gcc", "-std=c99", "-Wall", "-Wextra", "-pedantic", "-Werror", "-O2", *flags]
    command += [f"-I{include}", *map(str, sources), "-o", str(target), *libraries]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return target


def choice_of(parameters):
    """The command line of the program for parameters."""
    numbers = (
        list(Generation).index(parameters.generation),
        list(HwcrLayout).index(parameters.hwcr),
        parameters.reserved_bits is ReservedBits.SILICON,
        parameters.port_emulation,
        parameters.mmx,
        parameters.ferr_enable,
    )
    return [str(int(number)) for number in numbers]


def run_c(program, parameters, events):
    """What the reference in C is after each event."""
    data = b"".join(EVENT.pack(*event) for event in events)
    done = subprocess.run([program, *choice_of(parameters)], input=data, capture_output=True)
    assert done.returncode == 0, done
    return [OUTCOME.unpack_from(done.stdout, at) for at in range(0, len(done.stdout), OUTCOME.size)]


class ModelByEvents:
    """The model's processor and chipset, one event at a time, with time enough between them."""

    def __init__(self, parameters):
        self.processor, self.chipset = Processor(parameters), Chipset(parameters)
        self.cr0, self.pin, self.guest, self.intercepts = Cr0(0), False, False, False

    def step(self, operation=None, msr=None, io=None, enable=None, reset=False):
        inputs = ChipsetInputs(reset, self.processor.ferr_n, io, enable)
        ignne_n = self.chipset.settle(inputs).ignne_n and not self.pin
        f0_write = io is not None and io.address == 0xF0
        drives = ProcessorInputs(
            reset, ignne_n, self.cr0, operation, msr, True, self.guest, self.intercepts, f0_write
        )
        self.chipset.clock(inputs)
        return self.processor.step(drives)

    def settle(self):
        before = None
        while before != (now := self._state()):
            before = now
            self.step()

    def _state(self):
        processor, chipset = self.processor, self.chipset
        return (
            processor.reporting.ferr, processor.reporting.window, tuple(processor.synchroniser),
            processor.msr.ignne, chipset.ff1, chipset.ff2, chipset.seen,
        )  # fmt: skip

    def event(self, event):
        kind, a, b, c, control, status, address, _, value = event
        answer = fault = data = 0
        match kind:
            case 0:
                answer = self._instruction(a, b, c, control, status, address)
            case 1:
                self.cr0 = Cr0(a)
            case 2:
                self.step(io=IoAccess(control, True, 0))
            case 3:
                self.step(enable=bool(a))
            case 4:
                self.pin = bool(a)
                self.step()
                self.step()
            case 5 | 6:
                self.step(msr=MsrRequest(address, kind == WRMSR, value if kind == WRMSR else 0, a))
                response = self.step().msr_response
                fault, data = int(response.fault), response.data if kind == RDMSR else 0
            case 7:
                self.cr0, self.guest, self.intercepts = Cr0(0), False, False
                self.step(reset=True)
            case 8:
                self.guest, self.intercepts = bool(a), bool(b)
        self.settle()
        processor, chipset = self.processor, self.chipset
        return (
            answer, int(processor.state.flags), int(processor.state.masks), int(processor.reporting.ferr),
            int(chipset.ff1), int(chipset.ff2 and processor.reporting.ferr), int(processor.ignne), fault,
            int(processor.msr.hwcr), data,
        )  # fmt: skip

    def _instruction(self, code, family, taken, control, status, raises):
        operation = OperationRequest(
            Operation(code), Family(family), ExceptionFlag(raises & 0x7F), control, status
        )
        decision = self.step(operation).decision
        answer = ANSWERS[decision]
        while decision is Decision.WINDOW and not taken:
            decision = self.step(operation).decision
        return answer


def random_events(count, seed):
    """Events that lead to errors, to handlers, and to all else."""
    chance = random.Random(seed)
    events = []
    usual = (
        [Operation.ARITHMETIC] * 8
        + [Operation.FWAIT] * 3
        + [Operation.FNSTSW, Operation.FNCLEX, Operation.FLDCW]
    )
    controls = [0x37F, 0x340, 0x37B, 0x37E, 0x35F, 0, 0xFFFF]
    hwcr = [0, 0x100, 0x180, 0x80, 0x1000010, 0x1000110, 0x1000190, 0x2000100, 1 << 33, 1]
    for _ in range(count):
        kind = chance.choices(range(9), (60, 8, 12, 4, 5, 6, 2, 1, 2))[0]
        a = b = c = control = status = address = value = 0
        match kind:
            case 0:
                a = int(chance.choice(usual) if chance.random() < 0.7 else chance.choice(list(Operation)))
                b, c = chance.randrange(3), int(chance.random() < 0.3)
                control, status = chance.choice(controls), chance.randrange(1 << 16)
                address = chance.choice((0, 0, 1 << chance.randrange(7), chance.randrange(128)))
            case 1:
                a = chance.choice((0, 0, 0, 0x20, 0x20, chance.choice((2, 4, 8, 10, 0x28, 0x24, 0x2A))))
            case 2:
                control = chance.choice((0xF0, 0xF0, 0xF0, 0xF1))
            case 5 | 6:
                a = chance.choice((0, 0, 0, 0, 3))
                address = chance.choice((Msr.HWCR, Msr.HWCR, Msr.IGNNE, 0xC0010114))
                value = chance.choice(hwcr) | (chance.getrandbits(64) if chance.random() < 0.1 else 0)
                if address == Msr.IGNNE:
                    value = chance.choice((0, 1, 1, 2, 1 << 32, (1 << 32) + 1, chance.getrandbits(64)))
            case 3 | 4:
                a = chance.randrange(2)
            case 8:
                a, b = chance.randrange(2), chance.randrange(2)
        events.append((kind, a, b, c, control, status, int(address), 0, value))
    return events


def first_difference(program, parameters, events):
    """The first event after which the two are not the same, or None."""
    machine = ModelByEvents(parameters)
    for index, (event, got) in enumerate(zip(events, run_c(program, parameters, events), strict=True)):
        wanted = machine.event(event)
        if got != wanted:
            return index, event, wanted, got
    return None
