"""Flags, masks and ES (SDM1 8.1.3, 8.3.11-12)."""

from amaranth.hdl import Module, Mux, ResetInserter, Value

from ..model.registers import Operation
from .component import Component, Input, Output
from .ports import Flags, Masks

LOADS = (Operation.FLDENV, Operation.FRSTOR, Operation.FXRSTOR, Operation.XRSTOR)
"""Operations that load flags and masks from an image in memory."""


class X87(Component):
    """The x87 error state. C0-C3 and TOP are no part of it."""

    PORTS = {
        "reset": Input(1, "RESET"),
        "execute": Input(1, "the operation executes in this cycle"),
        "code": Input(Operation, "what it does to the error state"),
        "raises": Input(Flags, "what an arithmetic operation detects"),
        "control": Input(16, "control word operand or image"),
        "status": Input(16, "status word image; its ES and B are ignored"),
        "flags": Output(Flags, "sticky; 0 after RESET"),
        "masks": Output(Masks, "all 0, so that every exception is unmasked, after RESET (SDM3 table 9-1)"),
        "es": Output(1, "an unmasked exception is pending; B is equal to it"),
        "raised": Output(Flags, "what the executing operation adds to the flags"),
        "pending": Output(6, "the unmasked flags, bits 5:0"),
        "next_pending": Output(6, "the unmasked flags after the operation executes"),
    }

    def elaborate(self, platform):
        m = Module()
        flags, masks = Value.cast(self.flags), Value.cast(self.masks)
        raised = Value.cast(self.raised)
        loads = self.code.matches(*LOADS)
        initialises = self.code.matches(Operation.FNINIT, Operation.FNSAVE)
        clears = initialises | (self.code == Operation.FNCLEX)
        masks_all = initialises | (self.code == Operation.FNSTENV)
        next_flags = Mux(loads, self.status[:7], Mux(clears, 0, flags | raised))
        next_masks = Mux(
            loads | (self.code == Operation.FLDCW),
            self.control[:6],
            masks | masks_all.replicate(6),
        )
        with m.If(self.code == Operation.ARITHMETIC):
            m.d.comb += self.raised.eq(self.raises)
            # A stack fault is an invalid operation (SDM1 8.1.3.4).
            with m.If(self.raises.sf):
                m.d.comb += self.raised.ie.eq(1)
        with m.If(self.execute):
            m.d.sync += [flags.eq(next_flags), masks.eq(next_masks)]
        m.d.comb += [
            self.pending.eq(flags & ~masks),
            self.next_pending.eq(next_flags & ~next_masks),
            self.es.eq(self.pending.any()),
        ]
        return ResetInserter(self.reset)(m)
