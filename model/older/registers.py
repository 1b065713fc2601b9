"""Numbers, names and parameters of the PCs before the 486: the one module that model and HDL share of them.

Nothing here behaves. Numbers in brackets, such as [B2], are those of the list of facts in the README.
"""

import enum
from dataclasses import dataclass

from ..registers import AT_PICS, PC98_PICS, PORT_F8, Operation, ParameterError, ParameterKindError, PicWiring


class OlderMachine(enum.Enum):
    """A PC whose coprocessor is a chip of its own."""

    AT286 = "AT286"
    """PC/AT: 80286, 80287, and a latch between ERROR and BUSY."""
    AT386 = "AT386"
    """An AT with 80386 and 80387."""
    XT8087 = "XT8087"
    """PC or PC/XT: 8088, 8087, and the NMI."""
    PC98 = "PC98"
    """NEC PC-9801: the latch as in an AT, other ports, IRQ 8."""


class HostCpu(enum.Enum):
    """The processor beside the coprocessor."""

    I8086 = "8086"
    """8086, 8088 or V30, with an 8087."""
    I80286 = "80286"
    I80386 = "80386"


class Irq13From(enum.Enum):
    """What drives IRQ 13 on an AT; the sources differ, and both give one edge an error [6.1]."""

    LATCH = "latch"
    ERROR = "error"


class PassesBusy(enum.Enum):
    """Which instructions a processor sends to its coprocessor without a look at BUSY [6.4]."""

    I80286 = "286"
    """FNINIT, FNCLEX, FNSTSW, FNSTCW, FNSETPM, FNENI, FNDISI [B20]."""
    I80386 = "386"
    """FNINIT and FNCLEX [C5]."""


CONTROL_8087 = 0x03FF
"""Control word of 8087 and 80287 after RESET and FNINIT [A18, B14]."""
INTERRUPT_MASK = 1 << 7
"""Control word bit 7 of the 8087: M, or IEM; 1 = interrupts masked [A4]."""
PORT_A0 = 0xA0
"""I/O port A0h of a PC or PC/XT: the NMI mask register."""
NMI_ENABLE = 1 << 7
"""Bit 7 of port A0h: 1 lets NMI pass; 0 after RESET [A9, A13]."""

SUPPORTED = (
    Operation.ARITHMETIC,
    Operation.FWAIT,
    Operation.FLDCW,
    Operation.FLDENV,
    Operation.FRSTOR,
    Operation.FNSTSW,
    Operation.FNSTCW,
    Operation.FNENI,
    Operation.FNDISI,
    Operation.FNSETPM,
    Operation.FNSTENV,
    Operation.FNSAVE,
    Operation.FNINIT,
    Operation.FNCLEX,
)
"""Operations that these chips have. Any other does nothing, and waits as an arithmetic one (**choice**:
nothing is #UD on 8087 and 80287, which execute aliases or nothing; no program gets as far as that)."""


XT_PICS = PicWiring(0x20, None, 0, 2)


@dataclass(frozen=True)
class OlderParameters:
    """What is chosen when an older machine is built.

    Raises
    ------
    TypeError, ValueError
        If a value is out of range, or the machine has nothing that it would change; the message shows it.
    """

    machine: OlderMachine = OlderMachine.AT286
    cpu: HostCpu | None = None
    """Of a PC-98: 80386 by default. The other machines have the one that they are named after."""
    npx_cycles: int = 2
    """Cycles for which the coprocessor is busy with an instruction: at least 1 (**choice**)."""
    irq13_from: Irq13From = Irq13From.LATCH
    """With the latch: what drives IRQ 13 [6.1] (**choice**: the latch)."""
    passes_busy: PassesBusy | None = None
    """80286 and 80386: by default the list of its own processor [6.4] (**choice**)."""
    f1_clears_latch: bool = False
    """AT286 and AT386: a write of port F1h, which resets the coprocessor, clears the latch too [R11]
    (**choice**: it does not)."""
    native: bool = False
    """80286 and 80386: wired as Intel wants it, the coprocessor's ERROR to the processor, so that errors are
    #MF; the latch is not used [B9, R11]."""
    installed: bool = True
    """XT8087: switch SW1-2 says that there is an 8087; without, its INT does not reach NMI [A9]."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "machine", _member(OlderMachine, "machine", self.machine))
        own = _CPU[self.machine]
        cpu = _member(HostCpu, "cpu", own if self.cpu is None else self.cpu)
        if cpu is not own and self.machine is not OlderMachine.PC98:
            raise ParameterError(f"cpu must be {own.value} on {self.machine.value}, not {self.cpu!r}")
        object.__setattr__(self, "cpu", cpu)
        list_ = PassesBusy.I80386 if cpu is HostCpu.I80386 else PassesBusy.I80286
        given = list_ if self.passes_busy is None else self.passes_busy
        object.__setattr__(self, "passes_busy", _member(PassesBusy, "passes_busy", given))
        object.__setattr__(self, "irq13_from", _member(Irq13From, "irq13_from", self.irq13_from))
        if isinstance(self.npx_cycles, bool) or not isinstance(self.npx_cycles, int):
            raise ParameterKindError(f"npx_cycles must be an integer, not {self.npx_cycles!r}")
        if not 1 <= self.npx_cycles <= 255:
            raise ParameterError(f"npx_cycles must be 1..255, not {self.npx_cycles!r}")
        for name in ("f1_clears_latch", "native", "installed"):
            if not isinstance(getattr(self, name), bool):
                raise ParameterKindError(f"{name} must be True or False, not {getattr(self, name)!r}")
        self._check_used(list_)

    def _check_used(self, list_: PassesBusy) -> None:
        """Refuse what would change nothing on this machine."""
        at = self.machine in (OlderMachine.AT286, OlderMachine.AT386)
        for name, default, used, where in (
            ("irq13_from", Irq13From.LATCH, self.has_latch, "there is a latch"),
            ("passes_busy", list_, self.cpu is not HostCpu.I8086, "there is an 80286 or 80386"),
            ("f1_clears_latch", False, at and self.has_latch, "there is a latch, on AT286 and AT386"),
            ("native", False, self.cpu is not HostCpu.I8086, "there is an 80286 or 80386"),
            ("installed", True, self.machine is OlderMachine.XT8087, "the machine is XT8087"),
        ):
            value = getattr(self, name)
            if value != default and not used:
                raise ParameterError(f"{name} is for where {where}: it must be {_text(default)} here")

    @property
    def has_latch(self) -> bool:
        """There is a latch between ERROR and BUSY."""
        return self.cpu is not HostCpu.I8086 and not self.native

    @property
    def pics(self) -> PicWiring:
        """Where the 8259As are."""
        return _PICS[self.machine]

    @property
    def clear_port(self) -> int:
        """The port that clears the latch."""
        return PORT_F8 if self.machine is OlderMachine.PC98 else 0xF0

    @property
    def npx_irq(self) -> int | None:
        """The interrupt request that the coprocessor's error is: 13 on an AT, 8 or 14 on a PC-98 [N1, N2]."""
        if self.machine is OlderMachine.XT8087:
            return None
        if self.machine is not OlderMachine.PC98:
            return 13
        return 14 if self.cpu is HostCpu.I8086 else 8

    @property
    def npx_vector(self) -> int:
        """The vector under which its handler is called; a native 80286 or 80386 has vector 16."""
        if self.native:
            return 16
        if self.npx_irq is None:
            return 2
        return self.pics.base + self.npx_irq - 8

    @property
    def bios_words(self) -> tuple[tuple[int, int], ...]:
        """What a BIOS writes to the 8259As, edge triggered and nothing masked, and on an XT to port A0h."""
        wiring = self.pics
        odd = 1 << wiring.a0
        if wiring.slave is None:
            pic = ((0, 0x13), (odd, 0x08), (odd, 0x09), (odd, 0))
            return (*((wiring.master + port, word) for port, word in pic), (PORT_A0, NMI_ENABLE))
        return wiring.bios_words


_CPU = {
    OlderMachine.AT286: HostCpu.I80286,
    OlderMachine.AT386: HostCpu.I80386,
    OlderMachine.XT8087: HostCpu.I8086,
    OlderMachine.PC98: HostCpu.I80386,
}
_PICS = {
    OlderMachine.AT286: AT_PICS,
    OlderMachine.AT386: AT_PICS,
    OlderMachine.XT8087: XT_PICS,
    OlderMachine.PC98: PC98_PICS,
}


def _member(kind: type[enum.Enum], name: str, value: object) -> enum.Enum:
    """A member of `kind` from itself or from its value."""
    try:
        return kind(value)
    except ValueError:
        # What is no text may be the right name without its quotes: cpu = 8086.
        shown = str if isinstance(value, str) else '"{}"'.format
        names = ", ".join(shown(member.value) for member in kind)
        raise ParameterError(f"{name} must be one of {names}, not {value!r}") from None


def _text(value: object) -> str:
    return str(value.value if isinstance(value, enum.Enum) else value)
