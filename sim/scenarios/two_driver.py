"""Two processors with their programs on a machine of two, and pins that change at given cycles."""

from collections.abc import Sequence

from ...model.pc import PcInputs, PcOutputs
from ...model.processor import ProcessorOutputs
from ...model.registers import Parameters
from ...model.two_processors import TwoProcessorInputs, TwoProcessorOutputs
from ..cpu.diagnosis import Diagnosis, endless, told
from ..cpu.events import CpuEvent
from ..cpu.state import PINS as CPU_PINS
from ..cpu.two_processors import Pair, PairedCpu, cause_in_pair
from ..machines.two_processors import TwoProcessorRunner
from ..waveform.two_recorder import ProcessorSeen, TwoProcessorRecorder
from ..waveform.two_signals import PROCESSORS
from .scenario import PINS, PinEvent, Scenario, SecondProcessor


class TwoProcessorDriver:
    """A scenario with two processors on a machine.

    Parameters
    ----------
    machine : TwoProcessorRunner
        At its state at power-up.
    scenario : Scenario
        Its program and pins are processor a's and the PC's.
    second : SecondProcessor
        Processor b: program, pins, and whether it is connected.

    Attributes
    ----------
    recorder: what has been recorded.
    """

    def __init__(self, machine: TwoProcessorRunner, scenario: Scenario, second: SecondProcessor) -> None:
        self.machine = machine
        self._parameters: Parameters = machine.parameters
        memory: dict[str, int] = {}
        self._a = PairedCpu(scenario.program, self._parameters, memory)
        self._b = PairedCpu(second.program, self._parameters, memory)
        self.cpus: dict[str, PairedCpu] = {"a": self._a, "b": self._b}
        self.recorder = TwoProcessorRecorder(self._parameters, second.wired)
        self._b_wired = second.wired
        self._events = self._pin_events(scenario.pins, second.pins)
        self._levels = dict(PINS)
        self._joined = dict.fromkeys(PROCESSORS, False)
        self._before: tuple[TwoProcessorInputs, TwoProcessorOutputs] | None = None
        self._since = dict.fromkeys(PROCESSORS, 0)
        self._quiet = 0

    @staticmethod
    def _pin_events(of_a: Sequence[PinEvent], of_b: Sequence[PinEvent]) -> list[tuple[int, str, str, bool]]:
        """Cycle, processor, pin, level; processor a has those of the PC too."""
        events = [(one.cycle, "a", one.pin, one.level) for one in of_a]
        events += [(one.cycle, "b", one.pin, one.level) for one in of_b]
        return sorted(events, key=lambda event: event[0])

    def run(self, limit: int, tail: int) -> list[Diagnosis]:
        """Until both programs are over (none), or until it is clear that one never will be (why).

        Parameters
        ----------
        limit: cycles after which it is given up.
        tail: cycles that it goes on behind the end.
        """
        settled = 2 * self._parameters.synchroniser_stages + self._parameters.nowait_window + 8
        left = tail
        while left:
            over = self._a.over and self._b.over
            left = left - (not self._events) if over else tail
            self.step()
            live = [cpu for cpu in self.cpus.values() if not cpu.over]
            if not live:
                continue
            at_rest = self._quiet > settled and not self._events
            if (all(cpu.waiting for cpu in live) and at_rest) or self._a.cycle >= limit:
                return [
                    self._diagnosis(name, limit, settled) for name, cpu in self.cpus.items() if not cpu.over
                ]
        return []

    @property
    def events(self) -> list[CpuEvent]:
        """What happened to both, in order; of one cycle processor a's first."""
        found = [event._replace(processor=name) for name, cpu in self.cpus.items() for event in cpu.events]
        return sorted(found, key=lambda event: event.cycle)

    def step(self) -> None:
        """One cycle."""
        a, b = self._a, self._b
        self._drive_pins()
        # INTA locks the bus.
        held = b.wants_bus and (a.wants_bus or a.inputs.inta)
        inputs_b = b.inputs._replace(io=None, ferr_enable=None) if held else b.inputs
        inputs = self._wired(a.inputs, inputs_b)
        views = {name: cpu.view() for name, cpu in self.cpus.items()}
        outputs = self.machine.step(inputs)
        self._follow(inputs, outputs)
        shared = outputs.pc
        seen_by_b = _as_of(outputs.b, shared)
        seen = {
            # RESET and IGNNE# are wires: what one processor does to them the other sees.
            "a": ProcessorSeen(
                a.inputs._replace(reset=inputs.pc.reset, ignne_n=inputs.pc.ignne_n),
                shared._replace(ferr_n=outputs.a_ferr_n),
                views["a"],
            ),
            "b": ProcessorSeen(
                inputs_b._replace(reset=inputs.pc.reset, ignne_n=inputs.pc.ignne_n),
                seen_by_b._replace(ferr_n=outputs.b.ferr_n),
                views["b"],
            ),
        }
        on_the_bus = "b" if inputs_b.io is not None or inputs_b.ferr_enable is not None else "a"
        self.recorder.record(seen, inputs.pc, shared, on_the_bus)
        self._seen = seen
        a.seen = b.seen = seen | {"": ProcessorSeen(inputs.pc, shared, views[on_the_bus])}
        a.clock(shared)
        if held:
            b.hold()
        else:
            b.clock(seen_by_b)

    def _drive_pins(self) -> None:
        while self._events and self._events[0][0] <= self._a.cycle:
            _, name, pin, level = self._events.pop(0)
            if pin in CPU_PINS:
                self.cpus[name].pins[pin] = level
            else:
                self._levels[pin] = level
        if self._levels["reset"]:
            self._a.reset()
            self._b.reset()
        # RESET by an instruction goes to both; the one that executes it goes on behind it.
        resets = [name for name, cpu in self.cpus.items() if cpu.inputs.reset]
        if len(resets) == 1:
            self.cpus["b" if resets == ["a"] else "a"].reset()

    def _wired(self, a: PcInputs, b: PcInputs) -> TwoProcessorInputs:
        levels = self._levels
        pc = a._replace(
            reset=a.reset or b.reset or levels["reset"],
            ignne_n=levels["ignne_n"],
            io=a.io or b.io,
            ferr_enable=b.ferr_enable if a.ferr_enable is None else a.ferr_enable,
            irq=sum(1 << int(pin[3:]) for pin, level in levels.items() if level and pin[:3] == "irq"),
        )
        return TwoProcessorInputs(
            pc, b.cr0, b.operation, b.msr, b.msr_response_ready, b_io=a.io is None and b.io is not None
        )

    def _follow(self, inputs: TwoProcessorInputs, outputs: TwoProcessorOutputs) -> None:
        """For the diagnosis: since when nothing moves, and who made the last edge of the wire."""
        before, self._before = self._before, (inputs, outputs)
        self._quiet = self._quiet + 1 if (inputs, outputs) == before else 0
        if before is None:
            return
        cycle = self._a.cycle
        _, last = before
        falls = {
            "a": last.a_ferr_n and not outputs.a_ferr_n,
            "b": last.b.ferr_n and not outputs.b.ferr_n,
        }
        for name, fell in falls.items():
            if fell:
                self._joined[name] = not last.pc.ferr_n or all(falls.values())
        if (inputs.pc.operation, outputs.pc.decision) != (before[0].pc.operation, last.pc.decision):
            self._since["a"] = cycle
        if (inputs.b_operation, outputs.b) != (before[0].b_operation, last.b):
            self._since["b"] = cycle

    def _diagnosis(self, name: str, limit: int, settled: int) -> Diagnosis:
        """Why one does not go on: one that waits while the other goes round and round has its own cause."""
        cpu, who = self.cpus[name], f"processor {name}: "
        cycle = self._a.cycle
        quiet = min(cycle - self._since[name], cycle) if self._quiet <= settled else self._quiet
        assert self._before is not None
        if cpu.waiting and quiet > settled:
            inputs, outputs = self._before
            pair = Pair(self._a, self._b, self._seen, outputs.pc, self._b_wired, self._joined)
            cause = cause_in_pair(name, pair, self._parameters, inputs.pc.irq)
            found = told(cpu, self._seen[name].outputs, cycle - quiet, cause, who)
        else:
            found = endless(cpu, limit)
            found = found._replace(text=who + found.text)
        for step in found.loop or (found.step,):
            cpu.events.append(CpuEvent(found.since, step, f"stuck:{found.reason}"))
        return found


def _as_of(b: ProcessorOutputs, shared: PcOutputs) -> PcOutputs:
    """What processor b sees: its own answers, and of the PC all but INTR."""
    return shared._replace(
        decision=b.decision,
        flags=b.flags,
        masks=b.masks,
        es=b.es,
        ignne=b.ignne,
        hwcr=b.hwcr,
        ignne_msr=b.ignne_msr,
        msr_ready=b.msr_ready,
        msr_response=b.msr_response,
        exit_code=b.exit_code,
        intr=False,
    )
