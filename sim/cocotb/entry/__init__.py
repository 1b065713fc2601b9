"""`irq13.cocotb`: the room `irq13.sim.cocotb` under a shorter name."""

import sys
from importlib import import_module

# The same module, so that its exceptions and classes are the same too.
sys.modules[__name__] = import_module("irq13.sim.cocotb")
