"""A design under Amaranth's simulator, and a model beside it, whatever their inputs and outputs are."""

from collections import deque
from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar

from amaranth.hdl import Cat, Module, Signal
from amaranth.sim import Simulator

from ... import hdl
from ...model.registers import Cr0, ExceptionFlag, Hwcr
from ...model.reporting import Decision
from ...model.x87 import OperationRequest
from ..support.errors import Divergence

Inputs = TypeVar("Inputs")
Outputs = TypeVar("Outputs")


class Steps(Protocol[Inputs, Outputs]):  # pyright: ignore[reportInvalidTypeVarUse]
    """Anything that goes cycle by cycle."""

    def power_up(self) -> None:
        """Begin again, as after construction."""
        ...

    def settle(self, inputs: Inputs) -> Outputs:
        """The settled outputs of the present cycle for these inputs. The clock stands still."""
        ...

    def step(self, inputs: Inputs) -> Outputs:
        """One cycle: the settled outputs before the rising edge that ends it."""
        ...


class SimulatedDesign(Generic[Inputs, Outputs]):
    """A component under Amaranth's simulator.

    Parameters
    ----------
    design: the component.
    pack: all inputs as one number, in the order of its signature.
    unpack: the outputs from one number.
    idle: the inputs of an idle cycle.
    """

    def __init__(
        self,
        design: Any,
        pack: Callable[[Inputs], int],
        unpack: Callable[[int], Outputs],
        idle: Inputs,
    ) -> None:
        self._pack, self._unpack, self._idle = pack, unpack, idle
        ports = hdl.flat_ports(design)
        inputs = Cat(port.value for port in ports if port.is_input)
        outputs = Cat(port.value for port in ports if not port.is_input)
        # One signal each: the simulator compiles how they come apart, where it would look at each port of a
        # `Cat` in each cycle.
        module = Module()
        module.submodules.design = design
        self._driven = Signal(len(inputs), init=pack(idle))
        self._watched = Signal(len(outputs))
        module.d.comb += [inputs.eq(self._driven), self._watched.eq(outputs)]
        self._simulator = Simulator(module)
        self._simulator.add_clock(1e-8)
        self._inputs = 0
        self._outputs = 0
        self._go = False
        self._cycle = 0
        self._simulator.add_testbench(self._testbench, background=True)
        # Starts the testbench: a coroutine that never ran warns when it is collected.
        self._settle(idle)

    def power_up(self) -> None:
        """Begin again, as after construction: much sooner than building the design anew."""
        self._go = False
        self._cycle = 0
        self._simulator.reset()
        self._settle(self._idle)

    def settle(self, inputs: Inputs) -> Outputs:
        """The settled outputs of the present cycle for these inputs. The clock stands still."""
        return self._unpack(self._settle(inputs))

    def step(self, inputs: Inputs) -> Outputs:
        """One cycle: the settled outputs before the rising edge that ends it."""
        outputs = self._settle(inputs)
        cycle, self._go = self._cycle, True
        while self._cycle == cycle:
            self._simulator.advance()
        return self._unpack(outputs)

    def _settle(self, inputs: Inputs) -> int:
        self._inputs = self._pack(inputs)
        # Wakes the testbench from its `delay(0)`: it drives these inputs without passage of time.
        self._simulator.advance()
        return self._outputs

    async def _testbench(self, ctx) -> None:
        driven = None
        while True:
            if driven != self._inputs:
                driven = self._inputs
                ctx.set(self._driven, driven)
            self._outputs = ctx.get(self._watched)
            await ctx.delay(0)
            if self._go:
                self._go = False
                await ctx.tick()
                self._cycle += 1
                await ctx.delay(0)


class OutputsCompared(Generic[Inputs, Outputs]):
    """Outputs against the model's, cycle by cycle, with the cycles before for the message.

    Parameters
    ----------
    idle_inputs, idle_outputs: what a history leaves out.
    wrong: what may never be, as text, or None.
    other: what is compared with the model, for the message.
    """

    HISTORY = 12
    """Cycles shown before a divergence."""

    def __init__(
        self,
        idle_inputs: Inputs,
        idle_outputs: Outputs,
        wrong: Callable[[Outputs], str | None] = lambda outputs: None,
        other: str = "HDL",
    ) -> None:
        self._idle_inputs, self._idle_outputs = idle_inputs, idle_outputs
        self._wrong, self._other = wrong, other
        self._cycle = 0
        self._history: deque[tuple[int, Inputs, Outputs]] = deque(maxlen=self.HISTORY)

    def passed(self, inputs: Inputs, outputs: Outputs) -> None:
        """A cycle is over.

        Parameters
        ----------
        inputs, outputs
            Of that cycle, for the history.
        """
        self._history.append((self._cycle, inputs, outputs))
        self._cycle += 1

    def compare(self, inputs: Inputs, expected: Any, got: Any) -> Outputs:
        """The outputs of both. Raises Divergence at a difference, and at what is wrong.

        Parameters
        ----------
        inputs
            Of this cycle, for the message.
        expected, got
            The model's outputs, and those of what is compared with it.
        """
        wrong = self._wrong(expected)
        if expected == got and wrong is None:
            return expected
        lines = [f"cycle {self._cycle}: {wrong or f'model and {self._other} differ'}"]
        lines += [
            f"  {name}: model {_show(a)}, {self._other} {_show(b)}"
            for name, a, b in zip(expected._fields, expected, got, strict=True)
            if a != b
        ]
        lines += ["the cycles before, and this one as the model has it:"]
        for cycle, past, outputs in [*self._history, (self._cycle, inputs, expected)]:
            given = describe_fields(past, self._idle_inputs)
            lines.append(f"  {cycle}: {given} -> {describe_fields(outputs, self._idle_outputs)}")
        raise Divergence("\n".join(lines))


class SideBySide(Generic[Inputs, Outputs]):
    """A model and a design; every output is compared in every cycle.

    Parameters
    ----------
    model, design: the two.
    comparison: makes what compares them.
    """

    def __init__(
        self,
        model: Steps[Inputs, Outputs],
        design: Steps[Inputs, Outputs],
        comparison: Callable[[], OutputsCompared[Inputs, Outputs]],
    ) -> None:
        self._model, self._hdl = model, design
        self._new_comparison = comparison
        self._comparison = comparison()

    def power_up(self) -> None:
        """Begin again, as after construction."""
        self._model.power_up()
        self._hdl.power_up()
        self._comparison = self._new_comparison()

    def settle(self, inputs: Inputs) -> Outputs:
        """As of `Steps`, from both. Raises Divergence at a difference."""
        return self._comparison.compare(inputs, self._model.settle(inputs), self._hdl.settle(inputs))

    def step(self, inputs: Inputs) -> Outputs:
        """As of `Steps`, from both. Raises Divergence at a difference."""
        outputs = self._comparison.compare(inputs, self._model.step(inputs), self._hdl.step(inputs))
        self._comparison.passed(inputs, outputs)
        return outputs


def describe_fields(now: Any, idle: Any) -> str:
    """The fields that are not as in `idle`, on one line.

    Parameters
    ----------
    now, idle : NamedTuple
        Inputs or outputs, both of one class.

    Returns
    -------
    str
        'name=value' of each, with spaces between; 'idle' if there is none.
    """
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
