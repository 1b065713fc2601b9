"""A PC that is stepped by hand, for a REPL or a unit test.

from irq13.sim import Simulation

with Simulation(generation="AMD64") as sim:
    sim.msr["HWCR"] = 0x100        # IgnneEm: the MSR replaces the pin
    sim.issue("fninit")
    sim.issue("fldcw", masks="none")
    sim.issue("fdiv", raises="ZE")
    sim.step(1)
    assert sim.ferr_n == 0
"""

from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, Self, overload

from ..model.msr import MsrRequest, MsrResponse
from ..model.older import OlderMachine
from ..model.pc import PcInputs
from ..model.registers import Cr0, Generation, Hwcr, Parameters, Wiring
from ..model.x87 import OperationRequest
from .cpu.instructions import presented
from .cpu.operands import unsigned
from .machines.machine import Machine, machine_for
from .machines.msr_bus import Registers
from .older_simulation import OlderSimulation
from .stepped import Stepped
from .support.errors import InputError
from .waveform.recorder import Recorder
from .waveform.signals import pc_signals

Older = Literal["AT286", "AT386", "XT8087"]
"""Names of machines that are before the 486 whatever their parameters are."""
LATER = {"AT486": Generation.I486, "P6": Generation.P6, "AMD64": Generation.AMD64}
"""The generations by their names as machines."""


class Simulation(Stepped):
    """Processor and chipset under a clock that moves only when told to.

    What is read is the settled value in the present cycle, with the pins as they are driven now; `issue`
    and every bus access take the cycles that they take on the hardware.

    Parameters
    ----------
    generation: "I486", "P6" or "AMD64"; by default AMD64, or what the machine is.
    machine: "AT486", "P6" or "AMD64", in place of it; or "AT286", "AT386", "XT8087" or "PC98", which makes it
        an `OlderSimulation`, but for a PC98 with cpu="486".
    on: "hdl" (Amaranth's simulator), "model", "lockstep", or a machine, such as a `Board`.
    vcd: where the waveform goes when the simulation is closed, or None.
    parameters: other fields of `Parameters`, or of `OlderParameters`, by name.

    Raises
    ------
    ValueError, TypeError
        For a parameter that is out of range, and for a machine that there is not.
    """

    @overload
    def __new__(cls, *, machine: Older, **options: Any) -> OlderSimulation: ...
    @overload
    def __new__(cls, *, machine: Literal["PC98"] | OlderMachine, **options: Any) -> Any: ...
    @overload
    def __new__(cls, generation: str | Generation | None = None, **options: Any) -> Self: ...
    def __new__(cls, generation: Any = None, *, machine: Any = None, **options: Any) -> Any:
        machine = machine.value if isinstance(machine, OlderMachine) else machine
        if machine is None or machine in LATER or (machine == "PC98" and str(options.get("cpu")) == "486"):
            return super().__new__(cls)
        if generation is not None:
            raise InputError("generation and machine: one of them")
        known = [one.value for one in OlderMachine]
        if machine not in known:
            raise InputError(f"machine must be one of {', '.join([*LATER, *known])}, not {machine!r}")
        return OlderSimulation(machine, **options)

    def __init__(
        self,
        generation: str | Generation | None = None,
        *,
        machine: str | None = None,
        on: str | Machine = "hdl",
        vcd: str | Path | None = None,
        **parameters,
    ) -> None:
        if machine is not None:
            if generation is not None:
                raise InputError("generation and machine: one of them")
            generation = LATER.get(machine, Generation.I486)
            if machine not in LATER:
                del parameters["cpu"]
                parameters["wiring"] = Wiring.PC98
        if isinstance(on, str):
            wanted = {"generation": generation or Generation.AMD64, **parameters}
            self.parameters = Parameters(**wanted)  # type: ignore[arg-type]
        else:
            self.parameters = on.parameters
            given = parameters if generation is None else {"generation": generation, **parameters}
            if replace(on.parameters, **given) != on.parameters:
                raise InputError(f"the machine is {on.parameters}: {given} is not supported")
        self.msr = Registers(self.access_msr, self.parameters)
        """MSRs by number or name: `sim.msr["IGNNE"] = 1`."""
        machine_ = machine_for(on, self.parameters)
        super().__init__(machine_, Recorder(self.parameters), pc_signals(self.parameters), PcInputs(), vcd)

    def _presented(self, mnemonic: str, operations: tuple[OperationRequest, ...]) -> list[OperationRequest]:
        return [presented(mnemonic, one, self.parameters) for one in operations]

    def _repr_html_(self) -> str:
        """In a notebook: the circuit in a page that plays what has been done so far. Takes seconds."""
        from .play.page import in_frame, play_page, run_page

        if not self._driven_so_far:
            return in_frame(play_page(generation=self.parameters.generation))
        return in_frame(run_page(self._driven_so_far, self.trace(), self.parameters))

    def access_msr(self, request: MsrRequest) -> MsrResponse:
        """One RDMSR or WRMSR over the bus, a fault as part of the response."""
        outputs = self._cycle(msr=request)
        while not outputs.msr_ready:
            outputs = self._cycle(msr=request)
        while True:
            outputs = self._cycle()
            if outputs.msr_response is not None:
                return outputs.msr_response

    @property
    def ignne_n(self) -> bool:
        """The IGNNE# wire at the processor's pin. Setting it drives the wire, beside the chipset."""
        return self._now.ignne_n

    @ignne_n.setter
    def ignne_n(self, level: int) -> None:
        self._inputs = self._inputs._replace(ignne_n=bool(unsigned(int(level), 1)))

    @property
    def ne(self) -> bool:
        """CR0.NE."""
        return Cr0.NE in self.cr0

    @ne.setter
    def ne(self, value: int) -> None:
        self.cr0 = self.cr0 | Cr0.NE if unsigned(int(value), 1) else self.cr0 & ~Cr0.NE

    @property
    def ferr_enable(self) -> bool:
        """The chipset's enable bit. Setting it takes one cycle."""
        return self._now.ferr_enable

    @ferr_enable.setter
    def ferr_enable(self, value: int) -> None:
        self._cycle(ferr_enable=bool(unsigned(int(value), 1)))

    @property
    def ferr_n(self) -> bool:
        """The FERR# pin, active low."""
        return self._now.ferr_n

    @property
    def ignne(self) -> bool:
        """IGNNE in effect, from the pin or from the MSR."""
        return self._now.ignne

    @property
    def hwcr(self) -> Hwcr:
        """IgnneEm and AllowFerrOnNe as they act; `msr["HWCR"]` reads the whole register over the bus."""
        return self._now.hwcr
