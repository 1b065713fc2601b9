"""The processor's side: error state, reporting and MSRs as one block with its pins."""

from amaranth.hdl import Module, Mux, ResetInserter, Signal
from amaranth.lib import wiring
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.wiring import In, Out, connect, flipped

from ..model.registers import VMEXIT_FERR_FREEZE, Parameters
from .msr import MsrFile
from .ports import Cr0, Flags, Masks, MsrSignature, OperationSignature
from .reporting import Reporting
from .x87 import X87


class Processor(wiring.Component):
    """An x86 processor as far as reporting an x87 error is concerned.

    Parameters
    ----------
    parameters: Parameters.

    Attributes
    ----------
    reset: In(1), RESET. INIT has no port: it leaves x87 state and MSRs alone (SDM3 table 9-1).
    ignne_n: In(1), the IGNNE# pin: asynchronous, active low, sampled by a synchroniser.
    ferr_n: Out(1), the FERR# pin: active low, a register.
    cr0: In(Cr0).
    op: In(OperationSignature).
    msr: In(MsrSignature).
    guest_mode: In(1), the processor runs a guest.
    intercept_ferr_freeze: In(1), VMCB offset 00Ch bit 30.
    exit_code: Out(8), 07Eh in a cycle with `op.vmexit`, else 0.
    f0_write: In(1), the processor writes port F0h; read only with `port_emulation`.
    flags: Out(Flags), masks: Out(Masks), es: Out(1), the error state.
    ignne: Out(1), IGNNE in effect.
    ignne_em, allow_ferr_on_ne: Out(1), HWCR bits 8 and 7.
    ignne_msr: Out(1), bit 0 of the IGNNE MSR.
    """

    def __init__(self, parameters: Parameters):
        if not isinstance(parameters, Parameters):
            raise TypeError(f"parameters must be Parameters, not {parameters!r}")
        self.parameters = parameters
        self._reporting = Reporting(parameters)
        super().__init__(
            {
                "reset": In(1),
                "ignne_n": In(1, init=1),
                "ferr_n": Out(1, init=1),
                "cr0": In(Cr0),
                "op": In(OperationSignature()),
                "msr": In(MsrSignature()),
                "guest_mode": In(1),
                "intercept_ferr_freeze": In(1),
                "exit_code": Out(8),
                "f0_write": In(1),
                "flags": Out(Flags),
                "masks": Out(Masks),
                "es": Out(1),
                "ignne": Out(1),
                "ignne_em": Out(1),
                "allow_ferr_on_ne": Out(1),
                "ignne_msr": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        x87 = X87()
        reporting = self._reporting
        msr = MsrFile(self.parameters)
        m.submodules.x87 = ResetInserter(self.reset)(x87)
        m.submodules.reporting = ResetInserter(self.reset)(reporting)
        m.submodules.msr = ResetInserter(self.reset)(msr)

        # Inverted before it is synchronised, so that the idle line reads as negated from the start.
        # RESET does not reach the stages: they follow the wire.
        pin = Signal()
        m.submodules.ignne_synchroniser = FFSynchronizer(
            ~self.ignne_n, pin, stages=self.parameters.synchroniser_stages
        )
        connect(m, flipped(self.op), reporting.op)
        connect(m, flipped(self.msr), msr.msr)
        m.d.comb += [
            x87.execute.eq(self.op.valid & self.op.ready),
            x87.code.eq(self.op.code),
            x87.raises.eq(self.op.raises),
            x87.control.eq(self.op.control),
            x87.status.eq(self.op.status),
            reporting.cr0.eq(self.cr0),
            reporting.es.eq(x87.es),
            reporting.ignne.eq(self.ignne),
            reporting.allow_ferr_on_ne.eq(msr.allow_ferr_on_ne),
            reporting.intercepts_freeze.eq(self.guest_mode & self.intercept_ferr_freeze),
            self.exit_code.eq(Mux(self.op.vmexit, VMEXIT_FERR_FREEZE, 0)),
            reporting.raised.eq(x87.raised),
            reporting.next_pending.eq(x87.next_pending),
            msr.f0_write.eq(self.f0_write),
            msr.ferr.eq(reporting.ferr),
            msr.ferr_falls.eq(reporting.ferr_falls),
            self.ferr_n.eq(~reporting.ferr),
            self.flags.eq(x87.flags),
            self.masks.eq(x87.masks),
            self.es.eq(x87.es),
            # APM2 15.30.2: with IgnneEm = 1 the pin has no influence.
            self.ignne.eq(Mux(msr.ignne_em, msr.ignne, pin)),
            self.ignne_em.eq(msr.ignne_em),
            self.allow_ferr_on_ne.eq(msr.allow_ferr_on_ne),
            self.ignne_msr.eq(msr.ignne),
        ]
        return m
