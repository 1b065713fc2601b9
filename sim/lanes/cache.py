"""Kernels on disk: what was lowered and mapped once is not again, as long as nothing behind it changes."""

import hashlib
import json
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from functools import cache
from pathlib import Path

from .compiled import cache_folder, find_compiler
from .cuda import has_cupy
from .lanes import Recipe
from .plan import Interface


def cached(wanted: object, make: Callable[[], Recipe]) -> Recipe:
    """The recipe for something, from the cache or newly made.

    Parameters
    ----------
    wanted: says what it is, by its `repr`. The sources of irq13 and the compiler count by themselves.

    Raises
    ------
    OSError
        If the cache's folder cannot be written.
    """
    compiler = find_compiler()
    identity = compiler.identity if compiler else ""
    # A recipe has CUDA where CuPy is installed.
    parts = [repr(wanted), fingerprint(), identity, f"cuda: {has_cupy()}"]
    key = hashlib.sha256("\0".join(parts).encode()).hexdigest()
    path = cache_folder() / f"recipe-{key[:32]}.json"
    found = _read(path)
    if found is not None:
        return found
    recipe = make()
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=".recipe-", delete=False) as file:
        json.dump(asdict(recipe), file)
    Path(file.name).replace(path)
    return recipe


def _read(path: Path) -> Recipe | None:
    """A recipe from a file; None if there is none, or one that was damaged."""
    try:
        data = json.loads(path.read_text("utf-8"))
        interface = data["interface"]
        for name, planes in interface["registers"].items():
            interface["registers"][name] = {int(bit): plane for bit, plane in planes.items()}
        return Recipe(**data | {"interface": Interface(**interface)})
    except (OSError, ValueError, KeyError, TypeError):
        return None


@cache
def fingerprint() -> str:
    """Of all sources of irq13."""
    return fingerprint_of(Path(__file__).parents[2])


def fingerprint_of(root: Path) -> str:
    """Of the Python files in all folders of the three packages below `root`."""
    digest = hashlib.sha256()
    for folder in ("hdl", "model", "sim"):
        for path in sorted((root / folder).rglob("*.py")):
            digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()
