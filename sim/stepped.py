"""A machine under a clock that moves only when told to: what the machines of all times have in common."""

from collections import deque
from pathlib import Path
from typing import Any, Self

from ..model.chipset import IoAccess
from ..model.registers import Cr0, ExceptionFlag
from ..model.reporting import Decision
from ..model.x87 import OperationRequest
from .cpu.operands import unsigned
from .cpu.x87_steps import x87
from .support.errors import InputError
from .waveform.recorder import SignalRecorder
from .waveform.signals import CpuView, Signal
from .waveform.trace import Trace
from .waveform.vcd_writer import write_waveform


class Stepped:
    """What is read is the settled value in the present cycle, with the pins as they are driven now.

    `issue` and every bus access take the cycles that they take on the hardware.

    Parameters
    ----------
    machine: a model, the HDL under a simulator, both, or a board.
    recorder: of its signals.
    signals: its signals, for the waveform.
    idle: its inputs in an idle cycle.
    vcd: where the waveform goes when the simulation is closed, or None.
    """

    def __init__(
        self,
        machine: Any,
        recorder: SignalRecorder,
        signals: tuple[Signal, ...],
        idle: Any,
        vcd: str | Path | None,
    ) -> None:
        self._machine = machine
        self._recorder = recorder
        self._signals = signals
        self._vcd = vcd
        self._inputs = idle
        self._driven_so_far: list[Any] = []
        self._doing = ""
        self._operations: deque[OperationRequest] = deque()

    def __enter__(self) -> Self:
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
            write_waveform(self.trace(), self._vcd, self._signals)

    def trace(self) -> Trace:
        """What has happened so far."""
        return self._recorder.trace()

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
        self._operations.extend(self._presented(mnemonic, action.operations))
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
        """OUT of a byte: one cycle.

        Parameters
        ----------
        port : int
            16 bits.
        value : int
            8 bits.

        Raises
        ------
        ValueError
            If one of them is too wide; then no cycle passes.
        """
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

    @property
    def cycle(self) -> int:
        """Number of the present cycle."""
        return self._recorder.cycles

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
    def decision(self) -> Decision:
        """What becomes of the operation that is presented."""
        return self._now.decision

    @property
    def freeze(self) -> bool:
        """The presented operation is frozen."""
        return self.decision is Decision.FREEZE

    @property
    def _now(self) -> Any:
        return self._machine.settle(self._driven())

    def _driven(self) -> Any:
        return self._inputs._replace(operation=self._operations[0] if self._operations else None)

    def _cycle(self, **extra) -> Any:
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

    def _presented(self, mnemonic: str, operations: tuple[OperationRequest, ...]) -> list[OperationRequest]:
        """An instruction's operations as the decoder has them. Raises InputError for one that it lacks."""
        raise NotImplementedError


def _bus_step(inputs: Any) -> str:
    """A bus access as the line of a program would have it, for the waveform."""
    if inputs.reset:
        return "reset"
    if (io := inputs.io) is not None:
        return f"out {io.address:#x}, {io.data:#x}" if io.write else f"in {io.address:#x}"
    if (msr := getattr(inputs, "msr", None)) is not None:
        return f"wrmsr {msr.address:#x} {msr.data:#x}" if msr.write else f"rdmsr {msr.address:#x}"
    return "-"
