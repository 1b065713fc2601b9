"""Where the command `irq13` begins: from here on Ctrl-C is quiet, also while Python still loads it."""

import os
import signal


def start() -> None:
    """Load the command line and run it."""
    # Not in the background of a shell, where Ctrl-C is meant for somebody else.
    ours = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if ours:
        signal.signal(signal.SIGINT, _interrupted)
    from .main import main as command  # noqa: PLC0415

    if ours:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        command()
    finally:
        # Nothing is left to be cleared away but the interpreter.
        if ours:
            signal.signal(signal.SIGINT, _interrupted)


def _interrupted(number: int, frame: object) -> None:
    os.write(2, b"irq13: interrupted\n")
    os._exit(130)
