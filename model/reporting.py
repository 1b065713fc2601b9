"""Reporting a pending exception: freeze or #MF, the FERR# latch, the no-wait window.

Sources: SDM1 8.7 and appendix D; SDM3 22.18.6.7; APM1 chapter 6; PPR HWCR.AllowFerrOnNe.
"""

import enum
from typing import NamedTuple

from .registers import MASKABLE, Cr0, ExceptionFlag, Family, Generation, Operation, Parameters
from .x87 import NON_WAITING, ErrorState, OperationRequest, device_not_available, missing, undefined


class Decision(enum.Enum):
    """What becomes of the operation that is presented, in the same cycle."""

    IDLE = "no operation"
    READY = "executes"
    FREEZE = "frozen: neither executes nor faults"
    WINDOW = "waits in its interrupt window"
    MF = "#MF"
    NM = "#NM"
    UD = "#UD"
    VMEXIT = "#VMEXIT(07Eh) instead of a freeze"


# SDM1 D.2.1.1. ZE of the transcendental family is not in the table: deferred, as the cells around it that
# need the result (**choice**). SF comes with IE, so the row of IE speaks for the stack fault too.
IMMEDIATE = {
    Family.BASIC: ExceptionFlag(0),
    Family.TRANSCENDENTAL: ExceptionFlag.IE | ExceptionFlag.DE,
    Family.STORE: ExceptionFlag(MASKABLE) & ~ExceptionFlag.PE,
}
"""Exceptions that an I486 reports at once, by instruction family; it defers the others."""


class ReportingContext(NamedTuple):
    """What the reporting rules read in one cycle."""

    state: ErrorState
    operation: OperationRequest | None
    cr0: Cr0
    ignne: bool
    """IGNNE in effect, whether from the pin or from the MSR."""
    allow_ferr_on_ne: bool
    """HWCR.AllowFerrOnNe."""
    intercepts_freeze: bool = False
    """In guest mode, with the FERR_FREEZE intercept."""


class Reporting:
    """The FERR# latch and what surrounds it.

    Attributes
    ----------
    ferr: FERR# is asserted (the pin is low).
    immediate: pending exceptions that an I486 reports without waiting for the next instruction.
    window: cycles for which the no-wait window has been open, 0 when it is closed.
    """

    def __init__(self, parameters: Parameters) -> None:
        self.parameters = parameters
        self.reset()

    def reset(self) -> None:
        """RESET: FERR# is high, and no window is open."""
        self.ferr = False
        self.immediate = ExceptionFlag(0)
        self.window = 0

    def decide(self, now: ReportingContext) -> Decision:
        """Whether the operation executes, freezes or faults (SDM1 8.7, SDM3 table 2-2), in this order."""
        operation = now.operation
        if operation is None:
            return Decision.IDLE
        if missing(operation.code, self.parameters):
            return Decision.UD
        if device_not_available(operation.code, now.cr0):
            return Decision.NM
        if undefined(operation.code, now.cr0):
            return Decision.UD
        if operation.code in NON_WAITING:
            return Decision.WINDOW if self._window_holds(now) else Decision.READY
        if not now.state.es:
            return Decision.READY
        if Cr0.NE in now.cr0:
            return Decision.MF
        if now.ignne:
            return Decision.READY
        # APM2 15.14.2: the intercept is checked when the processor would freeze. AMD64 only.
        svm = self.parameters.generation is Generation.AMD64
        return Decision.VMEXIT if svm and now.intercepts_freeze else Decision.FREEZE

    def clock(self, now: ReportingContext, decision: Decision, after: ErrorState) -> None:
        """The rising edge: `after` is the error state that follows `now.state`.

        Parameters
        ----------
        now : ReportingContext
            This cycle's state, operation and modes.
        decision : Decision
            What became of the operation.
        after : ErrorState
            Flags and masks in the next cycle.
        """
        self._clock_latch(now, decision)
        self._clock_window(decision)
        self._clock_immediate(now, decision, after)

    def _clock_latch(self, now: ReportingContext, decision: Decision) -> None:
        if not now.state.es or not self._allowed(now) or self._window_ends(now, decision):
            self.ferr = False
        elif decision == Decision.WINDOW or (self._due(decision) and not self._gated(now)):
            self.ferr = True
        # Otherwise it keeps its state: IGNNE asserting later does not clear it (SDM1 D.2.1.1).

    def _due(self, decision: Decision) -> bool:
        """Whether it is time to report: at once, or at the next waiting instruction (deferred)."""
        return self.reports_at_once() or decision in (Decision.FREEZE, Decision.MF)

    def reports_at_once(self) -> bool:
        """Immediate wins where exceptions of both kinds are pending."""
        return self.parameters.generation is not Generation.I486 or bool(self.immediate)

    def _allowed(self, now: ReportingContext) -> bool:
        """Intel asserts FERR# under NE = 1 too (SDM1 D.4.2); AMD64 only with AllowFerrOnNe (PPR)."""
        if self.parameters.generation is Generation.AMD64:
            return Cr0.NE not in now.cr0 or now.allow_ferr_on_ne
        return True

    def _gated(self, now: ReportingContext) -> bool:
        """IGNNE keeps FERR# from asserting on Intel while NE = 0 (SDM1 D.2.1.1).

        On AMD64 it stops the freeze and not FERR# (APM1 6, table 6-22 and the text below it; APM2 3.1.1
        can be read otherwise: **choice**).
        """
        if self.parameters.generation is Generation.AMD64:
            return False
        return now.ignne and Cr0.NE not in now.cr0

    def _window_holds(self, now: ReportingContext) -> bool:
        """SDM1 D.2.1.3, figure D-3: the window is open in this cycle. Only I486 has it."""
        if self.parameters.generation is not Generation.I486:
            return False
        if self.window:
            return self.window < self.parameters.nowait_window
        unreported = now.state.es and not self.ferr and not self._gated(now)
        return unreported and not self.reports_at_once()

    def _window_ends(self, now: ReportingContext, decision: Decision) -> bool:
        """The operation that opened the window executes: its pulse on FERR# is over."""
        return (
            self.window == self.parameters.nowait_window
            and decision == Decision.READY
            and now.operation is not None
            and now.operation.code in NON_WAITING
        )

    def _clock_window(self, decision: Decision) -> None:
        # An operation that is withdrawn closes the window; FERR# stays as in a freeze.
        self.window = self.window + 1 if decision == Decision.WINDOW else 0

    def _clock_immediate(self, now: ReportingContext, decision: Decision, after: ErrorState) -> None:
        """Remember which pending exceptions were raised as immediate ones.

        What FLDENV, FRSTOR, FXRSTOR or XRSTOR load is deferred, and so is a flag that FLDCW unmasks
        (**choice**: SDM1 D.2.1.1 names neither). A flag that FLDCW leaves pending keeps its kind.
        """
        if decision == Decision.READY and now.operation is not None:
            match now.operation.code:
                case Operation.ARITHMETIC:
                    self.immediate |= now.operation.detected & IMMEDIATE[now.operation.family]
                case Operation.FLDENV | Operation.FRSTOR | Operation.FXRSTOR | Operation.XRSTOR:
                    self.immediate = ExceptionFlag(0)
        # Only what is pending has a kind, so a flag that FLDCW unmasks comes without one.
        self.immediate &= after.pending
