"""Machines that tests share: to build the HDL takes 300 times as long as to power it up again."""

import gc
import sys
from collections import defaultdict

from irq13.sim.machines.machine import MACHINES
from irq13.sim.machines.two_processors import TWO_PROCESSOR_MACHINES
from irq13.sim.scenarios.scenario import load_scenario, shipped_scenarios

LATER = [name for name in shipped_scenarios() if load_scenario(name).generations]
"""The shipped scenarios that are for the 486 or later processors."""
ALONE = [name for name in LATER if load_scenario(name).second is None]
"""Those of them with one processor."""


class Pool:
    """Machines by name and parameters, each handed out again once nobody holds it any more."""

    def __init__(self, built):
        self._built = dict(built)
        self._machines = defaultdict(list)
        self._alone = {}

    def machines(self):
        """What stands in for what it was built from."""
        return {on: lambda *given, on=on: self.take(on, *given) for on in self._built}

    def take(self, on, *given):
        """A machine in the state that it has after construction."""
        machines = self._machines[on, *given]
        for collect in (lambda: None, lambda: gc.collect(1)):
            collect()
            for index in range(len(machines)):
                # Of references, how many there are where only this pool and the machine itself have one.
                if sys.getrefcount(machines[index]) == self._alone[id(machines[index])]:
                    machines[index].power_up()
                    return machines[index]
        machines.append(self._built[on](*given))
        self._alone[id(machines[-1])] = sys.getrefcount(machines[-1])
        return machines[-1]


POOL = Pool(MACHINES)
TWO_PROCESSOR_POOL = Pool(TWO_PROCESSOR_MACHINES)
