"""Freeze, #MF, the FERR# latch, deferred and immediate reporting, the no-wait window (SDM1 8.7, D.2)."""

from amaranth.hdl import Array, Const, Module, Mux, ResetInserter, Signal, Value

from ..model.registers import Family, Generation, Operation, Parameters
from .component import Input, Output, Parametrised
from .ports import Cr0, Flags, OperationSignature
from .x87 import LOADS

WAITING = (
    Operation.ARITHMETIC,
    Operation.FWAIT,
    Operation.MMX,
    Operation.FLDCW,
    Operation.FLDENV,
    Operation.FRSTOR,
)
"""Operations that check for a pending exception before they execute (SDM1 8.3.12)."""

DEFERRED = {
    # SDM1 D.2.1.1, one bit an exception: PE UE OE ZE DE IE. ZE of the transcendentals is not in the
    # manual's table and counts among those that need a result (choice).
    Family.BASIC: 0b11_1111,
    Family.TRANSCENDENTAL: 0b11_1100,
    Family.STORE: 0b10_0000,
}
"""Exceptions that an I486 does not report before the next waiting instruction."""

ABSENT = {
    # SDM2: MMX from the Pentium MMX, FXSAVE from the Pentium II, XSAVE later than the P6 generation.
    Generation.I486: (
        Operation.MMX,
        Operation.FXSAVE,
        Operation.FXRSTOR,
        Operation.XSAVE,
        Operation.XRSTOR,
    ),
    Generation.P6: (Operation.XSAVE, Operation.XRSTOR),
    Generation.AMD64: (),
}
"""Opcodes of the 0F page that a generation does not have: #UD whatever EM and TS are."""


class Reporting(Parametrised):
    """Decides what an operation may do, and when FERR# speaks.

    Parameters
    ----------
    parameters : Parameters
        Of which `generation` and `nowait_window` matter here.
    """

    PORTS = {
        "reset": Input(1, "RESET"),
        "op": Input(OperationSignature(), "the operation port"),
        "cr0": Input(Cr0, "the control register"),
        "es": Input(1, "an unmasked exception is pending"),
        "ignne": Input(1, "IGNNE in effect"),
        "allow_ferr_on_ne": Input(1, "HWCR bit 7, AllowFerrOnNe"),
        "intercepts_freeze": Input(1, "in guest mode, with the FERR_FREEZE intercept"),
        "raised": Input(Flags, "what the executing operation adds to the flags"),
        "next_pending": Input(6, "the unmasked flags, bits 5:0, after the operation executes"),
        "ferr": Output(1, "FERR# is asserted"),
        "ferr_falls": Output(1, "FERR# is asserted and will not be in the next cycle"),
    }

    def __init__(self, parameters: Parameters):
        super().__init__(parameters)
        # Registers besides FERR#: which pending flags are immediate (PE never is), and how long the window
        # has been open.
        self.immediate = Signal(5)
        self.window = Signal(range(parameters.nowait_window + 1))

    def elaborate(self, platform):
        m = Module()
        op, ne = self.op, self.cr0.ne
        waiting = Signal()
        holds = Signal()
        stops = Signal()
        faults = self._elaborate_faults(m)
        may_run = op.valid & ~faults
        m.d.comb += [
            waiting.eq(op.code.matches(*WAITING)),
            op.mf.eq(may_run & waiting & self.es & ne),
            stops.eq(may_run & waiting & self.es & ~(ne | self.ignne)),
            op.freeze.eq(stops & ~op.vmexit),
            # Without a look at the other answers, as this is the longest path.
            holds.eq(waiting & self.es & (ne | ~self.ignne)),
            op.ready.eq(op.valid & ~(faults | holds | op.window)),
        ]
        if self.parameters.generation is Generation.AMD64:
            m.d.comb += op.vmexit.eq(stops & self.intercepts_freeze)
            allowed, gated = ~ne | self.allow_ferr_on_ne, Const(0)
        else:
            allowed, gated = Const(1), self.ignne & ~ne
        window_end = Const(0)
        if self.parameters.generation is Generation.I486:
            immediate = self._elaborate_immediate(m)
            opens = may_run & ~waiting & self.es & ~immediate & ~self.ferr & ~gated
            window_end = self._elaborate_window(m, opens, may_run & ~waiting)
            # At the next waiting instruction it reports what is still unreported.
            due = immediate | op.freeze | op.mf
        else:
            # It reports at once.
            due = self.es
        next_ferr = Signal()
        m.d.comb += [
            next_ferr.eq(self.es & allowed & ~window_end & (self.ferr | op.window | (due & ~gated))),
            self.ferr_falls.eq(self.ferr & ~next_ferr),
        ]
        m.d.sync += self.ferr.eq(next_ferr)
        return ResetInserter(self.reset)(m)

    def _elaborate_faults(self, m):
        """What the generation has no opcode for is #UD first; then #NM (SDM3 table 2-2) goes before #UD (SDM3
        22.18.6.6). EM makes MMX undefined (table 12-1), and XSAVE and XRSTOR ignore it (SDM2).

        Returns: it is one of the two.
        """
        op, cr0 = self.op, self.cr0
        fwait, undefined = op.code == Operation.FWAIT, op.code == Operation.UNDEFINED
        lacks = ABSENT[self.parameters.generation]
        if self.parameters.mmx:
            lacks = tuple(code for code in lacks if code is not Operation.MMX)
        absent = op.code.matches(*lacks)
        mmx = Const(0) if Operation.MMX in lacks else op.code == Operation.MMX
        heedless = (
            Const(0) if Operation.XSAVE in lacks else op.code.matches(Operation.XSAVE, Operation.XRSTOR)
        )
        monitored = cr0.mp & cr0.ts
        stopped = (cr0.ts & ~(mmx & cr0.em)) | (cr0.em & ~mmx & ~heedless)
        not_available = ~absent & Mux(fwait, monitored, stopped)
        m.d.comb += [
            op.nm.eq(op.valid & not_available),
            op.ud.eq(op.valid & (absent | (~not_available & (undefined | (mmx & cr0.em))))),
        ]
        return Mux(fwait, monitored, absent | (cr0.em & ~heedless) | cr0.ts | undefined)

    def _elaborate_immediate(self, m):
        """Some pending exception was raised as an immediate one. Returns that bit.

        A flag that FLDCW unmasks, or that an image brings, is deferred (choice: SDM1 D.2.1.1 is silent).
        """
        op = self.op
        immediate = self.immediate
        deferred = Array(Const(DEFERRED[family], 6) for family in Family)
        raised_now = (Value.cast(self.raised)[:6] & ~deferred[op.family])[: len(immediate)]
        with m.If(op.ready & op.code.matches(*LOADS)):
            m.d.sync += immediate.eq(0)
        with m.Elif(op.ready):
            # Only what is pending can be immediate, so a flag that FLDCW unmasks is not.
            m.d.sync += immediate.eq((immediate | raised_now) & self.next_pending)
        return immediate.any()

    def _elaborate_window(self, m, opens, no_wait):
        """Hold a no-wait instruction for `nowait_window` cycles (figure D-3). Returns: it ends now.

        Withdrawn in the middle, it leaves FERR# asserted; presented again, it finds nothing to report.
        """
        length = self.parameters.nowait_window
        window = self.window
        open_now = Signal()
        done = Signal()
        m.d.comb += [
            done.eq(window == length),
            open_now.eq(Mux(window == 0, opens, no_wait & ~done)),
            self.op.window.eq(open_now),
        ]
        m.d.sync += window.eq(Mux(open_now, window + 1, 0))
        return done & no_wait
