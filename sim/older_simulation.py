"""A PC before the 486 that is stepped by hand.

from irq13.sim import Simulation

with Simulation(machine="AT286", irq13_from="error") as sim:
    sim.issue("fninit")
    sim.issue("fldcw", masks="none")
    sim.issue("fdiv", raises="ZE")
    sim.step(2)
    assert sim.latch and sim.irq13
"""

from pathlib import Path

from ..model.older import OlderInputs, OlderMachine, OlderParameters
from ..model.x87 import OperationRequest
from .cpu.older import missing_instruction
from .cpu.operands import unsigned
from .machines.older import older_machine_for
from .stepped import Stepped
from .support.errors import InputError
from .waveform.older_signals import older_signals
from .waveform.recorder import OlderRecorder


class OlderSimulation(Stepped):
    """Processor pins, coprocessor, and latch or NMI logic under a clock that moves only when told to.

    `Simulation(machine="AT286")` makes one too.

    Parameters
    ----------
    machine: "AT286", "AT386", "XT8087" or "PC98".
    on: "hdl" (Amaranth's simulator), "model" or "lockstep".
    vcd: where the waveform goes when the simulation is closed, or None.
    parameters: other fields of `OlderParameters`, by name: cpu, npx_cycles, irq13_from, passes_busy,
        f1_clears_latch, native, installed.

    Raises
    ------
    ValueError, TypeError
        For a parameter that is out of range, or that changes nothing on this machine.
    """

    def __init__(
        self,
        machine: str | OlderMachine,
        *,
        on: str = "hdl",
        vcd: str | Path | None = None,
        **parameters,
    ) -> None:
        try:
            self.parameters = OlderParameters(machine, **parameters)  # type: ignore[arg-type]
        except TypeError as error:
            known = ", ".join(name for name in OlderParameters.__dataclass_fields__ if name != "machine")
            unknown = next((name for name in parameters if name not in known.split(", ")), None)
            if unknown is None:
                raise
            raise InputError(f"no parameter {unknown!r}: expected one of {known}") from error
        signals = older_signals(self.parameters)
        machine_ = older_machine_for(on, self.parameters)
        super().__init__(machine_, OlderRecorder(self.parameters), signals, OlderInputs(), vcd)

    def _presented(self, mnemonic: str, operations: tuple[OperationRequest, ...]) -> list[OperationRequest]:
        why = missing_instruction(mnemonic, operations, self.parameters)
        if why:
            raise InputError(f"{mnemonic!r} is not supported on {self.parameters.machine.value}: {why}")
        return list(operations)

    @property
    def busy(self) -> bool:
        """BUSY as the processor sees it, TEST on the 8088."""
        return self._now.busy

    @property
    def npx_busy(self) -> bool:
        """The coprocessor executes."""
        return self._now.npx_busy

    @property
    def error(self) -> bool:
        """ERROR of the 80287 or 80387: a level that is ES."""
        return self._now.error

    @property
    def latch(self) -> bool:
        """The latch between ERROR and BUSY."""
        return self._now.latch

    @property
    def npx_int(self) -> bool:
        """INT of the 8087."""
        return self._now.int_

    @property
    def nmi(self) -> bool:
        """NMI of the 8088, as the XT's logic drives it."""
        return self._now.nmi

    @property
    def nmi_enable(self) -> bool:
        """Bit 7 of the XT's port A0h."""
        return self._now.nmi_enable

    @property
    def pereq(self) -> bool:
        """PEREQ at the 80386."""
        return self._now.pereq

    @property
    def parity(self) -> bool:
        """A parity error of the XT's memory, as it is driven."""
        return self._inputs.parity

    @parity.setter
    def parity(self, level: int) -> None:
        self._inputs = self._inputs._replace(parity=bool(unsigned(int(level), 1)))

    @property
    def iochk(self) -> bool:
        """I/O channel check of the XT, as it is driven."""
        return self._inputs.iochk

    @iochk.setter
    def iochk(self, level: int) -> None:
        self._inputs = self._inputs._replace(iochk=bool(unsigned(int(level), 1)))
