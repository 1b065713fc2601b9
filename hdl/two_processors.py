"""A PC/AT with a second processor on the FERR# and IGNNE# wires.

FERR# is an open-drain wire here: low if either processor pulls it. IGNNE# goes to both, INTR to processor a
alone (MP Specification 3.6.4, PIC mode). Intel supports that in native mode only (SDM1 D.2.1).
"""

from amaranth.lib.wiring import connect, flipped

from ..model.registers import PORT_F0, Parameters
from .component import DescribedSignature, Input, Output
from .pc import Pc
from .ports import Cr0, MsrSignature, OperationSignature, StateSignature
from .processor import Processor


class TwoProcessorPc(Pc):
    """A PC with two processors; what `Pc` has is processor a's, or shared.

    Parameters
    ----------
    parameters : Parameters
        Of both processors and of the chipset.
    b_wired : bool
        FERR# and IGNNE# of processor b are connected. Otherwise its FERR# goes nowhere, and its IGNNE# input
        is negated (MP Specification 3.6.4: they need not be wired).
    """

    PORTS = {
        **Pc.PORTS,
        "b_cr0": Input(Cr0, "the control register of processor b"),
        "b_op": Input(OperationSignature(), "the operation port of processor b"),
        "b_msr": Input(MsrSignature(), "the MSR bus of processor b"),
        "b_io": Input(1, "the access on the I/O bus is processor b's"),
        "a_ferr_n": Output(1, "FERR# as processor a drives it", init=1),
        "b_ferr_n": Output(1, "FERR# as processor b drives it", init=1),
        # One by one: that group has no name of its own in the names of its ports.
        **{f"b_{name}": port for name, port in StateSignature.PORTS.items()},
    }

    def __init__(self, parameters: Parameters, b_wired: bool = True):
        super().__init__(parameters)
        self._b_wired = b_wired

    def elaborate(self, platform):
        m = super().elaborate(platform)
        a, chipset = m.submodules.processor, m.submodules.chipset
        m.submodules.processor_b = b = Processor(self.parameters)
        wire = a.ferr_n & b.ferr_n if self._b_wired else a.ferr_n
        f0_write = self.io.write & (self.io.address == PORT_F0)
        # These take the place of what `Pc` connects: the last statement decides.
        m.d.comb += [
            a.f0_write.eq(f0_write & ~self.b_io),
            chipset.ferr_n.eq(wire),
            self.ferr_n.eq(wire),
        ]
        m.d.comb += [
            b.reset.eq(self.reset),
            b.cr0.eq(self.b_cr0),
            b.f0_write.eq(f0_write & self.b_io),
            b.ignne_n.eq(self.ignne_n if self._b_wired else 1),
            self.a_ferr_n.eq(a.ferr_n),
            self.b_ferr_n.eq(b.ferr_n),
            *(getattr(self, f"b_{name}").eq(getattr(b.state, name)) for name in StateSignature.PORTS),
        ]
        connect(m, flipped(self.b_op), b.op)
        connect(m, flipped(self.b_msr), b.msr)
        return m


TWO_PROCESSOR_SIGNATURE = DescribedSignature(TwoProcessorPc.PORTS)
"""The ports of `TwoProcessorPc`."""
