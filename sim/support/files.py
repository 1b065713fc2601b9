"""Files that are whole or not there."""

import errno
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any


@contextmanager
def replacing(path: str | Path, binary: bool = False) -> Iterator[IO[Any]]:
    """A text file, or a binary one, that takes its name only when the block ends without an exception.

    Until then it stands under a temporary name in the same folder, and an exception removes it. A symbolic
    link stays one, and what it points to is replaced. A device or a pipe (/dev/null, /dev/stdout) is written
    as it is: replacing it would take it away from everybody.

    Parameters
    ----------
    path : str or Path
        The name that it takes.
    binary : bool
        Bytes are written; else text, as UTF-8 with lines that end in a newline alone.

    Raises
    ------
    OSError
        If the folder does not exist or cannot be written, or the disk is full.
    """
    target = Path(os.path.realpath(path))
    try:
        if target.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        with open(target, **_mode(binary)) if _is_special(target) else _temporary(target, binary) as file:
            yield file
    except OSError as error:
        if error.filename and not _is_temporary(Path(error.filename), target):
            raise
        # The name that the caller knows.
        raise OSError(error.errno, error.strerror, str(path)) from None


def ensure_replaceable(path: str | Path) -> None:
    """Refuse before long work what `replacing` would refuse behind it. Raises OSError as that does."""
    target = Path(os.path.realpath(path))
    code = None
    if target.is_dir():
        code = errno.EISDIR
    elif not target.parent.is_dir():
        code = errno.ENOTDIR if target.parent.exists() else errno.ENOENT
    elif not os.access(target if _is_special(target) else target.parent, os.W_OK):
        code = errno.EACCES
    if code is not None:
        raise OSError(code, os.strerror(code), str(path))


def _mode(binary: bool) -> dict[str, Any]:
    """How it is opened."""
    return {"mode": "wb"} if binary else {"mode": "w", "encoding": "utf-8", "newline": "\n"}


def _is_special(target: Path) -> bool:
    """There is something of that name, and it is no plain file."""
    return target.exists() and not stat.S_ISREG(target.stat().st_mode)


def beside(path: str | Path, suffix: str) -> Path:
    """The path with another suffix.

    Parameters
    ----------
    path : str or Path
        It need not exist.
    suffix : str
        With its dot, in place of the last one of the name.

    Raises
    ------
    IsADirectoryError
        If the path names no file, as '.' and '/' do.
    """
    if not Path(path).name:
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    return Path(path).with_suffix(suffix)


def _is_temporary(path: Path, target: Path) -> bool:
    return path.name.startswith(f".{target.name}.")


@contextmanager
def _temporary(target: Path, binary: bool) -> Iterator[IO[Any]]:
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", text=not binary)
    try:
        with open(handle, **_mode(binary)) as file:
            yield file
        # mkstemp makes a private file; a waveform is as public as any other output.
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(name, 0o666 & ~umask)
        os.replace(name, target)
    except BaseException:
        os.unlink(name)
        raise
