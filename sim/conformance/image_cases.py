"""What the bootable image runs: cases that software can observe, and what the reference says of each.

A case is a list of operations in a small language, one word or two each. From it come machine code (`image`)
and a program for the bus-functional CPU on the reference model; what the program logs on the model, in order,
is what the image expects.

    fld1 fdiv0 fwait ...     x87 instructions (X87)
    sw, cw                   FNSTSW, FNSTCW, and what they store goes to the log
    mark                     a line in the log
    out f0, eoi, mask, unmask, irr, isr, sti, cli, settle
    spin                     nothing, for ever
    cr0.ts 1                 a bit of CR0, in the next instruction in effect
    rdmsr HWCR 180           bits of an MSR go to the log; wrmsr IGNNE 1
"""

from typing import NamedTuple

from ...model.pc import PcOutputs
from ...model.registers import Generation, Parameters
from ..cpu.events import CpuEvent
from ..cpu.program import Program
from ..cpu.steps import Step, parse_step
from ..machines.machine import KeptMachine
from ..scenarios.run import Driver

STATUS_MASK = 0x80FF
MARK, SW, CW, PIC, INT, MF, NM, UD, GP, MSR, TIMEOUT = range(1, 12)
KINDS = {
    MARK: "mark", SW: "SW", CW: "CW", PIC: "IR5", INT: "INT 75h at", MF: "#MF at", NM: "#NM at", UD: "#UD at",
    GP: "#GP at", MSR: "MSR", TIMEOUT: "stuck at",
}  # fmt: skip
"""Kinds of lines in the log; what stands behind 'at' is the operation that is interrupted or faults."""
_AT = (MARK, INT, MF, NM, UD, GP, TIMEOUT)

X87 = {
    # In the language of scenarios, and in NASM's.
    "fld1": ("fld1", "fld1"),
    "fldz": ("fldz", "fldz"),
    "fldneg": ("fld", "fld dword [minus_one]"),
    "fldbig": ("fld", "fld dword [big]"),
    "fdiv0": ("fdiv raises=ZE", "fdiv dword [zero]"),
    "fdiv3": ("fdiv raises=PE", "fdiv dword [three]"),
    "fsqrtneg": ("fsqrt raises=IE", "fsqrt"),
    "flddenormal": ("fld raises=DE", "fld dword [denormal]"),
    "fistbig": ("fist raises=IE", "fist word [area]"),
    "f2xm1empty": ("f2xm1 raises=IE,SF", "f2xm1"),
    "fwait": ("fwait", "fwait"),
    "fnop": ("fnop", "fnop"),
    "fxch": ("fxch", "fxch"),
    "fstp": ("fstp", "fstp dword [area]"),
    "fchs": ("fchs", "fchs"),
    "fclex": ("fclex", "fclex"),
    "fnclex": ("fnclex", "fnclex"),
    "fninit": ("fninit", "fninit"),
    "fnstenv": ("fnstenv", "fnstenv [area]"),
    "fnsave": ("fnsave", "fnsave [area]"),
    "undefined": ("fundefined", "db 0D9h, 0D1h"),
}
"""Instructions without operands."""
LOADS = ("fldcw", "fldenv", "frstor")
"""Those with an image: the masks that are 0 (none for all masked, all), and for the others flags or es."""


class ImageCase(NamedTuple):
    """One case, for real and for protected mode."""

    name: str
    rule: str
    main: tuple[str, ...]
    handler: tuple[str, ...] = ("out f0", "fnclex", "eoi")
    """Of interrupt 75h."""
    fault: tuple[str, ...] = ("fnclex",)
    """Of #MF."""
    amd: bool = False
    """Only where CPUID says AMD, of the generation that has the MSRs."""


class LogLine(NamedTuple):
    """A line of a log."""

    kind: int
    value: int


def _case(
    name: str, rule: str, main: str, handler: str | None = None, fault: str | None = None, amd: bool = False
) -> ImageCase:
    chosen = {"handler": handler, "fault": fault}
    given = {
        key: tuple(part.strip() for part in text.split(","))
        for key, text in chosen.items()
        if text is not None
    }
    return ImageCase(name, rule, tuple(part.strip() for part in main.split(",")), amd=amd, **given)


_ZE = "fninit, fldcw ZE, sti, fld1, fdiv0, "
_QUIET = "fninit, mask, fldcw ZE, fld1, fdiv0, "
_NATIVE = "fninit, mask, cr0.ne 1, fldcw ZE, fld1, fdiv0, "


def _cases() -> tuple[ImageCase, ...]:
    d2, d21 = "SDM1 figure D-2", "SDM1 D.2.1.1"
    cases = [
        _case("dos-handshake", d2, _ZE + "fwait, mark, sw", "out f0, sw, fnclex, sw, eoi"),
        _case("clear-first", "SDM1 D.2.1.2", _ZE + "fwait, mark", "sw, fnclex, out f0, sw, eoi"),
        _case(
            "x87-under-ignne", "SDM1 D.2.1.1", _ZE + "fwait, mark", "out f0, settle, fld1, sw, fnclex, eoi"
        ),
        _case(
            "return-under-ignne", "SDM1 D.3.4", _ZE + "fwait, fld1, mark, sw, fnclex, sw, mark", "out f0, eoi"
        ),
        _case(
            "error-under-ignne",
            "SDM1 D.2.1.1",
            _ZE + "fwait, mark",
            "out f0, settle, fldz, fdiv0, sw, fnclex, eoi",
        ),
        _case(
            "restored-mask",
            "SDM1 D.3.4",
            _ZE + "fwait, mark, sw",
            "out f0, fnstenv, cw, fnclex, fldcw ZE, cw, eoi",
        ),
        _case("twice", d2, _ZE + "fwait, fldz, fdiv0, fwait, mark", "out f0, sw, fnclex, eoi"),
        _case(
            "irq13-in-service",
            "Intel 8259A ISR",
            _ZE + "fwait, mark",
            "irr, isr, out f0, irr, fnclex, eoi, isr",
        ),
        _case("f0-without-error", "SDM1 D.2.1.2", "out f0, " + _ZE + "fwait, mark, sw"),
        _case(
            "f0-idle-does-not-mute",
            "SDM1 D.2.1.2",
            "fninit, out f0, settle, fldcw ZE, sti, fld1, fdiv0, fwait, mark",
        ),
        _case(
            "fninit-before-interrupt",
            "SDM1 D.3.6.1",
            _ZE.replace("sti, ", "") + "fninit, sw, sti, settle, mark",
            "sw, out f0, eoi",
        ),
        _case(
            "fnclex-before-interrupt",
            "SDM1 D.3.6.1",
            _ZE.replace("sti, ", "") + "fnclex, sw, sti, settle, mark",
            "sw, out f0, eoi",
        ),
        _case(
            "f0-lowers-irq13-late",
            "SDM1 D.2.1.2",
            _QUIET + "fninit, settle, irr, out f0, irr, unmask, sti, settle, mark",
        ),
        _case("irr-latches", "SDM1 figure D-1", _QUIET + "sw, settle, irr, fnclex, settle, irr, out f0, irr"),
        _case("masked-slave-hangs", "SDM1 D.3.2.2", "fninit, mask, fldcw ZE, sti, fld1, fdiv0, fwait, mark"),
        _case("masked-error-is-silent", "SDM1 8.1.3.3", "fninit, sti, fld1, fdiv0, fwait, settle, mark, sw"),
        _case(
            "unmask-pending",
            "SDM1 8.1.3.3",
            "fninit, sti, fld1, fdiv0, sw, fldcw ZE, fwait, mark, sw",
            "out f0, sw, fnclex, eoi",
        ),
        _case("remask-pending", "SDM1 8.1.3.3", _QUIET + "fnstenv, sw, cw, sti, fwait, mark"),
        _case(
            "image-flags", "APM1 6", "fninit, sti, frstor ZE flags, fwait, mark", "out f0, sw, fnclex, eoi"
        ),
        _case("image-es-ignored", "APM1 6", "fninit, sti, frstor ZE es, fwait, sw, mark"),
        _case(
            "environment-flags",
            "APM1 6",
            "fninit, sti, fldenv ZE flags, fwait, mark",
            "out f0, sw, fnclex, eoi",
        ),
        _case(
            "stack-fault",
            "SDM1 8.1.3.4",
            "fninit, fldcw IE, sti, f2xm1empty, fwait, mark",
            "out f0, sw, fnclex, sw, eoi",
        ),
        _case(
            "invalid", d21, "fninit, fldcw IE, fldneg, sti, fsqrtneg, fwait, mark", "out f0, sw, fnclex, eoi"
        ),
        _case("denormal", d21, "fninit, fldcw DE, sti, flddenormal, fwait, mark", "out f0, sw, fnclex, eoi"),
        _case("precision", d21, "fninit, fldcw PE, fld1, sti, fdiv3, fwait, mark", "out f0, sw, fnclex, eoi"),
        _case(
            "store-invalid",
            d21,
            "fninit, fldcw IE, fldbig, sti, fistbig, fwait, mark",
            "out f0, sw, fnclex, eoi",
        ),
        _case("non-waiting-go-on", "SDM1 8.3.12", _QUIET + "sw, cw, mark, sw, fnclex, sw, mark"),
        _case("fnsave-goes-on", "SDM2 FSAVE", _QUIET + "fnsave, sw, cw, mark"),
    ]
    for name in ("fnop", "fxch", "fstp", "fchs", "fldcw ZE", "fldenv ZE es", "frstor ZE es", "fclex"):
        cases.append(_case(f"freeze-at-{name.split()[0]}", "SDM1 8.3.12", _ZE + f"{name}, mark"))
    cases += [
        _case("native-mf", "SDM1 8.7.1", _NATIVE + "fwait, mark, sw", fault="sw, fnclex"),
        _case("native-unmask", "SDM1 8.7.1", "fninit, mask, cr0.ne 1, fld1, fdiv0, fldcw ZE, mark, fnop, mark", fault="sw, fnclex"),
        _case("native-non-waiting", "SDM1 8.3.12", _NATIVE + "sw, cw, fnstenv, sw, cw, fwait, mark"),
        _case("native-sf", "SDM1 8.1.3.4", "fninit, mask, cr0.ne 1, fldcw IE, f2xm1empty, fld1, sw, mark", fault="sw, fnclex, sw"),
        _case("native-image", "APM1 6", "fninit, mask, cr0.ne 1, frstor ZE flags, mark, fnop, mark", fault="sw, fnclex"),
        _case("native-f0-does-nothing", "SDM1 8.7.1", _NATIVE + "out f0, settle, fwait, mark", fault="sw, fnclex"),
        _case("nm-before-mf", "SDM3 table 2-2", _NATIVE + "cr0.ts 1, fld1, mark", fault="sw, fnclex"),
        _case("nm-non-waiting", "SDM3 table 2-2", "fninit, cr0.ts 1, fnclex, mark"),
        _case("wait-ts-alone", "SDM3 table 2-2", "fninit, cr0.ts 1, fwait, cr0.ts 0, mark"),
        _case("wait-mp-and-ts", "SDM3 table 2-2", "fninit, cr0.mp 1, cr0.ts 1, fwait, mark"),
        _case("em", "SDM3 table 2-2", "fninit, cr0.em 1, fld1, mark"),
        _case("undefined-no-check", "SDM3 22.18.6.6", _NATIVE + "undefined, mark, fnclex"),
        _case("hwcr-ignne-em", "APM2 15.30", "rdmsr HWCR 100, wrmsr HWCR 100, rdmsr HWCR 100, wrmsr HWCR 0, mark", amd=True),
        _case("ignne-msr", "APM2 15.30.2", "rdmsr IGNNE 1, wrmsr IGNNE 1, rdmsr IGNNE 1, wrmsr IGNNE 0, mark", amd=True),
        _case("ignne-msr-mbz", "APM2 15.30.2", "wrmsr IGNNE 2, rdmsr IGNNE 1, mark", amd=True),
        _case("vm-cr", "APM2 15.30.1", "rdmsr VM_CR 0, mark", amd=True),
        _case("ignne-msr-ends-freeze", "APM2 15.30.2", _QUIET + "wrmsr HWCR 100, wrmsr IGNNE 1, fwait, fld1, mark, fnclex, wrmsr IGNNE 0, wrmsr HWCR 0", amd=True),
        _case("ignne-em-cuts-the-pin", "APM2 15.30.2", "wrmsr HWCR 100, " + _ZE + "fwait, mark, fnclex, wrmsr HWCR 0", "out f0, settle, eoi, fnclex", amd=True),
        _case("timer-ends-it", "the image itself: the timer ends what never ends", "fninit, sti, spin, mark"),
    ]  # fmt: skip
    return tuple(cases)


CASES = _cases()
"""All of them, in the order in which they run."""
MSRS = {"HWCR": 0xC0010015, "IGNNE": 0xC0010115, "VM_CR": 0xC0010114}


def masks_of(name: str) -> int:
    """The control word that leaves one exception unmasked."""
    return 0x37F & ~{"IE": 1, "DE": 2, "ZE": 4, "PE": 32}[name]


def image_of(kind: str) -> int:
    """The status word of an image: flags without ES, or ES without flags."""
    return {"flags": 0x0004, "es": 0x8080}[kind]


def _steps(operation: str) -> list[str]:
    """An operation in the language of scenarios; the last of its steps is the one that logs."""
    verb, *words = operation.split()
    if verb in X87:
        return [X87[verb][0]]
    if verb in LOADS:
        status = f" status={image_of(words[1]):#x}" if len(words) > 1 else ""
        return [f"{verb} control={masks_of(words[0]):#x}{status}"]
    if verb.startswith("cr0."):
        return [f"mov {operation}"]
    if verb == "rdmsr":
        # VM_CR is no register of the model: whether it is there is all that is asked.
        return ["nop" if words[0] == "VM_CR" else f"rdmsr {words[0]}"]
    if verb == "wrmsr":
        return [f"wrmsr {words[0]} 0x{words[1]}"]
    return {
        "sw": ["fnstsw"],
        "cw": ["fnstcw"],
        "mark": ["nop"],
        "out": ["out 0xf0"],
        "eoi": ["out 0xa0, 0x20", "out 0x20, 0x20"],
        "mask": ["out 0xa1, 0x20"],
        "unmask": ["out 0xa1, 0x00"],
        "irr": ["out 0xa0, 0x0a", "in 0xa0"],
        "isr": ["out 0xa0, 0x0b", "in 0xa0"],
        "settle": ["nop 30"],
        "spin": ["wait irq13"],
        "sti": ["sti"],
        "cli": ["cli"],
    }[verb]


def expected_log(case: ImageCase, generation: Generation) -> list[LogLine]:
    """The log that the reference writes."""
    steps: dict[int, tuple[str, int, bool]] = {}

    def block(operations: tuple[str, ...], first: int) -> list[Step]:
        result = []
        for index, operation in enumerate(operations):
            texts = _steps(operation)
            for number, text in enumerate(texts):
                step = parse_step(1 + len(steps), text)
                assert step is not None
                # By identity: equal steps stand at several indices.
                steps[id(step)] = operation, first + index, number == len(texts) - 1
                result.append(step)
        return result

    def plain(text: str) -> Step:
        step = parse_step(1, text)
        assert step is not None
        return step

    main = [plain("bios"), *block(case.main, 0)]
    handler = [*block(case.handler, HANDLER), plain("iret")]
    fault = [*block(case.fault, FAULT), plain("iret")]
    not_available = [plain("mov cr0.ts 0"), plain("mov cr0.em 0"), plain("iret")]
    watched = KeptMachine(Parameters(generation))
    driver = Driver(watched, Program(main, {0x75: handler, 16: fault, 7: not_available}))
    driver.run(2000)
    lines = [_line(event, steps, watched.outputs) for event in driver.cpu.events]
    return [line for line in lines if line is not None]


HANDLER, FAULT = 64, 96
"""Numbers of the first operation of a handler; those of the main part begin with 0."""


def _line(
    event: CpuEvent, steps: dict[int, tuple[str, int, bool]], outputs: list[PcOutputs]
) -> LogLine | None:
    if event.step is None or id(event.step) not in steps:
        return None
    operation, index, last = steps[id(event.step)]
    if event.kind == "enters":
        kind = {0x75: INT, 16: MF, 7: NM}.get(event.value)
        return LogLine(kind, index) if kind else None
    if event.kind in ("#UD", "#GP"):
        return LogLine(UD if event.kind == "#UD" else GP, index)
    if event.kind.startswith("stuck"):
        return LogLine(TIMEOUT, index)
    if event.kind not in ("executes", "reads") or not last:
        return None
    now = outputs[event.cycle]
    match operation.split():
        case ["sw"]:
            return LogLine(SW, int(now.flags) | (0x8080 if now.es else 0))
        case ["cw"]:
            return LogLine(CW, int(now.masks))
        case ["mark"]:
            return LogLine(MARK, index)
        case ["irr" | "isr"]:
            return LogLine(PIC, event.value & 0x20)
        case ["rdmsr", _, mask]:
            return LogLine(MSR, event.value & int(mask, 16))
    return None


def log_text(case: ImageCase, line: LogLine) -> str:
    """A line for a reader."""
    name = KINDS.get(line.kind, f"kind {line.kind}")
    if line.kind not in _AT:
        return f"{name} {line.value:x}"
    for first, operations in ((FAULT, case.fault), (HANDLER, case.handler), (0, case.main)):
        if line.value >= first:
            index = line.value - first
            what = operations[index] if index < len(operations) else "the end"
            return f"{name} {index} ({what})" if line.kind != MARK else f"mark {index}"
    return f"{name} {line.value}"
