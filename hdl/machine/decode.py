"""What the bytes of an instruction say: its length, and what an ESC or WAIT is to the operation port."""

from amaranth.hdl import Module, Mux, Signal, Value

from ...model.registers import Operation
from ..component import Component, Input, Output

ESC = "11011---"
"""Opcodes D8h to DFh."""
WAIT = 0x9B
_WITH_MODRM = (ESC, "10001110", "11000111", "11111110")
_ONE = ("1011----", "111001-0", "11101011", "0111010-", "11001101", "10101000", "00100100", "00000100")
_TWO = ("10111---", "101000--", "11101001", "00100101")


def operand_bytes(opcode: Value, modrm: Value) -> Value:
    """How many bytes follow an opcode; of ModRM only a register or a 16-bit address is known.

    Parameters
    ----------
    opcode : Value
        8 bits, the first byte of an instruction.
    modrm : Value
        8 bits, the second.
    """
    address = Mux(modrm.matches("00---110"), 2, 0)
    immediate = Mux(opcode == 0xC7, 2, 0)
    plain = Mux(opcode.matches(*_TWO), 2, Mux(opcode.matches(*_ONE), 1, 0))
    return Mux(opcode.matches(*_WITH_MODRM), 1 + address + immediate, plain)


class EscDecoder(Component):
    """An ESC opcode with its ModRM as an operation, as far as the stub knows it.

    FINIT, FCLEX, FLDCW, FSTCW, FSTSW, FLD1, FLDZ, FDIVP and FSTP ST(0) are what they are; every other one is
    an arithmetic instruction that raises nothing.
    """

    PORTS = {
        "opcode": Input(8, "D8h to DFh, or WAIT"),
        "modrm": Input(8, "the byte behind it"),
        "code": Output(5, "what it is to the error state"),
        "loads": Output(1, "it reads a word of memory: FLDCW"),
        "stores_status": Output(1, "it writes the status word to memory"),
        "stores_control": Output(1, "it writes the control word to memory"),
        "to_ax": Output(1, "it writes the status word to AX"),
        "pushes_one": Output(1, "FLD1"),
        "pushes_zero": Output(1, "FLDZ"),
        "divides": Output(1, "FDIVP"),
        "pops": Output(1, "FSTP ST(0)"),
    }

    def elaborate(self, platform):
        m = Module()
        both = Signal(16)
        m.d.comb += both.eq((self.opcode << 8) | self.modrm)
        memory = self.modrm[6:] != 3
        register = self.modrm[3:6]
        with m.If(self.opcode == WAIT):
            m.d.comb += self.code.eq(Operation.FWAIT)
        with m.Elif(memory & (self.opcode == 0xD9) & (register == 5)):
            m.d.comb += [self.code.eq(Operation.FLDCW), self.loads.eq(1)]
        with m.Elif(memory & (self.opcode == 0xD9) & (register == 7)):
            m.d.comb += [self.code.eq(Operation.FNSTCW), self.stores_control.eq(1)]
        with m.Elif(memory & (self.opcode == 0xDD) & (register == 7)):
            m.d.comb += [self.code.eq(Operation.FNSTSW), self.stores_status.eq(1)]
        with m.Elif(both == 0xDFE0):
            m.d.comb += [self.code.eq(Operation.FNSTSW), self.to_ax.eq(1)]
        with m.Elif(both == 0xDBE3):
            m.d.comb += self.code.eq(Operation.FNINIT)
        with m.Elif(both == 0xDBE2):
            m.d.comb += self.code.eq(Operation.FNCLEX)
        with m.Else():
            m.d.comb += [
                self.code.eq(Operation.ARITHMETIC),
                self.pushes_one.eq(both == 0xD9E8),
                self.pushes_zero.eq(both == 0xD9EE),
                self.divides.eq(both == 0xDEF9),
                self.pops.eq(both == 0xDDD8),
            ]
        return m
