"""The processor's side: error state, reporting and MSRs as one block with its pins."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.wiring import connect, flipped

from ..model.registers import VMEXIT_FERR_FREEZE, Parameters
from .component import Input, Output, Parametrised
from .msr import MsrFile
from .ports import Cr0, MsrSignature, OperationSignature, StateSignature, SvmSignature
from .reporting import Reporting
from .x87 import X87


class Processor(Parametrised):
    """An x86 processor as far as reporting an x87 error is concerned.

    INIT has no port: it leaves x87 state and MSRs alone (SDM3 table 9-1).

    Parameters
    ----------
    parameters : Parameters
    """

    PORTS = {
        "reset": Input(1, "RESET"),
        "ignne_n": Input(1, "the IGNNE# pin: asynchronous, active low, sampled by a synchroniser", init=1),
        "ferr_n": Output(1, "the FERR# pin: active low, a register", init=1),
        "cr0": Input(Cr0, "the control register"),
        "op": Input(OperationSignature(), "the operation port"),
        "msr": Input(MsrSignature(), "the MSR bus"),
        "svm": Input(SvmSignature(), "virtualisation"),
        "f0_write": Input(1, "the processor writes port F0h; read only with the parameter port_emulation"),
        "state": Output(StateSignature(), "the error state, for observation"),
    }

    def __init__(self, parameters: Parameters):
        super().__init__(parameters)
        # What is proved of it looks at these.
        self._reporting, self._msr = Reporting(parameters), MsrFile(parameters)

    def elaborate(self, platform):
        m = Module()
        state, svm = self.state, self.svm
        m.submodules.x87 = x87 = X87()
        m.submodules.reporting = reporting = self._reporting
        m.submodules.msr = msr = self._msr

        # Inverted before it is synchronised, so that the idle line reads as negated from the start.
        # RESET does not reach the stages: they follow the wire.
        pin = Signal()
        m.submodules.ignne_synchroniser = FFSynchronizer(
            ~self.ignne_n, pin, stages=self.parameters.synchroniser_stages
        )
        connect(m, flipped(self.op), reporting.op)
        connect(m, flipped(self.msr), msr.msr)
        m.d.comb += [
            *(block.reset.eq(self.reset) for block in (x87, reporting, msr)),
            x87.execute.eq(self.op.valid & self.op.ready),
            x87.code.eq(self.op.code),
            x87.raises.eq(self.op.raises),
            x87.control.eq(self.op.control),
            x87.status.eq(self.op.status),
            reporting.cr0.eq(self.cr0),
            reporting.es.eq(x87.es),
            reporting.ignne.eq(state.ignne),
            reporting.allow_ferr_on_ne.eq(msr.allow_ferr_on_ne),
            reporting.intercepts_freeze.eq(svm.guest_mode & svm.intercept_ferr_freeze),
            svm.exit_code.eq(Mux(self.op.vmexit, VMEXIT_FERR_FREEZE, 0)),
            reporting.raised.eq(x87.raised),
            reporting.next_pending.eq(x87.next_pending),
            msr.f0_write.eq(self.f0_write),
            msr.ferr.eq(reporting.ferr),
            msr.ferr_falls.eq(reporting.ferr_falls),
            self.ferr_n.eq(~reporting.ferr),
            state.flags.eq(x87.flags),
            state.masks.eq(x87.masks),
            state.es.eq(x87.es),
            # APM2 15.30.2: with IgnneEm = 1 the pin has no influence.
            state.ignne.eq(Mux(msr.ignne_em, msr.ignne, pin)),
            state.ignne_em.eq(msr.ignne_em),
            state.allow_ferr_on_ne.eq(msr.allow_ferr_on_ne),
            state.ignne_msr.eq(msr.ignne),
        ]
        return m
