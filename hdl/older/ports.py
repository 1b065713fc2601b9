"""The operation port of a processor with a coprocessor beside it, and what the coprocessor shows."""

from ...model.older.registers import OlderParameters
from ...model.registers import Family, Operation
from ..component import Component, DescribedSignature, Input, Output, Ports, of_kind
from ..ports import Flags, Masks


class OlderOperationSignature(DescribedSignature):
    """An instruction that asks whether it may be sent to the coprocessor.

    The answer is combinational, in the cycle in which `valid` is 1: exactly one of `ready`, `hold`, `mf`,
    `nm`. With `hold` it is to be presented again, until it is `ready` or withdrawn for an interrupt.
    """

    PORTS = {
        "valid": Output(1, "an instruction is presented; it gets exactly one of the answers below"),
        "code": Output(Operation, "what it does to the error state"),
        "family": Output(Family, "whether an arithmetic one is a store"),
        "raises": Output(Flags, "what an arithmetic one detects: SF PE UE OE ZE DE IE"),
        "control": Output(16, "control word operand or image"),
        "status": Output(16, "status word image; its ES and B are ignored"),
        "ready": Input(1, "it executes; its effect shows in the next cycle"),
        "hold": Input(1, "it waits for the coprocessor; to be presented again"),
        "mf": Input(1, "native wiring only: it raises #MF, vector 16, and has no effect"),
        "nm": Input(1, "80286 and 80386: it raises #NM and has no effect"),
    }


class NpxStateSignature(DescribedSignature):
    """The coprocessor's error state, for observation."""

    IN_NAMES = False
    PORTS = {
        "flags": Output(Flags, "status word bits 6:0, SF PE UE OE ZE DE IE; no SF before the 80387"),
        "masks": Output(Masks, "control word bits 5:0, PM UM OM ZM DM IM"),
        "interrupt_mask": Output(1, "8087: control word bit 7, M"),
        "es": Output(1, "ES, on the 8087 IR: an unmasked flag is set"),
    }


class OlderComponent(Component):
    """A component that is built for `OlderParameters`.

    Parameters
    ----------
    parameters : OlderParameters
    ports : mapping of str to Described
        As of `Component`.

    Raises
    ------
    TypeError
        If it is given anything else.
    """

    def __init__(self, parameters: OlderParameters, ports: Ports | None = None) -> None:
        self.parameters = of_kind(parameters, OlderParameters)
        super().__init__(ports)
