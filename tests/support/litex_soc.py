"""A SoC of LiteX's own simulator around the core: a RISC-V from PyPI runs a program over LiteX's bus.

Run as a script in an empty folder, with LiteX's Verilator on the path; what the program sends over LiteX's
console is what the simulation prints. No RISC-V compiler is needed: the words of the program are made here.
"""

from pathlib import Path

from irq13.hdl.bus import REGISTERS
from irq13.model import Parameters
from irq13.model.registers import BIOS_WORDS, Operation
from irq13.sim.hardware.litex_core import LitexPc
from litex.build.generic_platform import Pins, Subsignal
from litex.build.io import CRG
from litex.build.sim import SimPlatform
from litex.build.sim.config import SimConfig
from litex.gen import LiteXModule
from litex.soc.integration.soc import SoCRegion
from litex.soc.integration.soc_core import SoCCore
from litex.soc.interconnect.csr import CSRField, CSRStatus, CSRStorage
from migen import If, Signal

ORIGIN = 0x9000_0000
FREQUENCY = 1_000_000
PORT = {one.name: ORIGIN + 4 * one.port for one in REGISTERS}
SERIAL = [("source_valid", 1), ("source_ready", 1), ("source_data", 8)]
SERIAL += [("sink_valid", 1), ("sink_ready", 1), ("sink_data", 8)]
STATE = ("op_freeze", "ferr_n", "irq13", "intr", "op_valid")
INTR = 1 << STATE.index("intr")


class Fpu(LiteXModule):
    """What a CPU with an x87 would be: one operation at a time, held until it is answered; and INTA."""

    def __init__(self, pc):
        self.present = CSRStorage(
            fields=[
                CSRField("code", 5),
                CSRField("raises", 7, offset=8),
                CSRField("control", 16, offset=16),
            ]
        )
        self.state = CSRStatus(fields=[CSRField(name) for name in STATE])
        self.acknowledge = CSRStorage()
        self.vector = CSRStatus(8)
        second = Signal()
        self.comb += [
            pc.op_code.eq(self.present.fields.code),
            pc.op_raises.eq(self.present.fields.raises),
            pc.op_control.eq(self.present.fields.control),
            *(getattr(self.state.fields, name).eq(getattr(pc, name)) for name in STATE),
            pc.inta.eq(self.acknowledge.re | second),
        ]
        self.sync += [
            second.eq(self.acknowledge.re),
            If(second, self.vector.status.eq(pc.vector)),
            If(pc.op_ready, pc.op_valid.eq(0)),
            If(self.present.re, pc.op_valid.eq(1)),
        ]


class Soc(SoCCore):
    """PicoRV32, ROM, RAM, LiteX's console, and the PC on the bus."""

    def __init__(self):
        pins = [Subsignal(name, Pins(width)) for name, width in SERIAL]
        ios = [("sys_clk", 0, Pins(1)), ("sys_rst", 0, Pins(1)), ("serial", 0, *pins)]
        platform = SimPlatform("SIM", ios)
        self.crg = CRG(platform.request("sys_clk"))
        memories = {"integrated_rom_size": 0x4000, "integrated_sram_size": 0x100}
        cpu = {"cpu_type": "picorv32", "cpu_variant": "minimal"}
        super().__init__(platform, clk_freq=FREQUENCY, **cpu, **memories, uart_name="sim", with_timer=False)
        platform.add_debug(self)
        self.pc = LitexPc(platform, Parameters("I486"), Path("rtl").absolute())
        region = SoCRegion(origin=ORIGIN, size=LitexPc.SIZE, cached=False)
        self.bus.add_slave("irq13", self.pc.bus, region)
        self.fpu = Fpu(self.pc)


def addresses(soc):
    """Of all CSRs, by `module_name`."""
    found = {}
    for name, region in soc.csr_regions.items():
        for number, csr in enumerate(region.obj):
            found[f"{name}_{csr.name}"] = region.origin + 4 * number
    return found


class RiscVProgram:
    """Words of RV32I. x5 is an address, x6 a value, x7 what is compared with."""

    def __init__(self, csrs):
        self.words, self.csrs = [], csrs

    def _load(self, register, value):
        """LUI and ADDI, whose immediate is signed."""
        self.words += [
            ((value + 0x800) & 0xFFFF_F000) | register << 7 | 0x37,
            (value & 0xFFF) << 20 | register << 15 | register << 7 | 0x13,
        ]

    def _andi(self, mask):
        self.words.append(mask << 20 | 6 << 15 | 7 << 12 | 6 << 7 | 0x13)

    def _read(self, address):
        self._load(5, address)
        self.words.append(5 << 15 | 2 << 12 | 6 << 7 | 0x03)

    def write(self, address, value):
        self._load(5, address)
        self._load(6, value)
        self._store()

    def _store(self):
        self.words.append(6 << 20 | 5 << 15 | 2 << 12 | 0x23)

    def wait(self, address, mask, value):
        """Until the bits under the mask are so: BNE to the load, three words back."""
        self._load(7, value)
        self._read(address)
        self._andi(mask)
        back = -8
        fields = (back >> 12 & 1) << 31 | (back >> 5 & 0x3F) << 25 | (back >> 1 & 0xF) << 8
        self.words.append(fields | (back >> 11 & 1) << 7 | 7 << 20 | 6 << 15 | 1 << 12 | 0x63)

    def issue(self, code, raises=0, control=0):
        self.write(self.csrs["fpu_present"], code.value | raises << 8 | control << 16)

    def send(self, address, mask=0xFF):
        """A byte to the console."""
        self.wait(self.csrs["uart_txfull"], 1, 0)
        self._read(address)
        self._andi(mask)
        self._load(5, self.csrs["uart_rxtx"])
        self._store()


def handshake(csrs):
    """A division by zero under a DOS handler, and what the program sees on its way."""
    program = RiscVProgram(csrs)
    state = csrs["fpu_state"]
    for port, value in BIOS_WORDS:
        program.write(ORIGIN + 4 * port, value)
    program.send(PORT["PIC_MASTER_MASK"])
    program.issue(Operation.FNINIT)
    program.issue(Operation.FLDCW)
    program.issue(Operation.ARITHMETIC, raises=4)
    program.issue(Operation.FWAIT)
    program.wait(state, INTR, INTR)
    program.send(state)
    program.write(csrs["fpu_acknowledge"], 1)
    program.send(csrs["fpu_vector"])
    program.write(PORT["FPU_CLEAR"], 0)
    program.send(state)
    program.issue(Operation.FNCLEX)
    program.send(state)
    for name in ("PIC_SLAVE_COMMAND", "PIC_MASTER_COMMAND"):
        program.write(PORT[name], 0x0B)
        program.send(PORT[name])
        program.write(PORT[name], 0x20)
        program.send(PORT[name])
    program.send(PORT["FPU_CLEAR"])
    program.write(csrs["sim_finish_finish"], 1)
    program.words.append(0x6F)
    return program.words


def main():
    soc = Soc()
    soc.finalize()
    soc.init_rom("rom", handshake(addresses(soc)))
    config = SimConfig()
    config.add_clocker("sys_clk", freq_hz=FREQUENCY)
    config.add_module("serial2console", "serial")
    soc.build(build_dir="build", sim_config=config, interactive=False, opt_level="O0", verbose=False)


if __name__ == "__main__":
    main()
