"""A PC whose tests read like timing diagrams: inputs in a row, outputs as strings of 0 and 1."""

from irq13.model import Cr0, Parameters, PcInputs
from irq13.model.chipset import IoAccess
from irq13.model.msr import MsrRequest
from irq13.sim.cpu.x87_steps import x87
from irq13.sim.machines.machine import MACHINES

IDLE = PcInputs()
F0 = PcInputs(io=IoAccess(0xF0, write=True))
RESET = PcInputs(reset=True)
NE = Cr0.NE
DOS = Cr0(0)


def op(mnemonic, cr0=DOS, **operands):
    """One cycle in which an x87 instruction is presented."""
    (operation,) = x87(mnemonic, {name: str(value) for name, value in operands.items()}).operations
    return PcInputs(operation=operation, cr0=cr0)


def wrmsr(address, value, cpl=0):
    """One cycle in which WRMSR is presented."""
    return PcInputs(msr=MsrRequest(int(address), True, value, cpl))


def rdmsr(address, cpl=0):
    """One cycle in which RDMSR is presented."""
    return PcInputs(msr=MsrRequest(int(address), cpl=cpl))


class DrivenPc:
    """A PC on a machine, after FNINIT and FLDCW with the masks that the test asks for."""

    def __init__(self, on, generation, masks="none", **parameters):
        self.machine = MACHINES[on](Parameters(generation, **parameters))
        self.run(op("fninit"), op("fldcw", masks=masks))

    def run(self, *inputs):
        """The outputs of these cycles."""
        return Waves([self.machine.step(one) for one in inputs])


class Waves(list):
    """Outputs, cycle by cycle; an attribute is a string with one digit a cycle."""

    def __getattr__(self, name):
        if name in ("ready", "freeze", "window", "mf", "nm", "ud", "vmexit"):
            return "".join(str(int(o.decision.name == name.upper())) for o in self)
        return "".join(str(int(getattr(o, name))) for o in self)
