"""Moved to `irq13.sim.hardware.verilog`; this name goes with irq13 0.3."""

from .support.moved import forward

__getattr__ = forward(__name__, "irq13.sim.hardware.verilog", renamed={"write": "write_verilog"})
