"""What runs in the lanes of a sweep: scenario, CPU and PC as one netlist, and registers that remember."""

from collections.abc import Mapping, Sequence

from ...model.registers import Generation, Parameters
from ..lanes.builder import Builder, Word
from ..netlist.netlist import Netlist
from ..scenarios.scenario import PINS, Scenario
from ..support.errors import NetlistError
from .cpu import LaneCpu
from .layout import unsupported
from .pins import CLOCK_BITS, PinPulse, time_registers


def netlist_of(
    scenario: Scenario, generation: Generation, pulses: Sequence[PinPulse], pc: Netlist
) -> Netlist:
    """Scenario, CPU and PC as one netlist, in which each swept event has a register for its cycle.

    Parameters
    ----------
    pc: the PC, lowered, with the scenario's parameters and this generation.

    Raises
    ------
    NetlistError
        For what a CPU in lanes cannot do.
    """
    check_for_lanes(scenario, generation, pulses)
    return _Bench(scenario, scenario.parameters_for(generation), pulses, pc).netlist()


def check_for_lanes(scenario: Scenario, generation: Generation, pulses: Sequence[PinPulse]) -> None:
    """Raises NetlistError for what a CPU in lanes cannot do.

    Parameters
    ----------
    scenario : Scenario
        Without a second processor, a [monitor], or steps that lanes do not have.
    generation : Generation
        What it would run on.
    pulses : sequence of PinPulse
        The swept events; SMI# needs a handler, and no hypervisor.
    """
    parameters = scenario.parameters_for(generation)
    driven = {event.pin for event in scenario.pins} | {one.pin for one in pulses}
    if "smi" in driven and scenario.program.hypervisor:
        raise NetlistError("smi under a [hypervisor] is not supported")
    if "smi" in driven and not scenario.program.smi:
        raise NetlistError("smi needs a handler ([handlers] smi)")
    reason = unsupported(scenario.program, parameters)
    if scenario.second:
        reason = "[processor.b] is not supported in lanes"
    if reason:
        raise NetlistError(reason)


class _Bench:
    def __init__(
        self, scenario: Scenario, parameters: Parameters, pulses: Sequence[PinPulse], pc: Netlist
    ) -> None:
        self._build = build = Builder()
        self._pulses = pulses
        self._fpu_port = parameters.fpu_port
        self._clock = build.register("clock", CLOCK_BITS)
        build.follow("clock", build.plus(self._clock, build.one))
        pins = self._pins(scenario)
        levels = {pin: level for pin, (level,) in pins.items()}
        cpu = LaneCpu(build, scenario.program, parameters, levels)
        inputs = dict(cpu.inputs)
        inputs["ignne_drive_n"] = pins["ignne_n"]
        inputs["irq"] = [pins[f"irq{line}"][0] if f"irq{line}" in pins else build.zero for line in range(16)]
        build.attach(pc, inputs)
        cpu.react(build.outputs)
        self._observe(inputs)

    def netlist(self) -> Netlist:
        return self._build.netlist(time_registers(self._pulses))

    def _pins(self, scenario: Scenario) -> dict[str, Word]:
        """The level of each pin in this cycle: that of its last event."""
        build = self._build
        swept = {one.pin for one in self._pulses}
        pins = {}
        for pin, idle in PINS.items():
            (level,) = build.register(f"pin.{pin}", 1, int(idle))
            for event in scenario.pins:
                if event.pin == pin and pin not in swept:
                    now = build.equal(self._clock, event.cycle)
                    (level,) = build.select(now, build.constant(event.level, 1), [level])
            for number, one in enumerate(self._pulses):
                if one.pin != pin:
                    continue
                for name, value in (("on", one.level), ("off", not one.level)):
                    if name == "off" and not one.width:
                        continue
                    at = build.register(f"at{number}.{name}", CLOCK_BITS)
                    build.follow(f"at{number}.{name}", at)
                    (level,) = build.select(build.same(self._clock, at), build.constant(value, 1), [level])
            build.follow(f"pin.{pin}", [level])
            pins[pin] = [level]
        return pins

    def _observe(self, inputs: Mapping[str, Word]) -> None:
        """Registers for what happened first when, and for an error that got lost on the way."""
        build = self._build
        outputs = build.outputs
        (ferr_n,), (irq13,) = outputs["ferr_n"], outputs["irq13"]
        (before,) = build.register("before.ferr_n", 1, 1)
        build.follow("before.ferr_n", [ferr_n])
        falls = before & ~ferr_n
        (reset,), (enabled,) = inputs["reset"], outputs["ferr_enable"]
        disables = inputs["enable_write"][0] & ~inputs["enable_value"][0]
        (due,) = build.register("before.due", 1)
        build.follow("before.due", [falls & enabled & ~reset & ~disables])
        build.sticky("seen.lost", due & ~irq13)
        reported = build.sticky("seen.reported", ~ferr_n)
        es_before = build.sticky("seen.es", outputs["es"][0])
        is_f0 = inputs["io_write"][0] & build.equal(inputs["io_address"], self._fpu_port)
        moments = {
            "reported": ~ferr_n,
            "latched": irq13,
            "acknowledged": inputs["inta"][0],
            "f0": is_f0,
            "ignored": outputs["ignne"][0],
            "cleared": es_before & ~outputs["es"][0],
            "released": reported & ferr_n,
        }
        for name, event in moments.items():
            happened = build.sticky(f"moment.{name}", event)
            when = build.register(f"when.{name}", CLOCK_BITS)
            first = event & ~happened
            build.follow(f"when.{name}", build.select(first, self._clock, when))
        for name in ("irq13", "ferr_n"):
            build.register(f"last.{name}", 1)
            build.follow(f"last.{name}", outputs[name])
