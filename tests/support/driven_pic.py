"""An 8259A on a bus, HDL or model, as a program and a board use it."""

from amaranth.hdl import Cat, Value
from amaranth.sim import Simulator
from irq13 import hdl
from irq13.model.pic import Pic, PicInputs, PicOutputs, PicRegisters


class ModelPic:
    def __init__(self, master):
        self.cycle = Pic(master).step


class HdlPic:
    """The Amaranth component, a cycle a call."""

    def __init__(self, master):
        self.dut = dut = hdl.Pic()
        self.inputs = Cat(dut.reset, dut.ir, dut.write, dut.read, dut.a0, dut.write_data, dut.inta, dut.cas)
        self.outputs = [
            *(dut.int_, dut.read_data, dut.vector_valid, dut.vector, dut.cas_out),
            *(dut.irr, dut.isr, dut.imr),
        ]
        self.request = None
        self.simulator = Simulator(dut)
        self.simulator.add_clock(1e-8)

        async def testbench(ctx):
            ctx.set(dut.sp, master)
            while True:
                while self.request is None:
                    await ctx.delay(0)
                ctx.set(self.inputs, self.request)
                self.answer = [ctx.get(Value.cast(port)) for port in self.outputs]
                self.request = None
                await ctx.tick()

        self.simulator.add_testbench(testbench, background=True)

    def cycle(self, inputs):
        i = inputs
        self.request = i.reset | i.ir << 1 | i.write << 9 | i.read << 10 | i.a0 << 11
        self.request |= i.data << 12 | i.inta << 20 | i.cas << 21
        while self.request is not None:
            self.simulator.advance()
        int_, data, valid, vector, cas, *registers = self.answer
        return PicOutputs(bool(int_), data, vector if valid else None, cas, PicRegisters(*registers))


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
