"""The PC/AT's side: the two flip-flops behind port F0h (SDM1 D.2.1.2, figure D-1); F8h on a PC-98."""

from amaranth.hdl import Module, Mux, Signal

from ..model.registers import Parameters
from .component import Input, Output, Parametrised
from .ports import FerrEnableSignature, IoSignature


class Chipset(Parametrised):
    """FF1 drives IRQ 13, FF2 drives IGNNE#; both are clear after reset.

    Setting the enable bit while FERR# is low counts as a falling edge (choice).

    Parameters
    ----------
    parameters : Parameters
        Of which `ferr_enable`, `chipset` and `wiring` matter here.
    """

    PORTS = {
        "reset": Input(1, "RESET"),
        "ferr_n": Input(1, "the FERR# pin, active low", init=1),
        "irq13": Output(1, "FP_IRQ, to IR5 of the slave 8259A"),
        "ignne_n": Output(1, "the IGNNE# pin, active low; never low while ferr_n is high", init=1),
        "io": Input(IoSignature(), "a write to F0h counts, whatever the data; reads of F0h and F1h give FFh"),
        "enable": Input(FerrEnableSignature(), "a write to the enable bit"),
        "ferr_enable": Output(1, "the enable bit; while it is 0 both flip-flops are held clear"),
    }

    def __init__(self, parameters: Parameters):
        enable = Output(1, self.PORTS["ferr_enable"].says, init=getattr(parameters, "enabled_at_reset", None))
        super().__init__(parameters, {**self.PORTS, "ferr_enable": enable})

    def elaborate(self, platform):
        m = Module()
        ff2 = Signal()
        f0_write = Signal()
        stay = Signal()
        error = Signal()
        error_before = Signal()
        next_enable = Mux(self.enable.write, self.enable.value, self.ferr_enable)
        m.d.comb += [
            f0_write.eq(self.io.write & (self.io.address == self.parameters.fpu_port)),
            self.io.read_data.eq(0xFF),
            error.eq(self.ferr_enable & ~self.ferr_n),
            stay.eq(next_enable & ~self.reset),
            # The flip-flop's asynchronous clear, as it acts before the next edge.
            self.ignne_n.eq(~(ff2 & ~self.ferr_n)),
        ]
        m.d.sync += [
            # Not touched by RESET: it makes no edge of its own.
            error_before.eq(error),
            # An edge that meets a write to F0h wins: no error is lost (choice).
            self.irq13.eq(stay & ((error & ~error_before) | (self.irq13 & ~f0_write))),
            ff2.eq(stay & ~self.ferr_n & (ff2 | f0_write)),
            self.ferr_enable.eq(Mux(self.reset, self.ferr_enable.init, next_enable)),
        ]
        return m
