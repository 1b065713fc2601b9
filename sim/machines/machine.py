"""What a CPU can drive: the HDL under Amaranth's simulator, the model, or both in lockstep.

Each takes `PcInputs` and gives `PcOutputs`, one call a cycle, so that whatever drives one drives all.
"""

from collections import deque
from collections.abc import Callable
from typing import Protocol

from amaranth.hdl import Cat
from amaranth.sim import Simulator

from ... import hdl, model
from ...model.pc import PcInputs, PcOutputs
from ...model.registers import Cr0, ExceptionFlag, Hwcr, Parameters
from ...model.reporting import Decision
from ...model.x87 import OperationRequest
from ..support.errors import Divergence, InputError
from .ports import pack, unpack


class Machine(Protocol):
    """Anything that behaves as a PC, cycle by cycle."""

    parameters: Parameters

    def power_up(self) -> None:
        """Begin again, as after construction."""
        ...

    def settle(self, inputs: PcInputs) -> PcOutputs:
        """The settled outputs of the present cycle for these inputs. The clock stands still."""
        ...

    def step(self, inputs: PcInputs) -> PcOutputs:
        """One cycle: the settled outputs before the rising edge that ends it."""
        ...


class ModelMachine:
    """The reference model."""

    def __init__(self, parameters: Parameters) -> None:
        self.parameters = parameters
        self.power_up()

    def power_up(self) -> None:
        """Begin again, as after construction."""
        self._pc = model.Pc(self.parameters)

    def settle(self, inputs: PcInputs) -> PcOutputs:
        return self._pc.settle(inputs)

    def step(self, inputs: PcInputs) -> PcOutputs:
        return self._pc.step(inputs)


class KeptMachine(ModelMachine):
    """The reference model, with all that it was given and that it showed since power-up.

    Attributes
    ----------
    inputs, outputs: by cycle.
    """

    def power_up(self) -> None:
        super().power_up()
        self.inputs: list[PcInputs] = []
        self.outputs: list[PcOutputs] = []

    def step(self, inputs: PcInputs) -> PcOutputs:
        self.inputs.append(inputs)
        self.outputs.append(super().step(inputs))
        return self.outputs[-1]


class HdlMachine:
    """The Amaranth design under Amaranth's simulator.

    Parameters
    ----------
    parameters: Parameters.
    pc: the design, if it is another one than `hdl.Pc(parameters)`.
    """

    def __init__(self, parameters: Parameters, pc: hdl.Pc | None = None) -> None:
        self.parameters = parameters
        pc = pc or hdl.Pc(parameters)
        self._simulator = Simulator(pc)
        self._simulator.add_clock(1e-8)
        self._inputs = 0
        self._outputs = 0
        ports = hdl.flat_ports(pc)
        self._input_value = Cat(port.value for port in ports if port.is_input)
        self._output_value = Cat(port.value for port in ports if not port.is_input)
        self._go = False
        self._cycle = 0
        self._simulator.add_testbench(self._testbench, background=True)
        # Starts the testbench: a coroutine that never ran warns when it is collected.
        self._settle(PcInputs())

    def power_up(self) -> None:
        """Begin again, as after construction: much sooner than building the design anew."""
        self._go = False
        self._cycle = 0
        self._simulator.reset()
        self._settle(PcInputs())

    def settle(self, inputs: PcInputs) -> PcOutputs:
        return unpack(self._settle(inputs))

    def step(self, inputs: PcInputs) -> PcOutputs:
        outputs = self._settle(inputs)
        cycle, self._go = self._cycle, True
        while self._cycle == cycle:
            self._simulator.advance()
        return unpack(outputs)

    def _settle(self, inputs: PcInputs) -> int:
        self._inputs = pack(inputs)
        # Wakes the testbench from its `delay(0)`: it drives these inputs without passage of time.
        self._simulator.advance()
        return self._outputs

    async def _testbench(self, ctx) -> None:
        driven = None
        while True:
            if driven != self._inputs:
                driven = self._inputs
                ctx.set(self._input_value, driven)
            self._outputs = ctx.get(self._output_value)
            await ctx.delay(0)
            if self._go:
                self._go = False
                await ctx.tick()
                self._cycle += 1
                await ctx.delay(0)


class OutputComparison:
    """Outputs against the model's, cycle by cycle, with the cycles before for the message.

    Parameters
    ----------
    other: what is compared with the model, for the message.
    """

    HISTORY = 12
    """Cycles shown before a divergence."""

    def __init__(self, other: str = "HDL") -> None:
        self._other = other
        self._cycle = 0
        self._history: deque[tuple[int, PcInputs, PcOutputs]] = deque(maxlen=self.HISTORY)

    def passed(self, inputs: PcInputs, outputs: PcOutputs) -> None:
        """A cycle is over."""
        self._history.append((self._cycle, inputs, outputs))
        self._cycle += 1

    def compare(self, inputs: PcInputs, expected: PcOutputs, got: PcOutputs) -> PcOutputs:
        """The outputs of both.

        Raises
        ------
        Divergence
            At a difference; and if the chipset asserts IGNNE# while FERR# is negated, which no program may
            bring about (SDM1 D.2.1.2).
        """
        muted = not expected.chipset_ignne_n and expected.ferr_n
        if expected == got and not muted:
            return expected
        what = "IGNNE# is active while FERR# is not" if muted else f"model and {self._other} differ"
        lines = [f"cycle {self._cycle}: {what}"]
        lines += [
            f"  {name}: model {_show(a)}, {self._other} {_show(b)}"
            for name, a, b in zip(PcOutputs._fields, expected, got, strict=True)
            if a != b
        ]
        lines += ["the cycles before, and this one as the model has it:"]
        for cycle, past, outputs in [*self._history, (self._cycle, inputs, expected)]:
            lines.append(
                f"  {cycle}: {describe_fields(past, PcInputs())} -> {describe_fields(outputs, IDLE_OUTPUTS)}"
            )
        raise Divergence("\n".join(lines))


class LockstepMachine:
    """Model and HDL side by side; every output is compared in every cycle.

    Raises
    ------
    Divergence
        From `settle` and `step`, as of `OutputComparison.compare`.

    Parameters
    ----------
    pc: as of `HdlMachine`.
    """

    def __init__(self, parameters: Parameters, pc: hdl.Pc | None = None) -> None:
        self.parameters = parameters
        self._model = ModelMachine(parameters)
        self._hdl = HdlMachine(parameters, pc)
        self._comparison = OutputComparison()

    def power_up(self) -> None:
        """Begin again, as after construction."""
        self._model = ModelMachine(self.parameters)
        self._hdl.power_up()
        self._comparison = OutputComparison()

    def settle(self, inputs: PcInputs) -> PcOutputs:
        return self._comparison.compare(inputs, self._model.settle(inputs), self._hdl.settle(inputs))

    def step(self, inputs: PcInputs) -> PcOutputs:
        outputs = self._comparison.compare(inputs, self._model.step(inputs), self._hdl.step(inputs))
        self._comparison.passed(inputs, outputs)
        return outputs


MACHINES: dict[str, Callable[[Parameters], HdlMachine | ModelMachine | LockstepMachine]] = {
    "hdl": HdlMachine,
    "model": ModelMachine,
    "lockstep": LockstepMachine,
}
"""What a run can be on, by name."""


def machine_for(on: str | Machine, parameters: Parameters) -> Machine:
    """A new machine by name, or the given one.

    Raises
    ------
    ValueError
        For a name that there is not, or a machine with other parameters.
    """
    if isinstance(on, str):
        if on not in MACHINES:
            raise InputError(f"on must be one of {', '.join(MACHINES)}, not {on!r}")
        return MACHINES[on](parameters)
    if on.parameters != parameters:
        raise InputError(f"the machine is {on.parameters}, and {parameters} is asked for")
    return on


IDLE_OUTPUTS = model.Pc(Parameters()).settle(PcInputs())
"""What a PC shows after reset with nothing to do."""


def describe_fields(now: PcInputs | PcOutputs, idle: PcInputs | PcOutputs) -> str:
    """The fields that are not as in `idle`, on one line."""
    changed = [
        f"{name}={_show(value)}"
        for name, value, rest in zip(now._fields, now, idle, strict=True)
        if value != rest
    ]
    return " ".join(changed) or "idle"


def _show(value: object) -> str:
    if isinstance(value, Decision):
        return value.name
    if isinstance(value, OperationRequest):
        extra = f"({value.family.name}, {_show(value.raises)})" if value.raises else ""
        return f"{value.code.name}{extra}[{value.control:04X}/{value.status:04X}]"
    if isinstance(value, ExceptionFlag | Cr0 | Hwcr):
        return "|".join(str(member.name) for member in value) or "0"
    if isinstance(value, tuple):
        return "(" + ", ".join(f"{item:#x}" if type(item) is int else str(item) for item in value) + ")"
    return str(int(value)) if isinstance(value, bool) else str(value)
