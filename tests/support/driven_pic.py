"""An 8259A on a bus, HDL or model, as a program and a board use it."""

from irq13 import hdl
from irq13.model.pic import Pic, PicInputs, PicOutputs, PicRegisters
from irq13.sim.machines.ports import join, split
from irq13.sim.machines.simulated import SimulatedDesign


class ModelPic:
    def __init__(self, master):
        self.cycle = Pic(master).step


class HdlPic(SimulatedDesign):
    """The Amaranth component, a cycle a call."""

    def __init__(self, master):
        self.master = master
        design = hdl.Pic()
        ports = hdl.flat_ports(design)
        self.widths = {port.name: len(port.signal) for port in ports if port.is_input}
        self.out_widths = {port.name: len(port.signal) for port in ports if not port.is_input}
        super().__init__(design, self.packed, self.unpacked, PicInputs())

    def packed(self, inputs):
        return join(inputs._asdict() | {"sp": self.master, "write_data": inputs.data}, self.widths)

    def unpacked(self, packed):
        now = split(packed, self.out_widths)
        registers = PicRegisters(now["irr"], now["isr"], now["imr"])
        vector = now["vector"] if now["vector_valid"] else None
        return PicOutputs(bool(now["int_"]), now["read_data"], vector, now["cas_out"], registers)

    cycle = SimulatedDesign.step


class Chip:
    """A chip on a bus, as a program and a board use it."""

    def __init__(self, on, master=True):
        self.pic = {"hdl": HdlPic, "model": ModelPic}[on](master)
        self.ir = 0

    def cycle(self, **inputs):
        return self.pic.cycle(PicInputs(ir=self.ir, **inputs))

    def out(self, a0, *words):
        for word in words:
            self.cycle(write=True, a0=bool(a0), data=word)

    def read(self, a0=0):
        return self.cycle(read=True, a0=bool(a0)).data

    def setup(self, icw1=0x13, base=0x08, icw3=None, icw4=0x01):
        """Single, edge triggered, 8086 mode unless said otherwise; nothing masked."""
        self.out(0, icw1)
        self.out(1, base, *([] if icw3 is None else [icw3]), *([icw4] if icw1 & 1 else []))
        return self

    def request(self, *levels):
        """These lines rise together (and stay); the next cycle sees them."""
        for level in levels:
            self.ir |= 1 << level
        self.cycle()

    def drop(self, *levels):
        for level in levels:
            self.ir &= ~(1 << level)
        self.cycle()

    @property
    def int_(self):
        return self.cycle().int_

    @property
    def registers(self):
        return self.cycle().registers

    @property
    def isr(self):
        return self.registers.isr

    def inta(self, cas=0):
        """Two pulses; the vector, or None if this chip does not answer."""
        first = self.cycle(inta=True, cas=cas)
        assert first.vector is None
        return self.cycle(inta=True, cas=cas).vector
