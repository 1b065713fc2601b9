"""Numbers, bits and names: the one module that model and HDL share.

Nothing here behaves. Whatever has a rule behind it is written twice, once in `model/` and once in `hdl/`.
"""

import enum
from dataclasses import dataclass
from typing import NamedTuple


class ParameterError(ValueError):
    """An argument of a model is not what it has to be; the message says what was expected."""


class ParameterKindError(ParameterError, TypeError):
    """It has the wrong type."""


class Generation(enum.Enum):
    """Processor generation: decides when FERR# is reported (SDM1 D.2.1.1, D.2.2; SDM3 22.18.6.7)."""

    I486 = "I486"
    """Intel486 and Pentium: deferred, unless a table says immediate."""
    P6 = "P6"
    """P6 family and Pentium 4: always immediate."""
    AMD64 = "AMD64"
    """K8 and later: always immediate (APM1 table 6-22); the only one with HWCR and the IGNNE MSR."""


class ReservedBits(enum.Enum):
    """What a WRMSR does with bits that are reserved."""

    MANUAL = "manual"
    """APM2 15.30 as it is written: a 1 in a must-be-zero bit is #GP(0)."""
    SILICON = "silicon"
    """As recorded from three AMD families: IGNNE 63:32 ignored, 31:1 #GP(0); HWCR ignored, read as 0."""


class HwcrLayout(enum.Enum):
    """Which bits of HWCR exist, and what a write does with the others."""

    MINIMAL = "minimal"
    """IgnneEm and AllowFerrOnNe, as far as the manuals describe FERR# and IGNNE#; all else is reserved."""
    K8 = "k8"
    """Family 0Fh, as recorded from a part: bit 7 is DISLOCK, nothing is #GP(0)."""
    ZEN = "zen"
    """Family 17h on (PPR MSRC001_0015): software has to read, modify and write."""


class SouthBridge(enum.Enum):
    """The chipset that has the two flip-flops, by the name of its part; what it has is an enable bit."""

    NONE = "none"
    """None in particular; `Parameters.ferr_enable` is the bit's reset value."""
    PIIX = "PIIX"
    PIIX3 = "PIIX3"
    PIIX4 = "PIIX4"
    SIO = "82378ZB"
    ICH = "ICH"
    ICH2 = "ICH2"
    ICH3 = "ICH3"
    ICH4 = "ICH4"
    ICH5 = "ICH5"
    ICH6 = "ICH6"
    PCH = "PCH"

    @property
    def enable_bit(self) -> str:
        """Where the bit stands, in the words of the part's data sheet; empty for none in particular."""
        return _ENABLE_BITS.get(self, "")


_ENABLE_BITS = {
    **dict.fromkeys((SouthBridge.PIIX, SouthBridge.PIIX3, SouthBridge.PIIX4), "XBCS bit 5"),
    SouthBridge.SIO: "configuration 4Dh bit 5",
    **dict.fromkeys(
        (SouthBridge.ICH, SouthBridge.ICH2, SouthBridge.ICH3, SouthBridge.ICH4, SouthBridge.ICH5),
        "GEN_CNTL bit 13",
    ),
    **dict.fromkeys((SouthBridge.ICH6, SouthBridge.PCH), "OIC bit 9"),
}
"""Configuration 4Eh (XBCS), D0h (GEN_CNTL), RCBA + 31FEh (OIC)."""


class ExceptionFlag(enum.IntFlag):
    """Status word bits 0-6; bits 0-5 are also the control word masks IM..PM (SDM1 8.1.3, 8.1.5)."""

    IE = 1 << 0
    """Invalid operation."""
    DE = 1 << 1
    """Denormal operand."""
    ZE = 1 << 2
    """Zero divide."""
    OE = 1 << 3
    """Numeric overflow."""
    UE = 1 << 4
    """Numeric underflow."""
    PE = 1 << 5
    """Precision."""
    SF = 1 << 6
    """Stack fault: set together with IE, has no mask of its own (SDM1 8.1.3.4)."""


MASKABLE = 0x3F
"""Bits 0-5: the flags that have a mask."""
STATUS_ES = 1 << 7
"""Status word bit 7: exception summary."""
STATUS_B = 1 << 15
"""Status word bit 15: busy, equal to ES always (SDM1 8.1.3.3)."""
CONTROL_RESET = 0x0040
"""Control word after RESET: every exception unmasked (SDM3 table 9-1)."""
CONTROL_FNINIT = 0x037F
"""Control word after FNINIT: every exception masked (SDM3 table 9-1)."""


class Operation(enum.IntEnum):
    """What an instruction does to the x87 error state, as the operation port carries it."""

    ARITHMETIC = 0
    """Arithmetic, loads, compares, stores, FXCH, FNOP and all else that only raises flags."""
    FWAIT = 1
    MMX = 2
    FLDCW = 3
    FLDENV = 4
    FRSTOR = 5
    FXRSTOR = 6
    XRSTOR = 7
    FNSTSW = 8
    FNSTCW = 9
    FXSAVE = 10
    XSAVE = 11
    FNENI = 12
    FNDISI = 13
    FNSETPM = 14
    FNSTENV = 15
    FNSAVE = 16
    FNINIT = 17
    FNCLEX = 18
    UNDEFINED = 19
    """An undefined x87 opcode: #UD, with no check of the error state (SDM3 22.18.6.6)."""


class Family(enum.IntEnum):
    """Instruction family of an ARITHMETIC operation: the row of the I486 table in SDM1 D.2.1.1."""

    BASIC = 0
    """Basic arithmetic, loads, compares."""
    TRANSCENDENTAL = 1
    """Transcendentals, FSCALE, FXTRACT, FPREM and the like."""
    STORE = 2
    """Stores to memory."""


class Cr0(enum.IntFlag):
    """The CR0 bits that the error logic reads, at their positions in CR0 (SDM3 2.5)."""

    MP = 1 << 1
    EM = 1 << 2
    TS = 1 << 3
    NE = 1 << 5


class Msr(enum.IntEnum):
    """MSR addresses (APM2 15.30, PPR)."""

    HWCR = 0xC001_0015
    IGNNE = 0xC001_0115


class Hwcr(enum.IntFlag):
    """The HWCR bits that have an effect here (PPR MSRC001_0015)."""

    ALLOW_FERR_ON_NE = 1 << 7
    """AllowFerrOnNe: FERR# is signalled also while CR0.NE = 1. Family 0Fh has DISLOCK there instead."""
    IGNNE_EM = 1 << 8
    """IgnneEm: the IGNNE MSR replaces the pin."""


HWCR_NAMES = {
    **{0: "SmmLock", 3: "TlbCacheDis", 4: "INVDWBINVD", 7: "AllowFerrOnNe", 8: "IgnneEm", 9: "MonMwaitDis"},
    **{10: "MonMwaitUserEn", 13: "SmiSpCycDis", 14: "RsmSpCycDis", 17: "Wrap32Dis", 18: "McStatusWrEn"},
    **{20: "IoCfgGpFault", 21: "LockTscToCurrentP0", 24: "TscFreqSel", 25: "CpbDis", 26: "EffFreqCntMwait"},
    **{27: "EffFreqReadOnlyLock", 30: "IRPerfEn", 33: "SmmPgCfgLock", 34: "DownGradeFp512ToFP256"},
    35: "CpuidFltEn",
}
"""The manual's names of HWCR bits, family 17h on."""


IGNNE_BIT = 1 << 0
"""Bit 0 of the IGNNE MSR: the processor-internal IGNNE signal. Bits 63:1 must be zero. Reset value 0."""

VMEXIT_FERR_FREEZE = 0x7E
"""SVM exit code of the FERR_FREEZE intercept, VMCB offset 00Ch bit 30 (APM2 15.14.2, appendix C)."""
VMEXIT_IOIO = 0x7B
"""SVM exit code of an intercepted IN or OUT (APM2 15.10)."""
VMEXIT_INTR = 0x60
VMEXIT_NMI = 0x61
VMEXIT_VINTR = 0x64
"""SVM exit codes of a physical interrupt, an NMI and a virtual interrupt (APM2 15.13, appendix C)."""
VMEXIT_VMRUN = 0x80
VMEXIT_STGI = 0x84
VMEXIT_CLGI = 0x85
"""SVM exit codes of the instructions (APM2 15.9, appendix C)."""

PORT_F0 = 0xF0
"""I/O port F0h: clears IRQ 13 and, while FERR# is asserted, asserts IGNNE# (SDM1 D.2.1.2)."""
PORT_F1 = 0xF1
"""I/O port F1h: reset of the 80287 in the original AT; not present here."""
PIC_MASTER = 0x20
"""Even port of the master 8259A; the odd one is 21h."""
PIC_SLAVE = 0xA0
"""Even port of the slave 8259A; the odd one is A1h."""
PORT_F8 = 0xF8
"""I/O port F8h: what F0h is on a PC/AT, on a PC-98 [N3]; F0h resets the processor there [N6]."""
CASCADE_IRQ = 2
"""The master's input that the slave's INT goes to, on a PC/AT."""


class PicWiring(NamedTuple):
    """Where the 8259As are, and what is wired to them."""

    master: int
    """Its lower port."""
    slave: int | None
    """Its lower port; None where there is no slave."""
    a0: int
    """Bit of the address that goes to A0."""
    cascade: int
    """IR of the master that the slave's INT goes to."""
    base: int = 0x70
    """The slave's first vector, as its BIOS programs it."""

    def chip(self, address: int) -> int:
        """The lower port of the 8259A that an address belongs to, if it is one of theirs."""
        return address & ~(1 << self.a0)

    def decoded(self, port: int) -> int:
        """A lower port as the decoder has it: 15 bits, without A0 of the 8259A."""
        return port >> self.a0 + 1 << self.a0 | port & (1 << self.a0) - 1

    @property
    def bios_words(self) -> tuple[tuple[int, int], ...]:
        """What a BIOS writes to both: port and byte.

        SDM1 D.2.1.2 takes the programming for granted: edge triggered, cascaded, 8086 mode, vectors from 08h
        and from `base` on, nothing masked.
        """
        assert self.slave is not None
        odd = 1 << self.a0
        words: list[tuple[int, int]] = []
        chips = (self.master, 0x08, 1 << self.cascade), (self.slave, self.base, self.cascade)
        for port, vector, cascade in chips:
            words += [(port, 0x11), (port + odd, vector), (port + odd, cascade), (port + odd, 0x01)]
        return (*words, (self.master + odd, 0), (self.slave + odd, 0))


AT_PICS = PicWiring(PIC_MASTER, PIC_SLAVE, 0, CASCADE_IRQ)
PC98_PICS = PicWiring(0x00, 0x08, 1, 7, 0x10)
"""Master at 00h and 02h, slave at 08h and 0Ah, vectors from 10h [N1]."""
BIOS_WORDS = AT_PICS.bios_words
"""What a BIOS writes to the two 8259As of a PC/AT: port and byte."""


class Wiring(enum.Enum):
    """The PC around the processor: ports, cascade, and the interrupt that an error is."""

    AT = "AT"
    """PC/AT: 8259As at 20h and A0h, IRQ 13, port F0h."""
    PC98 = "PC98"
    """NEC PC-98: 8259As at 00h and 08h, cascade on IR7, IRQ 8, port F8h; F0h resets the processor [N1-N6]."""


@dataclass(frozen=True)
class Parameters:
    """What is chosen when a simulation or a core is built.

    Raises
    ------
    TypeError, ValueError
        If a value is out of range; the message shows it.
    """

    generation: Generation = Generation.AMD64
    synchroniser_stages: int = 2
    """Flip-flops between the IGNNE# pin and the logic: at least 2."""
    reserved_bits: ReservedBits = ReservedBits.MANUAL
    port_emulation: bool = False
    """With IgnneEm = 1, the processor itself watches port F0h (**choice**: off; APM2 states only the MSR)."""
    ferr_enable: bool = True
    """Reset value of the chipset's enable bit, where `chipset` names no part."""
    nowait_window: int = 4
    """Length in cycles of the interrupt window of a no-wait instruction on I486: at least 1."""
    mmx: bool = False
    """An I486 that is a Pentium MMX: it has the MMX instructions. The later generations always have them."""
    sse3: bool = False
    """A P6 that is a Pentium 4 with SSE3: it has FISTTP. AMD64 always has it, I486 never."""
    fpu_irq: int = 13
    """The interrupt request that FF1 drives: 0..15, not that of the cascade. 13, which is a PC/AT's, becomes
    8 with the wiring of a PC-98."""
    hwcr: HwcrLayout = HwcrLayout.MINIMAL
    """The bits of HWCR on AMD64."""
    chipset: SouthBridge = SouthBridge.NONE
    """The part whose enable bit it is. After reset the bit is 0 on each that is named: of the PIIX that is
    known (4Eh is 03h), of the others that firmware sets it (**choice**)."""
    wiring: Wiring = Wiring.AT

    def __post_init__(self) -> None:
        object.__setattr__(self, "generation", _member(Generation, "generation", self.generation))
        object.__setattr__(self, "reserved_bits", _member(ReservedBits, "reserved_bits", self.reserved_bits))
        object.__setattr__(self, "hwcr", _member(HwcrLayout, "hwcr", self.hwcr))
        object.__setattr__(self, "chipset", _member(SouthBridge, "chipset", self.chipset))
        object.__setattr__(self, "wiring", _member(Wiring, "wiring", self.wiring))
        if self.wiring is Wiring.PC98 and self.fpu_irq == 13:
            object.__setattr__(self, "fpu_irq", 8)
        _at_least("synchroniser_stages", self.synchroniser_stages, 2)
        _at_least("nowait_window", self.nowait_window, 1)
        _at_least("fpu_irq", self.fpu_irq, 0)
        cascade = self.pics.cascade
        if self.fpu_irq > 15 or self.fpu_irq == cascade:
            raise ParameterError(f"fpu_irq must be 0..15 and not {cascade}, not {self.fpu_irq!r}")
        for name in ("port_emulation", "ferr_enable", "mmx", "sse3"):
            if not isinstance(getattr(self, name), bool):
                raise ParameterKindError(f"{name} must be True or False, not {getattr(self, name)!r}")

    @property
    def enabled_at_reset(self) -> bool:
        """Reset value of the chipset's enable bit."""
        return self.ferr_enable and self.chipset is SouthBridge.NONE

    @property
    def pics(self) -> PicWiring:
        """Where the 8259As are."""
        return PC98_PICS if self.wiring is Wiring.PC98 else AT_PICS

    @property
    def fpu_port(self) -> int:
        """The port that clears FF1 and sets FF2: F0h, on a PC-98 F8h."""
        return PORT_F8 if self.wiring is Wiring.PC98 else PORT_F0


def _member(kind: type[enum.Enum], name: str, value: object) -> enum.Enum:
    """A member of `kind` from itself or from its value."""
    try:
        return kind(value)
    except ValueError:
        names = ", ".join(str(member.value) for member in kind)
        raise ParameterError(f"{name} must be one of {names}, not {value!r}") from None


def _at_least(name: str, value: object, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ParameterKindError(f"{name} must be an integer, not {value!r}")
    if value < least:
        raise ParameterError(f"{name} must be at least {least}, not {value!r}")
