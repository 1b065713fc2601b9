"""The numeric coprocessors 8087, 80287 and 80387 as far as an error is concerned."""

from amaranth.hdl import Const, Module, Mux, Signal, Value

from ...model.older.registers import CONTROL_8087, INTERRUPT_MASK, HostCpu
from ...model.registers import CONTROL_FNINIT, Family, Operation
from ..component import Input, Output
from ..ports import Flags
from .ports import NpxStateSignature, OlderComponent


class Npx(OlderComponent):
    """The chip that belongs to the processor: 8087, 80287 or 80387.

    An instruction takes effect in the cycle after it was sent. Those that can make an error pending keep the
    chip busy from then on, for `npx_cycles` (choice).

    Parameters
    ----------
    parameters : OlderParameters
        Of which `cpu` and `npx_cycles` matter here.
    """

    PORTS = {
        "reset": Input(1, "RESET of the chip"),
        "execute": Input(1, "the instruction is sent in this cycle"),
        "code": Input(Operation, "what it does to the error state"),
        "family": Input(Family, "whether an arithmetic one is a store"),
        "raises": Input(Flags, "what an arithmetic one detects"),
        "control": Input(16, "control word operand or image"),
        "status": Input(16, "status word image; its ES and B are ignored"),
        "busy": Output(1, "it executes"),
        "error": Output(1, "80287, 80387: ERROR, a level that is ES"),
        "int_": Output(1, "8087: INT, that is IR and not M"),
        "pereq": Output(1, "80387: it asks for the data of a store"),
        "state": Output(NpxStateSignature(), "the error state, for observation"),
    }

    def elaborate(self, platform):
        m = Module()
        cpu, state = self.parameters.cpu, self.state
        is_8087, is_80387 = cpu is HostCpu.I8086, cpu is HostCpu.I80386
        first_control = CONTROL_FNINIT if is_80387 else CONTROL_8087
        flags = Signal(7 if is_80387 else 6)
        masks = Signal(6, init=first_control & 0x3F)
        left = Signal(range(self.parameters.npx_cycles + 1))
        raises = Value.cast(self.raises)
        initialises = self.execute & self.code.matches(Operation.FNINIT, Operation.FNSAVE)
        restart = self.reset | initialises
        loads = self.code.matches(Operation.FLDENV, Operation.FRSTOR)
        loads_control = loads | (self.code == Operation.FLDCW)
        computes = loads_control | (self.code == Operation.ARITHMETIC)
        pending = (flags[:6] & ~masks).any()

        # A stack fault is an invalid operation; before the 80387 it has no flag of its own.
        detected = raises | raises[6]
        arithmetic = Mux(self.code == Operation.ARITHMETIC, detected, 0)
        after = Mux(loads, self.status[:7], Mux(self.code == Operation.FNCLEX, 0, flags | arithmetic))
        with m.If(restart):
            m.d.sync += [flags.eq(0), masks.eq(first_control & 0x3F)]
        with m.Elif(self.execute):
            m.d.sync += flags.eq(after)
            with m.If(loads_control):
                m.d.sync += masks.eq(self.control[:6])
            with m.Elif(self.code == Operation.FNSTENV):
                m.d.sync += masks.eq(0x3F)
        with m.If(restart):
            m.d.sync += left.eq(0)
        with m.Elif(self.execute & computes):
            m.d.sync += left.eq(self.parameters.npx_cycles)
        with m.Elif(left != 0):
            m.d.sync += left.eq(left - 1)

        m.d.comb += [
            self.busy.eq(left != 0),
            Value.cast(state.flags).eq(flags),
            Value.cast(state.masks).eq(masks),
        ]
        if is_8087:
            interrupt_mask = self._interrupt_mask(m, restart, loads_control)
            m.d.comb += [
                state.es.eq(pending),
                self.int_.eq(pending & ~interrupt_mask),
                state.interrupt_mask.eq(interrupt_mask),
            ]
        else:
            uninitialised = self._uninitialised(m, initialises) if is_80387 else Const(0)
            m.d.comb += [state.es.eq(pending | uninitialised), self.error.eq(state.es)]
        if is_80387:
            self._request_of_a_store(m)
        return m

    def _interrupt_mask(self, m, restart, loads_control):
        """M: FNENI and FNDISI are the 8087's own."""
        mask = Signal(init=1)
        with m.If(restart):
            m.d.sync += mask.eq(1)
        with m.Elif(self.execute):
            with m.If(loads_control):
                m.d.sync += mask.eq((self.control & INTERRUPT_MASK).any())
            with m.Elif(self.code.matches(Operation.FNENI, Operation.FNDISI)):
                m.d.sync += mask.eq(self.code == Operation.FNDISI)
        return mask

    def _uninitialised(self, m, initialises):
        """RESET leaves an 80387 with ERROR until it is initialised."""
        uninitialised = Signal(init=1)
        m.d.sync += uninitialised.eq(self.reset | (uninitialised & ~initialises))
        return uninitialised

    def _request_of_a_store(self, m):
        store = Signal()
        with m.If(self.execute & ~self.reset):
            with m.If(self.code.matches(Operation.FNINIT, Operation.FNSAVE)):
                m.d.sync += store.eq(0)
            with m.Elif(
                self.code.matches(Operation.ARITHMETIC, Operation.FLDCW, Operation.FLDENV, Operation.FRSTOR)
            ):
                m.d.sync += store.eq((self.code == Operation.ARITHMETIC) & (self.family == Family.STORE))
        m.d.comb += self.pereq.eq(self.busy & store)
