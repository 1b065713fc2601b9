"""Scenarios with two processors.

    [processor.b]
    program = '''...'''                # begins in cycle 0, as the scenario's own, which is processor a's
    pins = '''nmi high at 40'''        # its own: nmi, init, smi, flush, stpclk
    wired = false                      # FERR# and IGNNE# are not connected (MP Specification 3.6.4)
    [processor.b.handlers]             # as [handlers]

Generation and parameters are one for both. Labels are each processor's own; bytes of memory are shared. Both
begin in cycle 0 (**choice**: nothing here has a STARTUP IPI; `wait` and memory hold one back for the other).
"""

from typing import TYPE_CHECKING

from ...model.registers import Wiring
from ..cpu.actions import Inject, Reflect, Virq, Wait
from ..support.toml_source import Source
from ..waveform.signals import BY_NAME
from ..waveform.two_signals import TWO_NAMES
from .jumps import every_step

if TYPE_CHECKING:
    from .scenario import Scenario

B = ("processor", "b")
"""Where the second one stands."""
_KEYS = ("program", "handlers", "pins", "wired")
_ELSEWHERE = {
    "expect": "the scenario's own `expect` speaks of both: b.LABEL executes",
    "generation": "both processors are of the scenario's generation",
    "machine": "both processors are of the scenario's generation",
    "parameters": "[parameters] are those of both processors",
    "hypervisor": "a hypervisor is processor a's",
    "monitor": "a monitor is processor a's",
}


def has_second(source: Source) -> bool:
    """Whether there is [processor.b]. Raises SourceError for any other one, and for what it cannot have."""
    if "processor" not in source.data:
        return False
    table = source.get(("processor",), dict, {})
    for name in table:
        if name != "b":
            error = f"no processor {name!r}: [processor.b] is the second and last"
            if name == "a":
                error = "processor a is the scenario itself, with its program, handlers and pins"
            raise source.error(("processor", name), error)
    if not table:
        raise source.error(("processor",), "expected [processor.b]")
    own = source.get(B, dict, {})
    for key in own:
        if key in _ELSEWHERE:
            raise source.error((*B, key), f"{key} of processor b: {_ELSEWHERE[key]}")
    source.only(B, _KEYS)
    if "program" not in own:
        raise source.error(B, "processor b needs a program")
    return True


def check_processors(source: Source, scenario: "Scenario") -> None:
    """Refuse what there is not for two, or not without a second one.

    Parameters
    ----------
    source : Source
        The scenario's file, for messages.
    scenario : Scenario
        As it was parsed, with one processor or two.

    Raises
    ------
    SourceError
        With the line of the first such step, or the table.
    """
    second = scenario.second
    older = [one.value for one in dict.fromkeys((*scenario.machines, *scenario.setups))]
    if second and older:
        raise source.error(B, f"a second processor is supported from the 486 on, not on {', '.join(older)}")
    if second and scenario.parameters.wiring is Wiring.PC98:
        error = "a second processor is supported with the wiring of a PC/AT alone"
        raise source.error(("parameters", "wiring"), error)
    for step in every_step(second.program) if second else ():
        if isinstance(step.action, Reflect | Inject | Virq):
            raise source.error(step.line, f"{step.verb!r}: processor b has no monitor and no hypervisor")
    blocks = [every_step(scenario.program), every_step(second.program) if second else []]
    for step in (step for block in blocks for step in block):
        if not isinstance(step.action, Wait):
            continue
        name = step.action.signal
        if name in TWO_NAMES and name not in BY_NAME and not second:
            raise source.error(
                step.line, f"{step.text!r}: there is one processor; [processor.b] makes a second"
            )
        if second and name not in TWO_NAMES and name not in BY_NAME:
            generations = ", ".join(one.value for one in scenario.generations)
            raise source.error(step.line, f"{step.text!r}: there is no {name} on {generations}")
