"""The cases of the test vectors, family by family: how each gets to its state, and what goes in."""

import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from ...model.chipset import IoAccess
from ...model.msr import MsrRequest
from ...model.pc import PcInputs
from ...model.registers import (
    BIOS_WORDS,
    PIC_MASTER,
    PIC_SLAVE,
    PORT_F0,
    Cr0,
    ExceptionFlag,
    Family,
    Generation,
    Hwcr,
    Msr,
    Operation,
    Parameters,
    ReservedBits,
)
from ...model.x87 import OperationRequest, missing
from ..machines.machine import KeptMachine
from ..scenarios.run import Driver
from ..scenarios.scenario import load_scenario
from .pic_transactions import CASES as PIC_CASES

DOS = Cr0(0)


class VectorCase(NamedTuple):
    """One test."""

    name: str
    rule: str
    parameters: Parameters
    setup: Sequence[PcInputs]
    steps: Sequence[PcInputs]


def _op(code: Operation, cr0: Cr0 = DOS, **fields: Any) -> PcInputs:
    return PcInputs(operation=OperationRequest(code, **fields), cr0=cr0)


def _out(port: int, data: int = 0) -> PcInputs:
    return PcInputs(io=IoAccess(port, True, data))


def _pending(flags: int, masks: int) -> list[PcInputs]:
    """From power-up to these flags and masks, without #NM and with nothing reported on the way."""
    return [_op(Operation.FLDENV, control=masks, status=flags)]


def _amd(**others: Any) -> Parameters:
    return Parameters(Generation.AMD64, **others)


def _error_state() -> Iterator[VectorCase]:
    """Every operation on flags and masks, each in many states, under NE = 1 so that nothing freezes."""
    rules = {
        Operation.ARITHMETIC: "SDM1 8.1.3.3: flags are sticky; ES follows flags and masks",
        Operation.FLDCW: "SDM1 8.1.3.3: unmasking a set flag makes it pending",
        Operation.FLDENV: "APM1 6: ES and B of an image are ignored",
        Operation.FRSTOR: "APM1 6: ES and B of an image are ignored",
        Operation.FXRSTOR: "SDM2 FXRSTOR: loads without a check",
        Operation.XRSTOR: "SDM2 XRSTOR: loads without a check",
        Operation.FNSTENV: "SDM2 FSTENV: stores, then masks all exceptions",
        Operation.FNSAVE: "SDM2 FSAVE: stores, then as FNINIT",
        Operation.FNINIT: "SDM3 table 9-1: masks all 1, flags all 0",
        Operation.FNCLEX: "SDM2 FCLEX: clears bits 0-7 and 15, SF among them",
        Operation.UNDEFINED: "SDM3 22.18.6.6: #UD without a check of the error state",
    }
    chance = random.Random("error state")
    for code in Operation:
        for number in range(60):
            flags, masks = chance.randrange(128), chance.randrange(64)
            if number % 3 == 0:
                flags &= masks | 0x40  # nothing pending, so that a waiting one executes
            raises = ExceptionFlag(chance.choice((0, 1 << chance.randrange(7), chance.randrange(128))))
            fields: dict[str, Any] = {
                "control": chance.randrange(1 << 16),
                "status": chance.randrange(1 << 16),
            }
            if code is Operation.ARITHMETIC:
                fields |= {"raises": raises, "family": chance.choice(list(Family))}
            rule = rules.get(code, "SDM1 8.3.11-12: no effect on flags and masks")
            steps = [_op(code, Cr0.NE, **fields), PcInputs(cr0=Cr0.NE), PcInputs(cr0=Cr0.NE)]
            yield VectorCase(
                f"{code.name} {flags:02x}/{masks:02x} {number}", rule, _amd(), _pending(flags, masks), steps
            )


def _native() -> Iterator[VectorCase]:
    """NE = 1: who raises #MF, on every generation; EM, TS and MP before it."""
    for generation in Generation:
        for code in Operation:
            for cr0 in (Cr0.NE, Cr0.NE | Cr0.TS, Cr0.NE | Cr0.EM, Cr0.NE | Cr0.MP, Cr0.NE | Cr0.MP | Cr0.TS):
                for flags in (0x04, 0x41, 0x00):
                    step = _op(code, cr0, control=0x37F)
                    steps = [step, step, *[PcInputs(cr0=cr0)] * 3]
                    bits = "|".join(str(bit.name) for bit in cr0)
                    rule = "SDM1 8.7.1: #MF before a waiting instruction"
                    if Cr0.EM in cr0 or Cr0.TS in cr0:
                        rule = "SDM3 table 2-2: EM, TS and MP decide on #NM first"
                    if missing(code, Parameters(generation)):
                        rule = "SDM2: an opcode that the generation does not have is #UD, whatever CR0 says"
                    name = f"{generation.value} {code.name} {bits} flags {flags:02x}"
                    yield VectorCase(name, rule, Parameters(generation), _pending(flags, 0), steps)


_SCENARIO_RULES = {
    "handshake": (
        "SDM1 D.2.1.2, figure D-2: FERR#, IRQ 13, F0h, IGNNE#",
        "dos-divide-by-zero bios-int75-to-int02 handler-clears-first handler-djgpp handler-linux "
        "handler-openwatcom "
        "every-waiting-op-checks freeze-must-hold frozen-store-must-restart fnclex-must-release-ignne "
        "fninit-must-negate-ferr second-error-under-ignne unmask-pending ignne-left-on "
        "reset-must-release-ignne "
        "deferred-and-immediate i486-same-program p6-same-program no-wait-case-1 no-wait-case-2 "
        "no-wait-second-window ferr-under-ne native-mf native-mode-must-not-interrupt "
        "interrupts-off-deadlock",
    ),
    "pic": (
        "Intel 8259A, SDM1 D.2.1.2: IRQ 13 is IR5 of the slave, vector 75h",
        "irq0-beats-irq13 slave-masked-deadlock irq13-must-not-stick deadlock-must-be-diagnosed "
        "other-interrupts-must-not-lose-irq13",
    ),
    "chipset": (
        "SDM1 figure D-1: the two flip-flops behind port F0h",
        "f0-without-error f0-after-fninit-must-not-assert-ignne idle-f0-must-not-mute "
        "enable-bit-must-resample ignne-must-not-latch",
    ),
    "msr": (
        "APM2 15.30: HWCR and IGNNE",
        "ignne-msr ignne-msr-gp allow-ferr-on-ne input-signal-msr input-signal-pin",
    ),
    "svm": ("APM2 15.14.2: FERR_FREEZE", "svm-dos-guest"),
}


def _scenarios(family: str) -> Iterator[VectorCase]:
    """Shipped scenarios, as the inputs that their CPU drives."""
    rule, names = _SCENARIO_RULES[family]
    for name in names.split():
        scenario = load_scenario(name)
        for generation in scenario.generations:
            parameters = scenario.parameters_for(generation)
            recorder = KeptMachine(parameters)
            Driver(recorder, scenario.program, scenario.pins).run(scenario.limit)
            yield VectorCase(
                f"{generation.value} {name}", f"{rule} ({scenario.title})", parameters, [], recorder.inputs
            )


def _handshake() -> Iterator[VectorCase]:
    yield from _scenarios("handshake")
    for generation in Generation:
        for family in Family:
            for flag in list(ExceptionFlag)[:6]:
                raise_it = _op(Operation.ARITHMETIC, family=family, raises=flag)
                steps = [raise_it, *[PcInputs()] * 4, *[_op(Operation.FWAIT)] * 3, *[PcInputs()] * 3]
                rule = "SDM1 D.2.1.1: which exceptions are reported at once"
                name = f"{generation.value} {family.name} {flag.name}"
                yield VectorCase(name, rule, Parameters(generation), [_op(Operation.FLDENV)], steps)


def _chipset() -> Iterator[VectorCase]:
    yield from _scenarios("chipset")
    chance = random.Random("chipset")
    moves = {
        "error": [_op(Operation.ARITHMETIC, raises=ExceptionFlag.ZE), PcInputs()],
        "f0": [_out(PORT_F0, 0x55)],
        "read f0": [PcInputs(io=IoAccess(PORT_F0))],
        "f1": [_out(PORT_F0 + 1)],
        "clear": [_op(Operation.FNCLEX)],
        "idle": [PcInputs()],
        "disable": [PcInputs(ferr_enable=False)],
        "enable": [PcInputs(ferr_enable=True)],
        "reset": [PcInputs(reset=True)],
    }
    for number in range(200):
        names = [chance.choice([*moves, "error", "f0"]) for _ in range(10)]
        steps = [step for name in names for step in moves[name]]
        rule = "SDM1 D.2.1.2, figure D-1: FF1 set by FERR# falling, FF2 held clear while FERR# is high"
        generation = list(Generation)[number % 3]
        yield VectorCase(
            f"{generation.value} {number}: {', '.join(names)}", rule, Parameters(generation), [], steps
        )


def _pic_family() -> Iterator[VectorCase]:
    yield from _scenarios("pic")
    bios = [_out(port, word) for port, word in BIOS_WORDS]
    error = [_op(Operation.FLDENV), _op(Operation.ARITHMETIC, raises=ExceptionFlag.ZE), *[PcInputs()] * 4]
    chance = random.Random("pic")
    inta, eoi = [PcInputs(inta=True)] * 2, [_out(PIC_SLAVE, 0x20), _out(PIC_MASTER, 0x20)]
    moves = {
        "inta": inta,
        "eoi": eoi,
        "f0": [_out(PORT_F0)],
        "error": [_op(Operation.FNCLEX), PcInputs(), PcInputs(), *error[1:]],
        "mask": [_out(PIC_SLAVE + 1, 0x20)],
        "unmask": [_out(PIC_SLAVE + 1, 0)],
        "irr": [_out(PIC_SLAVE, 0x0A), PcInputs(io=IoAccess(PIC_SLAVE))],
        "isr": [_out(PIC_SLAVE, 0x0B), PcInputs(io=IoAccess(PIC_SLAVE))],
        "poll": [_out(PIC_SLAVE, 0x0C), PcInputs(io=IoAccess(PIC_SLAVE))],
        "irq0": [PcInputs(irq=1), PcInputs(irq=1), PcInputs()],
    }
    for number in range(150):
        names = [chance.choice([*moves, "inta", "eoi"]) for _ in range(7)]
        steps = [step for name in names for step in moves[name]]
        rule = "Intel 8259A, INTERRUPT SEQUENCE and CASCADE MODE: IRQ 13 as IR5 of the slave"
        yield VectorCase(
            f"{number}: {', '.join(names)}", rule, Parameters(Generation.P6), [*bios, *error], steps
        )
    for case in PIC_CASES:
        steps = [one.inputs for one in case.transactions()]
        yield VectorCase(case.name, case.rule, Parameters(Generation.P6), [], steps)


def _msr_family() -> Iterator[VectorCase]:
    yield from _scenarios("msr")
    values = [0, 1, 2, 0x80, 0x100, 0x180, 0x101, 1 << 31, 1 << 32, (1 << 64) - 1]
    for mode in ReservedBits:
        for generation in Generation:
            parameters = Parameters(generation, reserved_bits=mode)
            for address in (*Msr, Msr.IGNNE ^ 1):
                for value in values:
                    for cpl in (0, 3):
                        write = PcInputs(msr=MsrRequest(int(address), True, value, cpl))
                        back = [PcInputs(msr=MsrRequest(int(one))) for one in Msr]
                        rule = "APM2 15.30, PPR: reserved bits and CPL, #GP(0) changes nothing"
                        name = f"{generation.value} {mode.value} wrmsr {int(address):08x} {value:x} cpl {cpl}"
                        yield VectorCase(name, rule, parameters, [], [write, *back, PcInputs()])
    yield from _sources()


def _sources() -> Iterator[VectorCase]:
    """IgnneEm switches between pin and bit in the next cycle, also in the middle of a freeze."""
    chance = random.Random("sources")
    for number in range(100):
        steps, pin = [], True
        for _ in range(14):
            pin ^= chance.random() < 0.3
            one = _op(Operation.FWAIT) if chance.random() < 0.7 else PcInputs()
            if chance.random() < 0.4:
                em = chance.random() < 0.5
                value = chance.choice((0, Hwcr.IGNNE_EM, Hwcr.IGNNE_EM | Hwcr.ALLOW_FERR_ON_NE))
                request = (
                    MsrRequest(Msr.HWCR, True, int(value))
                    if em
                    else MsrRequest(Msr.IGNNE, True, chance.randrange(2))
                )
                one = one._replace(msr=request)
            steps.append(one._replace(ignne_n=pin))
        rule = "APM2 15.30.2: with IgnneEm = 1 the MSR replaces the pin"
        yield VectorCase(f"sources {number}", rule, _amd(), _pending(0x04, 0), steps)


def _svm() -> Iterator[VectorCase]:
    yield from _scenarios("svm")
    for generation in Generation:
        for guest in (False, True):
            for intercepts in (False, True):
                for cr0 in (Cr0(0), Cr0.NE):
                    for pin in (True, False):
                        for code in (Operation.FWAIT, Operation.FLDCW, Operation.FNSTSW):
                            setup = [*_pending(0x04, 0), *[PcInputs(ignne_n=pin)] * 3]
                            step = _op(code, cr0)._replace(
                                guest_mode=guest, intercept_ferr_freeze=intercepts, ignne_n=pin
                            )
                            rule = "APM2 15.14.2: #VMEXIT 07Eh when the processor would freeze in a guest"
                            bits = f"guest {guest:d} intercept {intercepts:d} NE {bool(cr0):d} IGNNE# {pin:d}"
                            yield VectorCase(
                                f"{generation.value} {code.name} {bits}",
                                rule,
                                Parameters(generation),
                                setup,
                                [step] * 3,
                            )


FAMILIES: dict[str, tuple[str, Callable[[], Iterator[VectorCase]]]] = {
    "error_state": ("Flags, masks and ES: what each operation does", _error_state),
    "native": ("CR0.NE = 1: #MF, and #NM before it", _native),
    "handshake": ("CR0.NE = 0: the DOS handshake, by processor generation", _handshake),
    "chipset": ("The two flip-flops behind port F0h", _chipset),
    "pic": ("IRQ 13 through the cascaded 8259As", _pic_family),
    "msr": ("HWCR and the IGNNE MSR", _msr_family),
    "svm": ("FERR_FREEZE in a guest", _svm),
}
"""Title and cases of each file."""
