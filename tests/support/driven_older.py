"""A machine before the 486, driven by hand, a cycle or an instruction at a time."""

import functools

from irq13.model import Cr0, ExceptionFlag, Family, Operation
from irq13.model.chipset import IoAccess
from irq13.model.older import OlderInputs, OlderParameters
from irq13.model.older.registers import SUPPORTED
from irq13.model.reporting import Decision
from irq13.model.x87 import OperationRequest
from irq13.sim.machines.older import OlderLockstepMachine

O = Operation  # noqa: E741
READY = Decision.READY
OPEN = 0x0340
"""A control word with nothing masked, M of the 8087 among it."""


@functools.cache
def built(machine, options):
    return OlderLockstepMachine(OlderParameters(machine, **dict(options)))


class DrivenOlder:
    """A machine driven by hand; every cycle is compared between model and HDL."""

    def __init__(self, machine, **options):
        self.machine = built(machine, tuple(options.items()))
        self.machine.power_up()
        self.cr0 = Cr0(0)
        self.pins = {}

    @property
    def now(self):
        return self.machine.settle(OlderInputs(cr0=self.cr0, **self.pins))

    def cycle(self, count=1, **inputs):
        for _ in range(count):
            outputs = self.machine.step(OlderInputs(cr0=self.cr0, **self.pins, **inputs))
        return outputs

    def send(self, code, raises=0, control=OPEN, status=0, family=Family.BASIC):
        request = OperationRequest(code, family, ExceptionFlag(raises), control, status)
        return self.cycle(operation=request).decision

    def done(self, code, **operands):
        """An instruction that executes at once, and is over."""
        while self.now.npx_busy:
            self.cycle()
        assert self.send(code, **operands) is READY

    def out(self, port, data=0):
        return self.cycle(io=IoAccess(port, True, data))

    def bios(self):
        for port, word in self.machine.parameters.bios_words:
            self.out(port, word)

    def fail(self):
        """The cycle after an instruction that divided by zero, everything unmasked."""
        for code in (O.FNINIT, O.FLDCW):
            self.done(code)
        self.done(O.ARITHMETIC, raises=ExceptionFlag.ZE)
        return self.now

    def clears(self):
        return self.out(self.machine.parameters.clear_port)

    def passing(self):
        """Which instructions would be sent in this cycle."""
        requests = {code: OperationRequest(code, control=OPEN) for code in SUPPORTED}
        answers = {
            code: self.machine.settle(OlderInputs(operation=request)) for code, request in requests.items()
        }
        return {code for code, outputs in answers.items() if outputs.decision is READY}
