"""Programs and signals as the page has them: data that a test compares with what they stand for."""

from collections.abc import Sequence
from typing import Any

from ...model.pc import PcInputs
from ...model.registers import PORT_F0, Cr0, Family, Operation, Parameters
from ..cpu.actions import (
    Bios,
    Flag,
    Int,
    Io,
    Iret,
    MovCr0,
    MovFerrEnable,
    MovSs,
    MsrAccess,
    Popf,
    X87Step,
)
from ..cpu.program import Instruction, block_of
from ..cpu.steps import parse_step
from ..machines.ports import INPUTS, OUTPUTS, values_of
from ..waveform.signals import SIGNALS

Data = dict[str, Any]
_IDLE = values_of(PcInputs())


def instructions(text: str, parameters: Parameters) -> list[Data]:
    """One step of a program, as text, for `Processor.push` of processor.js.

    Parameters
    ----------
    text : str
        A step as in a scenario; an empty one or a comment gives no instruction.
    parameters : Parameters
        Of the PC: its generation says which opcodes are undefined, its 8259As what `bios` writes.
    """
    step = parse_step(0, text)
    return block_data(block_of([step], parameters)) if step else []


def block_data(block: Sequence[Instruction]) -> list[Data]:
    """The instructions of a block: what each drives, by port, and what it does to the processor."""
    return [_instruction(one) for one in block]


def _instruction(instruction: Instruction) -> Data:
    step = instruction.step
    data: Data = {"text": step.text, "last": instruction.last, "drive": {}, "do": "plain"}
    match step.action:
        case X87Step():
            data |= {"do": "x87", "drive": _driven(operation=instruction.part)}
        case Io() | Bios():
            data |= {"do": "io", "drive": _driven(io=instruction.part)}
        case MsrAccess(request):
            data |= {"do": "msr", "drive": _driven(msr=request)}
        case MovFerrEnable(value):
            data["drive"] = _driven(ferr_enable=value)
        case action:
            data["effect"] = _effect(action)
    return data


def _driven(**inputs: Any) -> Data:
    """The levels that differ from those of an idle cycle; as text where a JavaScript number is too short."""
    levels = values_of(PcInputs(**inputs))
    changed = {name: level for name, level in levels.items() if level != _IDLE[name]}
    return {name: level if level < 1 << 53 else hex(level) for name, level in changed.items()}


def _effect(action: object) -> list[Any]:
    match action:
        case MovCr0(bit, value):
            return ["cr0", str(Cr0(bit).name).lower(), int(value)]
        case MovSs():
            return ["movss"]
        case Flag(value):
            return ["flag", value]
        case Popf(value):
            return ["popf", value]
        case Int(vector):
            return ["int", vector]
        case Iret():
            return ["iret"]
    return []


_BY_ANOTHER_NAME = {
    "op_valid": "op_valid",
    "raises": "op_raises",
    "request_valid": "msr_request_valid",
    "request_ready": "msr_request_ready",
    "write": "msr_request_write",
    "address": "msr_request_address",
    "write_data": "msr_request_data",
    "cpl": "msr_request_cpl",
    "response_valid": "msr_response_valid",
    "ready": "op_ready",
    "freeze": "op_freeze",
    "window": "op_window",
    "mf": "op_mf",
    "nm": "op_nm",
    "ud": "op_ud",
    "vmexit": "op_vmexit",
}
_SPECIAL: dict[str, list[Any]] = {
    "step": ["view", "step", None],
    "handler": ["view", "handler", None],
    "if": ["view", "if", None],
    "halted": ["waiting", "halted", None],
    **{pin: ["view", pin, None] for pin in ("nmi", "init", "smi", "flush", "stpclk")},
    "operation": ["operation", None, [code.name for code in Operation]],
    "family": ["family", None, [family.name for family in Family]],
    "fault": ["response", "msr_response_fault", None],
    "read_data": ["response", "msr_response_data", None],
    "f0_write": ["access", None, PORT_F0],
    **{name: ["output", "flags", bit] for bit, name in enumerate(["ie", "de", "ze", "oe", "ue", "pe", "sf"])},
    **{name: ["output", "masks", bit] for bit, name in enumerate(["im", "dm", "zm", "om", "um", "pm"])},
}


def signal_data() -> dict[str, list[Any]]:
    """Where the page finds each signal of `waveform.signals`: kind, port, bit."""
    found = {}
    for signal in SIGNALS:
        if signal.name in _SPECIAL:
            found[signal.name] = _SPECIAL[signal.name]
            continue
        port = _BY_ANOTHER_NAME.get(signal.name, signal.name)
        found[signal.name] = ["input" if port in INPUTS else "output", port, None]
        if port not in INPUTS and port not in OUTPUTS:
            raise KeyError(f"the page does not know where to find {signal.name}")
    return found


def variable_data() -> list[list[Any]]:
    """Scope, name and width of each signal, in the order in which a waveform has them."""
    return [[signal.scope, signal.name, signal.width] for signal in SIGNALS]
