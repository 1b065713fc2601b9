"""Machines that tests share: to build the HDL takes 300 times as long as to power it up again."""

import gc
import sys
from collections import defaultdict

from irq13.sim.machines.machine import MACHINES
from irq13.sim.scenarios.scenario import load_scenario, shipped_scenarios

BUILT = dict(MACHINES)
LATER = [name for name in shipped_scenarios() if load_scenario(name).generations]
"""The shipped scenarios that are for the 486 or later processors."""


class Pool:
    """Machines by name and parameters, each handed out again once nobody holds it any more."""

    def __init__(self):
        self._machines = defaultdict(list)
        self._alone = {}

    def machines(self):
        """What stands in for `MACHINES`."""
        return {on: lambda parameters, on=on: self.take(on, parameters) for on in BUILT}

    def take(self, on, parameters):
        """A machine in the state that it has after construction."""
        machines = self._machines[on, parameters]
        for collect in (lambda: None, lambda: gc.collect(1)):
            collect()
            for index in range(len(machines)):
                # Of references, how many there are where only this pool and the machine itself have one.
                if sys.getrefcount(machines[index]) == self._alone[id(machines[index])]:
                    machines[index].power_up()
                    return machines[index]
        machines.append(BUILT[on](parameters))
        self._alone[id(machines[-1])] = sys.getrefcount(machines[-1])
        return machines[-1]


POOL = Pool()
