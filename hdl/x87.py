"""Flags, masks and ES (SDM1 8.1.3, 8.3.11-12)."""

from amaranth.hdl import Module, Mux, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..model.registers import Operation
from .ports import Flags, Masks

LOADS = (Operation.FLDENV, Operation.FRSTOR, Operation.FXRSTOR, Operation.XRSTOR)
"""Operations that load flags and masks from an image in memory."""


class X87(wiring.Component):
    """The x87 error state. C0-C3 and TOP are no part of it.

    Attributes
    ----------
    execute: In(1), the operation executes in this cycle.
    code: In(Operation).
    raises: In(Flags), what an arithmetic operation detects.
    control, status: In(16), the images that are loaded. ES and B of an image are ignored.
    flags: Out(Flags), sticky; 0 after reset.
    masks: Out(Masks); all 0, so that every exception is unmasked, after reset (SDM3 table 9-1).
    es: Out(1), an unmasked exception is pending; equal to B always.
    raised: Out(Flags), what the executing operation adds to the flags.
    pending: Out(6), the unmasked flags (bits 5:0); next_pending: Out(6), those after the operation executes.
    """

    execute: In(1)
    code: In(Operation)
    raises: In(Flags)
    control: In(16)
    status: In(16)
    flags: Out(Flags)
    masks: Out(Masks)
    es: Out(1)
    raised: Out(Flags)
    pending: Out(6)
    next_pending: Out(6)

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
        return m
