"""What a misspelt word may have meant."""

import difflib
from collections.abc import Iterable


def nearest(word: str, known: Iterable[str]) -> str:
    """' (did you mean ...?)' with the nearest of the known words, or nothing.

    Parameters
    ----------
    word : str
        Compared without regard to case.
    known : iterable of str
        Of which three at most are named.
    """
    names = {name.lower(): name for name in known}
    close = difflib.get_close_matches(word.lower(), names, n=3)
    return f" (did you mean {' or '.join(names[name] for name in close)}?)" if close else ""
