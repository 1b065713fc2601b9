"""Values of a signal as numpy arrays: numbers where they are small, else objects."""

from collections.abc import Sequence
from typing import Any

import numpy as np


def array_of(values: Sequence[int | str]) -> np.ndarray:
    """An int64 array if all of them fit, else one of objects."""
    small = all(isinstance(value, int) and value < 1 << 63 for value in values)
    if small:
        return np.array(values, dtype=np.int64)
    return object_array(values)


def object_array(values: Sequence[Any]) -> np.ndarray:
    """An array of objects, whatever they are."""
    held = np.empty(len(values), dtype=object)
    held[:] = values
    return held


def known_bits(text: str) -> int | str:
    """Digits as a number; the text as it is where one is neither 0 nor 1."""
    return text if text.strip("01") else int(text or "0", 2)


def plain_value(value: Any) -> Any:
    """An item of an array as Python has it, no longer as numpy's."""
    return value.item() if isinstance(value, np.generic) else value


def equal_to(values: np.ndarray, value: Any) -> np.ndarray:
    """Which of the values are this one.

    Parameters
    ----------
    values : ndarray
        Of int64, float64 or objects.
    value : int, float or str
        Text is unlike every number.

    Returns
    -------
    ndarray of bool
        One for each of `values`.
    """
    # Numbers and text are not compared item by item.
    if values.dtype != object and isinstance(value, str):
        return np.zeros(len(values), dtype=bool)
    return np.asarray(values == value, dtype=bool)
