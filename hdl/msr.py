"""HWCR and IGNNE behind the MSR bus (APM2 15.30, PPR MSRC001_0015)."""

from collections.abc import Iterator
from functools import reduce
from itertools import groupby
from operator import or_
from typing import NamedTuple

from amaranth.hdl import Cat, Const, Module, Mux, ResetInserter, Signal

from ..model.registers import Generation, HwcrLayout, Msr, ReservedBits
from .component import Input, Output, Parametrised
from .ports import MsrSignature


class HwcrBits(NamedTuple):
    """The bits of HWCR, by number. What is in none of them is reserved: the mode decides, and it reads 0."""

    stored: tuple[int, ...]
    """Registers, IgnneEm first."""
    set_only: tuple[int, ...] = ()
    """Registers that a write can only set."""
    locked: tuple[int, ...] = ()
    """Those of `stored` that keep their value while bit 0, SmmLock, is 1."""
    fixed: tuple[int, ...] = ()
    """Not looked at in a write."""
    ones: int = 0
    """A mask: what reads 1 always."""
    must_be_one: tuple[int, ...] = ()
    """Writing 0 faults in mode manual."""
    must_be_zero: tuple[int, ...] = ()
    """Read 0; writing 1 faults in both modes."""


LAYOUTS = {
    HwcrLayout.MINIMAL: HwcrBits(stored=(8, 7)),
    HwcrLayout.K8: HwcrBits(
        stored=(8, 7, 1, 2, 3, 4, 6, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 30, 31),
        set_only=(0,),
        fixed=(5, *range(20, 30), *range(32, 64)),
        ones=1 << 25 | 1 << 5,
    ),
    HwcrLayout.ZEN: HwcrBits(
        stored=(8, 7, 3, 9, 10, 13, 14, 17, 18, 20, 21, 25, 26, 30, 34, 35),
        set_only=(0, 27),
        locked=(13, 14),
        fixed=(24,),
        ones=1 << 24 | 1 << 4,
        must_be_one=(4,),
        must_be_zero=(33,),
    ),
}
"""PPR MSRC001_0015; for K8 the mask that was recorded from a part."""


def _runs(bits: list[int]) -> Iterator[slice]:
    """Neighbouring bits together, the lowest first."""
    for _, run in groupby(enumerate(bits), lambda item: item[1] - item[0]):
        numbers = [bit for _, bit in run]
        yield slice(numbers[0], numbers[-1] + 1)


class MsrFile(Parametrised):
    """The two registers. A faulting access changes nothing, ever.

    Parameters
    ----------
    parameters : Parameters
        Of which `generation`, `reserved_bits`, `hwcr` and `port_emulation` matter here. On a generation
        other than AMD64 the registers do not exist and every access is #GP(0).
    """

    PORTS = {
        "reset": Input(1, "RESET"),
        "msr": Input(MsrSignature(), "the MSR bus"),
        "f0_write": Input(1, "the processor writes port F0h; read only with the parameter port_emulation"),
        "ferr": Input(1, "FERR# is asserted"),
        "ferr_falls": Input(1, "FERR# is asserted and will not be in the next cycle"),
        "ignne_em": Output(1, "HWCR bit 8, IgnneEm; 0 after RESET"),
        "allow_ferr_on_ne": Output(1, "HWCR bit 7, AllowFerrOnNe; 0 after RESET, and always 1 with hwcr k8"),
        "ignne": Output(1, "bit 0 of the IGNNE MSR; 0 after RESET"),
    }

    def __init__(self, parameters, ports=None):
        super().__init__(parameters, ports)
        self._bits = bits = LAYOUTS[parameters.hwcr]
        kept = [bit for bit in (*bits.stored, *bits.set_only) if bit not in self._named()]
        # One register for all that has no effect here; none in the layout `minimal`.
        self._kept = Signal(len(kept))
        self._registers = self._named() | {bit: self._kept[index] for index, bit in enumerate(kept)}

    def _named(self):
        """HWCR bits that are outputs. Family 0Fh has DISLOCK in bit 7, and FERR# under NE = 1 always."""
        if self.parameters.hwcr is HwcrLayout.K8:
            return {8: self.ignne_em}
        return {8: self.ignne_em, 7: self.allow_ferr_on_ne}

    def hwcr(self):
        """HWCR as RDMSR gives it, 64 bits."""
        bits = self._bits
        return Cat(self._registers.get(bit, Const(bits.ones >> bit & 1, 1)) for bit in range(64))

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
            if self.parameters.hwcr is HwcrLayout.K8:
                m.d.comb += self.allow_ferr_on_ne.eq(1)
            self._elaborate_access(m, accepted, fault)
        return ResetInserter(self.reset)(m)

    def _elaborate_access(self, m, accepted, fault):
        payload, answer = self.msr.request.payload, self.msr.response.payload
        value = payload.data
        manual = self.parameters.reserved_bits is ReservedBits.MANUAL
        hwcr_bad = self._bad_hwcr(value, manual)
        ignne_bad = value[1:].any() if manual else value[1:32].any()
        allowed = payload.cpl == 0
        at_hwcr = allowed & (payload.address == Msr.HWCR)
        at_ignne = allowed & (payload.address == Msr.IGNNE)
        good = (at_hwcr & ~(payload.write & hwcr_bad)) | (at_ignne & ~(payload.write & ignne_bad))
        m.d.comb += fault.eq(~good)
        with m.If(accepted & payload.write):
            with m.If(at_hwcr & ~hwcr_bad):
                m.d.sync += [self._registers[bit].eq(new) for bit, new in self._next_hwcr(value)]
            with m.If(at_ignne & ~ignne_bad):
                m.d.sync += self.ignne.eq(value[0])
        with m.Elif(accepted):
            with m.If(at_hwcr):
                m.d.sync += [answer.data[bit].eq(register) for bit, register in self._registers.items()]
                m.d.sync += [answer.data[bit].eq(1) for bit in range(64) if self._bits.ones >> bit & 1]
            with m.If(at_ignne):
                # The stored bit, also while IgnneEm = 0 (choice).
                m.d.sync += answer.data[0].eq(self.ignne)

    def _bad_hwcr(self, value, manual):
        """It would be #GP(0) to write this to HWCR."""
        bits = self._bits
        free = {*bits.stored, *bits.set_only, *bits.fixed, *bits.must_be_one}
        zeros = [bit for bit in range(64) if bit not in free] if manual else list(bits.must_be_zero)
        wrong = [value[run].any() for run in _runs(zeros)]
        wrong += [~value[bit] for bit in bits.must_be_one if manual]
        return reduce(or_, wrong) if wrong else Const(0)

    def _next_hwcr(self, value):
        """The registers of HWCR after a write, by bit."""
        bits = self._bits
        for bit in bits.stored:
            frozen = bit in bits.locked
            # The lock as it was before the write (choice).
            yield bit, Mux(self._registers[0], self._registers[bit], value[bit]) if frozen else value[bit]
        for bit in bits.set_only:
            yield bit, self._registers[bit] | value[bit]

    def _elaborate_port_emulation(self, m):
        """The processor as its own port F0h: the MSR bit behaves like the chipset's flip-flop."""
        with m.If(self.ignne_em):
            with m.If(self.ferr_falls):
                m.d.sync += self.ignne.eq(0)
            with m.Elif(self.ferr & self.f0_write):
                m.d.sync += self.ignne.eq(1)
