"""The bus-functional CPU: a program as one set of inputs a cycle, reacting to outputs.

It has no registers and no memory, only what the error logic can see: which instruction comes next, whether
it executes, freezes or faults, which interrupts are taken, and what goes over the buses. One instruction
takes one cycle, RDMSR and WRMSR two. An external interrupt takes two, one for each INTA pulse; it pushes
nothing but remembers where to return to. An NMI, SMI#, INIT, FLUSH#, a virtual interrupt and an exit instead
of an interrupt take one, STPCLK# as many as it is asserted.
"""

from collections.abc import Generator

from ...model.chipset import IoAccess
from ...model.pc import PcInputs, PcOutputs, resets_processor
from ...model.registers import VMEXIT_CLGI, VMEXIT_IOIO, VMEXIT_STGI, VMEXIT_VMRUN, Operation, Parameters
from ...model.reporting import Decision
from ...model.x87 import OperationRequest
from ..waveform.signals import BY_NAME, CpuView
from .actions import (
    Assign,
    Bios,
    Compare,
    Count,
    Exit,
    Flag,
    Gif,
    Halt,
    Inject,
    Int,
    Io,
    Iret,
    Jump,
    Loop,
    MovCr0,
    MovEt,
    MovFerrEnable,
    MovSs,
    MsrAccess,
    Popf,
    Reflect,
    Reset,
    Rsm,
    Test,
    Virq,
    Vmrun,
    Wait,
    X87Step,
)
from .branches import CR0_BITS
from .events import FAULTS, CpuEvent
from .program import Instruction, Position, Program
from .state import NOWHERE, ProcessorState

Cycles = Generator[PcInputs, PcOutputs, bool]
"""A piece of a program: yields the inputs of each cycle, receives its outputs, returns whether the
instruction is over (False: it starts again, after the interrupt that ended it)."""


class Cpu(ProcessorState):
    """Runs a program. A fault without a handler is recorded and its step passed over.

    Parameters
    ----------
    program : Program
        What it runs, from cycle 0 on.
    parameters : Parameters
        What the processor is.

    Attributes
    ----------
    inputs: what it drives in the present cycle. The others are those of `ProcessorState`.
    """

    def __init__(self, program: Program, parameters: Parameters) -> None:
        super().__init__(program, parameters)
        self._held = False
        self._halted_at: Position | None = None
        self._go()

    def reset(self) -> None:
        """The RESET pin in this cycle: it drops what it does, and in the next one begins `after_reset`."""
        self._begin_after_reset()
        self._held = True
        self._go()

    def clock(self, outputs: PcOutputs) -> None:
        """The rising edge that ends a cycle, in which the machine showed `outputs`."""
        self.cycle += 1
        self._sample(outputs.intr)
        self.inputs = self._thread.send(outputs)

    def view(self) -> CpuView:
        """What a waveform shows of the CPU in the present cycle."""
        handler = f"{self._frames[-1].vector:02X}h" if self._frames else "main"
        handler = "SMM" if self.smm and not self._frames else handler
        handler = "host" if self.host else handler
        handler = handler if self.task or self.smm else "monitor"
        step = self.current.text if self.current else "-"
        return CpuView(step, handler, self.interrupts, waiting=self.waiting, **self.pins)

    def _go(self) -> None:
        self._thread = self._run()
        self.inputs = next(self._thread)

    def _drive(self, **inputs) -> PcInputs:
        guest = self.guest
        return PcInputs(cr0=self.cr0, guest_mode=guest, intercept_ferr_freeze=guest, **inputs)

    def _run(self) -> Generator[PcInputs, PcOutputs, None]:
        if self._held:
            yield self._drive()
            self._held = False
            # What came during RESET is not latched.
            self._latched.clear()
        fresh = True
        while True:
            # RESET and power-up: the first instruction begins whatever the pins do.
            if not fresh and self._interrupted() and not self._shadow:
                yield from self._interrupt()
                continue
            fresh = False
            # It ends here: it does not hold off what ends a freeze (SDM3 27.1).
            self._in_shadow, self._shadow = self._shadow, False
            instruction = self._position.instruction
            if instruction is None:
                self._end()
                break
            self.current = instruction.step
            self.waiting = None
            position = self._position
            over = yield from self._perform(instruction)
            self.waiting = None
            if over and self._position is position:
                self._position = position.next
        self.current = None
        while True:
            yield self._drive()

    def _interrupt(self) -> Generator[PcInputs, PcOutputs, None]:
        instruction = self._position.instruction
        self.current = instruction.step if instruction else None
        self._in_shadow = False
        if not self._stopped():
            self.waiting = None
        if (self._latched or self._pins_before["stpclk"]) and (yield from self._class3()):
            return
        code = self._intercept()
        if code is not None:
            # It stays pending, for the host to take once it sets GIF.
            yield self._drive()
            self._intercepted(code)
        elif self._nmi_due():
            self._latched.discard("nmi")
            yield self._drive()
            self._deliver_nmi()
        elif self._intr_due():
            yield self._drive(inta=True)
            outputs = yield self._drive(inta=True)
            # It is acknowledged: INTR falls behind the last pulse. A trap gate would take it again.
            self._intr = False
            self._enter(outputs.vector)
        else:
            vector, self._virtual = self._virtual, None
            assert vector is not None
            yield self._drive()
            self._enter(vector)

    def _class3(self) -> Generator[PcInputs, PcOutputs, bool]:
        """FLUSH#, STPCLK#, SMI#, INIT, in this order before all others (SDM3 table 6-2); False for none."""
        if "flush" in self._latched:
            self._latched.discard("flush")
            yield self._drive()
            self._record("flushes")
        elif self._pins_before["stpclk"]:
            yield self._drive()
            if self.waiting != "stopped":
                self._record("stops")
            self.waiting = "stopped"
        elif self._smi_due():
            self._latched.discard("smi")
            yield self._drive()
            self._enter_smm()
        elif self.gif and self._init_due():
            yield self._drive()
            self._record("init")
            self._begin_after_reset(init=True)
        else:
            return False
        return True

    def _perform(self, instruction: Instruction) -> Cycles:
        match instruction.step.action:
            case X87Step():
                assert isinstance(instruction.part, OperationRequest)
                return (yield from self._x87(instruction.part, instruction.last))
            case Io() | Bios():
                assert isinstance(instruction.part, IoAccess)
                return (yield from self._io(instruction.part, instruction.last))
            case MsrAccess() as action:
                return (yield from self._msr(action))
            case Wait() as action:
                return (yield from self._wait(action))
            case Halt():
                return (yield from self._halt())
            case Vmrun() | Gif() as action:
                return (yield from self._svm(action))
            case Rsm():
                yield self._drive()
                return self._resume()
            case action:
                yield self._drive(**_effects(action))
                if instruction.last:
                    self._record("executes")
                self._change(action)
        return True

    def _change(self, action) -> None:
        """What an instruction of one cycle does to the CPU itself, for the next cycle."""
        match action:
            case MovCr0(bit, value):
                self.cr0 = self.cr0 | bit if value else self.cr0 & ~bit
            case MovSs():
                self._shadow = True
            case Flag(value):
                # The shadow of STI lasts one instruction, and only if IF was 0 (SDM2 STI).
                self._shadow = value and not self.interrupts
                self.interrupts = value
            case Popf(value):
                self.interrupts = value
            case Int(vector):
                self._position = self._position.next
                self._enter(vector)
            case Iret():
                self._return()
            case Inject(vector) if self.host:
                self._injected = vector
            case Virq(vector) if self.host:
                self._virtual = vector
            case Reset(init):
                self._again(init)
            case Jump(label, zero) if zero in (None, self.stores.zero):
                self._jump(label)
            case Loop(label) as loop if self.stores.goes_round(loop, self.current):
                self._jump(label)
            case Exit():
                self._position, self._frames = NOWHERE, ()
            case Reflect(vector) if not self.task:
                self._reflected = vector
            case MovEt(value):
                self._set_et(value)
            case Test() | Compare() | Assign() | Count():
                self.stores.values["cr0"] = int(self.cr0) | self.et * CR0_BITS["ET"]
                self.stores.change(action)

    def _set_et(self, value: bool) -> None:
        """A write of CR0.ET, which is hard-wired to 1 from the 486 on (SDM3 2.5)."""

    def _svm(self, action: Vmrun | Gif) -> Cycles:
        """VMRUN, STGI, CLGI: #UD without EFER.SVME, which is 1 only under a hypervisor (APM3)."""
        yield self._drive()
        if self._hypervisor is None:
            return self._fault("#UD")
        if isinstance(action, Vmrun):
            if self.guest:
                # The intercept has to be set, or VMRUN would not have entered the guest (APM2 15.5.1).
                return self._intercepted(VMEXIT_VMRUN)
            self._record("executes")
            self._vmrun()
            return True
        code = VMEXIT_STGI if action.value else VMEXIT_CLGI
        if self.guest and code in self._exits:
            return self._intercepted(code)
        self._record("executes")
        self.gif = action.value
        return True

    def _io(self, access: IoAccess, last: bool) -> Cycles:
        """IN or OUT; an OUT that the hypervisor intercepts is over for the guest when it resumes."""
        if self.guest and access.write and access.address in self._ports:
            yield self._drive()
            if last:
                self._record("executes")
            # The hypervisor steps over it, and out of its shadow with it (**choice**: as KVM does).
            self._position = self._position.next
            self._exit(self._ports[access.address], VMEXIT_IOIO)
            return True
        if access.write and self.task and access.address in self._denied:
            yield self._drive()
            self._deny(access.address)
            return True
        outputs = yield self._drive(io=access)
        if not access.write:
            self.stores.values["al"] = outputs.io_data
            self._record("reads", outputs.io_data)
        elif last:
            self._record("executes")
        if resets_processor(access, self.parameters):
            self._again(init=False)
        return True

    def _x87(self, operation: OperationRequest, last: bool) -> Cycles:
        held = None
        while True:
            outputs = yield self._drive(operation=operation)
            decision = outputs.decision
            if decision is Decision.READY:
                self._executed(operation, outputs, last)
                return True
            if decision is Decision.VMEXIT:
                return self._intercepted(outputs.exit_code)
            if decision is not Decision.MF and decision in FAULTS:
                return self._fault(FAULTS[decision])
            if decision is not held and decision is not Decision.MF:
                held = decision
                self._record("freezes" if held is Decision.FREEZE else "window")
            # External interrupts win over #MF at the same boundary (SDM3 table 6-2).
            if self._interrupted():
                return False
            if decision is Decision.MF:
                return self._fault("#MF")
            self.waiting = "frozen"

    def _executed(self, operation: OperationRequest, outputs: PcOutputs, last: bool) -> None:
        """An x87 instruction, with what it stores."""
        assert self.current is not None
        fip = self.stores.fip if operation.code in (Operation.FNSTENV, Operation.FNSAVE) else None
        stored = self.stores.execute(self.current, operation, outputs)
        if last:
            self.events.append(CpuEvent(self.cycle - 1, self.current, "executes", stored, fip))

    def _msr(self, action: MsrAccess) -> Cycles:
        outputs = yield self._drive(msr=action.request)
        while not outputs.msr_ready:
            outputs = yield self._drive(msr=action.request)
        accepted = self.cycle - 1
        outputs = yield self._drive()
        while outputs.msr_response is None:
            outputs = yield self._drive()
        response = outputs.msr_response
        if response.fault:
            return self._fault("#GP")
        kind = "executes" if action.request.write else "reads"
        if not action.request.write:
            self.stores.values["msr"] = response.data
        self.events.append(CpuEvent(accepted, self.current, kind, response.data))
        return True

    def _wait(self, action: Wait) -> Cycles:
        """Interrupts are taken meanwhile, as in a loop that polls."""
        while True:
            inputs = self._drive()
            outputs = yield inputs
            if self._level(action.signal, inputs, outputs) == action.level:
                self._record("executes")
                return True
            if self._interrupted():
                return False
            self.waiting = "waiting"

    def _level(self, signal: str, inputs: PcInputs, outputs: PcOutputs) -> bool:
        return bool(BY_NAME[signal].get(inputs, outputs, self.view()))

    def _halt(self) -> Cycles:
        """HLT is over once it stops the processor: an interrupt returns to what stands behind it.

        After FLUSH#, STPCLK# and SMI# it halts again (SDM3 34.10: the auto-HALT restart that SMM leaves set).
        """
        yield self._drive()
        if self._halted_at is not self._position:
            self._record("executes")
        while not self._interrupted():
            self.waiting = "halted"
            yield self._drive()
        again = self._stopped() or self._smi_due()
        self._halted_at = self._position if again else None
        return not again


def _effects(action) -> dict[str, object]:
    """What an instruction of one cycle drives."""
    match action:
        case MovFerrEnable(value):
            return {"ferr_enable": value}
        case Reset(init):
            return {"reset": not init}
    return {}
