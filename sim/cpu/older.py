"""The processor of a machine before the 486: an 8088, 80286 or 80386 with a coprocessor beside it."""

from collections.abc import Sequence
from typing import Any

from ...model.chipset import IoAccess
from ...model.older import OlderInputs, OlderOutputs, OlderParameters
from ...model.older.registers import CONTROL_8087, SUPPORTED, HostCpu, OlderMachine
from ...model.registers import CONTROL_FNINIT, PORT_F1, Generation, Parameters
from ...model.reporting import Decision
from ...model.x87 import OperationRequest
from ..waveform.older_signals import older_signals
from .cpu import Cpu, Cycles
from .events import FAULTS, NMI_VECTOR
from .program import Position, Program
from .stores import CONTROL_BIT_7, CONTROL_KEPT, ControlWord, Stores

_BITS = CONTROL_KEPT | CONTROL_BIT_7
CONTROL_WORDS = {
    HostCpu.I8086: ControlWord(CONTROL_8087, CONTROL_8087, _BITS, enables=True),
    # What an 80287 makes of a bit 7 that FLDCW loads is nowhere said; it keeps it (**choice**).
    HostCpu.I80286: ControlWord(CONTROL_8087, CONTROL_8087, _BITS),
    HostCpu.I80386: ControlWord(CONTROL_FNINIT),
}
"""Control words of 8087, 80287 and 80387 [A4, A18, B14, B17]."""

RESET_BY_F1 = (OlderMachine.AT286, OlderMachine.AT386)
"""Machines in which OUT F1h resets the coprocessor [B4]."""


_SINCE_387 = ("fcos", "fprem1", "fsin", "fsincos", "fucom", "fucomp", "fucompp")
_LATER = (
    *("fcomi", "fcomip", "fucomi", "fucomip", "fisttp", "fcmovb", "fcmovbe"),
    *("fcmove", "fcmovnb", "fcmovnbe", "fcmovne", "fcmovnu", "fcmovu"),
)
_CHIPS = {HostCpu.I8086: "8087", HostCpu.I80286: "80287", HostCpu.I80386: "80387"}


def missing_instruction(
    verb: str, operations: Sequence[OperationRequest], parameters: OlderParameters
) -> str:
    """Why the coprocessor cannot do an instruction; empty if it can.

    Parameters
    ----------
    verb : str
        The mnemonic, in any case.
    operations : sequence of OperationRequest
        What it stands for.
    parameters : OlderParameters
        Of the machine: its CPU says which coprocessor there is.
    """
    chip, verb = _CHIPS[parameters.cpu or HostCpu.I80386], verb.lower()
    if verb in _SINCE_387 and chip != "80387":
        return f"the {chip} does not have it, the 80387 has"
    if verb in _LATER or any(one.code not in SUPPORTED for one in operations):
        return f"the {chip} does not have it"
    return ""


class OlderCpu(Cpu):
    """Runs a program that uses nothing that the machine lacks.

    Parameters
    ----------
    program : Program
        As above; `lacking` says what a machine lacks.
    parameters : OlderParameters
        Of the machine.
    """

    def __init__(self, program: Program, parameters: OlderParameters) -> None:
        self.machine = parameters
        self._signals = {signal.name: signal for signal in older_signals(parameters)}
        # It decodes as a processor that has everything does: what is missing here does not come so far.
        super().__init__(program, Parameters(Generation.AMD64))
        word = CONTROL_WORDS[parameters.cpu or HostCpu.I80386]
        self.stores = Stores(parameters.cpu is HostCpu.I8086, word)

    def _begin(self, position: Position, init: bool = False) -> None:
        super()._begin(position, init)
        # The 80386 of an AT does not find its 80387 by itself: ERROR# is tied off [C7].
        self.et = False

    def _set_et(self, value: bool) -> None:
        self.et = value

    def _drive(self, **inputs) -> Any:
        return OlderInputs(cr0=self.cr0, **inputs)

    def _deliver_nmi(self) -> None:
        # An 8088 has no NMI blocking: a new edge interrupts the handler [A8]. An 80286 blocks until IRET.
        self.nmi_blocked = self.machine.cpu is not HostCpu.I8086
        self._enter(NMI_VECTOR)

    def _io(self, access: IoAccess, last: bool) -> Cycles:
        outputs: Any = yield self._drive(io=access)
        if not access.write:
            self.stores.values["al"] = outputs.io_data
            self._record("reads", outputs.io_data)
        elif last:
            self._record("executes")
        if access.write and access.address == PORT_F1 and self.machine.machine in RESET_BY_F1:
            self.stores.reset()
        if outputs.cpu_reset:
            self._again(init=True)
        return True

    def _x87(self, operation: OperationRequest, last: bool) -> Cycles:
        """WAIT and ESC: what holds one is told once the coprocessor is free, so by an error."""
        held = False
        while True:
            outputs: Any = yield self._drive(operation=operation)
            if outputs.decision is Decision.READY:
                self._executed(operation, outputs, last)
                return True
            if outputs.decision is Decision.NM:
                return self._fault(FAULTS[Decision.NM])
            if outputs.decision is Decision.FREEZE and not held and _by_error(outputs):
                held = True
                self._record("freezes")
            if self._interrupted():
                return False
            if outputs.decision is Decision.MF:
                return self._fault("#MF")
            self.waiting = "frozen"

    def _level(self, signal: str, inputs: Any, outputs: Any) -> bool:
        return bool(self._signals[signal].get(inputs, outputs, self.view()))


def _by_error(outputs: OlderOutputs) -> bool:
    return outputs.latch or outputs.int_
