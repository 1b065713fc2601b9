"""HWCR and IGNNE behind the MSR bus (APM2 15.30, PPR MSRC001_0015)."""

from amaranth.hdl import Const, Module, ResetInserter, Signal
from amaranth.lib import data

from ..model.registers import Generation, Msr, ReservedBits
from .component import Input, Output, Parametrised
from .ports import MsrSignature


class HwcrLayout(data.Struct):
    """HWCR bits 8:0; all but two are reserved here."""

    reserved: 7
    allow_ferr_on_ne: 1
    ignne_em: 1


class MsrFile(Parametrised):
    """The two registers. A faulting access changes nothing, ever.

    Parameters
    ----------
    parameters : Parameters
        Of which `generation`, `reserved_bits` and `port_emulation` matter here. On a generation other than
        AMD64 the registers do not exist and every access is #GP(0).
    """

    PORTS = {
        "reset": Input(1, "RESET"),
        "msr": Input(MsrSignature(), "the MSR bus"),
        "f0_write": Input(1, "the processor writes port F0h; read only with the parameter port_emulation"),
        "ferr": Input(1, "FERR# is asserted"),
        "ferr_falls": Input(1, "FERR# is asserted and will not be in the next cycle"),
        "ignne_em": Output(1, "HWCR bit 8, IgnneEm; 0 after RESET"),
        "allow_ferr_on_ne": Output(1, "HWCR bit 7, AllowFerrOnNe; 0 after RESET"),
        "ignne": Output(1, "bit 0 of the IGNNE MSR; 0 after RESET"),
    }

    def elaborate(self, platform):
        m = Module()
        request, response = self.msr.request, self.msr.response
        present = self.parameters.generation is Generation.AMD64
        fault = Signal(init=1)
        accepted = Signal()
        m.d.comb += [
            request.ready.eq(~response.valid | response.ready),
            accepted.eq(request.valid & request.ready),
        ]
        with m.If(request.ready):
            m.d.sync += [
                response.valid.eq(request.valid),
                response.payload.fault.eq(fault),
                response.payload.data.eq(0),
            ]
        if present:
            # A WRMSR in the same cycle comes last in the source and so wins (choice).
            if self.parameters.port_emulation:
                self._elaborate_port_emulation(m)
            self._elaborate_access(m, accepted, fault)
        return ResetInserter(self.reset)(m)

    def _elaborate_access(self, m, accepted, fault):
        payload, answer = self.msr.request.payload, self.msr.response.payload
        value = payload.data
        hwcr = HwcrLayout(value[:9])
        manual = self.parameters.reserved_bits is ReservedBits.MANUAL
        hwcr_bad = (hwcr.reserved.any() | value[9:].any()) if manual else Const(0)
        ignne_bad = value[1:].any() if manual else value[1:32].any()
        allowed = payload.cpl == 0
        at_hwcr = allowed & (payload.address == Msr.HWCR)
        at_ignne = allowed & (payload.address == Msr.IGNNE)
        good = (at_hwcr & ~(payload.write & hwcr_bad)) | (at_ignne & ~(payload.write & ignne_bad))
        m.d.comb += fault.eq(~good)
        with m.If(accepted & payload.write):
            with m.If(at_hwcr & ~hwcr_bad):
                m.d.sync += [
                    self.ignne_em.eq(hwcr.ignne_em),
                    self.allow_ferr_on_ne.eq(hwcr.allow_ferr_on_ne),
                ]
            with m.If(at_ignne & ~ignne_bad):
                m.d.sync += self.ignne.eq(value[0])
        with m.Elif(accepted):
            with m.If(at_hwcr):
                m.d.sync += [
                    answer.data[8].eq(self.ignne_em),
                    answer.data[7].eq(self.allow_ferr_on_ne),
                ]
            with m.If(at_ignne):
                # The stored bit, also while IgnneEm = 0 (choice).
                m.d.sync += answer.data[0].eq(self.ignne)

    def _elaborate_port_emulation(self, m):
        """The processor as its own port F0h: the MSR bit behaves like the chipset's flip-flop."""
        with m.If(self.ignne_em):
            with m.If(self.ferr_falls):
                m.d.sync += self.ignne.eq(0)
            with m.Elif(self.ferr & self.f0_write):
                m.d.sync += self.ignne.eq(1)
