"""`Parameters` from text, as a command line has them, and as part of a name."""

import enum
import re
from dataclasses import fields
from typing import Any, get_type_hints

from ...model.older import OlderParameters
from ...model.registers import Generation, ParameterError, Parameters
from ..support.errors import InputError

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
    changed = {}
    for field in others:
        value = getattr(parameters, field.name)
        if value != getattr(default, field.name):
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
