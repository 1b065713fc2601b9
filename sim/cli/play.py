"""The command for the circuit in a browser: play."""

import webbrowser
from pathlib import Path

import click

from ..play.page import play_page
from ..scenarios.scenario import load_scenario
from ..support.files import ensure_replaceable, replacing
from .console import progress_bar
from .options import generation_option


@click.command("play")
@click.argument("scenario", required=False)
@generation_option(help="Begin on this processor generation instead of the scenario's own (or I486).")
@click.option("--out", type=click.Path(path_type=Path), default=Path("play.html"), show_default=True)
@click.option("--open", "opens", is_flag=True, help="Open it in the browser, too.")
def play_command(scenario: str | None, generation: str | None, out: Path, opens: bool) -> None:
    """Write a page in which the circuit can be touched: processor, chipset and 8259As, and a lesson.

    One file that works offline. It runs the netlist of all three generations, with two or three flip-flops in
    the synchroniser, and plays SCENARIO (a name or a file) besides those that every page has.

    \b
    Example:
      irq13 play
      irq13 play handler-djgpp --generation P6 --out djgpp.html --open
    """
    chosen = load_scenario(scenario) if scenario else None
    if chosen and generation and generation not in [one.value for one in chosen.generations]:
        known = ", ".join(one.value for one in chosen.generations)
        message = f"{chosen.name} runs on {known}, not on {generation}"
        raise click.BadParameter(message, param_hint="--generation")
    ensure_replaceable(out)
    with progress_bar() as progress:
        task = progress.add_task("netlists", total=1.0)
        text = play_page(chosen, generation, lambda part: progress.update(task, completed=part))
    with replacing(out) as file:
        file.write(text)
    click.echo(out)
    if opens:
        webbrowser.open(out.resolve().as_uri())
