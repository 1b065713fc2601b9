"""What the instruction of the CPU in lanes comes to in this cycle; `transitions` has where that leads."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from ...model.registers import (
    VMEXIT_CLGI,
    VMEXIT_FERR_FREEZE,
    VMEXIT_INTR,
    VMEXIT_NMI,
    VMEXIT_STGI,
    VMEXIT_VINTR,
    VMEXIT_VMRUN,
)
from ..cpu.actions import (
    Bios,
    Exit,
    Flag,
    Gif,
    Halt,
    Inject,
    Int,
    Io,
    Iret,
    MovCr0,
    MovFerrEnable,
    MovSs,
    MsrAccess,
    Nop,
    Popf,
    Reset,
    Rsm,
    Virq,
    Vmrun,
    Wait,
)
from ..cpu.events import NMI_VECTOR
from ..lanes.builder import Word
from ..netlist.gates import Bit
from .layout import LEVELS
from .memory import LaneMemory

if TYPE_CHECKING:
    from .cpu import Due, LaneCpu


class VmExit(NamedTuple):
    """A #VMEXIT."""

    event: Bit
    target: int | None
    """None where the hypervisor has nothing for it: the program ends."""
    over: bool = False
    """The guest goes on behind the instruction."""
    shadow: bool = False
    """The instruction stays in the interrupt shadow that it was in."""


class Moves:
    """What comes of the instruction: at most one of these happens.

    Parameters
    ----------
    cpu : LaneCpu
        Whose instruction is under way.
    outputs : mapping of str to Word
        What the PC shows in this cycle, by port.
    due : Due
        What would be taken at a boundary now.

    Attributes
    ----------
    steps: it is over, and goes on behind it.
    faults: before the instruction, by name.
    enters: interrupts by vector, from the bus where that is None.
    exits: #VMEXITs.
    vmrun: the guest goes on.
    again: RESET or INIT by an instruction, or INIT by its pin.
    nmi, smi: an NMI or an SMI is delivered.
    jumps: to a position; whether it keeps the frames of the handlers under way.
    memory: what the program tests and counts.
    stays: the same instruction, or the same wait, in the next cycle.
    asks: an MSR access was accepted, and its response comes in the next cycle.
    """

    def __init__(self, cpu: "LaneCpu", outputs: Mapping[str, Word], due: "Due") -> None:
        self._cpu, self._build, self._code = cpu, cpu.build, cpu.code
        self._outputs = outputs
        self.faults: list[tuple[Bit, str]] = []
        self.steps: list[Bit] = []
        self.enters: list[tuple[Bit, int]] = []
        self.exits: list[VmExit] = []
        self._retries: list[Bit] = []
        self.asks = self._build.zero
        self.again = cpu.performs(Reset) | cpu.takes["init"]
        self.memory = LaneMemory(cpu, outputs)
        self._x87(due.any)
        self._msr()
        self._io()
        self._waits(due)
        self._svm()
        self._jumps()
        self._interrupts()
        plain = cpu.performs(MovCr0, MovFerrEnable, MovSs, Flag, Popf, Inject, Virq, Nop)
        self.steps.append(plain)
        self.stays = self._stays()

    def _answer(self, name: str) -> Bit:
        return self._outputs[f"op_{name}"][0]

    def _x87(self, interrupted: Bit) -> None:
        answer = self._answer
        self.steps.append(answer("ready"))
        self.faults += [(answer("nm"), "#NM"), (answer("ud"), "#UD")]
        # External interrupts win over #MF at the same boundary (SDM3 table 6-2).
        self.faults.append((answer("mf") & ~interrupted, "#MF"))
        self._retries += [(answer(name) & interrupted) for name in ("mf", "freeze", "window")]
        self.exits.append(VmExit(answer("vmexit"), self._code.exits.get(VMEXIT_FERR_FREEZE), shadow=True))

    def _msr(self) -> None:
        cpu = self._cpu
        accepted = cpu.performs(MsrAccess) & self._outputs["msr_request_ready"][0]
        self.asks = accepted
        answered = cpu.awaits & self._outputs["msr_response_valid"][0]
        fault = self._outputs["msr_response_fault"][0]
        self.faults.append((answered & fault, "#GP"))
        self.steps.append(answered & ~fault)

    def _io(self) -> None:
        cpu, build = self._cpu, self._build
        taken = build.zero
        if self._code.ports:
            for port, positions in cpu.port_positions().items():
                event = ~cpu.modes.host & build.any(cpu.at[position] for position in positions)
                self.exits.append(VmExit(event, self._code.ports[port], over=True))
                taken = taken | event
        self.steps.append(cpu.performs(Io, Bios) & ~taken)

    def _jumps(self) -> None:
        """To labels; EXIT is one to the end, out of all handlers."""
        cpu, labels = self._cpu, self._code.labels
        self.jumps = [(event, *labels[label]) for event, label in self.memory.jumps]
        self.jumps.append((cpu.performs(Exit), self._code.nowhere, False))
        self.steps += self.memory.passed

    def _waits(self, due: "Due") -> None:
        cpu, interrupted = self._cpu, due.any
        for position in self._code.where(lambda step: isinstance(step.action, Wait)):
            action = self._code.action(position, Wait)
            port, bit = LEVELS[action.signal]
            level = self._outputs[port][bit]
            comes = cpu.at[position] & (level if action.level else ~level)
            self.steps.append(comes)
            self._retries.append(cpu.at[position] & ~comes & interrupted)
        # After FLUSH#, STPCLK# and SMI# it halts again.
        halts_again = due.flush | due.stop | due.smi
        self.steps.append(cpu.performs(Halt) & interrupted & ~halts_again)
        self._retries.append(cpu.performs(Halt) & halts_again)

    def _svm(self) -> None:
        """VMRUN, STGI, CLGI: #UD without a hypervisor; an exit, or in the guest perhaps one."""
        cpu, build, exits = self._cpu, self._build, self._code.exits
        self.vmrun = self.stgi = self.clgi = build.zero
        if not cpu.hypervisor:
            self.faults.append((cpu.performs(Vmrun, Gif), "#UD"))
            return
        guest = ~cpu.modes.host
        self.vmrun = cpu.performs(Vmrun) & cpu.modes.host
        self.exits.append(VmExit(cpu.performs(Vmrun) & guest, exits.get(VMEXIT_VMRUN), shadow=True))
        self.stgi, self.clgi = (cpu.performs_action(Gif(value)) for value in (True, False))
        if VMEXIT_STGI in exits:
            self.exits.append(VmExit(self.stgi & guest, exits[VMEXIT_STGI], shadow=True))
            self.stgi = self.stgi & ~guest
        if VMEXIT_CLGI in exits:
            self.exits.append(VmExit(self.clgi & guest, exits[VMEXIT_CLGI], shadow=True))
            self.clgi = self.clgi & ~guest
        self.steps += [self.stgi, self.clgi]

    def _interrupts(self) -> None:
        """What an interrupt comes to in its last cycle."""
        cpu, exits = self._cpu, self._code.exits
        self.nmi, self.smi, virtual = cpu.takes["nmi"], cpu.takes["smi"], cpu.takes_virtual
        self._retries += [cpu.takes["flush"], cpu.takes["stop"]]
        outside = cpu.performs(Rsm) & ~cpu.modes.smm
        self.resumes = cpu.performs(Rsm) & cpu.modes.smm
        self.faults.append((outside, "#UD"))
        if VMEXIT_NMI in exits:
            self.exits.append(VmExit(self.nmi & ~cpu.modes.host, exits[VMEXIT_NMI]))
            self.nmi = self.nmi & cpu.modes.host
        if VMEXIT_INTR in exits:
            self.exits.append(VmExit(cpu.takes_exit, exits[VMEXIT_INTR]))
        if VMEXIT_VINTR in exits:
            self.exits.append(VmExit(virtual, exits[VMEXIT_VINTR]))
            virtual = self._build.zero
        self.virtual = virtual
        self.enters.append((self.nmi, NMI_VECTOR))
        for position in self._code.where(lambda step: isinstance(step.action, Int)):
            self.enters.append((cpu.at[position], self._code.action(position, Int).vector))

    def _stays(self) -> Bit:
        cpu, build = self._cpu, self._build
        some = build.any(
            [
                *self.steps,
                *(event for event, _ in self.faults),
                *(event for event, _ in self.enters),
                *self._retries,
                *(one.event for one in self.exits),
                *(event for event, _, _ in self.jumps),
                self.smi,
                self.resumes,
                cpu.performs(Iret),
                self.vmrun,
                self.again,
                self.virtual,
                cpu.second_pulse,
            ]
        )
        return ~some
