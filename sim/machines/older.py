"""The machines before the 486: model, HDL under Amaranth's simulator, or both in lockstep.

They go cycle by cycle as every `Machine` does, with inputs and outputs of their own.
"""

import random
from collections import Counter
from collections.abc import Callable, Mapping

from ... import hdl
from ...hdl.older import OLDER_PC_SIGNATURE
from ...hdl.older import OlderPc as OlderDesign
from ...model.chipset import FLOATING, IoAccess
from ...model.older import OlderInputs, OlderMachine, OlderOutputs, OlderParameters, OlderPc
from ...model.older.registers import NMI_ENABLE, PORT_A0
from ...model.pic import PicRegisters
from ...model.registers import PORT_F0, PORT_F1, Cr0, ExceptionFlag, Family, Operation
from ...model.reporting import Decision
from ...model.x87 import OperationRequest
from ..support.errors import Divergence, InputError
from .lockstep import initialisation
from .ports import cr0_of, join, split
from .simulated import OutputsCompared, SideBySide, SimulatedDesign

_NO_OPERATION = OperationRequest(Operation.ARITHMETIC, Family.BASIC, control=0)
_GET: dict[str, Callable[[OlderInputs], int]] = {
    "reset": lambda i: i.reset,
    "cr0_mp": lambda i: Cr0.MP in i.cr0,
    "cr0_em": lambda i: Cr0.EM in i.cr0,
    "cr0_ts": lambda i: Cr0.TS in i.cr0,
    "cr0_ne": lambda i: Cr0.NE in i.cr0,
    "op_valid": lambda i: i.operation is not None,
    "op_code": lambda i: (i.operation or _NO_OPERATION).code,
    "op_family": lambda i: (i.operation or _NO_OPERATION).family,
    "op_raises": lambda i: (i.operation or _NO_OPERATION).raises,
    "op_control": lambda i: (i.operation or _NO_OPERATION).control,
    "op_status": lambda i: (i.operation or _NO_OPERATION).status,
    "io_address": lambda i: i.io.address if i.io else 0,
    "io_write": lambda i: i.io is not None and i.io.write,
    "io_read": lambda i: i.io is not None and not i.io.write,
    "io_write_data": lambda i: i.io.data if i.io else 0,
    "irq": lambda i: i.irq,
    "inta": lambda i: i.inta,
    "parity": lambda i: i.parity,
    "iochk": lambda i: i.iochk,
}
_PORTS = hdl.flat_ports(OLDER_PC_SIGNATURE.create())
INPUTS = {port.name: len(port.signal) for port in _PORTS if port.is_input}
OUTPUTS = {port.name: len(port.signal) for port in _PORTS if not port.is_input}
_ANSWERS = {
    "op_ready": Decision.READY,
    "op_hold": Decision.FREEZE,
    "op_mf": Decision.MF,
    "op_nm": Decision.NM,
}


def pack_older(inputs: OlderInputs) -> int:
    """All inputs, in the order of the design's signature."""
    levels = {name: int(_GET[name](inputs)) & ((1 << width) - 1) for name, width in INPUTS.items()}
    return join(levels, INPUTS)


def read_older_inputs(levels: Mapping[str, int]) -> OlderInputs:
    """The inputs from the level of each; what is not valid is left out."""
    now = levels
    operation = io = None
    if now["op_valid"]:
        kind = Operation(now["op_code"]), Family(now["op_family"]), ExceptionFlag(now["op_raises"])
        operation = OperationRequest(*kind, now["op_control"], now["op_status"])
    if now["io_write"] or now["io_read"]:
        io = IoAccess(now["io_address"], bool(now["io_write"]), now["io_write_data"])
    bits = {name: bool(now[name]) for name in ("reset", "inta", "parity", "iochk")}
    return OlderInputs(cr0=cr0_of(now), operation=operation, io=io, irq=now["irq"], **bits)


def pack_older_outputs(outputs: OlderOutputs) -> int:
    """All outputs, as `unpack_older` takes them."""
    levels: dict[str, int] = {name: getattr(outputs, name) for name in _BITS}
    levels |= {name: outputs.decision is decision for name, decision in _ANSWERS.items()}
    for pic in ("master", "slave"):
        registers = getattr(outputs, pic)
        levels |= {f"{pic}_{register}": getattr(registers, register) for register in PicRegisters._fields}
    levels |= {"flags": outputs.flags, "masks": outputs.masks, "vector": outputs.vector}
    return join(levels | {"io_read_data": outputs.io_data}, OUTPUTS)


def unpack_older(packed: int) -> OlderOutputs:
    """The outputs, as the model would give them. Raises Divergence if an operation has several answers."""
    now = split(packed, OUTPUTS)
    answers = [decision for name, decision in _ANSWERS.items() if now[name]]
    if len(answers) > 1:
        raise Divergence(f"the operation port gives several answers at once: {answers}")
    return OlderOutputs(
        decision=answers[0] if answers else Decision.IDLE,
        flags=ExceptionFlag(now["flags"]),
        masks=ExceptionFlag(now["masks"]),
        io_data=now["io_read_data"],
        vector=now["vector"],
        master=_registers(now, "master"),
        slave=_registers(now, "slave"),
        **{name: bool(now[name]) for name in _BITS},
    )


_OTHERS = ("decision", "flags", "masks", "io_data", "vector", "master", "slave")
_BITS = tuple(name for name in OlderOutputs._fields if name not in _OTHERS)


def _registers(now: Mapping[str, int], pic: str) -> PicRegisters:
    return PicRegisters(*(now[f"{pic}_{register}"] for register in PicRegisters._fields))


class OlderModelMachine:
    """The reference model."""

    def __init__(self, parameters: OlderParameters) -> None:
        self.parameters = parameters
        self.power_up()

    def power_up(self) -> None:
        """Begin again, as after construction."""
        self._pc = OlderPc(self.parameters)

    def settle(self, inputs: OlderInputs) -> OlderOutputs:
        """The settled outputs of the present cycle for these inputs. The clock stands still."""
        return self._pc.settle(inputs)

    def step(self, inputs: OlderInputs) -> OlderOutputs:
        """One cycle: the settled outputs before the rising edge that ends it."""
        return self._pc.step(inputs)


class OlderHdlMachine(SimulatedDesign[OlderInputs, OlderOutputs]):
    """The Amaranth design; `design` if it is another one than `OlderPc(parameters)`.

    Parameters
    ----------
    parameters : OlderParameters
        Of the machine.
    design : OlderPc, optional
        As above; it has to have these parameters.
    """

    def __init__(self, parameters: OlderParameters, design: OlderDesign | None = None) -> None:
        self.parameters = parameters
        super().__init__(design or OlderDesign(parameters), pack_older, unpack_older, OlderInputs())


class OlderLockstepMachine(SideBySide[OlderInputs, OlderOutputs]):
    """Model and HDL side by side; raises Divergence at the first difference.

    Parameters
    ----------
    parameters : OlderParameters
        Of the machine, for both.
    design : OlderPc, optional
        As of `OlderHdlMachine`.
    """

    def __init__(self, parameters: OlderParameters, design: OlderDesign | None = None) -> None:
        self.parameters = parameters
        self.parameters = parameters
        model = OlderModelMachine(parameters)
        idle = model.settle(OlderInputs())
        super().__init__(
            model, OlderHdlMachine(parameters, design), lambda: OutputsCompared(OlderInputs(), idle)
        )


OlderRunner = OlderHdlMachine | OlderModelMachine | OlderLockstepMachine
OLDER_MACHINES: dict[str, Callable[[OlderParameters], OlderRunner]] = {
    "hdl": OlderHdlMachine,
    "model": OlderModelMachine,
    "lockstep": OlderLockstepMachine,
}
"""What a run can be on, by name."""


def older_machine_for(on: str | OlderRunner, parameters: OlderParameters) -> OlderRunner:
    """A new machine by name, or the given one.

    Parameters
    ----------
    on : str or OlderRunner
        'hdl', 'model' or 'lockstep', or a machine.
    parameters : OlderParameters
        Of the machine.

    Raises
    ------
    ValueError
        For a name that there is not, or a machine with other parameters.
    """
    if not isinstance(on, str):
        if on.parameters != parameters:
            raise InputError(f"the machine is {on.parameters}, and {parameters} is asked for")
        return on
    if on not in OLDER_MACHINES:
        raise InputError(f"on must be one of {', '.join(OLDER_MACHINES)}, not {on!r}")
    return OLDER_MACHINES[on](parameters)


class OlderStimulus:
    """Random inputs, one set a cycle; the same seed gives the same, as long as the outputs are the same.

    Parameters
    ----------
    parameters : OlderParameters
        Of the machine: which inputs it has, and where its 8259As are.
    seed : int
        Any.
    """

    BLOCK = 250
    """Cycles between two changes of the mixture."""

    def __init__(self, parameters: OlderParameters, seed: int) -> None:
        self._parameters = parameters
        self._random = random.Random(seed)
        self._cycle = 0
        self._held: OperationRequest | None = None
        self._inta_next = False
        self._inputs = OlderInputs()
        self._words: list[IoAccess] = []

    def next(self, outputs: OlderOutputs | None) -> OlderInputs:
        """The inputs of the next cycle, after `outputs` in this one (None before the first)."""
        chance, pick = self._chance, self._random
        if self._cycle % self.BLOCK == 0:
            self._rate = {name: pick.choice((0.02, 0.2, 0.7)) for name in ("op", "io", "raise", "inta")}
            self._words = initialisation(pick, self._parameters.pics) if chance(0.8) else []
            if self._parameters.machine is OlderMachine.XT8087:
                self._words.append(IoAccess(PORT_A0, True, NMI_ENABLE))
        self._cycle += 1
        if outputs is not None and outputs.decision is not Decision.FREEZE:
            self._held = None
        if self._held is None or chance(0.05):
            self._held = self._operation() if chance(self._rate["op"]) else None
        if chance(0.02):
            self._inputs = self._inputs._replace(
                cr0=Cr0(pick.choice((0,) * 9 + (Cr0.TS, Cr0.MP | Cr0.TS, Cr0.EM))),
                irq=pick.choice((0, 0, 1 << pick.randrange(16), pick.getrandbits(16))),
                parity=chance(0.2),
                iochk=chance(0.2),
            )
        asked = self._inta_next or (outputs is not None and outputs.intr)
        inta = chance(self._rate["inta"] if asked else 0.01)
        self._inta_next ^= inta
        io = self._io() if chance(self._rate["io"]) else None
        return self._inputs._replace(reset=chance(0.003), operation=self._held, io=io, inta=inta)

    def _chance(self, probability: float) -> bool:
        return self._random.random() < probability

    def _operation(self) -> OperationRequest:
        pick = self._random
        often = (Operation.ARITHMETIC,) * 8, (Operation.FWAIT, Operation.FNINIT, Operation.FNCLEX) * 2
        code = pick.choice([*Operation, *often[0], *often[1], *[Operation.FLDCW] * 3])
        raises = pick.choice((1 << pick.randrange(7), pick.getrandbits(7))) if self._chance(0.5) else 0
        control = pick.choice((pick.getrandbits(16), 0x0340, 0x03FF))
        status = pick.choice((pick.getrandbits(16), 0))
        return OperationRequest(code, pick.choice(list(Family)), ExceptionFlag(raises), control, status)

    def _io(self) -> IoAccess:
        if self._words:
            return self._words.pop(0)
        pick, wiring = self._random, self._parameters.pics
        odd = 1 << wiring.a0
        pics = [wiring.master, wiring.master + odd]
        pics += [] if wiring.slave is None else [wiring.slave, wiring.slave + odd]
        own = (self._parameters.clear_port, self._parameters.clear_port, PORT_F0, PORT_F1, 0xA0, 0xA0)
        # What is decoded wrongly answers at a port of which one bit differs.
        near = pick.choice((*own, *pics)) ^ 1 << pick.randrange(16)
        port = pick.choice((*own, *pics, pick.choice((near, pick.getrandbits(16)))))
        data = pick.getrandbits(8)
        if port in pics and not port & odd and self._chance(0.95):
            data = pick.choice((0x20, 0x0A, 0x0B, data & ~0x10))
        elif port in pics and port & odd:
            data &= pick.getrandbits(8) & pick.getrandbits(8)
        return IoAccess(port, self._chance(0.85), data)


def older_lockstep(
    parameters: OlderParameters,
    seed: int,
    cycles: int,
    progress: Callable[[int], None] = lambda _: None,
) -> Counter[str]:
    """Compare model and HDL on `cycles` of random stimulus.

    Parameters
    ----------
    parameters : OlderParameters
        Of the machine.
    seed : int
        Of `OlderStimulus`.
    cycles : int
        How many.
    progress : callable
        Called with 500 after every 500 cycles.

    Returns
    -------
    How often each situation came up: the decisions, and which signals were 1.

    Raises
    ------
    Divergence
        At the first difference; names seed, cycle, signals, and the cycles before.
    """
    machine, stimulus = OlderLockstepMachine(parameters), OlderStimulus(parameters, seed)
    seen: Counter[str] = Counter()
    outputs = None
    for cycle in range(cycles):
        try:
            outputs = machine.step(stimulus.next(outputs))
        except Divergence as error:
            raise Divergence(f"{parameters.machine.value}, seed {seed}: {error}") from None
        seen[outputs.decision.name] += 1
        for name in _BITS:
            seen[name] += getattr(outputs, name)
        seen["vector"] += outputs.vector != FLOATING
        if cycle % 500 == 499:
            progress(500)
    return seen


def older_variants() -> list[OlderParameters]:
    """Every machine, and each thing that a parameter changes once: what the comparisons run over."""
    one = OlderParameters
    return [
        *(one(machine) for machine in OlderMachine),
        one(OlderMachine.AT286, irq13_from="error", f1_clears_latch=True, npx_cycles=1),  # type: ignore[arg-type]
        one(OlderMachine.AT386, passes_busy="286", npx_cycles=5),  # type: ignore[arg-type]
        one(OlderMachine.AT386, native=True),
        one(OlderMachine.XT8087, installed=False),
        one(OlderMachine.PC98, cpu="8086"),  # type: ignore[arg-type]
        one(OlderMachine.PC98, cpu="80286"),  # type: ignore[arg-type]
    ]
