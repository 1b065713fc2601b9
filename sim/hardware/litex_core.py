"""The PC as a LiteX module: a Wishbone slave with the core's other ports as signals (pip install litex).

soc.submodules.pc = LitexPc(platform, Parameters("I486"), folder)
soc.bus.add_slave("irq13", soc.pc.bus, SoCRegion(origin=0x9000_0000, size=LitexPc.SIZE, cached=False))
soc.comb += [soc.pc.op_valid.eq(...), cpu_intr.eq(soc.pc.intr)]
"""

from pathlib import Path
from typing import Any

from litex.gen import LiteXModule
from litex.soc.interconnect import wishbone
from migen import ClockSignal, Instance, ResetSignal, Signal

from ... import hdl
from ...hdl.bus import WishboneBridge
from ...hdl.bus.registers import ADDRESS_BITS
from ...model.registers import Parameters
from .verilog import BLOCKS, export, write_verilog


class LitexPc(LiteXModule):
    """PC and bridge, as `irq13 verilog` writes them, in the clock domain `sys`; its reset is RESET too.

    Every port of the PC but clock, reset and the I/O bus is a signal of this name: `op_valid`, `cr0_ne`,
    `irq`, `inta`, `vector`, `ferr_n`. Inputs are at their idle levels if nothing drives them.

    Parameters
    ----------
    platform: LiteX's; it is given the two Verilog files.
    parameters: of the PC.
    folder: where these are written.

    Attributes
    ----------
    bus: the slave, 32 bits, addressed by words; port p is the word at 4p.

    Raises
    ------
    FileExistsError
        As of `write_verilog`.
    ToolError
        If Yosys fails.
    """

    SIZE = 1 << ADDRESS_BITS
    """Bytes that it takes of the address space."""

    def __init__(self, platform: Any, parameters: Parameters, folder: Path) -> None:
        self.bus = wishbone.Interface(data_width=32, address_width=ADDRESS_BITS, addressing="word")
        folder.mkdir(parents=True, exist_ok=True)
        names = {}
        for block in ("pc", "wishbone"):
            exported = export(block, parameters)
            write_verilog(exported, folder)
            platform.add_source(str(folder / f"{exported.name}.v"))
            names[block] = exported.name
        between = {
            port.name: Signal(len(port.signal), name=f"irq13_{port.name}")
            for port in hdl.flat_ports(WishboneBridge())
            if port.name.startswith("io_")
        }
        self.bridge = Instance(names["wishbone"], **self._of_the_bridge(between))
        self.pc = Instance(names["pc"], **self._of_the_pc(parameters, between))

    def _of_the_bridge(self, between: dict[str, Signal]) -> dict[str, Any]:
        bus: Any = self.bus
        pins = {f"i_{name}_i": getattr(bus, name) for name in ("cyc", "stb", "we", "sel", "adr")}
        pins |= {"i_dat_i": bus.dat_w, "o_dat_o": bus.dat_r, "o_ack_o": bus.ack}
        return {"i_clk": ClockSignal(), "i_reset": ResetSignal(), **pins} | {
            f"{'i' if name == 'io_read_data' else 'o'}_{name}": wire for name, wire in between.items()
        }

    def _of_the_pc(self, parameters: Parameters, between: dict[str, Signal]) -> dict[str, Any]:
        pins = {"i_clk": ClockSignal(), "i_reset": ResetSignal()}
        for port in hdl.flat_ports(BLOCKS["pc"](parameters)):
            if port.name == "reset":
                continue
            wire = between.get(port.name)
            if wire is None:
                idle = int(port.name == "ignne_drive_n")
                wire = Signal(len(port.signal), name=f"irq13_{port.name}", reset=idle)
                setattr(self, port.name, wire)
            pins[f"{'i' if port.is_input else 'o'}_{port.name}"] = wire
        return pins
