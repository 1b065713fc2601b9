"""`Parameters` and `OlderParameters` from text, as a command line has them, and as part of a name."""

import enum
import re
from dataclasses import fields
from typing import Any, NamedTuple, get_type_hints

from ...model.older import OlderMachine, OlderParameters
from ...model.registers import Generation, ParameterError, Parameters, Wiring
from ..support.errors import InputError
from ..support.suggest import nearest

BLOCK_NAMES = ("pc", "processor", "reporting", "x87", "msr", "chipset", "pic", "isa", "wishbone", "axilite")
"""What `verilog` can write; the command line knows the names without loading the hardware."""
OLDER_BLOCK_NAMES = ("pc", "npx", "waits", "at_latch", "xt_nmi")
"""The same of a machine before the 486."""
_WORDS = {"0": False, "false": False, "no": False, "1": True, "true": True, "yes": True}


def parameters_from(assignments: dict[str, str]) -> Parameters:
    """The parameters of these names; all others have their default.

    Raises
    ------
    InputError
        For a name that there is not, or a value that does not fit; says what was expected.
    """
    return Parameters(**values_from(assignments))


def values_from(assignments: dict[str, str]) -> dict[str, Any]:
    """Values of `Parameters` by name, of the right type; raises as `parameters_from` does."""
    kinds = get_type_hints(Parameters)
    values: dict[str, Any] = {}
    for name, text in assignments.items():
        if name not in kinds:
            raise InputError(f"no parameter {name!r}: expected one of {', '.join(kinds)}")
        values[name] = _value(name, kinds[name], text)
        try:
            Parameters(**{name: values[name]})
        except ParameterError as error:
            raise InputError(str(error)) from None
    return values


class GivenParameters(NamedTuple):
    """Values by name, of the machines that have them."""

    later: dict[str, Any]
    """Of `Parameters`."""
    older: dict[str, Any]
    """Of `OlderParameters`."""

    def on(self, machine: Generation | OlderMachine) -> Parameters | OlderParameters:
        """The machine with these values. A PC-98 whose `cpu` is a 486 is an I486 with that wiring.

        Raises
        ------
        InputError
            If it does not have one of them, or not with this value; says what there is.
        """
        if isinstance(machine, Generation):
            foreign, names, name = self.older, get_type_hints(Parameters), machine.value
        else:
            foreign, names, name = self.later, get_type_hints(OlderParameters), machine.value
            if machine is OlderMachine.PC98 and self.older.get("cpu") == "486":
                if self.older.keys() > {"cpu"}:
                    raise InputError("with cpu=486 a PC98 has the parameters of I486")
                return Parameters(Generation.I486, **{**self.later, "wiring": Wiring.PC98})
        if foreign:
            own = ", ".join(one for one in names if one not in ("generation", "machine"))
            raise InputError(f"{name} has no parameter {next(iter(foreign))!r}: expected one of {own}")
        try:
            if isinstance(machine, Generation):
                return Parameters(machine, **self.later)
            return OlderParameters(machine, **self.older)
        except ParameterError as error:
            also = " (or 486)" if name == "PC98" and str(error).startswith("cpu ") else ""
            raise InputError(f"{name}: {error}{also}") from None


def given_parameters(assignments: dict[str, str]) -> GivenParameters:
    """Values for whatever machine; raises as `parameters_from` does."""
    kinds = get_type_hints(OlderParameters)
    del kinds["machine"]
    later = {name: text for name, text in assignments.items() if name not in kinds}
    known = [*get_type_hints(Parameters), *kinds]
    for name in later:
        if name not in known:
            hint = nearest(name, known) or f": expected one of {', '.join(known)}"
            raise InputError(f"no parameter {name!r}{hint}")
    older = {name: _value(name, kinds[name], text) for name, text in assignments.items() if name in kinds}
    return GivenParameters(values_from(later), older)


def _value(name: str, kind: Any, text: str) -> Any:
    if kind is bool:
        if text.lower() not in _WORDS:
            raise InputError(f"{name} must be 0 or 1, not {text!r}")
        return _WORDS[text.lower()]
    if kind is int:
        try:
            return int(text, 0)
        except ValueError:
            raise InputError(f"{name} must be a number, not {text!r}") from None
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        # As it is written, or as close as case goes; `Parameters` refuses the rest.
        return {str(one.value).lower(): one for one in kind}.get(text.lower(), text)
    return text


def changed_in(parameters: Parameters | OlderParameters) -> dict[str, str]:
    """What is not at its default on its generation or machine, as text by name."""
    first, *others = fields(parameters)
    default = type(parameters)(getattr(parameters, first.name))
    # What the wiring, or the processor, brings with it needs no word of its own.
    key = "wiring" if isinstance(parameters, Parameters) else "cpu"
    implied = type(parameters)(getattr(parameters, first.name), **{key: getattr(parameters, key)})
    changed = {}
    for field in others:
        value = getattr(parameters, field.name)
        if value != getattr(default if field.name == key else implied, field.name):
            value = value.value if isinstance(value, enum.Enum) else value
            changed[field.name] = str(int(value) if isinstance(value, bool) else value)
    return changed


def suffix_of(parameters: Parameters | OlderParameters) -> str:
    """The generation or machine, then each parameter that is not at its default, as the end of a name."""
    which = getattr(parameters, fields(parameters)[0].name)
    words = (word for pair in changed_in(parameters).items() for word in pair)
    return "_".join([which.value, *words]).lower()


def block_of_module(module: str) -> tuple[str, Parameters]:
    """The block and the parameters that a module's name says, as `export` has called it.

    Raises
    ------
    InputError
        For a name that is none of those.
    """
    generations = {str(one.value).lower(): one for one in Generation}
    found = re.fullmatch(rf"irq13_([a-z0-9]+)_({'|'.join(generations)})((?:_\w+)?)", module)
    names = "|".join(field.name for field in fields(Parameters))
    rest = found[3] if found else "_"
    assignments = dict(re.findall(rf"_({names})_([a-z0-9]+)", rest))
    if found is None or rest != "".join(f"_{name}_{value}" for name, value in assignments.items()):
        raise InputError(f"{module!r} is no module of irq13 verilog, such as irq13_pc_i486")
    return found[1], parameters_from({"generation": found[2], **assignments})
