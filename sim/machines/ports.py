"""The inputs and outputs of a PC as one number each: how they cross into a simulator or onto a board.

The ports follow each other in the order of `hdl.Pc`'s signature, the first one in the lowest bits.
"""

from collections.abc import Callable, Mapping
from enum import IntEnum
from typing import TypeVar

from ... import hdl
from ...model.chipset import IoAccess
from ...model.msr import MsrRequest, MsrResponse
from ...model.pc import PcInputs, PcOutputs
from ...model.pic import PicRegisters
from ...model.registers import Cr0, ExceptionFlag, Family, Hwcr, Operation
from ...model.reporting import Decision
from ...model.x87 import OperationRequest
from ..support.errors import Divergence, InputError

Named = TypeVar("Named", bound=IntEnum)
_NO_OPERATION = OperationRequest(Operation.ARITHMETIC, Family.BASIC, control=0)
_NO_MSR = MsrRequest(0)
_GET: dict[str, Callable[[PcInputs], int]] = {
    "reset": lambda i: i.reset,
    "ignne_drive_n": lambda i: i.ignne_n,
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
    "msr_request_valid": lambda i: i.msr is not None,
    "msr_request_write": lambda i: (i.msr or _NO_MSR).write,
    "msr_request_address": lambda i: (i.msr or _NO_MSR).address,
    "msr_request_data": lambda i: (i.msr or _NO_MSR).data,
    "msr_request_cpl": lambda i: (i.msr or _NO_MSR).cpl,
    "msr_response_ready": lambda i: i.msr_response_ready,
    "io_address": lambda i: i.io.address if i.io else 0,
    "io_write": lambda i: i.io is not None and i.io.write,
    "io_read": lambda i: i.io is not None and not i.io.write,
    "io_write_data": lambda i: i.io.data if i.io else 0,
    "enable_write": lambda i: i.ferr_enable is not None,
    "enable_value": lambda i: bool(i.ferr_enable),
    "guest_mode": lambda i: i.guest_mode,
    "intercept_ferr_freeze": lambda i: i.intercept_ferr_freeze,
    "irq": lambda i: i.irq,
    "inta": lambda i: i.inta,
}
_PORTS = hdl.flat_ports(hdl.PC_SIGNATURE.create())
INPUTS = {port.name: len(port.signal) for port in _PORTS if port.is_input}
"""Width of each input, by name."""
OUTPUTS = {port.name: len(port.signal) for port in _PORTS if not port.is_input}
"""Width of each output, by name."""
BOARD_OUTPUTS = {name: width for name, width in OUTPUTS.items() if name != "ir13"}
"""Those that a board sends; `ir13` follows from them and the inputs."""
PAYLOAD = ("msr_response_fault", "msr_response_data")
"""Outputs that mean nothing while `msr_response_valid` is 0."""
INPUT_BITS = sum(INPUTS.values())
OUTPUT_BITS = sum(OUTPUTS.values())


def join(levels: Mapping[str, int], widths: Mapping[str, int]) -> int:
    """Levels side by side in one number, in the order of their widths.

    Parameters
    ----------
    levels : mapping of str to int
        By port, each no wider than its port; it may have others than those of `widths`.
    widths : mapping of str to int
        In bits, by port; the first port takes the lowest bits.
    """
    packed = shift = 0
    for name, width in widths.items():
        packed |= int(levels[name]) << shift
        shift += width
    return packed


def split(packed: int, widths: Mapping[str, int]) -> dict[str, int]:
    """The levels that `join` has put together.

    Parameters
    ----------
    packed : int
        As wide as all of them together.
    widths : mapping of str to int
        In bits, by port; the first port has the lowest bits.
    """
    levels = {}
    for name, width in widths.items():
        levels[name] = packed & ((1 << width) - 1)
        packed >>= width
    return levels


def values_of(inputs: PcInputs, widths: Mapping[str, int] = INPUTS) -> dict[str, int]:
    """The level of each input.

    Parameters
    ----------
    inputs : PcInputs
        Of one cycle.
    widths : mapping of str to int
        In bits, of the inputs that are wanted: all, or some of them.
    """
    return {name: int(_GET[name](inputs)) & ((1 << width) - 1) for name, width in widths.items()}


def pack(inputs: PcInputs) -> int:
    """All inputs, INPUT_BITS wide."""
    return join(values_of(inputs), INPUTS)


def read_inputs(levels: Mapping[str, int]) -> PcInputs:
    """The inputs from the level of each; what is not valid is left out.

    Raises
    ------
    InputError
        For an operation or a family that there is not.
    """
    now = levels
    operation = msr = io = None
    if now["op_valid"]:
        operation = OperationRequest(
            _named(Operation, "op_code", now),
            _named(Family, "op_family", now),
            ExceptionFlag(now["op_raises"]),
            now["op_control"],
            now["op_status"],
        )
    if now["msr_request_valid"]:
        write = bool(now["msr_request_write"])
        msr = MsrRequest(now["msr_request_address"], write, now["msr_request_data"], now["msr_request_cpl"])
    if now["io_write"] or now["io_read"]:
        io = IoAccess(now["io_address"], bool(now["io_write"]), now["io_write_data"])
    return PcInputs(
        reset=bool(now["reset"]),
        ignne_n=bool(now["ignne_drive_n"]),
        cr0=cr0_of(now),
        operation=operation,
        msr=msr,
        msr_response_ready=bool(now["msr_response_ready"]),
        io=io,
        ferr_enable=bool(now["enable_value"]) if now["enable_write"] else None,
        guest_mode=bool(now["guest_mode"]),
        intercept_ferr_freeze=bool(now["intercept_ferr_freeze"]),
        irq=now["irq"],
        inta=bool(now["inta"]),
    )


def _named(kind: type[Named], name: str, now: Mapping[str, int]) -> Named:
    """What a level stands for."""
    try:
        return kind(now[name])
    except ValueError:
        raise InputError(f"{name} cannot be {now[name]}") from None


def cr0_of(now: Mapping[str, int]) -> Cr0:
    """CR0 from the level of each of its bits."""
    cr0 = Cr0(0)
    for bit in Cr0:
        if now[f"cr0_{str(bit.name).lower()}"]:
            cr0 |= bit
    return cr0


def unpack(packed: int) -> PcOutputs:
    """The outputs from OUTPUT_BITS bits, as the model would give them.

    Raises
    ------
    Divergence
        If the operation port gives several answers at once.
    """
    return _decode(split(packed, OUTPUTS))


def unpack_from_board(packed: int, inputs: PcInputs, fpu_irq: int) -> PcOutputs:
    """The outputs from what a board sends, in a cycle with these inputs; raises as `unpack` does.

    Parameters
    ----------
    packed : int
        The ports of `BOARD_OUTPUTS`.
    inputs : PcInputs
        Of the same cycle: `ir13`, which the board does not send, follows from irq13 and these.
    fpu_irq : int
        The request line of the FPU, 0 to 15.
    """
    now = split(packed, BOARD_OUTPUTS)
    return _decode(now | {"ir13": now["irq13"] | inputs.irq >> fpu_irq & 1})


_ANSWERS = {f"op_{decision.name.lower()}": decision for decision in Decision if decision is not Decision.IDLE}


def _decode(now: dict[str, int]) -> PcOutputs:
    """The outputs of the HDL, as the model would give them."""
    answers = [decision for name, decision in _ANSWERS.items() if now[name]]
    if len(answers) > 1:
        raise Divergence(f"the operation port gives several answers at once: {answers}")
    response = MsrResponse(bool(now["msr_response_fault"]), now["msr_response_data"])
    hwcr = Hwcr(now["allow_ferr_on_ne"] * Hwcr.ALLOW_FERR_ON_NE | now["ignne_em"] * Hwcr.IGNNE_EM)
    return PcOutputs(
        decision=answers[0] if answers else Decision.IDLE,
        ferr_n=bool(now["ferr_n"]),
        irq13=bool(now["irq13"]),
        ir13=bool(now["ir13"]),
        chipset_ignne_n=bool(now["chipset_ignne_n"]),
        ignne_n=bool(now["ignne_n"]),
        ignne=bool(now["ignne"]),
        flags=ExceptionFlag(now["flags"]),
        masks=ExceptionFlag(now["masks"]),
        es=bool(now["es"]),
        hwcr=hwcr,
        ignne_msr=bool(now["ignne_msr"]),
        ferr_enable=bool(now["ferr_enable"]),
        msr_ready=bool(now["msr_request_ready"]),
        msr_response=response if now["msr_response_valid"] else None,
        io_data=now["io_read_data"],
        intr=bool(now["intr"]),
        exit_code=now["exit_code"],
        vector=now["vector"],
        slave_int=bool(now["slave_int"]),
        master=PicRegisters(now["master_irr"], now["master_isr"], now["master_imr"]),
        slave=PicRegisters(now["slave_irr"], now["slave_isr"], now["slave_imr"]),
    )


def pack_outputs(outputs: PcOutputs) -> int:
    """All outputs, OUTPUT_BITS wide: what `unpack` takes."""
    return join(_levels(outputs), OUTPUTS)


def _levels(outputs: PcOutputs) -> dict[str, int]:
    """The level of each output."""
    response = outputs.msr_response or MsrResponse(False, 0)
    levels = {name: getattr(outputs, name) for name in OUTPUTS if hasattr(outputs, name)}
    levels |= {name: outputs.decision is decision for name, decision in _ANSWERS.items()}
    for pic in ("master", "slave"):
        registers = getattr(outputs, pic)
        levels |= {f"{pic}_{register}": getattr(registers, register) for register in PicRegisters._fields}
    return levels | {
        "msr_request_ready": outputs.msr_ready,
        "msr_response_valid": outputs.msr_response is not None,
        "msr_response_fault": response.fault,
        "msr_response_data": response.data,
        "io_read_data": outputs.io_data,
        "ignne_em": Hwcr.IGNNE_EM in outputs.hwcr,
        "allow_ferr_on_ne": Hwcr.ALLOW_FERR_ON_NE in outputs.hwcr,
    }
