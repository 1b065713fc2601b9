"""Moved to `irq13.sim.benchmarks.vcd`; this name goes with irq13 0.3."""

from .support.moved import forward

__getattr__ = forward("irq13.sim.bench_vcd", "irq13.sim.benchmarks.vcd", renamed={"main": "vcd_main"})

if __name__ == "__main__":
    __getattr__("main")()
