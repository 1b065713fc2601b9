"""The interfaces between the blocks, as signatures seen from the side that starts a transfer."""

from amaranth.lib import data, stream

from ..model.registers import Family, Operation
from .component import DescribedSignature, Input, Output


class Cr0(data.Struct):
    """The CR0 bits that the error logic reads (SDM3 2.5)."""

    SAYS = {
        "mp": "CR0.MP: WAIT looks at TS",
        "em": "CR0.EM: there is no x87 unit",
        "ts": "CR0.TS: the task was switched",
        "ne": "CR0.NE: errors are reported by #MF",
    }

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


class OperationSignature(DescribedSignature):
    """An x87 operation that asks whether it may execute, from the processor's decoder.

    The answer is combinational, in the cycle in which `valid` is 1: exactly one of `ready`, `freeze`,
    `window`, `mf`, `nm`, `ud`, `vmexit`. With `freeze` and `window` the operation is to be presented again,
    until it is `ready` or withdrawn for an interrupt; with `mf`, `nm`, `ud` it faults and has no effect.
    """

    PORTS = {
        "valid": Output(1, "an operation is presented; it gets exactly one of the answers below"),
        "code": Output(Operation, "what it does to the error state"),
        "family": Output(Family, "row of the I486 table (SDM1 D.2.1.1); read for ARITHMETIC only"),
        "raises": Output(Flags, "what an arithmetic operation detects: SF PE UE OE ZE DE IE"),
        "control": Output(16, "control word operand or image"),
        "status": Output(16, "status word image; its ES and B are ignored"),
        "ready": Input(1, "it executes; its effect shows in the next cycle"),
        "freeze": Input(1, "it neither executes nor faults (SDM1 D.2.1.1); to be presented again"),
        "window": Input(1, "I486 only: it waits in its interrupt window (SDM1 D.2.1.3)"),
        "mf": Input(1, "it raises #MF and has no effect"),
        "nm": Input(1, "it raises #NM and has no effect"),
        "ud": Input(1, "it raises #UD and has no effect"),
        "vmexit": Input(1, "AMD64 only: #VMEXIT in place of a freeze (APM2 15.14.2); rIP stays at it"),
    }


class MsrRequest(data.Struct):
    """One RDMSR or WRMSR."""

    SAYS = {
        "write": "1 for WRMSR, 0 for RDMSR",
        "address": "ECX",
        "data": "EDX:EAX",
        "cpl": "current privilege level; other than 0 is #GP(0)",
    }

    write: 1
    address: 32
    data: 64
    cpl: 2


class MsrResponse(data.Struct):
    """The answer."""

    SAYS = {"fault": "#GP(0), and nothing has changed", "data": "what was read; 0 after a write or a fault"}

    fault: 1
    data: 64


class MsrSignature(DescribedSignature):
    """The MSR bus: one response for each accepted request, in order, a cycle later."""

    PORTS = {
        "request": Output(stream.Signature(MsrRequest), "an RDMSR or WRMSR"),
        "response": Input(stream.Signature(MsrResponse), "the answer to the request before it"),
    }


class IoSignature(DescribedSignature):
    """The byte-wide I/O bus: one cycle a transfer."""

    PORTS = {
        "address": Output(16, "the port"),
        "write": Output(1, "an OUT takes place in this cycle"),
        "read": Output(1, "an IN takes place in this cycle"),
        "write_data": Output(8, "the byte of an OUT"),
        "read_data": Input(8, "the byte of an IN, in the same cycle; FFh where nothing answers"),
    }


class PicRegistersSignature(DescribedSignature):
    """The registers of an 8259A, for observation."""

    PORTS = {
        "irr": Output(8, "interrupt request register"),
        "isr": Output(8, "in-service register"),
        "imr": Output(8, "interrupt mask register"),
    }


class FerrEnableSignature(DescribedSignature):
    """A write to the chipset's enable bit (on a PIIX, XBCS bit 5)."""

    PORTS = {
        "write": Output(1, "the enable bit is written in this cycle"),
        "value": Output(1, "what is written to it"),
    }


class SvmSignature(DescribedSignature):
    """Secure virtual machine, as far as a freeze is concerned (APM2 15.14.2)."""

    IN_NAMES = False
    PORTS = {
        "guest_mode": Output(1, "the processor runs a guest"),
        "intercept_ferr_freeze": Output(1, "VMCB offset 00Ch bit 30"),
        "exit_code": Input(8, "07Eh in a cycle with op_vmexit, else 0"),
    }


class StateSignature(DescribedSignature):
    """The error state and what decides about IGNNE, for observation."""

    IN_NAMES = False
    PORTS = {
        "ignne": Output(1, "IGNNE in effect"),
        "flags": Output(Flags, "status word bits 6:0, SF PE UE OE ZE DE IE; sticky"),
        "masks": Output(Masks, "control word bits 5:0, PM UM OM ZM DM IM; 0 after RESET"),
        "es": Output(1, "an unmasked exception is pending; B is equal to it"),
        "ignne_em": Output(1, "HWCR bit 8, IgnneEm: the IGNNE MSR replaces the pin"),
        "allow_ferr_on_ne": Output(1, "HWCR bit 7, AllowFerrOnNe"),
        "ignne_msr": Output(1, "bit 0 of the IGNNE MSR"),
    }
