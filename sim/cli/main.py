"""The command line: `irq13`."""

import os
import sys
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import NoReturn

import click

from ..support.errors import Irq13Error
from ..support.suggest import nearest
from .fail import fail

BUG = 70
"""Exit status of a bug: EX_SOFTWARE of sysexits.h."""
READER_GONE = 128 + 13
"""What a shell reports of a program that SIGPIPE ends."""
REPORT = "please report it with the lines above, the command and the files that it read"
COMMANDS = {
    "run": ("run", "Run a program with its handlers, pins and expectations."),
    "scenarios": ("run", "List the scenarios that come with irq13."),
    "play": ("play", "Write a page in which the circuit can be touched."),
    "view": ("waves", "Draw a waveform in the terminal or as a page."),
    "explain": ("waves", "Say why an edge happened."),
    "check": ("waves", "Hold a waveform to timing rules."),
    "signals": ("signals", "List the signals of a waveform, with statistics."),
    "diff": ("signals", "Compare two waveforms of one design."),
    "msr": ("msr", "MSR accesses by the rules of KVM, others and the hardware."),
    "lockstep": ("machines", "Compare model and HDL on random stimulus."),
    "replay": ("machines", "Replay sequences that were measured on silicon."),
    "sweep": ("lanes", "Run a scenario with a pin event in every cycle of a range."),
    "fuzz": ("lanes", "Compare HDL and reference over billions of cycles."),
    "vectors": ("conformance", "Write test vectors for emulators and cores."),
    "image": ("conform", "Write a bootable image that runs the conformance cases."),
    "conform": ("conform", "Run that image on an emulator, and judge it."),
    "c": ("conform", "Write the error logic as C99."),
    "capture": ("conformance", "Compare this processor with the model."),
    "verilog": ("hardware", "Write a block as Verilog."),
    "size": ("hardware", "LUTs and flip-flops of each block."),
    "build": ("hardware", "Build the bitstream of a board."),
    "prove": ("hardware", "Prove the properties of the design."),
    "mutate": ("hardware", "Break the netlist and see whether it is noticed."),
}
"""The module of each command, which is loaded when the command is called, and what `irq13 --help` says."""


class Cli(click.Group):
    """The commands. Whatever a user can cause is one line on stderr: exit status 2, and 130 for Ctrl-C.

    What nobody but irq13 can cause is a bug: its traceback, how to report it, and exit status 70.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of COMMANDS, without loading their modules."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """A command, from its module, or None if there is none of that name.

        Parameters
        ----------
        ctx : Context
            Of the group; not looked at.
        cmd_name : str
            A key of COMMANDS.
        """
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f".{COMMANDS[cmd_name][0]}", __package__)
        return getattr(module, f"{cmd_name}_command")

    def resolve_command(self, ctx: click.Context, args: list[str]):
        """As of `click.Group`; of a command that there is not the nearest names are said.

        Parameters
        ----------
        ctx : Context
            Of the group.
        args : list of str
            The command's name and its arguments.

        Raises
        ------
        UsageError
            If there is no such command.
        """
        if args[0] not in COMMANDS and not args[0].startswith("-"):
            raise click.UsageError(f"No such command {args[0]!r}{nearest(args[0], COMMANDS)}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The commands with what `irq13 --help` says of each, without loading their modules.

        Parameters
        ----------
        ctx : Context
            Of the group; not looked at.
        formatter : HelpFormatter
            What is written to.
        """
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])

    def make_context(self, info_name, args, parent=None, **extra) -> click.Context:
        """As of `click.Group`, but for Ctrl-C and a reader that goes away.

        Parameters
        ----------
        info_name, args, parent, extra
            As there.
        """
        with _quiet_ends():
            return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: click.Context):
        """As of `click.Group`, but for Ctrl-C and a reader that goes away."""
        with _quiet_ends():
            return super().invoke(ctx)

    def main(self, *args, **kwargs) -> NoReturn:
        """Run the command line, and end the process with its exit status.

        Parameters
        ----------
        args, kwargs
            As of `click.Group.main`; never in standalone mode.
        """
        kwargs["standalone_mode"] = False
        if sys.stdout is None:
            fail("standard output is closed", 2)
        try:
            status = 0
            try:
                super().main(*args, **kwargs)
            except SystemExit as ended:
                status = ended.code
            with _quiet_ends():
                # What is still in the buffer: a disk may be full, or a reader gone.
                sys.stdout.flush()
            sys.exit(status)
        except click.exceptions.Exit as error:
            sys.exit(error.exit_code)
        except click.ClickException as error:
            fail(error.format_message(), 2)
        except Irq13Error as error:
            fail(str(error), 2)
        except OSError as error:
            _drop_output()
            name = f"{error.filename}: " if error.filename else ""
            fail(f"{name}{error.strerror or error}", 2)
        except Exception:
            # Slow to load, and seldom needed.
            from importlib.metadata import version  # noqa: PLC0415

            traceback.print_exc()
            fail(f"this is a bug in irq13 {version('irq13')}: {REPORT}", BUG)


@contextmanager
def _quiet_ends() -> Iterator[None]:
    """What ends a program that is well: Ctrl-C, and a reader that goes away, as `head` does.

    Click would say of both that they are exit status 1.
    """
    try:
        yield
    except KeyboardInterrupt:
        # A design that was interrupted half-built complains that it was never used.
        warnings.simplefilter("ignore")
        fail("interrupted", 130)
    except BrokenPipeError:
        _drop_output(always=True)
        sys.exit(READER_GONE)


def _drop_output(always: bool = False) -> None:
    """Leave nothing in the buffer that cannot be written: the interpreter complains about that at its end."""
    try:
        sys.stdout.flush()
    except OSError:
        always = True
    if always:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@click.group(cls=Cli, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="irq13")
def main() -> None:
    """How an x86 processor reports a floating-point error to a PC.

    \b
    Example:
      irq13 run                       FERR#, IRQ 13, port F0h and IGNNE# shake hands
      irq13 scenarios                 what else there is to run
    """
