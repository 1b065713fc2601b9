"""The small language of the image's cases: each operation as machine code, and as steps of the reference.

fld1 fdiv0 fwait ...     x87 instructions (X87); fldcw ZE, fldenv ZE es, frstor ZE flags (LOADS)
sw, cw                   FNSTSW, FNSTCW, and what they store goes to the log
top 6, mem 3f80          TOP, and the upper half of the word that FSTP stored, which have to be this
fip 4, fdp zero, fop     pointers of the environment that FNSTENV or FNSAVE stored: to operation 4, to its
                         operand, and its opcode; logged is the difference to that
mark                     a line in the log
out f1, other            port F1h; interrupt 75h as another device on the line raises it, by INT
out f0, eoi, mask, unmask, irr, isr, cli, sti, settle
timer-opens              the timer opens the slave 8259A, in a while
timer-f0                 the timer writes port F0h, in a while
timer-nmi                the same by NMI, which goes to the log
waited 1                 whether the timer has come since; it has to be this
clear                    zeros where FSTP stores
reset                    RESET or INIT, whichever the machine has, after which the case goes on
circuit 0                the chipset's enable bit
spin                     nothing, for ever
cr0.ts 1                 a bit of CR0, in the next instruction in effect
rdmsr HWCR 180           bits of an MSR go to the log; wrmsr IGNNE 1
"""

STATUS_MASK = 0x80FF
MARK, SW, CW, PIC, INT, MF, NM, UD, GP, MSR, TIMEOUT, MEM, TOP, POINTER, WAITED, NMI = range(1, 17)
KINDS = {
    MARK: "mark", SW: "SW", CW: "CW", PIC: "IR5", INT: "INT 75h at", MF: "#MF at", NM: "#NM at", UD: "#UD at",
    GP: "#GP at", MSR: "MSR", TIMEOUT: "stuck at", MEM: "stored", TOP: "TOP", POINTER: "pointer off by",
    WAITED: "waited", NMI: "NMI at",
}  # fmt: skip
"""Kinds of lines in the log; what stands behind 'at' is the operation that is interrupted or faults."""
AT = (MARK, INT, MF, NM, UD, GP, TIMEOUT, NMI)

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
    "fnclex": ("fnclex", "fnclex"),
    "fninit": ("fninit", "fninit"),
    "fnstenv": ("fnstenv", "fnstenv [area]"),
    "fnsave": ("fnsave", "fnsave [area]"),
    "undefined": ("fundefined", "db 0D9h, 0D1h"),
}
"""Instructions without operands."""
LOADS = ("fldcw", "fldenv", "frstor")
"""Those with an image: the masks that are 0 (none for all masked, all), and for the others flags or es."""
_SILENT = ("mem", "fip", "fdp", "fop", "clear", "timer-opens", "timer-f0", "timer-nmi", "waited", "mark")
"""What is nothing to the error logic."""
MSRS = {"HWCR": 0xC0010015, "IGNNE": 0xC0010115, "VM_CR": 0xC0010114}
HANDLER, FAULT = 64, 96
"""Numbers of the first operation of a handler; those of the main part begin with 0."""


def masks_of(name: str) -> int:
    """The control word that leaves one exception unmasked, or none."""
    return 0x37F & ~{"IE": 1, "DE": 2, "ZE": 4, "PE": 32, "none": 0}[name]


def image_of(kind: str) -> int:
    """The status word of an image: flags without ES, or ES without flags."""
    return {"flags": 0x0004, "es": 0x8080}[kind]


def steps_of(operation: str) -> list[str]:
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
    if verb == "circuit":
        return [f"mov ferr_enable {words[0]}"]
    return {
        "sw": ["fnstsw"],
        "cw": ["fnstcw"],
        "top": ["fnstsw"],
        **{key: ["nop"] for key in _SILENT},
        "out": ["out 0xf0" if words == ["f0"] else "out 0xf1"],
        "other": ["int 0x75", "nop"],
        "eoi": ["out 0xa0, 0x20", "out 0x20, 0x20"],
        "mask": ["out 0xa1, 0x20"],
        "unmask": ["out 0xa1, 0x00"],
        "irr": ["out 0xa0, 0x0a", "in 0xa0"],
        "isr": ["out 0xa0, 0x0b", "in 0xa0"],
        "settle": ["nop 30"],
        "spin": ["wait irq13"],
        "cli": ["cli"],
        "sti": ["sti"],
        "reset": ["reset", "bios", "sti"],
    }[verb]


def assembly(operation: str, bits: int, label: str, number: int, first: str) -> list[str]:
    """An operation in NASM's language.

    Parameters
    ----------
    bits: 16 or 32.
    label: unique; the operation stands behind it.
    number: of the operation, for the log.
    first: the label of operation 0, without its number.
    """
    verb, *words = operation.split()
    if verb in X87:
        return [X87[verb][1]]
    if verb == "fldcw":
        return [f"fldcw [cw_{words[0]}]"]
    if verb in LOADS:
        return [f"{verb} [image_{words[0]}_{words[1]}_{bits}]"]
    if verb.startswith("cr0."):
        bit = {"mp": 2, "em": 4, "ts": 8, "ne": 0x20}[verb[4:]]
        change = f"or eax, {bit}" if words[0] == "1" else f"and eax, {~bit & 0xFFFFFFFF:#x}"
        return ["mov eax, cr0", change, "mov cr0, eax"]
    if verb in ("rdmsr", "wrmsr"):
        return _msr(verb, words, bits, label)
    if verb in ("fip", "fdp", "fop"):
        return _pointer(verb, words, bits, first)
    read = {
        "sw": (SW, ["fnstsw [word_at]", "movzx eax, word [word_at]", f"and eax, {STATUS_MASK:#x}"]),
        "cw": (CW, ["fnstcw [word_at]", "movzx eax, word [word_at]", "and eax, 3Fh"]),
        "top": (TOP, ["fnstsw [word_at]", "movzx eax, word [word_at]", "shr eax, 11", "and eax, 7"]),
        "mem": (MEM, ["movzx eax, word [area + 2]"]),
        "irr": (PIC, ["mov al, 0Ah", "out 0A0h, al", "in al, 0A0h", "movzx eax, al", "and eax, 20h"]),
        "isr": (PIC, ["mov al, 0Bh", "out 0A0h, al", "in al, 0A0h", "movzx eax, al", "and eax, 20h"]),
        "mark": (MARK, [f"mov eax, {number}"]),
        "waited": (WAITED, ["mov al, [ticks]", "cmp al, [since]", "mov eax, 0", "setne al"]),
    }
    if verb in read:
        return _logged(*read[verb], bits)
    return {
        "out": ["out 0F0h, al" if words == ["f0"] else "out 0F1h, al"],
        # Behind the INT still is this operation.
        "other": ["int 75h", "nop"],
        "eoi": ["mov al, 20h", "out 0A0h, al", "out 20h, al"],
        "mask": ["mov al, 0FFh", "out 0A1h, al"],
        "unmask": ["mov al, 0DFh", "out 0A1h, al"],
        "timer-opens": ["mov al, [ticks]", "mov [since], al", "mov byte [opens], 2"],
        "timer-f0": ["mov al, [ticks]", "mov [since], al", "mov byte [opens], 82h"],
        "timer-nmi": ["mov byte [nmi_in], 2", f"call nmi_on{bits}"],
        "clear": ["mov dword [area], 0"],
        "circuit": [f"mov al, {words[0] if words else 0}", f"call circuit{bits}"],
        "settle": [f"waiting wait_{label}"],
        "spin": ["jmp $"],
        "reset": [f"mov word [begin], {label}_over", f"jmp reset_{bits}", f"{label}_over:"],
        "cli": ["cli"],
        "sti": ["sti"],
    }[verb]


def _logged(kind: int, code: list[str], bits: int) -> list[str]:
    """What leaves a value in EAX, and that value to the log."""
    return [*code, f"or eax, {kind << 16:#x}", f"call log{bits}"]


def _msr(verb: str, words: list[str], bits: int, label: str) -> list[str]:
    select = f"mov ecx, {MSRS[words[0]]:#x}"
    if verb == "rdmsr":
        read = _logged(MSR, [f"and eax, 0{words[1]}h"], bits)
        return [
            "mov byte [faulted], 0",
            select,
            "rdmsr",
            "cmp byte [faulted], 0",
            f"jne {label}_over",
            *read,
            f"{label}_over:",
        ]
    value = int(words[1], 16)
    if words[0] == "HWCR":
        # Its other bits are the processor's own business.
        return [select, "rdmsr", "and eax, 0FFFFFE7Fh", f"or eax, {value:#x}", "wrmsr"]
    return [select, f"mov eax, {value:#x}", "xor edx, edx", "wrmsr"]


def _pointer(verb: str, words: list[str], bits: int, first: str) -> list[str]:
    """What the environment of real mode, or of protected mode with 32 bits, holds, less what it should be."""
    at = {"fip": (6, 12), "fop": (8, 18), "fdp": (10, 20)}[verb][bits == 32]
    read = [f"movzx eax, word [area + {at}]"]
    match verb:
        case "fip":
            read.append(f"sub ax, {first}{words[0]}")
        case "fdp":
            read.append(f"sub ax, {words[0]}")
        case "fop":
            # FDIV dword [address] is D8 /6: the low bits of D8h, and a ModR/M byte of 36h or 35h.
            read += ["and ax, 7FFh", f"sub ax, {0x35 if bits == 32 else 0x36:#x}"]
    return _logged(POINTER, read, bits)
