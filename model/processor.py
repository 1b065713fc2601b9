"""The processor's side: error state, reporting and MSRs as one block with its pins."""

from typing import NamedTuple

from .msr import MsrFile, MsrRequest, MsrResponse
from .registers import VMEXIT_FERR_FREEZE, Cr0, ExceptionFlag, Hwcr, Parameters
from .reporting import Decision, Reporting, ReportingContext
from .x87 import ErrorState, OperationRequest, execute


class ProcessorInputs(NamedTuple):
    """What goes into the processor in one cycle."""

    reset: bool = False
    """RESET. INIT has no input here: it leaves x87 state and MSRs alone."""
    ignne_n: bool = True
    """The IGNNE# pin, asynchronous, active low."""
    cr0: Cr0 = Cr0(0)
    operation: OperationRequest | None = None
    msr: MsrRequest | None = None
    msr_response_ready: bool = True
    guest_mode: bool = False
    """The processor runs a guest (SVM)."""
    intercept_ferr_freeze: bool = False
    """VMCB offset 00Ch bit 30: in guest mode, #VMEXIT instead of a freeze (APM2 15.14.2)."""
    f0_write: bool = False
    """The processor writes port F0h; read only with `port_emulation`."""


class ProcessorOutputs(NamedTuple):
    """What the processor shows in the same cycle, before the rising edge."""

    decision: Decision
    ferr_n: bool
    """The FERR# pin, active low."""
    flags: ExceptionFlag
    """Status word bits 6:0."""
    masks: ExceptionFlag
    """Control word bits 5:0."""
    es: bool
    ignne: bool
    """IGNNE in effect."""
    hwcr: Hwcr
    """IgnneEm and AllowFerrOnNe, as they act."""
    ignne_msr: bool
    """Bit 0 of the IGNNE MSR."""
    vmexit: bool
    """#VMEXIT, with `exit_code`; the operation has no effect and the guest's rIP stays at it."""
    exit_code: int
    """07Eh while `vmexit`, else 0; 8 bits."""
    msr_ready: bool
    msr_response: MsrResponse | None


class Processor:
    """An x86 processor as far as reporting an x87 error is concerned."""

    def __init__(self, parameters: Parameters) -> None:
        self.parameters = parameters
        # The synchroniser follows the wire whatever RESET does. Index 0 is the stage at the pin.
        self.synchroniser = [False] * parameters.synchroniser_stages
        self.state = ErrorState()
        self.msr = MsrFile(parameters)
        self.reporting = Reporting(parameters)

    @property
    def ferr_n(self) -> bool:
        """The FERR# pin: a register, so it depends on no input of the same cycle."""
        return not self.reporting.ferr

    @property
    def ignne(self) -> bool:
        """IGNNE in effect: the MSR's bit if HWCR.IgnneEm, else the synchronised pin (APM2 15.30.2)."""
        return self.msr.ignne if Hwcr.IGNNE_EM in self.msr.in_effect else self.synchroniser[-1]

    def step(self, inputs: ProcessorInputs) -> ProcessorOutputs:
        """One cycle: the settled outputs, then the rising edge."""
        outputs = self.settle(inputs)
        self.clock(inputs, outputs.decision)
        return outputs

    def settle(self, inputs: ProcessorInputs) -> ProcessorOutputs:
        """The outputs of this cycle for these inputs; changes nothing."""
        decision = self.reporting.decide(self._context(inputs))
        vmexit = decision is Decision.VMEXIT
        return ProcessorOutputs(
            decision=decision,
            vmexit=vmexit,
            exit_code=VMEXIT_FERR_FREEZE if vmexit else 0,
            ferr_n=self.ferr_n,
            flags=self.state.flags,
            masks=self.state.masks,
            es=self.state.es,
            ignne=self.ignne,
            hwcr=self.msr.in_effect,
            ignne_msr=self.msr.ignne,
            msr_ready=self.msr.ready(inputs.msr_response_ready),
            msr_response=self.msr.response,
        )

    def clock(self, inputs: ProcessorInputs, decision: Decision) -> None:
        """The rising edge; `decision` is what has settled for these inputs.

        Parameters
        ----------
        inputs : ProcessorInputs
            Of this cycle.
        decision : Decision
            As `settle` gave it.
        """
        was_asserted = self.reporting.ferr
        self._clock_reporting(inputs, decision)
        emulated = self._emulated_port(was_asserted, inputs.f0_write)
        self.msr.clock(inputs.msr, inputs.msr_response_ready, emulated)
        self.synchroniser = [not inputs.ignne_n, *self.synchroniser[:-1]]
        if inputs.reset:
            self.state = ErrorState()
            self.msr.reset()
            self.reporting.reset()

    def _emulated_port(self, was_asserted: bool, f0_write: bool) -> bool | None:
        """What the processor as its own port F0h makes of the IGNNE bit, or None (PPR)."""
        if not self.parameters.port_emulation or Hwcr.IGNNE_EM not in self.msr.hwcr or not was_asserted:
            return None
        if not self.reporting.ferr:
            return False
        return True if f0_write else None

    def _clock_reporting(self, inputs: ProcessorInputs, decision: Decision) -> None:
        after = self.state
        if decision == Decision.READY and inputs.operation is not None:
            after = execute(self.state, inputs.operation)
        self.reporting.clock(self._context(inputs), decision, after)
        self.state = after

    def _context(self, inputs: ProcessorInputs) -> ReportingContext:
        return ReportingContext(
            self.state,
            inputs.operation,
            inputs.cr0,
            self.ignne,
            Hwcr.ALLOW_FERR_ON_NE in self.msr.in_effect,
            inputs.guest_mode and inputs.intercept_ferr_freeze,
        )
