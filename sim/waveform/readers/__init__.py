"""Waveforms from files: VCD, FST and GHW, told apart by what stands in them and not by their names."""

import gzip
import sys
import tempfile
import zlib
from contextlib import ExitStack
from pathlib import Path
from typing import IO, cast

from ..wave import TraceError
from .contents import Contents
from .vcd import read_vcd
from .wellen import read_binary

_GZIP = b"\x1f\x8b"
_GHW = b"GHDLwave"
_FST_HEADER = b"\x00" + (329).to_bytes(8, "big")
"""Type and length of the block that begins an FST."""
_FST_ZIPPED = b"\xfe"
"""Type of the block that holds a whole FST, compressed."""
_FST_ZIPPED_HEADER = 1 + 8 + 8
_COPY = 1 << 20


def read_waveform(path: str | Path) -> Contents:
    """What a waveform file holds.

    Parameters
    ----------
    path: of a VCD, FST or GHW, as it is or compressed with gzip; "-" is standard input.

    Raises
    ------
    TraceError
        If it is none of them, or broken.
    OSError
        If it cannot be read.
    """
    name = str(path)
    with ExitStack() as stack:
        file: IO[bytes]
        if name == "-":
            name = "standard input"
            # A pipe cannot be rewound.
            file = _copied(sys.stdin.buffer, stack)
        else:
            file = stack.enter_context(Path(path).open("rb"))
            if not file.seekable():
                file = _copied(file, stack)
        if _start(file).startswith(_GZIP):
            file = _unzipped(file, name, stack)
        if _start(file).startswith(_FST_ZIPPED):
            file.seek(_FST_ZIPPED_HEADER)
            file = _unzipped(file, name, stack)
        start = _start(file)
        if start.startswith((_GHW, _FST_HEADER)):
            return read_binary(file.name, name, "GHW" if start.startswith(_GHW) else "FST")
        return read_vcd(file, name)


def _start(file: IO[bytes]) -> bytes:
    start = file.read(16)
    file.seek(0)
    return start


def _unzipped(file: IO[bytes], name: str, stack: ExitStack) -> IO[bytes]:
    try:
        return _copied(cast(IO[bytes], gzip.GzipFile(fileobj=file)), stack)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise TraceError(f"{name}: its compression is damaged ({error})") from None


def _copied(file: IO[bytes], stack: ExitStack) -> IO[bytes]:
    """All of it in a temporary file: pywellen wants one that it can open by name and search in."""
    copy = stack.enter_context(tempfile.NamedTemporaryFile(prefix="irq13-"))  # noqa: SIM115
    while piece := file.read(_COPY):
        copy.write(piece)
    copy.flush()
    copy.seek(0)
    return copy  # type: ignore[return-value]
