"""The little program that a board runs when nobody drives it."""

from amaranth.hdl import Array, Cat, Module, Mux, Signal

from ...model.registers import BIOS_WORDS, CONTROL_FNINIT, CONTROL_RESET, Operation
from ..component import Component, Input, Output

ZERO_DIVIDE = 1 << 2


class Demo(Component):
    """The BIOS's words to the 8259As, then, at each press of the button, a division by zero.

    Masked and unmasked in turn, with a waiting instruction behind it.
    """

    PORTS = {
        "button": Input(1, "pressed"),
        "stop": Input(1, "forget what is under way"),
        "ready": Input(1, "the operation that is presented has executed"),
        "op_valid": Output(1, "an operation is presented"),
        "op_code": Output(5, "what it does to the error state"),
        "op_raises": Output(7, "what an arithmetic operation detects"),
        "op_control": Output(16, "control word operand"),
        "io_write": Output(1, "an OUT takes place in this cycle"),
        "io_address": Output(16, "its port"),
        "io_write_data": Output(8, "its byte"),
    }

    def elaborate(self, platform):
        m = Module()
        before = Signal()
        unmasked = Signal()
        control = Mux(unmasked, CONTROL_RESET, CONTROL_FNINIT)
        operations = Array((Operation.FNINIT, Operation.FLDCW, Operation.ARITHMETIC, Operation.FWAIT))
        writes = Array((address << 8) | value for address, value in BIOS_WORDS)
        index = Signal(range(max(len(BIOS_WORDS), len(operations))))
        m.d.sync += before.eq(self.button)
        with m.FSM():
            with m.State("BIOS"):
                m.d.comb += [
                    self.io_write.eq(1),
                    Cat(self.io_write_data, self.io_address).eq(writes[index]),
                ]
                m.d.sync += index.eq(index + 1)
                with m.If(index == len(BIOS_WORDS) - 1):
                    m.d.sync += index.eq(0)
                    m.next = "WAIT"
            with m.State("WAIT"), m.If(self.button & ~before & ~self.stop):
                m.d.sync += [unmasked.eq(~unmasked), index.eq(0)]
                m.next = "RUN"
            with m.State("RUN"):
                m.d.comb += [
                    self.op_valid.eq(1),
                    self.op_code.eq(operations[index]),
                    self.op_control.eq(control),
                    self.op_raises.eq(Mux(index == 2, ZERO_DIVIDE, 0)),
                ]
                with m.If(self.ready):
                    m.d.sync += index.eq(index + 1)
                    with m.If(index == len(operations) - 1):
                        m.d.sync += index.eq(0)
                        m.next = "WAIT"
                with m.If(self.stop | (self.button & ~before)):
                    m.d.sync += [index.eq(0), unmasked.eq(~unmasked)]
                    with m.If(self.stop):
                        m.next = "WAIT"
        return m
