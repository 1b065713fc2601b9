"""What a CPU can drive: the HDL under Amaranth's simulator, the model, or both in lockstep.

Each takes `PcInputs` and gives `PcOutputs`, one call a cycle, so that whatever drives one drives all.
"""

from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from amaranth.hdl import Cat, Signal, Value
from amaranth.sim import Simulator

from .. import hdl, model
from ..model.msr import MsrRequest, MsrResponse
from ..model.pc import PcInputs, PcOutputs
from ..model.pic import PicRegisters
from ..model.registers import Cr0, ExceptionFlag, Family, Hwcr, Operation, Parameters
from ..model.reporting import Decision
from ..model.x87 import OperationRequest


class Machine(Protocol):
    """Anything that behaves as a PC, cycle by cycle."""

    parameters: Parameters

    def settle(self, inputs: PcInputs) -> PcOutputs:
        """The settled outputs of the present cycle for these inputs. The clock stands still."""
        ...

    def step(self, inputs: PcInputs) -> PcOutputs:
        """One cycle: the settled outputs before the rising edge that ends it."""
        ...


class ModelMachine:
    """The reference model."""

    def __init__(self, parameters: Parameters) -> None:
        self.parameters = parameters
        self._pc = model.Pc(parameters)
        self.settle = self._pc.settle
        self.step = self._pc.step


class HdlMachine:
    """The Amaranth design under Amaranth's simulator.

    Parameters
    ----------
    parameters: Parameters.
    """

    def __init__(self, parameters: Parameters) -> None:
        self.parameters = parameters
        pc = hdl.Pc(parameters)
        self._simulator = Simulator(pc)
        self._simulator.add_clock(1e-8)
        self._inputs = 0
        self._outputs = 0
        self._input_ports = _input_ports(pc)
        self._input_value = Cat(port.signal for port in self._input_ports)
        self._output_ports = [(name, len(port)) for name, port in _output_ports(pc)]
        self._output_value = Cat(port for _, port in _output_ports(pc))
        self._go = False
        self._cycle = 0
        self._simulator.add_testbench(self._testbench, background=True)
        # Starts the test bench: a coroutine that never ran warns when it is collected.
        self._settle(PcInputs())

    def settle(self, inputs: PcInputs) -> PcOutputs:
        return self._unpack(self._settle(inputs))

    def step(self, inputs: PcInputs) -> PcOutputs:
        outputs = self._settle(inputs)
        cycle, self._go = self._cycle, True
        while self._cycle == cycle:
            self._simulator.advance()
        return self._unpack(outputs)

    def _settle(self, inputs: PcInputs) -> int:
        packed = shift = 0
        for _, width, get in self._input_ports:
            packed |= (get(inputs) & ((1 << width) - 1)) << shift
            shift += width
        self._inputs = packed
        # Wakes the test bench from its `delay(0)`: it drives these inputs without passage of time.
        self._simulator.advance()
        return self._outputs

    def _unpack(self, packed: int) -> PcOutputs:
        now = {}
        for name, width in self._output_ports:
            now[name] = packed & ((1 << width) - 1)
            packed >>= width
        return _decode(now)

    async def _testbench(self, ctx) -> None:
        driven = None
        while True:
            if driven != self._inputs:
                driven = self._inputs
                ctx.set(self._input_value, driven)
            self._outputs = ctx.get(self._output_value)
            await ctx.delay(0)
            if self._go:
                self._go = False
                await ctx.tick()
                self._cycle += 1
                await ctx.delay(0)


class Divergence(Exception):
    """Model and HDL disagree. The message names the cycle, the signals and the cycles before."""


class LockstepMachine:
    """Model and HDL side by side; every output is compared in every cycle.

    Raises
    ------
    Divergence
        From `settle` and `step`, at the first difference; and if the chipset asserts IGNNE# while FERR# is
        negated, which no program may bring about (SDM1 D.2.1.2).
    """

    HISTORY = 12
    """Cycles shown before a divergence."""

    def __init__(self, parameters: Parameters) -> None:
        self.parameters = parameters
        self._model = ModelMachine(parameters)
        self._hdl = HdlMachine(parameters)
        self._cycle = 0
        self._history: deque[tuple[int, PcInputs, PcOutputs]] = deque(maxlen=self.HISTORY)

    def settle(self, inputs: PcInputs) -> PcOutputs:
        return self._compare(inputs, self._model.settle(inputs), self._hdl.settle(inputs))

    def step(self, inputs: PcInputs) -> PcOutputs:
        outputs = self._compare(inputs, self._model.step(inputs), self._hdl.step(inputs))
        self._history.append((self._cycle, inputs, outputs))
        self._cycle += 1
        return outputs

    def _compare(self, inputs: PcInputs, expected: PcOutputs, got: PcOutputs) -> PcOutputs:
        muted = not expected.chipset_ignne_n and expected.ferr_n
        if expected == got and not muted:
            return expected
        what = "IGNNE# is active while FERR# is not" if muted else "model and HDL differ"
        lines = [f"cycle {self._cycle}: {what}"]
        lines += [
            f"  {name}: model {_show(a)}, HDL {_show(b)}"
            for name, a, b in zip(PcOutputs._fields, expected, got, strict=True)
            if a != b
        ]
        lines += ["the cycles before, and this one as the model has it:"]
        for cycle, past, outputs in [*self._history, (self._cycle, inputs, expected)]:
            lines.append(f"  {cycle}: {describe(past, PcInputs())} -> {describe(outputs, IDLE_OUTPUTS)}")
        raise Divergence("\n".join(lines))


MACHINES: dict[str, Callable[[Parameters], Machine]] = {
    "hdl": HdlMachine,
    "model": ModelMachine,
    "lockstep": LockstepMachine,
}
"""What a run can be on, by name."""

IDLE_OUTPUTS = model.Pc(Parameters()).settle(PcInputs())
"""What a PC shows after reset with nothing to do."""


def describe(now: PcInputs | PcOutputs, idle: PcInputs | PcOutputs) -> str:
    """The fields that are not as in `idle`, on one line."""
    changed = [
        f"{name}={_show(value)}"
        for name, value, rest in zip(now._fields, now, idle, strict=True)
        if value != rest
    ]
    return " ".join(changed) or "idle"


def _show(value: object) -> str:
    if isinstance(value, Decision):
        return value.name
    if isinstance(value, OperationRequest):
        extra = f"({value.family.name}, {_show(value.raises)})" if value.raises else ""
        return f"{value.code.name}{extra}[{value.control:04X}/{value.status:04X}]"
    if isinstance(value, ExceptionFlag | Cr0 | Hwcr):
        return "|".join(str(member.name) for member in value) or "0"
    if isinstance(value, tuple):
        return "(" + ", ".join(f"{item:#x}" if type(item) is int else str(item) for item in value) + ")"
    return str(int(value)) if isinstance(value, bool) else str(value)


class _Port(NamedTuple):
    """An input of the HDL and where its value comes from."""

    signal: Value
    width: int
    get: Callable[[PcInputs], int]


_NO_OPERATION = OperationRequest(Operation.ARITHMETIC, Family.BASIC, control=0)
_NO_MSR = MsrRequest(0)


def _input_ports(pc: Any) -> list[_Port]:
    """The ports of the HDL, in the order in which they are driven."""
    request = pc.msr.request.payload
    pairs: list[tuple[Signal, Callable[[PcInputs], int]]] = [
        (pc.reset, lambda i: i.reset),
        (pc.ignne_drive_n, lambda i: i.ignne_n),
        (pc.cr0.mp, lambda i: Cr0.MP in i.cr0),
        (pc.cr0.em, lambda i: Cr0.EM in i.cr0),
        (pc.cr0.ts, lambda i: Cr0.TS in i.cr0),
        (pc.cr0.ne, lambda i: Cr0.NE in i.cr0),
        (pc.op.valid, lambda i: i.operation is not None),
        (pc.op.code, lambda i: (i.operation or _NO_OPERATION).code),
        (pc.op.family, lambda i: (i.operation or _NO_OPERATION).family),
        (pc.op.raises, lambda i: (i.operation or _NO_OPERATION).raises),
        (pc.op.control, lambda i: (i.operation or _NO_OPERATION).control),
        (pc.op.status, lambda i: (i.operation or _NO_OPERATION).status),
        (pc.msr.request.valid, lambda i: i.msr is not None),
        (request.write, lambda i: (i.msr or _NO_MSR).write),
        (request.address, lambda i: (i.msr or _NO_MSR).address),
        (request.data, lambda i: (i.msr or _NO_MSR).data),
        (request.cpl, lambda i: (i.msr or _NO_MSR).cpl),
        (pc.msr.response.ready, lambda i: i.msr_response_ready),
        (pc.io.address, lambda i: i.io.address if i.io else 0),
        (pc.io.write, lambda i: i.io is not None and i.io.write),
        (pc.io.read, lambda i: i.io is not None and not i.io.write),
        (pc.io.write_data, lambda i: i.io.data if i.io else 0),
        (pc.enable.write, lambda i: i.ferr_enable is not None),
        (pc.enable.value, lambda i: bool(i.ferr_enable)),
        (pc.guest_mode, lambda i: i.guest_mode),
        (pc.intercept_ferr_freeze, lambda i: i.intercept_ferr_freeze),
        (pc.irq, lambda i: i.irq),
        (pc.inta, lambda i: i.inta),
    ]
    return [_Port(Value.cast(signal), len(Value.cast(signal)), get) for signal, get in pairs]


_OUTPUTS: dict[str, Callable[[Any], Any]] = {
    "ready": lambda pc: pc.op.ready,
    "freeze": lambda pc: pc.op.freeze,
    "window": lambda pc: pc.op.window,
    "mf": lambda pc: pc.op.mf,
    "nm": lambda pc: pc.op.nm,
    "ud": lambda pc: pc.op.ud,
    "vmexit": lambda pc: pc.op.vmexit,
    "exit_code": lambda pc: pc.exit_code,
    "ferr_n": lambda pc: pc.ferr_n,
    "irq13": lambda pc: pc.irq13,
    "chipset_ignne_n": lambda pc: pc.chipset_ignne_n,
    "ignne_n": lambda pc: pc.ignne_n,
    "ignne": lambda pc: pc.ignne,
    "flags": lambda pc: pc.flags,
    "masks": lambda pc: pc.masks,
    "es": lambda pc: pc.es,
    "allow_ferr_on_ne": lambda pc: pc.allow_ferr_on_ne,
    "ignne_em": lambda pc: pc.ignne_em,
    "ignne_msr": lambda pc: pc.ignne_msr,
    "ferr_enable": lambda pc: pc.ferr_enable,
    "msr_ready": lambda pc: pc.msr.request.ready,
    "response": lambda pc: pc.msr.response.valid,
    "fault": lambda pc: pc.msr.response.payload.fault,
    "data": lambda pc: pc.msr.response.payload.data,
    "io_data": lambda pc: pc.io.read_data,
    "intr": lambda pc: pc.intr,
    "vector": lambda pc: pc.vector,
    "slave_int": lambda pc: pc.slave_int,
    **{
        f"{pic}_{register}": lambda pc, pic=pic, register=register: getattr(getattr(pc, pic), register)
        for pic in ("master", "slave")
        for register in PicRegisters._fields
    },
}
"""The ports of the HDL that show something, by name."""


def _output_ports(pc: Any) -> list[tuple[str, Value]]:
    """The ports of the HDL, in the order in which they are read."""
    return [(name, Value.cast(port(pc))) for name, port in _OUTPUTS.items()]


_ANSWERS = {decision.name.lower(): decision for decision in Decision if decision is not Decision.IDLE}


def _decode(now: dict[str, int]) -> PcOutputs:
    """The outputs of the HDL, as the model would give them."""
    answers = [decision for name, decision in _ANSWERS.items() if now[name]]
    if len(answers) > 1:
        raise Divergence(f"the operation port gives several answers at once: {answers}")
    hwcr = Hwcr(now["allow_ferr_on_ne"] * Hwcr.ALLOW_FERR_ON_NE | now["ignne_em"] * Hwcr.IGNNE_EM)
    return PcOutputs(
        decision=answers[0] if answers else Decision.IDLE,
        ferr_n=bool(now["ferr_n"]),
        irq13=bool(now["irq13"]),
        chipset_ignne_n=bool(now["chipset_ignne_n"]),
        ignne_n=bool(now["ignne_n"]),
        ignne=bool(now["ignne"]),
        flags=ExceptionFlag(now["flags"]),
        masks=ExceptionFlag(now["masks"]),
        es=bool(now["es"]),
        hwcr=hwcr,
        ignne_msr=bool(now["ignne_msr"]),
        ferr_enable=bool(now["ferr_enable"]),
        msr_ready=bool(now["msr_ready"]),
        msr_response=MsrResponse(bool(now["fault"]), now["data"]) if now["response"] else None,
        io_data=now["io_data"],
        intr=bool(now["intr"]),
        exit_code=now["exit_code"],
        vector=now["vector"],
        slave_int=bool(now["slave_int"]),
        master=PicRegisters(now["master_irr"], now["master_isr"], now["master_imr"]),
        slave=PicRegisters(now["slave_irr"], now["slave_isr"], now["slave_imr"]),
    )
