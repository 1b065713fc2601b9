"""The interfaces between the blocks, as signatures seen from the side that starts a transfer."""

from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ..model.registers import Family, Operation


class Cr0(data.Struct):
    """The CR0 bits that the error logic reads (SDM3 2.5)."""

    mp: 1
    em: 1
    ts: 1
    ne: 1


class Flags(data.Struct):
    """Status word bits 6:0 (SDM1 8.1.3)."""

    ie: 1
    de: 1
    ze: 1
    oe: 1
    ue: 1
    pe: 1
    sf: 1


class Masks(data.Struct):
    """Control word bits 5:0 (SDM1 8.1.5); also one bit an exception wherever SF has none."""

    im: 1
    dm: 1
    zm: 1
    om: 1
    um: 1
    pm: 1


class OperationSignature(wiring.Signature):
    """An x87 operation that asks whether it may execute, from the processor's decoder.

    The answer is combinational, in the cycle in which `valid` is 1: exactly one of `ready`, `freeze`,
    `window`, `mf`, `nm`, `ud`, `vmexit`. With `freeze` and `window` the operation is to be presented again,
    until it is `ready` or withdrawn for an interrupt; with `mf`, `nm`, `ud` it faults and has no effect.

    Attributes
    ----------
    valid: Out(1), an operation is presented.
    code: Out(Operation), what it does to the error state.
    family: Out(Family), row of the I486 table; read for `Operation.ARITHMETIC` only.
    raises: Out(Flags), what an arithmetic operation detects.
    control: Out(16), control word operand or image.
    status: Out(16), status word image.
    ready: In(1), it executes; its effect shows in the next cycle.
    freeze: In(1), it neither executes nor faults (SDM1 D.2.1.1).
    window: In(1), I486 only: it waits in its interrupt window (SDM1 D.2.1.3).
    mf, nm, ud: In(1), it raises #MF, #NM, #UD.
    vmexit: In(1), AMD64 only: #VMEXIT instead of a freeze (APM2 15.14.2); the guest's rIP stays at it.
    """

    def __init__(self) -> None:
        super().__init__(
            {
                "valid": Out(1),
                "code": Out(Operation),
                "family": Out(Family),
                "raises": Out(Flags),
                "control": Out(16),
                "status": Out(16),
                "ready": In(1),
                "freeze": In(1),
                "window": In(1),
                "mf": In(1),
                "nm": In(1),
                "ud": In(1),
                "vmexit": In(1),
            }
        )


class MsrRequest(data.Struct):
    """One RDMSR or WRMSR: address as in ECX, data as in EDX:EAX, current privilege level."""

    write: 1
    address: 32
    data: 64
    cpl: 2


class MsrResponse(data.Struct):
    """The answer: #GP(0), or what was read (0 after a write or a fault)."""

    fault: 1
    data: 64


class MsrSignature(wiring.Signature):
    """The MSR bus: one response for each accepted request, in order, a cycle later.

    Attributes
    ----------
    request: Out(stream of MsrRequest).
    response: In(stream of MsrResponse).
    """

    def __init__(self) -> None:
        super().__init__(
            {
                "request": Out(stream.Signature(MsrRequest)),
                "response": In(stream.Signature(MsrResponse)),
            }
        )


class IoSignature(wiring.Signature):
    """The byte-wide I/O bus: one cycle a transfer.

    Attributes
    ----------
    address: Out(16), the port.
    write, read: Out(1), an OUT or an IN takes place in this cycle.
    write_data: Out(8).
    read_data: In(8), in the same cycle; FFh where nothing answers.
    """

    def __init__(self) -> None:
        super().__init__(
            {
                "address": Out(16),
                "write": Out(1),
                "read": Out(1),
                "write_data": Out(8),
                "read_data": In(8),
            }
        )


class PicRegistersSignature(wiring.Signature):
    """The registers of an 8259A, for observation.

    Attributes
    ----------
    irr, isr, imr: Out(8).
    """

    def __init__(self) -> None:
        super().__init__({"irr": Out(8), "isr": Out(8), "imr": Out(8)})


class FerrEnableSignature(wiring.Signature):
    """A write to the chipset's enable bit (PIIX XBCS bit 5).

    Attributes
    ----------
    write: Out(1), the bit is written in this cycle.
    value: Out(1), what is written.
    """

    def __init__(self) -> None:
        super().__init__({"write": Out(1), "value": Out(1)})
