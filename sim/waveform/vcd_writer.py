"""A trace of ours as a VCD, with a GTKWave save file beside it; byte for byte the same for the same run."""

from collections.abc import Sequence
from pathlib import Path
from typing import IO

from vcd.gtkw import GTKWSave
from vcd.writer import VCDWriter

from ..support.files import beside, replacing
from .readers.contents import record_text
from .signals import SIGNALS, Signal
from .trace import CYCLE_NS, Trace
from .two_signals import recorded_in


def write_waveform(trace: Trace, path: str | Path, signals: Sequence[Signal] | None = None) -> Path:
    """Write `path` (a VCD) and the save file beside it; returns the save file's path.

    Parameters
    ----------
    signals: what is in the trace; by default those of a PC with as many processors as it has.

    Raises
    ------
    OSError
        If the folder cannot be written; then neither file is left behind half-written.
    """
    signals = recorded_in(trace) if signals is None else signals
    target = Path(path)
    save = beside(target, ".gtkw")
    with replacing(target) as vcd_file:
        write_vcd(trace, vcd_file, signals)
        vcd_file.flush()
        # Within the other, so that a failure of either leaves neither.
        with replacing(save) as save_file:
            write_save_file(save_file, target.name, signals)
    return save


def write_vcd(trace: Trace, file: IO[str], signals: Sequence[Signal] = SIGNALS) -> None:
    """The VCD alone: one scope a block, the clock, names of enums as text, the causes in a comment.

    Parameters
    ----------
    trace : Trace
        A recorded run.
    file : text file
        Open for writing.
    signals : sequence of Signal
        Those to write, each of them in the trace.
    """
    comment = record_text(trace.title, trace.causes)
    with VCDWriter(file, timescale="1 ns", date="", version="irq13", comment=comment) as writer:
        clock = writer.register_var("pc", "clk", "wire", size=1, init=0)
        variables = [clock, *(_declare(writer, signal, trace) for signal in signals)]
        for time, order, value in written_changes(trace, signals):
            writer.change(variables[order], time, value)
        writer.close(written_end(trace))


def written_changes(trace: Trace, signals: Sequence[Signal] = SIGNALS) -> list[tuple[int, int, int | str]]:
    """What a file holds, in its order: time, signal and value; 0 is the clock, 1 the first of `signals`.

    Parameters
    ----------
    trace : Trace
        A recorded run.
    signals : sequence of Signal
        Those to write, each of them in the trace.

    Returns
    -------
    list of tuple
        By time, in ns, and at one time by signal.
    """
    changes = [
        (int(time), order, value)
        for order, signal in enumerate(signals, start=1)
        for time, value in zip(trace[signal.path].times, trace[signal.path].values.tolist(), strict=True)
    ]
    # Rising edge n at the start of cycle n: what follows from it changes at the same time.
    for time in trace.clock_edges().tolist():
        changes += [(time, 0, 1), (time + CYCLE_NS // 2, 0, 0)]
    end = written_end(trace)
    return sorted((change for change in changes if change[0] <= end), key=lambda change: change[:2])


def written_end(trace: Trace) -> int:
    """Where a file ends."""
    return trace.end + CYCLE_NS // 2


def _declare(writer: VCDWriter, signal: Signal, trace: Trace):
    init = trace[signal.path].values.tolist()[0]
    kind = "wire" if signal.width else "string"
    return writer.register_var(signal.scope, signal.name, kind, size=signal.width or None, init=init)


def write_save_file(file: IO[str], vcd_name: str, signals: Sequence[Signal] = SIGNALS) -> None:
    """GTKWave's view of such a file, which stands beside it.

    Parameters
    ----------
    file : text file
        Open for writing.
    vcd_name : str
        Name of the VCD or FST, without folders.
    signals : sequence of Signal
        Those in the file; a group for each of their scopes.
    """
    save = GTKWSave(file)
    save.dumpfile(vcd_name, abspath=False)
    save.treeopen("pc.")
    save.signals_width(160)
    save.trace("pc.clk")
    scopes = dict.fromkeys(signal.scope for signal in signals)
    for scope in scopes:
        with save.group(scope, closed=scope not in ("pc", "pc.cpu")):
            for signal in signals:
                if signal.scope == scope:
                    suffix = f"[{signal.width - 1}:0]" if signal.width > 1 else ""
                    save.trace(signal.path + suffix, alias=signal.alias or None)
