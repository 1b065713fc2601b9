"""What the processor beside a coprocessor does with the pins BUSY (TEST on the 8088) and ERROR."""

from amaranth.hdl import Module, Signal

from ...model.older.registers import HostCpu, PassesBusy
from ...model.registers import Operation
from ..component import Input
from ..ports import Cr0
from .ports import OlderComponent, OlderOperationSignature

CONTROL_UNIT = (
    Operation.FNSTSW,
    Operation.FNSTCW,
    Operation.FNINIT,
    Operation.FNCLEX,
    Operation.FNENI,
    Operation.FNDISI,
    Operation.FNSETPM,
)
"""What an 8087 and an 80287 take while they are busy."""
WHEN_FREE = (Operation.FLDCW, Operation.FLDENV, Operation.FRSTOR, Operation.FNSTENV, Operation.FNSAVE)
"""What an 8087 takes with its INT active, once it has ended the instruction before (choice)."""
IGNORES_ERROR = (*CONTROL_UNIT, Operation.FNSTENV, Operation.FNSAVE)
"""What an 80286 or 80386 sends without a look at ERROR."""


class Waits(OlderComponent):
    """Answers the operation port from BUSY and ERROR. Combinational.

    Parameters
    ----------
    parameters : OlderParameters
        Of which `cpu`, `passes_busy` and `native` matter here.
    """

    PORTS = {
        "op": Input(OlderOperationSignature(), "the operation port"),
        "cr0": Input(Cr0, "EM, TS and MP; NE does not exist"),
        "busy": Input(1, "BUSY as the processor sees it"),
        "npx_busy": Input(1, "the coprocessor executes"),
        "error": Input(1, "ERROR of the coprocessor; looked at with native wiring only"),
    }

    def elaborate(self, platform):
        m = Module()
        op, cr0, code = self.op, self.cr0, self.op.code
        held = Signal()
        if self.parameters.cpu is HostCpu.I8086:
            with m.If(code.matches(*WHEN_FREE)):
                m.d.comb += held.eq(self.npx_busy)
            with m.Elif(~code.matches(*CONTROL_UNIT)):
                m.d.comb += held.eq(self.busy)
            m.d.comb += [op.ready.eq(op.valid & ~held), op.hold.eq(op.valid & held)]
            return m
        passing = CONTROL_UNIT
        if self.parameters.passes_busy is PassesBusy.I80386:
            passing = (Operation.FNINIT, Operation.FNCLEX)
        wait = code == Operation.FWAIT
        m.d.comb += held.eq(self.busy & ~code.matches(*passing))
        with m.If(op.valid):
            with m.If((wait & cr0.mp & cr0.ts) | (~wait & (cr0.em | cr0.ts))):
                m.d.comb += op.nm.eq(1)
            with m.Elif(held):
                m.d.comb += op.hold.eq(1)
            with m.Elif(self.error & ~code.matches(*IGNORES_ERROR) if self.parameters.native else 0):
                m.d.comb += op.mf.eq(1)
            with m.Else():
                m.d.comb += op.ready.eq(1)
        return m
