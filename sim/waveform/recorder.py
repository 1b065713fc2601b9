"""Collects what a machine does, cycle by cycle, as changes and their causes."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ...model.older import OlderParameters
from ...model.pc import PcInputs, PcOutputs, resets_processor
from ...model.registers import Hwcr, Parameters
from ...model.reporting import Reporting, ReportingContext
from ...model.x87 import ErrorState
from .causes.cause import Cause, Edge, Instant, Moment
from .causes.older_rules import older_cause_of
from .causes.processor_rules import cause_of
from .older_signals import older_signals
from .signals import CpuView, Signal, pc_signals
from .trace import CYCLE_NS, Trace
from .wave import Wave, of_values

NO_CPU = CpuView()


class SignalRecorder:
    """What every signal of a table does; without causes.

    Parameters
    ----------
    signals: the table.
    """

    def __init__(self, signals: Sequence[Signal]) -> None:
        self.cycles = 0
        self._signals = signals
        self._changes: dict[str, list[int]] = {signal.name: [] for signal in signals}
        self._values: dict[str, list[int | str]] = {signal.name: [] for signal in signals}
        self._causes: dict[Edge, Cause] = {}

    def record(self, inputs: Any, outputs: Any, cpu: CpuView = NO_CPU) -> None:
        """One more cycle.

        Parameters
        ----------
        inputs, outputs : PcInputs and PcOutputs, or those of another machine
            As the table's signals read them.
        cpu : CpuView
            The processor in this cycle.
        """
        self._note(inputs, outputs, cpu)
        self.cycles += 1

    def _note(self, inputs: Any, outputs: Any, cpu: CpuView) -> list[str]:
        """The names of what has changed."""
        changed = []
        for signal in self._signals:
            value = signal.get(inputs, outputs, cpu)
            if not isinstance(value, str):
                value = int(value)
            values = self._values[signal.name]
            if not values or values[-1] != value:
                self._changes[signal.name].append(self.cycles)
                values.append(value)
                changed.append(signal.name)
        return changed

    def trace(self, title: str = "") -> Trace:
        """What has been recorded so far."""
        end = self.cycles * CYCLE_NS
        # Edge n stands at the start of cycle n, the last one at the end.
        clock = np.arange(CYCLE_NS, end + 1, CYCLE_NS, dtype=np.int64)
        waves = {signal.path: self.wave(signal.path, signal.name, signal.width) for signal in self._signals}
        return Trace(waves, clock, end, causes=dict(self._causes), title=title)

    @property
    def causes(self) -> Mapping[Edge, Cause]:
        """Why each edge so far happened."""
        return self._causes

    def changes(self, name: str) -> Sequence[int]:
        """The cycles in which a signal took a new value so far."""
        return self._changes[name]

    def level(self, name: str, cycle: int) -> int | str:
        """The value of a signal in a cycle.

        Parameters
        ----------
        name : str
            Without scopes.
        cycle : int
            From 0 on; after the last one recorded, the last value.
        """
        return self._values[name][bisect_right(self._changes[name], cycle) - 1]

    def wave(self, path: str, name: str, width: int) -> Wave:
        """A signal so far, under a path.

        Parameters
        ----------
        path : str
            Full, with dots: the name of the wave.
        name : str
            Of the signal in the table, without scopes.
        width : int
            In bits; 0 for text.
        """
        times = np.array(self._changes[name], dtype=np.int64) * CYCLE_NS
        return of_values(path, times, self._values[name], width)


class OlderRecorder(SignalRecorder):
    """What every signal of a machine before the 486 does, and why."""

    def __init__(self, parameters: OlderParameters) -> None:
        super().__init__(older_signals(parameters))
        self._parameters = parameters
        self._before: Instant | None = None

    def record(self, inputs: Any, outputs: Any, cpu: CpuView = NO_CPU) -> None:
        """One more cycle.

        Parameters
        ----------
        inputs, outputs : OlderInputs and OlderOutputs
            Of this cycle.
        cpu : CpuView
            The processor in this cycle.
        """
        changed = self._note(inputs, outputs, cpu)
        now = Instant(inputs, outputs, cpu)
        if self._before is not None:
            edges = self._changes, self._causes
            moment = Moment(self.cycles, self._before, now, self._parameters, *edges, immediate=True)
            for name in changed:
                self._causes[Edge(name, self.cycles)] = older_cause_of(name, moment)
        self._before = now
        self.cycles += 1


class Recorder(SignalRecorder):
    """What every signal does, and why.

    Parameters
    ----------
    parameters: of the PC that is recorded; the causes depend on them.
    """

    def __init__(self, parameters: Parameters) -> None:
        super().__init__(pc_signals(parameters))
        self._parameters = parameters
        # Whether an error is immediate or deferred shows on no port: followed here from what does.
        self._reporting = Reporting(parameters)
        self._before: Instant | None = None

    def record(self, inputs: PcInputs, outputs: PcOutputs, cpu: CpuView = NO_CPU) -> None:
        """One more cycle.

        Parameters
        ----------
        inputs, outputs : PcInputs and PcOutputs
            Of this cycle.
        cpu : CpuView
            The processor in this cycle.
        """
        changed = self._note(inputs, outputs, cpu)
        now = Instant(inputs, outputs, cpu)
        if self._before is not None:
            self._explain(changed, self._before, now)
            self._follow(self._before, now)
        self._before = now
        self.cycles += 1

    def _explain(self, changed: list[str], before: Instant, now: Instant) -> None:
        at_once = self._reporting.reports_at_once()
        moment = Moment(self.cycles, before, now, self._parameters, self._changes, self._causes, at_once)
        for name in changed:
            self._causes[Edge(name, self.cycles)] = cause_of(name, moment)

    def _follow(self, before: Instant, now: Instant) -> None:
        """The rising edge between two cycles, for what tells immediate from deferred."""
        inputs, outputs = before.inputs, before.outputs
        if inputs.reset or resets_processor(inputs.io, self._parameters):
            self._reporting.reset()
            return
        state = ErrorState(outputs.flags, outputs.masks)
        allow = Hwcr.ALLOW_FERR_ON_NE in outputs.hwcr
        context = ReportingContext(state, inputs.operation, inputs.cr0, outputs.ignne, allow)
        after = ErrorState(now.outputs.flags, now.outputs.masks)
        self._reporting.clock(context, outputs.decision, after)
