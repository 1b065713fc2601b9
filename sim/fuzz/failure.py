"""What a fuzzing campaign found, alone: replayed under Amaranth's simulator, cut down, and recorded."""

from typing import NamedTuple

from ... import hdl
from ...model.pc import PcInputs
from ...model.registers import Parameters
from ..machines.machine import HdlMachine, LockstepMachine
from ..machines.simulated import describe_fields
from ..netlist.netlist import Netlist
from ..support.errors import Divergence
from ..waveform.recorder import Recorder
from ..waveform.trace import Trace
from .campaign import Found
from .minimise import Minimised, minimise
from .stimulated import StimulatedMachine


class Failure(NamedTuple):
    """A failure with the fewest events."""

    minimised: Minimised
    lines: list[str]
    """What is driven in each cycle, and what differs."""
    trace: Trace
    """Of the HDL."""


def replay_failure(
    found: Found, seed: int, parameters: Parameters, pc: hdl.Pc, netlist: Netlist, engine: str = "auto"
) -> Failure:
    """One lane of a campaign under Amaranth's simulator, and the fewest events of it that fail.

    Parameters
    ----------
    pc, netlist: the HDL that fails, and the same lowered.

    Raises
    ------
    ValueError
        If Amaranth's simulator does not bring the failure about: then the lowering is wrong, not the design.
    """
    stimulated = StimulatedMachine(HdlMachine(parameters, pc), seed, found.lane)
    inputs = [PcInputs(), *(stimulated.step()[0] for _ in range(found.cycle + 1))]
    minimised = minimise(inputs, parameters, netlist, found.what, engine)
    recorder = Recorder(parameters)
    machine = HdlMachine(parameters, pc)
    for now in minimised.inputs:
        recorder.record(now, machine.step(now))
    title = f"seed {seed}, lane {found.lane}: {found.what}"
    return Failure(minimised, _told(minimised.inputs, parameters, pc), recorder.trace(title))


def _told(inputs: list[PcInputs], parameters: Parameters, pc: hdl.Pc) -> list[str]:
    lines = [f"  {cycle}: {describe_fields(now, PcInputs())}" for cycle, now in enumerate(inputs)]
    machine = LockstepMachine(parameters, pc)
    try:
        for now in inputs:
            machine.step(now)
    except Divergence as error:
        lines += str(error).partition("\nthe cycles before")[0].splitlines()
    return lines
