"""The cases of the bootable image: what software can observe of the error logic, family by family.

A case is a list of operations in a small language (`image_language`). From it come machine code and a program
for the reference model; what the program logs on the model, in order, is what the image expects.

Every case begins with IF = 1, an edge-triggered cascade of 8259As with IRQ 0, 2 and 13 open, and no error. To
see whether an instruction freezes, IRQ 13 is held back at the slave, which the timer opens while the processor
stands at the instruction: so nothing depends on how long an interrupt takes to come.
"""

from typing import Any, NamedTuple


class Variant(NamedTuple):
    """What a machine may do, as manuals and machines disagree."""

    title: str
    steps: tuple[str, ...] = ()
    """Steps of the reference in the place of those of the operation that finds out, the case's `asks`."""


class ImageCase(NamedTuple):
    """One case, for real and for protected mode."""

    family: str
    name: str
    rule: str
    main: tuple[str, ...]
    handler: tuple[str, ...] = ("out f0", "fnclex", "eoi")
    """Of interrupt 75h."""
    fault: tuple[str, ...] = ("fnclex",)
    """Of #MF."""
    amd: bool = False
    """Only where CPUID says AMD, of the generation that has the MSRs."""
    asks: str = ""
    """An operation of which machines differ in what they do."""
    variants: tuple["Variant", ...] = ()
    """What it may do: the case finds out which of them it is."""

    @property
    def nmi(self) -> bool:
        """Only where the timer can raise an NMI."""
        return "timer-nmi" in self.main

    @property
    def circuit(self) -> bool:
        """Only where the chipset's enable bit is known."""
        return any(operation.startswith("circuit") for operation in self.main)


def _parts(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(","))


_QUIET = "fninit, mask, fldcw ZE, fld1, fdiv0, "
"""An error, with IRQ 13 masked at the slave."""
_HELD = _QUIET + "timer-opens, "
"""The same, and the timer opens the slave."""
_AGAIN = "mask, fld1, fdiv0, timer-opens, "
"""A second error, held back likewise."""
_STORED = "fninit, mask, fldcw IE, fldbig, fistbig, settle, "
"""An error that an I486 too reports at once."""
_NATIVE = "fninit, mask, cr0.ne 1, fldcw ZE, fld1, fdiv0, "
_LATCHED = "settle, irr, out f0, settle, irr, fldcw ZE, fld1, fdiv0, sw, settle, irr"

_D21, _D2, _D212, _D341 = "SDM1 D.2.1.1", "SDM1 figure D-2", "SDM1 D.2.1.2", "SDM1 D.3.4"
_ES, _WAIT, _NE, _TS, _IMAGE = "SDM1 8.1.3.3", "SDM1 8.3.12", "SDM1 8.7.1", "SDM3 table 2-2", "APM1 6"
_SEEN = {"handler": "out f0, sw, fnclex, eoi"}
_TOLD = {"fault": "sw, fnclex"}

_F1 = (
    Variant("port F1h does nothing", ("nop",)),
    Variant("port F1h lowers IRQ 13, as F0h does", ("out 0xf0",)),
    Variant("port F1h leaves the x87 as FNINIT does", ("fninit",)),
    Variant("port F1h leaves the x87 as RESET does", ("fninit", "fldcw control=0x40")),
    Variant("port F1h leaves the x87 as FNINIT does, and lowers IRQ 13", ("fninit", "out 0xf0")),
    Variant(
        "port F1h leaves the x87 as RESET does, and lowers IRQ 13",
        ("fninit", "fldcw control=0x40", "out 0xf0"),
    ),
)
_ENABLE = (
    Variant("setting the enable bit with FERR# low counts as a falling edge", ("mov ferr_enable 1",)),
    Variant(
        "setting the enable bit with FERR# low requests nothing",
        # An edge that port F0h takes back, while the 8259A has IRQ 13 masked, is none to software.
        ("mov ferr_enable 1", "nop 30", "out 0xf0"),
    ),
)
"""Figure D-1 has no enable bit: that setting it counts as a falling edge is a **choice** of the reference."""
_AGAIN_UP = "bios", "sti"
_RESET = (
    Variant("the reset is a RESET", ("reset", *_AGAIN_UP)),
    Variant("the reset is an INIT: the state of the x87 stays", ("init", *_AGAIN_UP)),
    Variant(
        "the BIOS executes FNINIT after the reset, which is a RESET or an INIT",
        ("reset", "fninit", *_AGAIN_UP),
    ),
)
_RESET_MSRS = (
    Variant("the reset is a RESET: HWCR.IgnneEm and the IGNNE MSR are 0", ("reset", *_AGAIN_UP)),
    Variant("the reset is an INIT: HWCR.IgnneEm and the IGNNE MSR stay", ("init", *_AGAIN_UP)),
)
_TABLE: dict[str, list[tuple[str, str, str] | tuple[str, str, str, dict[str, str]]]] = {
    "baseline": [
        ("baseline", _ES, "fninit, mask, fldcw ZE, fld1, fdiv0, sw, mark"),
    ],
    "handshake": [
        ("dos-handshake", _D2, _HELD + "fwait, mark, sw", {"handler": "out f0, sw, fnclex, sw, eoi"}),
        ("clear-first", _D212, _HELD + "fwait, mark", {"handler": "sw, fnclex, out f0, sw, eoi"}),
        ("clear-first-twice", _D212, _HELD + "fwait, " + _AGAIN + "fwait, mark", {"handler": "fnclex, out f0, eoi"}),
        ("x87-under-ignne", _D21, _HELD + "fwait, mark", {"handler": "out f0, settle, fld1, sw, fnclex, eoi"}),
        ("return-under-ignne", _D341, _HELD + "fwait, fld1, mark, sw, fnclex, sw, mark", {"handler": "out f0, eoi"}),
        ("error-under-ignne", _D21, _HELD + "fwait, mark", {"handler": "out f0, settle, fld1, fdiv0, sw, fnclex, eoi"}),
        ("restored-mask", _D341, _HELD + "fwait, mark, sw", {"handler": "out f0, fnstenv, cw, fnclex, fldcw ZE, cw, eoi"}),
        ("twice", _D2, _HELD + "fwait, " + _AGAIN + "fwait, mark", _SEEN),
        ("twice-fninit", "SDM2 FINIT", _HELD + "fwait, fldcw ZE, " + _AGAIN + "fwait, mark", {"handler": "out f0, fninit, sw, eoi"}),
        ("twice-fnsave", "SDM2 FSAVE", _HELD + "fwait, fldcw ZE, " + _AGAIN + "fwait, mark", {"handler": "out f0, fnsave, sw, eoi"}),
        ("irq13-in-service", "Intel 8259A ISR", _HELD + "fwait, mark", {"handler": "irr, isr, out f0, irr, fnclex, eoi, isr"}),
        ("f0-without-error", _D212, "out f0, " + _HELD + "fwait, mark, sw"),
        ("f0-idle-does-not-mute", _D212, "fninit, out f0, settle, fldcw ZE, " + _AGAIN + "fwait, mark"),
        ("f0-after-fninit-does-not-mute", _D212, _QUIET + "sw, fninit, out f0, fldcw ZE, " + _AGAIN + "fwait, mark"),
        ("f0-after-fnclex-does-not-mute", _D212, _QUIET + "sw, fnclex, out f0, " + _AGAIN + "fwait, mark"),
        ("f0-after-fninit-at-once", _D212, _STORED + "fninit, out f0, fldcw ZE, " + _AGAIN + "fwait, mark"),
        ("shared-irq13", "SDM1 D.3.6.1", "fninit, mask, fldcw ZE, other, " + _AGAIN + "fwait, mark", _SEEN),
        ("f1-while-pending", _D212, _QUIET + "sw, settle, irr, out f1, settle, irr, sw, cw, mark"),
        ("fninit-before-interrupt", "SDM1 D.3.6.1", _QUIET + "fninit, sw, unmask, settle, mark", {"handler": "sw, out f0, eoi"}),
        ("fnclex-before-interrupt", "SDM1 D.3.6.1", _QUIET + "fnclex, sw, unmask, settle, mark", {"handler": "sw, out f0, eoi"}),
        ("f0-lowers-irq13-late", _D212, _QUIET + "fninit, settle, irr, out f0, settle, irr, unmask, settle, mark"),
        ("irr-latches", "SDM1 figure D-1", _QUIET + "sw, settle, irr, fnclex, settle, irr, out f0, settle, irr"),
        ("fninit-negates-ferr", "SDM2 FINIT", _QUIET + "sw, fninit, " + _LATCHED),
        ("fnsave-negates-ferr", "SDM2 FSAVE", _QUIET + "sw, fnsave, " + _LATCHED),
        ("fnclex-negates-ferr", "SDM2 FCLEX", _QUIET + "sw, fnclex, " + _LATCHED),
        ("masking-negates-ferr", "SDM2 FSTENV", _QUIET + "sw, fnstenv, fnclex, " + _LATCHED),
    ],
    "reporting": [
        ("arithmetic-reports", _D21, _QUIET + "settle, irr, sw, settle, irr, mark"),
        ("store-reports", _D21, "fninit, mask, fldcw IE, fldbig, fistbig, settle, irr, sw, settle, irr"),
        ("transcendental-reports", _D21, "fninit, mask, fldcw IE, f2xm1empty, settle, irr, sw, settle, irr"),
        ("unmasking-reports", _ES, "fninit, mask, fld1, fdiv0, fldcw ZE, settle, irr, sw, settle, irr"),
        ("loading-reports", _IMAGE, "fninit, mask, frstor ZE flags, settle, irr, sw, settle, irr"),
        ("interrupt-at-once", _D21, "fninit, fldcw ZE, fld1, fdiv0, settle, fwait, mark, sw", _SEEN),
        ("masked-error-is-silent", _ES, "fninit, fld1, fdiv0, fwait, settle, mark, sw"),
        ("unmask-pending", _ES, "fninit, mask, fld1, fdiv0, sw, fldcw ZE, timer-opens, fwait, mark, sw", _SEEN),
        ("remask-pending", _ES, _QUIET + "fnstenv, sw, cw, fwait, mark"),
        ("image-flags", _IMAGE, "fninit, mask, frstor ZE flags, timer-opens, fwait, mark", _SEEN),
        ("image-es-ignored", _IMAGE, "fninit, frstor ZE es, fwait, sw, mark"),
        ("environment-flags", _IMAGE, "fninit, mask, fldenv ZE flags, timer-opens, fwait, mark", _SEEN),
        ("stack-fault", "SDM1 8.1.3.4", "fninit, mask, fldcw IE, f2xm1empty, timer-opens, fwait, mark", {"handler": "out f0, sw, fnclex, sw, eoi"}),
        ("invalid", _D21, "fninit, mask, fldcw IE, fldneg, fsqrtneg, timer-opens, fwait, mark", _SEEN),
        ("denormal", _D21, "fninit, mask, fldcw DE, flddenormal, timer-opens, fwait, mark", _SEEN),
        ("precision", _D21, "fninit, mask, fldcw PE, fld1, fdiv3, timer-opens, fwait, mark", _SEEN),
        ("store-invalid", _D21, "fninit, mask, fldcw IE, fldbig, fistbig, timer-opens, fwait, mark", _SEEN),
        ("enable-bit-off", "SDM1 figure D-1", "circuit 0, " + _QUIET + "sw, settle, irr, mark"),
        ("enable-bit-while-pending", "SDM1 figure D-1", "circuit 0, " + _STORED + "irr, circuit 1, settle, irr, fnclex, settle, fistbig, settle, irr"),
    ],
    "freeze": [
        *((f"freeze-at-{one.split()[0]}", _WAIT, _HELD + f"{one}, mark")
          for one in ("fwait", "fnop", "fxch", "fchs", "fld1", "fldcw ZE", "fldenv ZE es", "frstor ZE es")),
        ("freeze-waits", _D21, _QUIET + "timer-f0, fwait, waited 1, sw, fnclex, mark"),
        ("freeze-at-fclex", "SDM2 FCLEX", _HELD + "fwait, fnclex, mark"),
        ("frozen-store", _D21, _QUIET + "clear, timer-opens, fstp, mark, mem 3f80, top 0", {"handler": "mem 0, top 7, out f0, fnclex, eoi"}),
        ("frozen-load", _D21, _HELD + "fld1, mark, top 6", {"handler": "top 7, out f0, fnclex, eoi"}),
        ("frozen-until-f0", _D21, _QUIET + "clear, timer-opens, fstp, mark, mem 3f80, sw, fnclex", {"handler": "out f0, eoi"}),
        ("nm-before-freeze", _TS, _QUIET + "cr0.ts 1, timer-opens, fld1, mark"),
        ("frozen-with-if-0", _D21, _QUIET + "clear, cli, unmask, timer-nmi, fstp, mark, mem 3f80, top 0, sw, fnclex, settle, sti, mark"),
        ("masked-slave-hangs", "SDM1 D.3.2.2", _QUIET + "fwait, mark"),
    ],
    "state": [
        ("non-waiting-go-on", _WAIT, _QUIET + "sw, cw, mark, sw, fnclex, sw, mark"),
        ("fnsave-goes-on", "SDM2 FSAVE", _QUIET + "fnsave, sw, cw, mark"),
        ("environment-pointers", "SDM1 8.1.8", _QUIET + "fnstenv, fip 4, fdp zero, fop, mark"),
        ("saved-pointers", "SDM1 8.1.8", _QUIET + "fnsave, fip 4, fdp zero, fop, mark"),
    ],
    "native": [
        ("native-mf", _NE, _NATIVE + "fwait, mark, sw", _TOLD),
        ("native-unmask", _NE, "fninit, mask, cr0.ne 1, fld1, fdiv0, fldcw ZE, mark, fnop, mark", _TOLD),
        ("native-non-waiting", _WAIT, _NATIVE + "sw, cw, fnstenv, sw, cw, fwait, mark"),
        ("native-sf", "SDM1 8.1.3.4", "fninit, mask, cr0.ne 1, fldcw IE, f2xm1empty, fld1, sw, mark", {"fault": "sw, fnclex, sw"}),
        ("native-image", _IMAGE, "fninit, mask, cr0.ne 1, frstor ZE flags, mark, fnop, mark", _TOLD),
        ("native-f0-does-nothing", _NE, _NATIVE + "out f0, settle, fwait, mark", _TOLD),
        ("native-store", _NE, "fninit, mask, clear, cr0.ne 1, fldcw ZE, fld1, fdiv0, fstp, mark, mem 3f80, top 0", {"fault": "mem 0, top 7, fnclex"}),
        ("native-irq13", "SDM1 D.4.2, PPR", _NATIVE + "settle, irr, fwait, settle, irr, mark"),
        ("nm-before-mf", _TS, _NATIVE + "cr0.ts 1, fld1, mark", _TOLD),
        ("nm-non-waiting", _TS, "fninit, cr0.ts 1, fnclex, mark"),
        ("wait-ts-alone", _TS, "fninit, cr0.ts 1, fwait, cr0.ts 0, mark"),
        ("wait-mp-and-ts", _TS, "fninit, cr0.mp 1, cr0.ts 1, fwait, mark"),
        ("em", _TS, "fninit, cr0.em 1, fld1, mark"),
        ("undefined-no-check", "SDM3 22.18.6.6", _NATIVE + "undefined, mark, fnclex"),
    ],
    "msr": [
        ("hwcr-ignne-em", "APM2 15.30", "rdmsr HWCR 100, wrmsr HWCR 100, rdmsr HWCR 100, wrmsr HWCR 0, mark"),
        ("ignne-msr", "APM2 15.30.2", "rdmsr IGNNE 1, wrmsr IGNNE 1, rdmsr IGNNE 1, wrmsr IGNNE 0, mark"),
        ("ignne-msr-mbz", "APM2 15.30.2", "wrmsr IGNNE 2, rdmsr IGNNE 1, mark"),
        ("vm-cr", "APM2 15.30.1", "rdmsr VM_CR 0, mark"),
        ("ignne-msr-ends-freeze", "APM2 15.30.2", _QUIET + "wrmsr HWCR 100, wrmsr IGNNE 1, fwait, fld1, mark, fnclex, wrmsr IGNNE 0, wrmsr HWCR 0"),
        ("ignne-msr-after-reset", "APM2 14.1.3", "wrmsr HWCR 100, wrmsr IGNNE 1, rdmsr HWCR 100, rdmsr IGNNE 1, reset, rdmsr HWCR 100, rdmsr IGNNE 1, wrmsr IGNNE 0, wrmsr HWCR 0, mark"),
        ("ignne-em-cuts-the-pin", "APM2 15.30.2", "wrmsr HWCR 100, " + _HELD + "fwait, mark", {"handler": "out f0, eoi"}),
    ],
    "reset": [
        ("reset-releases-ignne", "SDM3 table 9-1", _STORED + "sw, reset, cw, sw, fninit, out f0, fldcw ZE, " + _AGAIN + "fwait, mark"),
    ],
    "watchdog": [
        ("timer-ends-it", "the image itself: the timer ends what never ends", "fninit, spin, mark"),
        ("nmi-ends-it", "the image itself: the timer's NMI ends it with IF = 0", "fninit, cli, timer-nmi, spin, mark"),
    ],
}  # fmt: skip
"""By family: name, rule, what runs, and where it is not the usual one the handler of 75h or of #MF."""


_ASKS: dict[str, dict[str, Any]] = {
    "enable-bit-while-pending": {"asks": "circuit 1", "variants": _ENABLE},
    "f1-while-pending": {"asks": "out f1", "variants": _F1},
    "reset-releases-ignne": {"asks": "reset", "variants": _RESET},
    "ignne-msr-after-reset": {"asks": "reset", "variants": _RESET_MSRS},
}


def _cases() -> tuple[ImageCase, ...]:
    return tuple(
        ImageCase(
            family, name, rule, _parts(main), **{key: _parts(text) for part in handlers for key, text in part.items()},
            **_ASKS.get(name, {}), amd=family == "msr",
        )
        for family, rows in _TABLE.items()
        for name, rule, main, *handlers in rows
    )  # fmt: skip


CASES = _cases()
"""All of them, in the order in which they run."""
FAMILIES = tuple(_TABLE)
