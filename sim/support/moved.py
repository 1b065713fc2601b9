"""Names that have moved: they go on working for one version, with a DeprecationWarning."""

import warnings
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from typing import Any


def forward(
    old: str, new: str, names: Iterable[str] | None = None, renamed: Mapping[str, str] | None = None
) -> Callable[[str], Any]:
    """A module's `__getattr__` that takes its names from where they stand now.

    Parameters
    ----------
    old: the module that forwards.
    new: the module that has the names now.
    names: which; by default all public ones.
    renamed: those that have another name there, by their old one.

    Raises
    ------
    AttributeError
        For a name that is not there either.
    """
    allowed = None if names is None else frozenset(names)

    def get(name: str) -> Any:
        if name.startswith("_") or (allowed is not None and name not in allowed):
            raise AttributeError(f"module {old!r} has no attribute {name!r}")
        now = (renamed or {}).get(name, name)
        value = getattr(import_module(new), now)
        warnings.warn(
            f"{old}.{name} is now {new}.{now}; the old name goes with irq13 0.3",
            DeprecationWarning,
            stacklevel=2,
        )
        return value

    return get
