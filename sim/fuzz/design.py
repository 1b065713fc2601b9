"""What runs in the lanes of fuzzing: stimulus, HDL and reference side by side, and all that watches them."""

from collections.abc import Mapping

from ...model.lanes.pc import LanePc, lane_registers
from ...model.registers import Parameters
from ..lanes.builder import Builder, Word
from ..lanes.monitors import Monitors
from ..machines.ports import INPUTS, OUTPUTS, PAYLOAD
from ..netlist.gates import Bit
from ..netlist.netlist import Netlist
from .cascade import stuck
from .stimulus import FEEDBACK, STATE, WORDS, stimulus

RULES = (
    "chipset_ignne_n = 0 never while ferr_n = 1",
    "mf = 1 never while cr0_ne = 0",
    "freeze = 1 never while cr0_ne = 1",
    "freeze = 1 never while ignne = 1",
    "flags stable while freeze = 1 and reset = 0",
    "masks stable while freeze = 1 and reset = 0",
    "ferr_n rises exactly 1 cycle after es falls while ferr_n = 0",
    "irq13 rises exactly 1 cycle after ferr_n falls "
    "while irq13 = 0 and ferr_enable = 1 and reset = 0 and enable_write = 0",
)
"""Rules of the cycle contract that hold whatever comes."""
DIFFERS = "differs"
"""The failure that some output of the HDL is not that of the reference."""
CORNERS = ("FERR#", "IGNNE", "freeze", "IRQ 13")
"""What the states that are counted are a product of."""
STATES = tuple(f"state{number}" for number in range(1 << len(CORNERS)))
STUCK = "stuck"
"""The failure that the cascade of the 8259As is stuck (see `cascade`)."""
FAILS = (DIFFERS, *(f"rule{number}" for number in range(len(RULES))), STUCK)


def failure_text(name: str) -> str:
    """What a failure means."""
    known = {DIFFERS: "HDL and reference differ", STUCK: "the slave asks, and the master holds no request"}
    return known[name] if name in known else RULES[FAILS.index(name) - 1]


def state_text(number: int) -> str:
    """A state in words: what is active in it."""
    active = [name for bit, name in enumerate(CORNERS) if number >> bit & 1]
    return " + ".join(active) or "idle"


def random_netlist(parameters: Parameters, pc: Netlist) -> Netlist:
    """Random stimulus on both; outputs FAILS and STATES.

    Parameters
    ----------
    parameters : Parameters
        Of the reference.
    pc : Netlist
        The HDL, lowered, with the same parameters.
    """
    build = Builder()
    state = {name: build.register(name, width) for name, width in STATE.items()}
    inputs = stimulus(state, dict.fromkeys(FEEDBACK, build.zero), build.one).inputs
    outputs = _compared(build, parameters, pc, inputs)
    feedback = {"held": outputs["op_freeze"][0] | outputs["op_window"][0], "intr": outputs["intr"][0]}
    for name, word in stimulus(state, feedback, build.one).next.items():
        build.follow(name, word)
    return build.netlist(WORDS)


def driven_netlist(parameters: Parameters, pc: Netlist) -> Netlist:
    """Both with inputs from outside: for each port a register `in.PORT` that is set every cycle.

    Parameters
    ----------
    parameters : Parameters
        Of the reference.
    pc : Netlist
        The HDL, lowered, with the same parameters.
    """
    build = Builder()
    inputs = {}
    for name, width in INPUTS.items():
        inputs[name] = build.register(f"in.{name}", width)
        build.follow(f"in.{name}", inputs[name])
    _compared(build, parameters, pc, inputs)
    return build.netlist([f"in.{name}" for name in INPUTS])


def _compared(
    build: Builder, parameters: Parameters, pc: Netlist, inputs: Mapping[str, Word]
) -> dict[str, Word]:
    """HDL and reference on the same inputs, and the outputs FAILS and STATES; gives those of the HDL."""
    build.attach(pc, inputs)
    got = dict(build.outputs)
    spec = lane_registers(parameters)
    state = {name: build.register(f"reference.{name}", *kind) for name, kind in spec.items()}
    expected, after = LanePc(parameters, build.zero).step(state, inputs)
    for name, word in after.items():
        build.follow(f"reference.{name}", word)
    valid = expected["msr_response_valid"][0]
    wrong: list[Bit] = []
    for name in OUTPUTS:
        # A payload means nothing while it is not valid.
        counts = valid if name in PAYLOAD else build.one
        wrong += [(a ^ b) & counts for a, b in zip(got[name], expected[name], strict=True)]
    signals = {name.removeprefix("op_"): word for name, word in (*inputs.items(), *got.items())}
    monitors = Monitors(build, signals)
    corners = [~got["ferr_n"][0], got["ignne"][0], got["op_freeze"][0], got["irq13"][0]]
    build.outputs = {DIFFERS: [build.any(wrong)]}
    build.outputs |= {f"rule{number}": [monitors.broken(text)] for number, text in enumerate(RULES)}
    build.outputs[STUCK] = [stuck(build, state, inputs, got)]
    build.outputs |= {name: [build.equal(corners, number)] for number, name in enumerate(STATES)}
    return got
