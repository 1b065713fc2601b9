"""A small CPU: enough of an 8086 in real mode for a DOS program's error, with an ESC stub for the x87.

It is an example of how a processor connects to `Pc`: see the states PRESENT (an operation asks whether it may
execute, is frozen, and is withdrawn for an interrupt) and INTA.
"""

from amaranth.hdl import Array, Cat, Module, Mux, Signal

from ...model.registers import CONTROL_FNINIT, CONTROL_RESET, Operation
from ..component import Component, Input, Output
from ..ports import IoSignature, OperationSignature
from .decode import ESC, WAIT, EscDecoder, operand_bytes

START = 0x7C00
"""Where it begins after RESET: where a BIOS has loaded a boot sector."""
AX, DX, SP = 0, 2, 4
ZERO_DIVIDE = 1 << 2
_DISPATCH = {"LOAD": 0, "POP": 1, "IRET": 2, "FLAGS": 3, "VECTOR": 4, "CONTROL": 5}
"""What a word that was read is for."""


class SmallCpu(Component):
    """Instructions run one after the other, a byte of memory a cycle; segments are all 0.

    MOV with immediates, MOV of AX and AL from and to a 16-bit address, MOV to a segment register (no effect),
    IN, OUT, PUSH, POP, INC, DEC; AND, TEST and ADD of AL and AND of AX with an immediate; JMP, JZ, JNZ, INT,
    IRET, STI, CLI, HLT, NOP, WAIT, ESC. Of the flags there are IF and ZF. Any other opcode stops it
    (`undefined`). RESET has to last until the instruction under way is over: 32 cycles.
    """

    PORTS = {
        "reset": Input(1, "RESET"),
        "op": Output(OperationSignature(), "to the operation port"),
        "io": Output(IoSignature(), "to the I/O bus"),
        "intr": Input(1, "INTR"),
        "vector": Input(8, "the data bus in an INTA pulse"),
        "inta": Output(1, "an INTA pulse"),
        "flags": Input(7, "status word bits 6:0, for FSTSW"),
        "es": Input(1, "status word bits 7 and 15"),
        "address": Output(16, "of memory"),
        "read_data": Input(8, "the byte there, a cycle later"),
        "write": Output(1, "memory is written in this cycle"),
        "write_data": Output(8, "a byte for it"),
        "ip": Output(16, "the instruction under way"),
        "halted": Output(1, "HLT waits for an interrupt"),
        "interrupts": Output(1, "the interrupt flag, IF"),
        "undefined": Output(1, "it has met an opcode that it does not know"),
    }

    def elaborate(self, platform):
        m = Module()
        self._registers = Array(
            Signal(16, name=name) for name in ("ax", "cx", "dx", "bx", "sp", "bp", "si", "di")
        )
        self._next, self._opcode = Signal(16, init=START), Signal(8)
        self._bytes = Array(Signal(8, name=f"byte{n}") for n in range(5))
        self._count, self._left = Signal(3), Signal(3)
        self._zero, self._shadow = Signal(), Signal()
        self._pointer, self._word, self._low, self._for = Signal(16), Signal(16), Signal(8), Signal(3)
        self._number, self._zeros = Signal(8), Signal(8)
        self._control = Signal(16, init=CONTROL_RESET)
        self._loaded = Signal()
        m.submodules.esc = self._esc = EscDecoder()
        m.d.comb += [self._esc.opcode.eq(self._opcode), self._esc.modrm.eq(self._bytes[0])]
        self._operand = Cat(self._bytes[0], self._bytes[1])
        self._at_modrm = Cat(self._bytes[1], self._bytes[2])
        with m.FSM(name="state"):
            self._fetch(m)
            self._execute(m)
            self._present(m)
            self._words(m)
            self._interrupt(m)
        return m

    def _fetch(self, m):
        """Opcode and operands; before it, what waits at the boundary."""
        total = operand_bytes(self._opcode, self._bytes[0])
        with m.State("BOUNDARY"):
            m.d.comb += self.address.eq(self._next)
            m.d.sync += [self.ip.eq(self._next), self._count.eq(0), self._loaded.eq(0), self._shadow.eq(0)]
            with m.If(self.reset):
                m.d.sync += [self._next.eq(START), self.interrupts.eq(0), self._control.eq(CONTROL_RESET)]
            with m.Elif(self.intr & self.interrupts & ~self._shadow):
                m.next = "INTA"
            with m.Else():
                m.next = "OPCODE"
        with m.State("OPCODE"):
            m.d.sync += [self._opcode.eq(self.read_data), self._next.eq(self._next + 1)]
            # ModRM may not be what it was: lengths are looked at one byte later.
            m.d.sync += self._bytes[0].eq(0)
            m.next = "MORE"
        with m.State("MORE"):
            m.d.comb += self.address.eq(self._next)
            with m.If(self._count == total):
                m.next = "EXECUTE"
            with m.Else():
                m.next = "BYTE"
        with m.State("BYTE"):
            m.d.sync += [
                self._bytes[self._count].eq(self.read_data),
                self._count.eq(self._count + 1),
                self._next.eq(self._next + 1),
            ]
            m.next = "MORE"

    def _execute(self, m):
        with m.State("EXECUTE"):
            m.next = "BOUNDARY"
            with m.Switch(self._opcode):
                self._control_flow(m)
                self._arithmetic(m)
                self._moves(m)
                with m.Default():
                    m.next = "UNDEFINED"
        with m.State("UNDEFINED"):
            m.d.comb += self.undefined.eq(1)
            with m.If(self.reset):
                m.next = "BOUNDARY"
        with m.State("HALT"):
            m.d.comb += self.halted.eq(1)
            with m.If(self.reset):
                m.next = "BOUNDARY"
            with m.Elif(self.intr & self.interrupts):
                m.d.sync += self.ip.eq(self._next)
                m.next = "INTA"

    def _control_flow(self, m):
        """Jumps, interrupts, I/O and x87: the cases of their opcodes."""
        r, op, data = self._registers, self._opcode, self._bytes[0]
        byte = Cat(data, data[7].replicate(8))
        with m.Case(0x90):
            pass
        with m.Case(0xFA):
            m.d.sync += self.interrupts.eq(0)
        with m.Case(0xFB):
            m.d.sync += [self.interrupts.eq(1), self._shadow.eq(~self.interrupts)]
        with m.Case(0xF4):
            m.next = "HALT"
        with m.Case(0xEB):
            m.d.sync += self._next.eq(self._next + byte)
        with m.Case(0xE9):
            m.d.sync += self._next.eq(self._next + self._operand)
        with m.Case("0111010-"), m.If(self._zero ^ op[0]):
            m.d.sync += self._next.eq(self._next + byte)
        with m.Case(0x8E):
            pass
        with m.Case("1110-1-0"):
            self._in_or_out(m)
        with m.Case(0xCD):
            m.d.sync += [self._number.eq(data), self._count.eq(0), self.ip.eq(self._next)]
            m.next = "PUSH"
        with m.Case(0xCF):
            m.d.sync += [self._pointer.eq(r[SP]), self._for.eq(_DISPATCH["IRET"])]
            m.next = "READ"
        with m.Case(WAIT):
            m.next = "PRESENT"
        with m.Case(ESC):
            m.d.sync += [self._pointer.eq(self._at_modrm), self._for.eq(_DISPATCH["CONTROL"])]
            m.next = "PRESENT"
            with m.If(self._esc.loads):
                m.next = "READ"

    def _arithmetic(self, m):
        """What stays in the registers."""
        r, op, data = self._registers, self._opcode, self._bytes[0]
        with m.Case("10110---"):
            for number in range(4):
                with m.If(op[:3] == number):
                    m.d.sync += r[number][:8].eq(data)
                with m.If(op[:3] == number + 4):
                    m.d.sync += r[number][8:].eq(data)
        with m.Case("10111---"):
            m.d.sync += r[op[:3]].eq(self._operand)
        with m.Case("01000---"):
            m.d.sync += [r[op[:3]].eq(r[op[:3]] + 1), self._zero.eq(r[op[:3]] == 0xFFFF)]
        with m.Case("01001---"):
            m.d.sync += [r[op[:3]].eq(r[op[:3]] - 1), self._zero.eq(r[op[:3]] == 1)]
        with m.Case(0x24, 0xA8):
            m.d.sync += self._zero.eq((r[AX][:8] & data) == 0)
            with m.If(op == 0x24):
                m.d.sync += r[AX][:8].eq(r[AX][:8] & data)
        with m.Case(0x25):
            m.d.sync += [r[AX].eq(r[AX] & self._operand), self._zero.eq((r[AX] & self._operand) == 0)]
        with m.Case(0x04):
            total = (r[AX][:8] + data)[:8]
            m.d.sync += [r[AX][:8].eq(total), self._zero.eq(total == 0)]

    def _moves(self, m):
        """What goes to memory or comes from there."""
        r, op = self._registers, self._opcode
        with m.Case("101000--"):
            m.d.sync += self._pointer.eq(self._operand)
            with m.If(op[1]):
                m.d.sync += self._word.eq(r[AX])
                m.next = "STORE"
            with m.Else():
                m.d.sync += self._for.eq(_DISPATCH["LOAD"])
                m.next = "READ"
        with m.Case(0xC7):
            m.d.sync += [
                self._pointer.eq(self._at_modrm),
                self._word.eq(Cat(self._bytes[3], self._bytes[4])),
            ]
            m.next = "STORE"
        with m.Case("01010---"):
            m.d.sync += [self._pointer.eq(r[SP] - 2), self._word.eq(r[op[:3]]), r[SP].eq(r[SP] - 2)]
            m.next = "STORE"
        with m.Case("01011---"):
            m.d.sync += [self._pointer.eq(r[SP]), r[SP].eq(r[SP] + 2), self._for.eq(_DISPATCH["POP"])]
            m.next = "READ"

    def _in_or_out(self, m):
        """E4, E6, EC, EE: one cycle on the bus."""
        r, op = self._registers, self._opcode
        m.d.comb += [
            self.io.address.eq(Mux(op[3], r[DX], self._bytes[0])),
            self.io.write.eq(op[1]),
            self.io.read.eq(~op[1]),
            self.io.write_data.eq(r[AX][:8]),
        ]
        with m.If(~op[1]):
            m.d.sync += r[AX][:8].eq(self.io.read_data)

    def _present(self, m):
        """An x87 instruction asks, until it executes or an interrupt comes; then it is begun anew."""
        op, esc, zeros = self.op, self._esc, self._zeros
        raises = esc.divides & zeros[0] & ~zeros[1]
        masked = self._control[2]
        with m.State("PRESENT"):
            m.d.comb += [
                op.valid.eq(1),
                op.code.eq(esc.code),
                op.raises.eq(Mux(raises, ZERO_DIVIDE, 0)),
                op.control.eq(self._word),
            ]
            with m.If(op.ready):
                m.next = "BOUNDARY"
                self._x87(m, raises & ~masked)
            with m.Elif((op.freeze | op.window) & self.intr & self.interrupts):
                # Withdrawn in the next cycle; ip still points to it.
                m.d.sync += self._next.eq(self.ip)
                m.next = "INTA"
            with m.Elif(self.reset):
                m.next = "BOUNDARY"

    def _x87(self, m, leaves_all):
        """What an instruction that executes does here."""
        esc, zeros, status = self._esc, self._zeros, Cat(self.flags, self.es, Signal(7), self.es)
        with m.Switch(esc.code):
            with m.Case(Operation.FLDCW):
                m.d.sync += self._control.eq(self._word)
            with m.Case(Operation.FNINIT):
                m.d.sync += [self._control.eq(CONTROL_FNINIT), zeros.eq(0)]
        with m.If(esc.pushes_one | esc.pushes_zero):
            m.d.sync += zeros.eq(Cat(esc.pushes_zero, zeros))
        with m.If(esc.pops):
            m.d.sync += zeros.eq(zeros >> 1)
        with m.If(esc.divides & ~leaves_all):
            # The quotient is 0 if the dividend was, and the divisor was not.
            m.d.sync += zeros.eq(Cat(zeros[1] & ~zeros[0], zeros[2:]))
        with m.If(esc.to_ax):
            m.d.sync += self._registers[AX].eq(status)
        with m.If(esc.stores_status | esc.stores_control):
            m.d.sync += self._word.eq(Mux(esc.stores_status, status, self._control))
            m.next = "STORE"

    def _words(self, m):
        """A word, or for A0h and A2h a byte, of memory."""
        r, op = self._registers, self._opcode
        is_byte = op.matches(0xA0, 0xA2)
        with m.State("STORE"):
            m.d.comb += [self.address.eq(self._pointer), self.write.eq(1), self.write_data.eq(self._word[:8])]
            m.next = "STORE2"
        with m.State("STORE2"):
            m.d.comb += [
                self.address.eq(self._pointer + 1),
                self.write.eq(~is_byte),
                self.write_data.eq(self._word[8:]),
            ]
            m.next = "BOUNDARY"
        with m.State("READ"):
            m.d.comb += self.address.eq(self._pointer)
            m.next = "READ2"
        with m.State("READ2"):
            m.d.comb += self.address.eq(self._pointer + 1)
            m.d.sync += self._low.eq(self.read_data)
            m.next = "READ3"
        with m.State("READ3"):
            word = Cat(self._low, self.read_data)
            m.next = "BOUNDARY"
            with m.Switch(self._for):
                with m.Case(_DISPATCH["LOAD"]):
                    m.d.sync += r[AX].eq(Mux(is_byte, Cat(self._low, r[AX][8:]), word))
                with m.Case(_DISPATCH["POP"]):
                    m.d.sync += r[op[:3]].eq(word)
                with m.Case(_DISPATCH["IRET"]):
                    m.d.sync += [self._next.eq(word), self._for.eq(_DISPATCH["FLAGS"])]
                    m.d.sync += [self._pointer.eq(r[SP] + 4), r[SP].eq(r[SP] + 6)]
                    m.next = "READ"
                with m.Case(_DISPATCH["FLAGS"]):
                    m.d.sync += [self._zero.eq(word[6]), self.interrupts.eq(word[9])]
                with m.Case(_DISPATCH["VECTOR"]):
                    m.d.sync += self._next.eq(word)
                with m.Case(_DISPATCH["CONTROL"]):
                    m.d.sync += self._word.eq(word)
                    m.next = "PRESENT"

    def _interrupt(self, m):
        """The two pulses of INTA, the stack, the vector. `ip` is what is returned to."""
        sp = self._registers[SP]
        flags = Cat(0, 1, 0, 0, 0, 0, self._zero, 0, 0, self.interrupts, Signal(6))
        with m.State("INTA"):
            m.d.comb += self.inta.eq(1)
            m.next = "INTA2"
        with m.State("INTA2"):
            m.d.comb += self.inta.eq(1)
            m.d.sync += [self._number.eq(self.vector), self._count.eq(0)]
            m.next = "PUSH"
        with m.State("PUSH"):
            pushed = Array([self.ip[:8], self.ip[8:], 0, 0, flags[:8], flags[8:]])
            m.d.comb += [
                self.address.eq(sp - 6 + self._count),
                self.write.eq(1),
                self.write_data.eq(pushed[self._count]),
            ]
            m.d.sync += self._count.eq(self._count + 1)
            with m.If(self._count == 5):
                m.d.sync += [sp.eq(sp - 6), self.interrupts.eq(0)]
                m.d.sync += [self._pointer.eq(self._number << 2), self._for.eq(_DISPATCH["VECTOR"])]
                m.next = "READ"
