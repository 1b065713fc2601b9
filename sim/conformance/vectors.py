"""Test vectors for authors of emulators and cores: what goes in and what comes out, cycle by cycle, as JSON.

A case is a name, the rule that it checks, the state before, the inputs of each cycle, the signals in each
cycle, what has changed in the state behind them, and a hash, all by the reference model. Who cannot load a
state gets there by `setup`, from power-up. Files are by family; the same irq13 writes the same bytes.
"""

import gzip
import hashlib
import json
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, fields
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

from ... import model
from ...model.pc import PcInputs, PcOutputs
from ...model.registers import ParameterError, Parameters
from ..machines.machine import MACHINES
from ..machines.ports import INPUTS, OUTPUTS, pack_outputs, read_inputs, split, values_of
from ..support.errors import InputError
from ..support.files import replacing
from .vector_cases import FAMILIES, VectorCase

VERSION = 3
"""Of the format; another one where a reader of this one would go wrong. Since 2 the registers of the 8259As
have the datasheet's names; since 3 `final` holds only what changes, and each case has a hash."""
IDLE = values_of(PcInputs())
SIGNALS = tuple(OUTPUTS)
"""The columns of `cycles`."""
Inputs = dict[str, int]
"""The inputs of a cycle that are not idle, by port."""


class Mismatch(NamedTuple):
    """Where a machine does something else than a vector says."""

    case: str
    rule: str
    cycle: int
    signal: str
    expected: int
    got: int


def write_vectors(
    folder: Path, progress: Callable[[str, int], None] = lambda family, count: None
) -> list[Path]:
    """All families, the schema and the loaders into a folder, which is made if need be.

    Parameters
    ----------
    folder : Path
        Files of these names in it are replaced.
    progress : callable
        Called with the name of each family and its number of cases, before it is written.

    Returns
    -------
    list of Path
        What was written.

    Raises
    ------
    OSError
        If it cannot be written; each file is whole or not there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for family, (title, cases) in FAMILIES.items():
        rows = [_row(case) for case in cases()]
        progress(family, len(rows))
        document = {
            "format": "irq13-vectors",
            "version": VERSION,
            "family": family,
            "title": title,
            "signals": list(SIGNALS),
            "idle": IDLE,
            "cases": rows,
        }
        data = gzip.compress(_json(document), mtime=0)
        paths.append(_write_bytes(folder / f"{family}.json.gz", data))
    for name in ("schema.json", "load_vectors.py", "load_vectors.c", "load_vectors.js"):
        text = (resources.files("irq13.sim.conformance") / "kit" / name).read_bytes()
        paths.append(_write_bytes(folder / name, text))
    return paths


def _write_bytes(path: Path, data: bytes) -> Path:
    with replacing(path) as file:
        file.buffer.write(data)  # type: ignore[attr-defined]
    return path


def _row(case: VectorCase) -> dict[str, Any]:
    """A case with what the model does."""
    pc = model.Pc(case.parameters)
    for inputs in case.setup:
        pc.step(inputs)
    initial = model_state(pc)
    cycles = [list(split(pack_outputs(pc.step(inputs)), OUTPUTS).values()) for inputs in case.steps]
    row = {
        "name": case.name,
        "rule": case.rule,
        "parameters": _parameters(case.parameters),
        "setup": _packed(case.setup),
        "initial": initial,
        "steps": _packed(case.steps),
        "cycles": cycles,
        "final": changed_registers(initial, model_state(pc)),
    }
    return row | {"hash": hash_of(row)}


def changed_registers(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """What is not as it was, with the same keys at each level.

    Parameters
    ----------
    before, after : dict
        As of `model_state`, of the same machine: a key of `after` is one of `before`.
    """
    found = {}
    for name, value in after.items():
        if isinstance(value, dict):
            if inner := changed_registers(before[name], value):
                found[name] = inner
        elif value != before[name]:
            found[name] = value
    return found


def hash_of(case: dict[str, Any]) -> str:
    """SHA-1 of a case's JSON as it stands in its file, but for the hash: its name in every version."""
    row = {name: value for name, value in case.items() if name != "hash"}
    return hashlib.sha1(_json(row), usedforsecurity=False).hexdigest()


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _parameters(parameters: Parameters) -> dict[str, Any]:
    # Vectors are of a PC/AT: its wiring is no part of the format.
    given = {name: value for name, value in asdict(parameters).items() if name != "wiring"}
    return {name: getattr(value, "value", value) for name, value in given.items()}


def _packed(steps: Iterable[PcInputs]) -> list[Inputs]:
    """Only what is not idle."""
    return [{name: value for name, value in values_of(one).items() if value != IDLE[name]} for one in steps]


def model_state(pc: model.Pc) -> dict[str, Any]:
    """All registers of the model, by block."""
    processor, chipset = pc.processor, pc.chipset
    return {
        "flags": int(processor.state.flags),
        "masks": int(processor.state.masks),
        "ferr": int(processor.reporting.ferr),
        "immediate": int(processor.reporting.immediate),
        "window": processor.reporting.window,
        "ignne_synchroniser": [int(bit) for bit in processor.synchroniser],
        "hwcr": int(processor.msr.hwcr),
        "ignne_msr": int(processor.msr.ignne),
        "msr_response": list(map(int, processor.msr.response)) if processor.msr.response else None,
        "ff1": int(chipset.ff1),
        "ff2": int(chipset.ff2),
        "ferr_enable": int(chipset.enabled),
        "ferr_seen": int(chipset.seen),
        "master": _pic(pc.master),
        "slave": _pic(pc.slave),
    }


def _pic(pic: Any) -> dict[str, Any]:
    names = [
        "sampled",
        "armed",
        "irr",
        "isr",
        "imr",
        "base",
        "icw3",
        "level_triggered",
        "single",
        "needs_icw4",
        "special_fully_nested_mode",
        "buffered_mode",
        "buffered_master",
        "auto_eoi",
        "lowest_priority",
        "special_mask_mode",
        "read_isr",
        "poll",
        "rotate_on_auto_eoi",
        "after_first",
        "second",
        "int_held",
        "answered",
        "cas",
    ]
    levels = {"resolved": pic.resolved, "poll_level": pic.poll_level}
    return {name: int(getattr(pic, name)) for name in names} | levels | {"expects": pic.next.name}


def read_vectors(folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Family and case of all vectors in a folder.

    Raises
    ------
    ValueError
        If there are none, or a file is not one of vectors of this version. OSError if it cannot be read.
    """
    paths = sorted(folder.glob("*.json.gz"))
    if not paths:
        raise InputError(f"{folder}: no vectors there (*.json.gz)")
    for path in paths:
        try:
            document = json.loads(gzip.decompress(path.read_bytes()))
            kind = document["format"], document["version"]
            family, cases = document["family"], list(document["cases"])
        except (OSError, EOFError, ValueError, KeyError, TypeError, RecursionError, zlib.error) as error:
            raise InputError(f"{path}: not a file of test vectors ({error})") from None
        if kind != ("irq13-vectors", VERSION):
            raise InputError(
                f"{path}: vectors of format {kind[0]} version {kind[1]}, not of version {VERSION}"
            )
        for case in cases:
            if not isinstance(case, dict) or case.get("hash") != hash_of(case):
                name = str(case.get("name") if isinstance(case, dict) else case)[:60]
                raise InputError(f"{path}: case {name!r} is not as it was written: expected another hash")
            yield family, case


class _Case(NamedTuple):
    """A case as machines take it."""

    parameters: Parameters
    setup: list[PcInputs]
    rows: list[tuple[PcInputs, list[int]]]
    """Inputs of each cycle, and the signals that are expected."""


_PARTS = {"name": str, "rule": str, "parameters": dict, "setup": list, "steps": list, "cycles": list}


def _parsed(case: Any) -> _Case:
    """What a case says. Raises InputError for what is none."""
    whole = isinstance(case, dict) and all(isinstance(case.get(part), kind) for part, kind in _PARTS.items())
    try:
        if not whole:
            raise InputError(f"expected an object with {', '.join(_PARTS)}")
        known = {field.name for field in fields(Parameters)}
        if strange := case["parameters"].keys() - known:
            raise InputError(f"no parameter {min(strange)!r}")
        setup, steps = ([_inputs(one) for one in case[part]] for part in ("setup", "steps"))
        rows = case["cycles"]
        if len(rows) != len(steps) or not all(_is_row(row) for row in rows):
            raise InputError(f"expected {len(SIGNALS)} numbers for each of {len(steps)} cycles")
        return _Case(Parameters(**case["parameters"]), setup, list(zip(steps, rows, strict=True)))
    except (InputError, ParameterError) as error:
        raise InputError(f"not a test vector: {error}: {str(case)[:60]}...") from None


def _inputs(levels: Any) -> PcInputs:
    """Inputs of a cycle."""
    if not isinstance(levels, dict):
        raise InputError(f"expected the inputs of a cycle, not {levels!r}")
    for name, level in levels.items():
        if name not in INPUTS:
            raise InputError(f"no input {name!r}")
        if not isinstance(level, int) or level >> INPUTS[name]:
            raise InputError(f"{name} has {INPUTS[name]} bits and cannot be {level!r}")
    return read_inputs(IDLE | levels)


def _is_row(row: Any) -> bool:
    return isinstance(row, list) and len(row) == len(SIGNALS) and all(isinstance(one, int) for one in row)


class Checker:
    """Runs vectors on a machine, of which it keeps one for each set of parameters.

    Parameters
    ----------
    on: "hdl", "model" or "lockstep".
    """

    def __init__(self, on: str) -> None:
        self._make = MACHINES[on]
        self._machines: dict[Parameters, Any] = {}

    def check(self, case: dict[str, Any]) -> Mismatch | None:
        """The first signal that the machine does not have as a case says; it gets there by the case's setup.

        Raises
        ------
        Divergence
            In lockstep.
        InputError
            If it is no case of a test vector.
        """
        parameters, setup, rows = _parsed(case)
        machine = self._powered_up(parameters)
        for inputs in setup:
            machine.step(inputs)
        for cycle, (inputs, expected) in enumerate(rows):
            outputs: PcOutputs = machine.step(inputs)
            got = split(pack_outputs(outputs), OUTPUTS)
            for name, value in zip(SIGNALS, expected, strict=True):
                if got[name] != value:
                    return Mismatch(case["name"], case["rule"], cycle, name, value, got[name])
        return None

    def _powered_up(self, parameters: Parameters) -> Any:
        if parameters in self._machines:
            self._machines[parameters].power_up()
        else:
            self._machines[parameters] = self._make(parameters)
        return self._machines[parameters]
