"""A trace of ours as an FST, with a GTKWave save file beside it: what the VCD holds, in a fifth of the bytes.

It is written by pylibfst, which is GTKWave's own writer.
"""

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..support.errors import InputError
from ..support.files import beside, replacing
from .readers.contents import record_text
from .signals import Signal
from .trace import Trace
from .two_signals import recorded_in
from .vcd_writer import write_save_file, written_changes, written_end

_NANOSECONDS = -9


def fst_library() -> Any:
    """pylibfst. Raises InputError where it is not installed."""
    try:
        import pylibfst  # pyright: ignore[reportMissingImports]
    except ImportError:
        raise InputError("to write an FST, install pylibfst: pip install irq13[fst]") from None
    return pylibfst


def write_fst_waveform(trace: Trace, path: str | Path, signals: Sequence[Signal] | None = None) -> Path:
    """Write `path` (an FST) and the save file beside it; returns the save file's path.

    Parameters
    ----------
    trace : Trace
        A recorded run.
    path : str or Path
        Of the FST; the save file has the same name with .gtkw.
    signals : sequence of Signal, optional
        Those to write; by default all that a run records and the trace has.

    Raises
    ------
    InputError
        If pylibfst is not installed.
    OSError
        If the folder cannot be written; then neither file is left behind half-written.
    """
    signals = recorded_in(trace) if signals is None else signals
    target = Path(path)
    save = beside(target, ".gtkw")
    with replacing(target, binary=True) as file:
        # The library opens files by name, and a second one beside it while it writes.
        with tempfile.TemporaryDirectory(prefix="irq13-") as folder:
            whole = Path(folder) / "whole.fst"
            _write_fst(trace, whole, signals)
            with whole.open("rb") as written:
                shutil.copyfileobj(written, file)
        file.flush()
        with replacing(save) as save_file:
            write_save_file(save_file, target.name, signals)
    return save


def _write_fst(trace: Trace, path: Path, signals: Sequence[Signal]) -> None:
    library = fst_library()
    lib = library.lib
    file = lib.fstWriterCreate(str(path).encode(), 1)
    lib.fstWriterSetTimescale(file, _NANOSECONDS)
    lib.fstWriterSetPackType(file, lib.FST_WR_PT_LZ4)
    lib.fstWriterSetVersion(file, b"irq13")
    # The same run gives the same file.
    lib.fstWriterSetDate(file, b"")
    for line in record_text(trace.title, trace.causes).splitlines():
        # A comment of an FST is one line of at most 64 KiB.
        lib.fstWriterSetComment(file, line.encode())
    handles = _declare(library, file, signals)
    now = None
    for time, order, value in [(0, 0, 0), *written_changes(trace, signals)]:
        if time != now:
            lib.fstWriterEmitTimeChange(file, time)
            now = time
        if isinstance(value, str):
            text = value.encode()
            lib.fstWriterEmitVariableLengthValueChange(file, handles[order], text, len(text))
        else:
            width = 1 if order == 0 else signals[order - 1].width
            lib.fstWriterEmitValueChange(file, handles[order], f"{value:0{width}b}".encode())
    lib.fstWriterEmitTimeChange(file, written_end(trace))
    lib.fstWriterClose(file)


def _declare(library: Any, file: Any, signals: Sequence[Signal]) -> list[Any]:
    """The handles of the clock and of the signals."""
    ffi, lib = library.ffi, library.lib
    inside: dict[tuple[str, ...], list[tuple[int, str, int]]] = {("pc",): [(0, "clk", 1)]}
    for order, signal in enumerate(signals, start=1):
        scope = tuple(signal.scope.split("."))
        inside.setdefault(scope, []).append((order, signal.name, signal.width))
    handles: list[Any] = [None] * (len(signals) + 1)
    opened: tuple[str, ...] = ()
    for scope in sorted(inside):
        common = sum(scope[: n + 1] == opened[: n + 1] for n in range(min(len(scope), len(opened))))
        for _ in opened[common:]:
            lib.fstWriterSetUpscope(file)
        for name in scope[common:]:
            lib.fstWriterSetScope(file, lib.FST_ST_VCD_MODULE, name.encode(), ffi.NULL)
        opened = scope
        for order, name, width in inside[scope]:
            kind = lib.FST_VT_VCD_WIRE if width else lib.FST_VT_GEN_STRING
            handles[order] = lib.fstWriterCreateVar(file, kind, 0, width, name.encode(), 0)
    for _ in opened:
        lib.fstWriterSetUpscope(file)
    return handles
