"""Moved to `irq13.sim.benchmarks.engines`; this name goes with irq13 0.3."""

from .support.moved import forward

__getattr__ = forward("irq13.sim.bench", "irq13.sim.benchmarks.engines", renamed={"main": "engines_main"})

if __name__ == "__main__":
    __getattr__("main")()
