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

from collections import deque
from dataclasses import replace
from pathlib import Path

from ..model.chipset import IoAccess
from ..model.msr import MsrRequest, MsrResponse
from ..model.pc import PcInputs, PcOutputs
from ..model.registers import Cr0, ExceptionFlag, Generation, Hwcr, Parameters
from ..model.reporting import Decision
from ..model.x87 import OperationRequest
from .cpu.instructions import presented
from .cpu.operands import unsigned
from .cpu.x87_steps import x87
from .machines.machine import Machine, machine_for
from .machines.msr_bus import Registers
from .support.errors import InputError
from .waveform.recorder import Recorder
from .waveform.signals import CpuView
from .waveform.trace import Trace
from .waveform.vcd_writer import write_waveform


class Simulation:
    """Processor and chipset under a clock that moves only when told to.

    What is read is the settled value in the present cycle, with the pins as they are driven now; `issue`
    and every bus access take the cycles that they take on the hardware.

    Parameters
    ----------
    generation: "I486", "P6" or "AMD64"; by default AMD64, or what the machine is.
    on: "hdl" (Amaranth's simulator), "model", "lockstep", or a machine, such as a `Board`.
    vcd: where the waveform goes when the simulation is closed, or None.
    parameters: other fields of `Parameters`, by name.

    Raises
    ------
    ValueError, TypeError
        For a parameter that is out of range.
    """

    def __init__(
        self,
        generation: str | Generation | None = None,
        *,
        on: str | Machine = "hdl",
        vcd: str | Path | None = None,
        **parameters,
    ) -> None:
        if isinstance(on, str):
            wanted = {"generation": generation or Generation.AMD64, **parameters}
            self.parameters = Parameters(**wanted)  # type: ignore[arg-type]
        else:
            self.parameters = on.parameters
            given = parameters if generation is None else {"generation": generation, **parameters}
            if replace(on.parameters, **given) != on.parameters:
                raise InputError(f"the machine is {on.parameters}: {given} is not supported")
        self._machine = machine_for(on, self.parameters)
        self.msr = Registers(self.access_msr, self.parameters)
        """MSRs by number or name: `sim.msr["IGNNE"] = 1`."""
        self._recorder = Recorder(self.parameters)
        self._vcd = vcd
        self._inputs = PcInputs()
        self._driven_so_far: list[PcInputs] = []
        self._operations: deque[OperationRequest] = deque()
        self._doing = ""

    def __enter__(self) -> "Simulation":
        return self

    def __exit__(self, *exception) -> None:
        self.close()

    def __setattr__(self, name: str, value: object) -> None:
        # A mistyped pin would otherwise be a new attribute and drive nothing.
        if not name.startswith("_") and not hasattr(type(self), name) and "_operations" in self.__dict__:
            raise AttributeError(f"a simulation has no {name!r} to set")
        super().__setattr__(name, value)

    def close(self) -> None:
        """Write the waveform, if one was asked for. Raises OSError if it cannot be written."""
        if self._vcd is not None and self._recorder.cycles:
            write_waveform(self.trace(), self._vcd)

    def trace(self) -> Trace:
        """What has happened so far."""
        return self._recorder.trace()

    def _repr_html_(self) -> str:
        """In a notebook: the circuit in a page that plays what has been done so far. Takes seconds."""
        from .play.page import in_frame, play_page, run_page

        if not self._driven_so_far:
            return in_frame(play_page(generation=self.parameters.generation))
        return in_frame(run_page(self._driven_so_far, self.trace(), self.parameters))

    def step(self, cycles: int = 1) -> None:
        """Let cycles pass. An operation that is frozen stays presented."""
        if not isinstance(cycles, int) or cycles < 0:
            raise InputError(f"cycles must be an integer of at least 0, not {cycles!r}")
        for _ in range(cycles):
            self._cycle()

    def issue(self, mnemonic: str, **operands: str | int) -> Decision:
        """Present an instruction until it executes, freezes or faults.

        Parameters
        ----------
        mnemonic: such as "fdiv"; a form without N, such as "fclex", is FWAIT and the N form.
        operands: as in a scenario: raises="ZE", masks="none", control=0x37F, flags="IE,SF", status=0.

        Returns
        -------
        Decision.READY, FREEZE, MF, NM or UD. Frozen, it stays presented: `step` lets time pass, and
        `withdraw` takes it back, as an interrupt would.

        Raises
        ------
        ValueError
            For an unknown instruction or operand.
        RuntimeError
            If another one is still frozen.
        """
        if self._operations:
            raise RuntimeError(f"{self._operations[0].code.name} is still presented: withdraw() it first")
        action = x87(mnemonic, {name: str(value) for name, value in operands.items()})
        self._operations.extend(presented(mnemonic, one, self.parameters) for one in action.operations)
        self._doing = " ".join([mnemonic, *(f"{name}={value}" for name, value in operands.items())])
        while self._operations:
            decision = self._cycle().decision
            if decision not in (Decision.READY, Decision.WINDOW):
                return decision
        return Decision.READY

    def withdraw(self) -> None:
        """Take back the operation that is presented, as a processor does to take an interrupt."""
        self._operations.clear()

    def out(self, port: int, value: int = 0) -> None:
        """OUT of a byte: one cycle."""
        self._cycle(io=IoAccess(unsigned(port, 16), write=True, data=unsigned(value, 8)))

    def inp(self, port: int) -> int:
        """IN of a byte: one cycle."""
        return self._cycle(io=IoAccess(unsigned(port, 16))).io_data

    def inta(self) -> int:
        """The two INTA pulses with which a processor acknowledges INTR: the vector, two cycles."""
        self._cycle(inta=True)
        return self._cycle(inta=True).vector

    def reset(self) -> None:
        """RESET for one cycle. CR0 becomes 60000010h, so NE, EM, TS and MP are 0."""
        self.withdraw()
        self._cycle(reset=True)
        self._inputs = self._inputs._replace(cr0=Cr0(0))

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
    def cycle(self) -> int:
        """Number of the present cycle."""
        return self._recorder.cycles

    @property
    def ignne_n(self) -> bool:
        """The IGNNE# wire at the processor's pin. Setting it drives the wire, beside the chipset."""
        return self._now.ignne_n

    @ignne_n.setter
    def ignne_n(self, level: int) -> None:
        self._inputs = self._inputs._replace(ignne_n=bool(unsigned(int(level), 1)))

    @property
    def irq(self) -> int:
        """Interrupt requests of other devices, 16 bits; bit 2 is not connected."""
        return self._inputs.irq

    @irq.setter
    def irq(self, lines: int) -> None:
        self._inputs = self._inputs._replace(irq=unsigned(lines, 16))

    @property
    def cr0(self) -> Cr0:
        """CR0.NE, EM, TS and MP."""
        return self._inputs.cr0

    @cr0.setter
    def cr0(self, value: Cr0) -> None:
        self._inputs = self._inputs._replace(cr0=Cr0(value))

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
    def irq13(self) -> bool:
        """IRQ 13."""
        return self._now.irq13

    @property
    def intr(self) -> bool:
        """INTR, from the master 8259A."""
        return self._now.intr

    @property
    def es(self) -> bool:
        """ES: an unmasked exception is pending."""
        return self._now.es

    @property
    def flags(self) -> ExceptionFlag:
        """Status word bits 6:0."""
        return self._now.flags

    @property
    def masks(self) -> ExceptionFlag:
        """Control word bits 5:0."""
        return self._now.masks

    @property
    def ignne(self) -> bool:
        """IGNNE in effect, from the pin or from the MSR."""
        return self._now.ignne

    @property
    def hwcr(self) -> Hwcr:
        """IgnneEm and AllowFerrOnNe as they act; `msr["HWCR"]` reads the whole register over the bus."""
        return self._now.hwcr

    @property
    def decision(self) -> Decision:
        """What becomes of the operation that is presented."""
        return self._now.decision

    @property
    def freeze(self) -> bool:
        """The presented operation is frozen."""
        return self.decision is Decision.FREEZE

    @property
    def _now(self) -> PcOutputs:
        return self._machine.settle(self._driven())

    def _driven(self) -> PcInputs:
        return self._inputs._replace(operation=self._operations[0] if self._operations else None)

    def _cycle(self, **extra) -> PcOutputs:
        inputs = self._driven()._replace(**extra)
        outputs = self._machine.step(inputs)
        self._driven_so_far.append(inputs)
        self._recorder.record(
            inputs, outputs, CpuView(self._doing if inputs.operation else _bus_step(inputs))
        )
        if outputs.decision is Decision.READY:
            self._operations.popleft()
        elif outputs.decision in (Decision.MF, Decision.NM, Decision.UD):
            self.withdraw()
        return outputs


def _bus_step(inputs: PcInputs) -> str:
    """A bus access as the line of a program would have it, for the waveform."""
    if inputs.reset:
        return "reset"
    if (io := inputs.io) is not None:
        return f"out {io.address:#x}, {io.data:#x}" if io.write else f"in {io.address:#x}"
    if (msr := inputs.msr) is not None:
        return f"wrmsr {msr.address:#x} {msr.data:#x}" if msr.write else f"rdmsr {msr.address:#x}"
    return "-"
