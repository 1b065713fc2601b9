"""Programs on the bus-functional CPU, and what happened to them."""

from irq13.sim.scenarios.run import run_scenario
from irq13.sim.scenarios.scenario import parse_scenario
from irq13.sim.support.toml_source import Source

SETUP = "bios\nsti\nfninit\nfldcw masks=none\n"
HANDLERS = {
    "75h": "out 0xf0\nfnclex\nout 0xa0, 0x20\nout 0x20, 0x20\niret",
    "08h": "out 0x20, 0x20\niret",
    "02h": "fnclex\niret",
}


def go(program, *, handlers=HANDLERS, pins="", generation="P6", limit=2000, on="model", **parameters):
    """Run a program; what happened as 'kind label-or-verb' by cycle, and the diagnosis."""
    text = f"generation = '{generation}'\nlimit = {limit}\nprogram = '''\n{program}\n'''\n"
    text += f"pins = '''\n{pins}\n'''\n[handlers]\n"
    text += "".join(f"{name} = '''\n{steps}\n'''\n" for name, steps in handlers.items())
    text += "[parameters]\n" + "".join(f"{name} = {value}\n" for name, value in parameters.items())
    scenario = parse_scenario(Source("x.toml", text), "x")
    return run_scenario(scenario, scenario.generations[0], on)


def story(result, *kinds):
    """The events of these kinds, in order."""
    return [
        f"{event.kind} {event.step.label or event.step.verb if event.step else '-'}"
        for event in result.events
        if event.kind in kinds
    ]
