"""What SMI# adds to the CPU in lanes: what it saves and RSM restores."""

from typing import TYPE_CHECKING

from ...model.registers import Cr0
from ..cpu.actions import Rsm
from ..netlist.gates import Bit
from .layout import CR0_BITS, LaneWorld, Modes, select_frames

if TYPE_CHECKING:
    from .cpu import LaneCpu


class LaneSmm:
    """Registers of SMM.

    Attributes
    ----------
    inside: the handler of SMI# runs.
    """

    def __init__(self, cpu: "LaneCpu") -> None:
        self._cpu, self._build = cpu, cpu.build
        begun, build = cpu.begun, cpu.build
        (self.inside,) = begun("smm", 1, 0, 0)
        (zero,), (interrupts,) = begun("smm.zf", 1, 0, 0), begun("smm.if", 1, 0, 0)
        (self._nmi_blocked,) = begun("smm.nmi_blocked", 1, 0, 0)
        position, frames = begun("smm.position", cpu.code.width, 0, 0), cpu.declare_frames("smm.frame")
        self._saved = LaneWorld(position, frames, begun("smm.cr0", len(CR0_BITS), 0, 0), interrupts, zero)
        self._leaves = build.zero

    def resumes(self) -> Bit:
        """RSM in SMM; outside it is #UD."""
        return self._cpu.performs(Rsm) & self.inside

    def switched(self, world: LaneWorld, now: LaneWorld, enters: Bit) -> LaneWorld:
        """SMI# saves the world and clears IF, CR0.EM and CR0.TS (SDM3 34.5); RSM brings it back.

        Parameters
        ----------
        world, now : LaneWorld
            After this cycle but for SMM, and before it.
        enters : Bit
            An SMI is delivered.
        """
        cpu, build, saved = self._cpu, self._build, self._saved
        assert cpu.code.smi is not None
        quiet = [
            build.zero if bit in (Cr0.EM, Cr0.TS) else level
            for bit, level in zip(CR0_BITS, now.cr0, strict=True)
        ]
        smi = build.constant(cpu.code.smi, cpu.code.width)
        handler = LaneWorld(smi, cpu.no_frames(), quiet, build.zero, now.zero)
        kept = self._chosen(enters, now, saved)
        for name, word in (("position", kept.position), ("cr0", kept.cr0)):
            cpu.follow(f"smm.{name}", word)
        cpu.follow("smm.if", [kept.interrupts])
        cpu.follow("smm.zf", [kept.zero])
        cpu.follow_frames("smm.frame", kept.frames)
        return self._chosen(enters, handler, self._chosen(self.resumes(), saved, world))

    def modes(self, modes: Modes, enters: Bit) -> Modes:
        """NMI is held until RSM or an IRET (SDM3 34.8).

        Parameters
        ----------
        modes : Modes
            After this cycle, but for SMM.
        enters : Bit
            An SMI is delivered.
        """
        build, resumes = self._build, self.resumes()
        kept = build.select(enters, [self._cpu.modes.nmi_blocked], [self._nmi_blocked])
        self._cpu.follow("smm.nmi_blocked", kept)
        (blocked,) = build.select(resumes, [self._nmi_blocked], [modes.nmi_blocked])
        return modes._replace(nmi_blocked=blocked | enters, smm=(modes.smm | enters) & ~resumes)

    def _chosen(self, condition: Bit, yes: LaneWorld, no: LaneWorld) -> LaneWorld:
        build = self._build
        return LaneWorld(
            build.select(condition, yes.position, no.position),
            select_frames(build, condition, yes.frames, no.frames),
            build.select(condition, yes.cr0, no.cr0),
            build.select(condition, [yes.interrupts], [no.interrupts])[0],
            build.select(condition, [yes.zero], [no.zero])[0],
        )
