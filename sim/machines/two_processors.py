"""A PC with two processors: model, HDL under Amaranth's simulator, or both in lockstep.

They go cycle by cycle as every `Machine` does, with inputs and outputs of their own.
"""

from collections.abc import Callable, Mapping

from ... import hdl
from ...hdl.two_processors import TWO_PROCESSOR_SIGNATURE
from ...hdl.two_processors import TwoProcessorPc as TwoProcessorDesign
from ...model.msr import MsrResponse
from ...model.pc import PcInputs
from ...model.processor import ProcessorOutputs
from ...model.registers import VMEXIT_FERR_FREEZE, ExceptionFlag, Hwcr, Parameters
from ...model.reporting import Decision
from ...model.two_processors import TwoProcessorInputs, TwoProcessorOutputs, TwoProcessorPc
from ..support.errors import Divergence, InputError
from . import ports
from .simulated import OutputsCompared, SideBySide, SimulatedDesign

_PORTS = hdl.flat_ports(TWO_PROCESSOR_SIGNATURE.create())
INPUTS = {port.name: len(port.signal) for port in _PORTS if port.is_input}
OUTPUTS = {port.name: len(port.signal) for port in _PORTS if not port.is_input}
_INPUTS_OF_B = {name: width for name, width in ports.INPUTS.items() if f"b_{name}" in INPUTS}
"""What goes into processor b alone, by the names that processor a's have."""
_PREFIX = "b_op_"
_ANSWERS = {f"{_PREFIX}{one.name.lower()}": one for one in Decision if one is not Decision.IDLE}


def pack_two(inputs: TwoProcessorInputs) -> int:
    """All inputs, in the order of the design's signature."""
    b = inputs.pc._replace(
        cr0=inputs.b_cr0,
        operation=inputs.b_operation,
        msr=inputs.b_msr,
        msr_response_ready=inputs.b_msr_response_ready,
    )
    own = {f"b_{name}": level for name, level in ports.values_of(b, _INPUTS_OF_B).items()}
    return ports.join({**ports.values_of(inputs.pc), **own, "b_io": inputs.b_io}, INPUTS)


def unpack_two(packed: int) -> TwoProcessorOutputs:
    """The outputs, as the model would give them. Raises Divergence if an operation has several answers."""
    now = ports.split(packed, OUTPUTS)
    pc = ports.unpack(ports.join(now, ports.OUTPUTS))
    return TwoProcessorOutputs(pc, bool(now["a_ferr_n"]), _processor_b(now))


def _processor_b(now: Mapping[str, int]) -> ProcessorOutputs:
    answers = [decision for name, decision in _ANSWERS.items() if now[name]]
    if len(answers) > 1:
        raise Divergence(f"the operation port of processor b gives several answers at once: {answers}")
    response = MsrResponse(bool(now["b_msr_response_fault"]), now["b_msr_response_data"])
    hwcr = Hwcr(now["b_allow_ferr_on_ne"] * Hwcr.ALLOW_FERR_ON_NE | now["b_ignne_em"] * Hwcr.IGNNE_EM)
    decision = answers[0] if answers else Decision.IDLE
    return ProcessorOutputs(
        decision=decision,
        ferr_n=bool(now["b_ferr_n"]),
        flags=ExceptionFlag(now["b_flags"]),
        masks=ExceptionFlag(now["b_masks"]),
        es=bool(now["b_es"]),
        ignne=bool(now["b_ignne"]),
        hwcr=hwcr,
        ignne_msr=bool(now["b_ignne_msr"]),
        vmexit=decision is Decision.VMEXIT,
        exit_code=VMEXIT_FERR_FREEZE if decision is Decision.VMEXIT else 0,
        msr_ready=bool(now["b_msr_request_ready"]),
        msr_response=response if now["b_msr_response_valid"] else None,
    )


class TwoProcessorModel:
    """The reference model; parameters as of `model.two_processors.TwoProcessorPc`.

    Parameters
    ----------
    parameters : Parameters
        Of both processors and the PC.
    b_wired : bool
        Whether FERR# and IGNNE# of processor b are connected (MP Specification 3.6.4).
    """

    def __init__(self, parameters: Parameters, b_wired: bool = True) -> None:
        self.parameters, self.b_wired = parameters, b_wired
        self.power_up()

    def power_up(self) -> None:
        """Begin again, as after construction."""
        self._pc = TwoProcessorPc(self.parameters, self.b_wired)

    def settle(self, inputs: TwoProcessorInputs) -> TwoProcessorOutputs:
        """The settled outputs of the present cycle for these inputs. The clock stands still."""
        return self._pc.settle(inputs)

    def step(self, inputs: TwoProcessorInputs) -> TwoProcessorOutputs:
        """One cycle: the settled outputs before the rising edge that ends it."""
        return self._pc.step(inputs)


class TwoProcessorHdl(SimulatedDesign[TwoProcessorInputs, TwoProcessorOutputs]):
    """The Amaranth design; `design` if it is another one than `TwoProcessorPc(parameters, b_wired)`.

    Parameters
    ----------
    parameters : Parameters
        Of both processors and the PC.
    b_wired : bool
        As of `TwoProcessorModel`.
    design : TwoProcessorPc, optional
        As above; it has to have these parameters.
    """

    def __init__(
        self, parameters: Parameters, b_wired: bool = True, design: TwoProcessorDesign | None = None
    ) -> None:
        self.parameters, self.b_wired = parameters, b_wired
        design = design or TwoProcessorDesign(parameters, b_wired)
        super().__init__(design, pack_two, unpack_two, TwoProcessorInputs(PcInputs()))


class TwoProcessorLockstep(SideBySide[TwoProcessorInputs, TwoProcessorOutputs]):
    """Model and HDL side by side; raises Divergence at the first difference.

    It is wrong too that the chipset asserts IGNNE# while neither processor pulls FERR# (SDM1 D.2.1.2).

    Parameters
    ----------
    parameters : Parameters
        Of both processors and the PC.
    b_wired : bool
        As of `TwoProcessorModel`.
    design : TwoProcessorPc, optional
        As of `TwoProcessorHdl`.
    """

    def __init__(
        self, parameters: Parameters, b_wired: bool = True, design: TwoProcessorDesign | None = None
    ) -> None:
        self.parameters, self.b_wired = parameters, b_wired
        idle = TwoProcessorInputs(PcInputs())
        model = TwoProcessorModel(parameters, b_wired)
        at_rest = model.settle(idle)
        super().__init__(
            model,
            TwoProcessorHdl(parameters, b_wired, design),
            lambda: OutputsCompared(idle, at_rest, _muted_by_neither),
        )


def _muted_by_neither(outputs: TwoProcessorOutputs) -> str | None:
    muted = not outputs.pc.chipset_ignne_n and outputs.pc.ferr_n
    return "IGNNE# is active while FERR# is not" if muted else None


TwoProcessorRunner = TwoProcessorHdl | TwoProcessorModel | TwoProcessorLockstep
TWO_PROCESSOR_MACHINES: dict[str, Callable[[Parameters, bool], TwoProcessorRunner]] = {
    "hdl": TwoProcessorHdl,
    "model": TwoProcessorModel,
    "lockstep": TwoProcessorLockstep,
}
"""What a run can be on, by name."""


def two_processor_machine_for(on: object, parameters: Parameters, b_wired: bool) -> TwoProcessorRunner:
    """A new machine by name. Raises ValueError for another one, and for a board, which has one processor.

    Parameters
    ----------
    on : str
        'hdl', 'model' or 'lockstep'.
    parameters : Parameters
        Of both processors and the PC.
    b_wired : bool
        As of `TwoProcessorModel`.
    """
    if not isinstance(on, str):
        raise InputError(f"[processor.b]: two processors run on {', '.join(TWO_PROCESSOR_MACHINES)} alone")
    if on not in TWO_PROCESSOR_MACHINES:
        raise InputError(f"on must be one of {', '.join(TWO_PROCESSOR_MACHINES)}, not {on!r}")
    return TWO_PROCESSOR_MACHINES[on](parameters, b_wired)
