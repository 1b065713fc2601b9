"""The numeric coprocessors 8087, 80287 and 80387 as far as an error is concerned.

An instruction that is sent to the chip takes effect in the next cycle, in which the chip is busy if it
computes: an error shows before the chip is free again [C2].
"""

from typing import NamedTuple

from ..registers import CONTROL_FNINIT, MASKABLE, ExceptionFlag, Family, Operation
from ..x87 import OperationRequest
from .registers import CONTROL_8087, INTERRUPT_MASK, HostCpu, OlderParameters

COMPUTES = frozenset({Operation.ARITHMETIC, Operation.FLDCW, Operation.FLDENV, Operation.FRSTOR})
"""What keeps the chip busy: all that can make an error pending (**choice** for the loads: ERROR has to come
before BUSY ends [C2, B13])."""
INITIALISES = frozenset({Operation.FNINIT, Operation.FNSAVE})


class NpxOutputs(NamedTuple):
    """What the chip shows; all are registers, or follow from registers."""

    busy: bool
    """It executes."""
    es: bool
    """ES, called IR on the 8087: a flag is set that is not masked [A3, B7]."""
    error: bool
    """80287, 80387: ERROR, a level that is ES [B7]."""
    int_: bool
    """8087: INT [A1, A4]."""
    pereq: bool
    """80387: it asks for the data of a store [C6]."""
    flags: ExceptionFlag
    masks: ExceptionFlag
    interrupt_mask: bool
    """8087: control word bit 7."""


class Npx:
    """The chip. Which one follows from the processor beside it.

    Attributes
    ----------
    flags, masks: status word bits 6:0 (no SF before the 80387), control word bits 5:0.
    interrupt_mask: M of the 8087.
    uninitialised: an 80387 since RESET: ES and ERROR are 1 until FNINIT or FNSAVE, whatever the flags [C8].
    left: cycles for which it is still busy.
    stores: what it executes is a store.
    """

    def __init__(self, parameters: OlderParameters) -> None:
        self.parameters = parameters
        self.reset()

    def reset(self) -> None:
        """RESET of the chip: as FNINIT [A18, B14], but for the 80387's ERROR [C8]."""
        self._initialise()
        self.uninitialised = self.parameters.cpu is HostCpu.I80386

    def _initialise(self) -> None:
        control = CONTROL_FNINIT if self.parameters.cpu is HostCpu.I80386 else CONTROL_8087
        self.flags, self.masks = ExceptionFlag(0), ExceptionFlag(control & MASKABLE)
        self.interrupt_mask = self.parameters.cpu is HostCpu.I8086
        self.uninitialised = False
        self.left, self.stores = 0, False

    @property
    def settled(self) -> NpxOutputs:
        """The outputs of this cycle."""
        es = bool(self.flags & ~self.masks & MASKABLE) or self.uninitialised
        busy = self.left > 0
        is_8087 = self.parameters.cpu is HostCpu.I8086
        return NpxOutputs(
            busy=busy,
            es=es,
            error=es and not is_8087,
            int_=es and is_8087 and not self.interrupt_mask,
            pereq=busy and self.stores,
            flags=self.flags,
            masks=self.masks,
            interrupt_mask=self.interrupt_mask,
        )

    def clock(self, operation: OperationRequest | None, reset: bool) -> None:
        """The rising edge; `operation` is what executes in this cycle.

        Parameters
        ----------
        operation : OperationRequest or None
            None if nothing executes.
        reset : bool
            RESET of the coprocessor in this cycle.
        """
        self.left = max(self.left - 1, 0)
        if operation is not None:
            self._execute(operation)
        if reset:
            self.reset()

    def _execute(self, operation: OperationRequest) -> None:
        match operation.code:
            case Operation.ARITHMETIC:
                self.flags |= self._known(operation.detected)
            case Operation.FLDCW:
                self._load_control(operation.control)
            case Operation.FLDENV | Operation.FRSTOR:
                self._load_control(operation.control)
                self.flags = self._known(ExceptionFlag(operation.status & 0x7F))
            case Operation.FNSTENV:
                self.masks = ExceptionFlag(MASKABLE)  # The 8087's M stays as it is.
            case Operation.FNCLEX:
                self.flags = ExceptionFlag(0)
            case Operation.FNENI | Operation.FNDISI if self.parameters.cpu is HostCpu.I8086:
                # Ignored from the 80287 on [B17].
                self.interrupt_mask = operation.code is Operation.FNDISI
            case Operation.FNINIT | Operation.FNSAVE:
                self._initialise()
        if operation.code in COMPUTES:
            self.left = self.parameters.npx_cycles
            self.stores = operation.code is Operation.ARITHMETIC and operation.family is Family.STORE

    def _load_control(self, control: int) -> None:
        self.masks = ExceptionFlag(control & MASKABLE)
        if self.parameters.cpu is HostCpu.I8086:
            self.interrupt_mask = bool(control & INTERRUPT_MASK)

    def _known(self, flags: ExceptionFlag) -> ExceptionFlag:
        """Without SF, which came with the 80387."""
        return flags if self.parameters.cpu is HostCpu.I80386 else flags & MASKABLE
