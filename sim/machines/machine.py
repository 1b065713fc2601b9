"""What a CPU can drive: the HDL under Amaranth's simulator, the model, or both in lockstep.

Each takes `PcInputs` and gives `PcOutputs`, one call a cycle, so that whatever drives one drives all.
"""

from collections.abc import Callable
from typing import Protocol

from ... import hdl, model
from ...model.pc import PcInputs, PcOutputs
from ...model.registers import Parameters
from ..support.errors import InputError
from .ports import pack, unpack
from .simulated import OutputsCompared, SideBySide, SimulatedDesign


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
        """The settled outputs of the present cycle for these inputs. The clock stands still."""
        return self._pc.settle(inputs)

    def step(self, inputs: PcInputs) -> PcOutputs:
        """One cycle: the settled outputs before the rising edge that ends it."""
        return self._pc.step(inputs)


class KeptMachine(ModelMachine):
    """The reference model, with all that it was given and that it showed since power-up.

    Attributes
    ----------
    inputs, outputs: by cycle.
    """

    def power_up(self) -> None:
        """Begin again, as after construction; what was kept is let go."""
        super().power_up()
        self.inputs: list[PcInputs] = []
        self.outputs: list[PcOutputs] = []

    def step(self, inputs: PcInputs) -> PcOutputs:
        """One cycle, as of `ModelMachine`; keeps the inputs and the outputs."""
        self.inputs.append(inputs)
        self.outputs.append(super().step(inputs))
        return self.outputs[-1]


IDLE_OUTPUTS = model.Pc(Parameters()).settle(PcInputs())
"""What a PC shows after reset with nothing to do."""


class HdlMachine(SimulatedDesign[PcInputs, PcOutputs]):
    """The Amaranth design under Amaranth's simulator.

    Parameters
    ----------
    parameters: Parameters.
    pc: the design, if it is another one than `hdl.Pc(parameters)`.
    """

    def __init__(self, parameters: Parameters, pc: hdl.Pc | None = None) -> None:
        self.parameters = parameters
        super().__init__(pc or hdl.Pc(parameters), pack, unpack, PcInputs())


class OutputComparison(OutputsCompared[PcInputs, PcOutputs]):
    """Outputs against the model's, cycle by cycle.

    The chipset may never assert IGNNE# while FERR# is negated either: no program may bring that about
    (SDM1 D.2.1.2).

    Parameters
    ----------
    other: what is compared with the model, for the message.
    """

    def __init__(self, other: str = "HDL") -> None:
        super().__init__(PcInputs(), IDLE_OUTPUTS, _muted, other)


def _muted(outputs: PcOutputs) -> str | None:
    muted = not outputs.chipset_ignne_n and outputs.ferr_n
    return "IGNNE# is active while FERR# is not" if muted else None


class LockstepMachine(SideBySide[PcInputs, PcOutputs]):
    """Model and HDL side by side; every output is compared in every cycle.

    Raises
    ------
    Divergence
        From `settle` and `step`, as of `OutputComparison`.

    Parameters
    ----------
    pc: as of `HdlMachine`.
    """

    def __init__(self, parameters: Parameters, pc: hdl.Pc | None = None) -> None:
        self.parameters = parameters
        super().__init__(ModelMachine(parameters), HdlMachine(parameters, pc), OutputComparison)


MACHINES: dict[str, Callable[[Parameters], HdlMachine | ModelMachine | LockstepMachine]] = {
    "hdl": HdlMachine,
    "model": ModelMachine,
    "lockstep": LockstepMachine,
}
"""What a run can be on, by name."""


def machine_for(on: str | Machine, parameters: Parameters) -> Machine:
    """A new machine by name, or the given one.

    Parameters
    ----------
    on : str or Machine
        'hdl', 'model' or 'lockstep', or a machine.
    parameters : Parameters
        Of the PC.

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
