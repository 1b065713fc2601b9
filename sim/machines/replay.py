"""Sequences measured on real silicon, replayed on a machine.

The format is that of the measurements: `vectors`, each with `init_cw`, `steps` and `expect`; an x87 step
has an `effect` on the error state and the flags that it `raises`, and what is expected after it is whether
it trapped (#MF before it), a fault (#UD), and the status and control words.
"""

import gzip
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ...model.pc import PcInputs
from ...model.registers import STATUS_B, STATUS_ES, Cr0, ExceptionFlag, Operation
from ...model.reporting import Decision
from ...model.x87 import OperationRequest
from ..support.errors import InputError
from .machine import Machine

STATUS_MASK = 0x80FF
CONTROL_MASK = 0x3F
NATIVE = PcInputs(cr0=Cr0.NE)

_EFFECTS = {
    "arith": (Operation.ARITHMETIC,),
    "nop": (Operation.FWAIT,),
    "fldcw": (Operation.FLDCW,),
    "fldenv": (Operation.FLDENV,),
    "frstor": (Operation.FRSTOR,),
    "fxrstor": (Operation.FXRSTOR,),
}
_CONTROL = {
    "stenv": Operation.FNSTENV,
    "save": Operation.FNSAVE,
    "init": Operation.FNINIT,
    "clex": Operation.FNCLEX,
    "stsw": Operation.FNSTSW,
    "stcw": Operation.FNSTCW,
}
"""Effects with and without an F in front: the class of the step tells the forms apart."""


class Difference(NamedTuple):
    """A step after which the machine shows something else than the silicon."""

    vector: str
    step: int
    name: str
    expected: Mapping[str, Any]
    got: Mapping[str, Any]


def read_measured(path: str | Path) -> list[dict[str, Any]]:
    """The vectors of a file, JSON or gzipped JSON.

    Raises
    ------
    ValueError
        If it is no such file. OSError if it cannot be read.
    """
    data = Path(path).read_bytes()
    try:
        document = json.loads(gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data)
        vectors = list(document["vectors"])
    except (ValueError, KeyError, TypeError, EOFError, OSError, zlib.error) as error:
        raise InputError(
            f"{path}: expected JSON with a list 'vectors' ({type(error).__name__}: {error})"
        ) from None
    for number, vector in enumerate(vectors):
        if not _is_vector(vector):
            said = f"{json.dumps(vector)[:60]}..."
            raise InputError(
                f"{path}: vector {number}: not a sequence of steps with what is expected: {said}"
            )
    return vectors


def _is_vector(vector: Any) -> bool:
    """It has all that `replay_vectors` looks at."""
    kinds = {"id": str, "init_cw": int, "on_trap": str, "steps": list, "expect": list}
    if not _has(vector, kinds) or len(vector["steps"]) != len(vector["expect"]):
        return False
    return all(map(_is_step, vector["steps"])) and all(isinstance(one, dict) for one in vector["expect"])


def _is_step(step: Any) -> bool:
    if not _has(step, {"op": str, "class": str, "effect": str, "raises": list}):
        return False
    effects = {*_EFFECTS, *_CONTROL, *(f"f{name}" for name in _CONTROL)}
    words = [step.get("arg_cw", 0), step.get("arg_sw", 0)]
    known = step["effect"] in effects and step["class"] in ("waiting", "nonwaiting", "nonx87", "ud")
    raised = all(isinstance(name, str) and name in ExceptionFlag.__members__ for name in step["raises"])
    return known and raised and all(isinstance(word, int) for word in words)


def _has(data: Any, kinds: Mapping[str, type]) -> bool:
    return isinstance(data, dict) and all(isinstance(data.get(name), kind) for name, kind in kinds.items())


def replay_vectors(vectors: Iterable[Mapping[str, Any]], machine: Machine) -> Iterator[Difference]:
    """Run vectors one after the other on one machine; yields where it differs.

    Parameters
    ----------
    vectors : iterable of mapping
        As `read_measured` gives them.
    machine : Machine
        Of the model or the HDL; each vector begins with FNINIT and an FLDCW of `init_cw`.

    Yields
    ------
    Difference
        A step after which the machine shows something else than the silicon did.
    """
    for vector in vectors:
        for code in (Operation.FNINIT, Operation.FLDCW):
            machine.step(_presenting(OperationRequest(code, control=vector["init_cw"])))
        for index, (step, expected) in enumerate(zip(vector["steps"], vector["expect"], strict=True)):
            got = _step(step, machine, vector["on_trap"])
            if got != {"fault": None, **expected}:
                yield Difference(vector["id"], index, step["op"], expected, got)


def _step(step: Mapping[str, Any], machine: Machine, on_trap: str) -> dict[str, Any]:
    trapped, fault = False, None
    for operation in _operations(step):
        decision = machine.step(_presenting(operation)).decision
        if decision is Decision.MF:
            trapped = True
            if on_trap != "clear_retry":
                break
            machine.step(_presenting(OperationRequest(Operation.FNCLEX)))
            decision = machine.step(_presenting(operation)).decision
        if decision is not Decision.READY:
            fault = decision.name
            break
    now = machine.settle(NATIVE)
    status = int(now.flags) | (STATUS_ES | STATUS_B if now.es else 0)
    return {
        "trap": trapped,
        "fault": fault,
        "sw": status & STATUS_MASK,
        "cw": int(now.masks) & CONTROL_MASK,
    }


def _operations(step: Mapping[str, Any]) -> tuple[OperationRequest, ...]:
    """What the operation port sees of a step; nothing if it is no x87 instruction."""
    kind, effect = step["class"], step["effect"]
    if kind == "nonx87":
        return ()
    if kind == "ud":
        return (OperationRequest(Operation.UNDEFINED),)
    codes = _codes(kind, effect)
    raises = ExceptionFlag(0)
    for name in step["raises"]:
        raises |= ExceptionFlag[name]
    return tuple(
        OperationRequest(
            code,
            raises=raises,
            control=step.get("arg_cw", 0),
            status=step.get("arg_sw", 0),
        )
        for code in codes
    )


def _codes(kind: str, effect: str) -> tuple[Operation, ...]:
    if kind == "nonwaiting" and effect == "nop":
        return (Operation.FXSAVE,)
    if effect in _EFFECTS:
        return _EFFECTS[effect]
    code = _CONTROL[effect.removeprefix("f")]
    return (Operation.FWAIT, code) if kind == "waiting" else (code,)


def _presenting(operation: OperationRequest) -> PcInputs:
    return NATIVE._replace(operation=operation)
