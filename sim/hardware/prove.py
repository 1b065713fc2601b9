"""Proves the properties of the design with Yosys: k-induction by its own SAT solver."""

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from amaranth.back import rtlil  # pyright: ignore[reportAttributeAccessIssue]

from ...hdl.older.properties import OLDER_PROPERTIES
from ...hdl.proof import Proof, Property
from ...hdl.properties import PROPERTIES
from ...model.older import OlderMachine, OlderParameters
from ...model.registers import Generation, Parameters
from ..support.errors import InputError
from ..tools.yosys import FULL, run_yosys


class ProofResult(NamedTuple):
    """What came of one property on one generation."""

    prop: Property
    parameters: Parameters | OlderParameters
    holds: bool
    depth: int
    """Steps of the induction that were enough, or the cycle in which a state was reached."""
    seconds: float

    @property
    def machine(self) -> Generation | OlderMachine:
        """What it was proved of."""
        if isinstance(self.parameters, OlderParameters):
            return self.parameters.machine
        return self.parameters.generation


def selected(names: tuple[str, ...]) -> list[Property]:
    """The properties of these names; all without any. Raises ValueError for one that there is not."""
    known = {prop.name: prop for prop in (*PROPERTIES, *(one.prop for one in OLDER_PROPERTIES))}
    for name in names:
        if name not in known:
            raise InputError(f"no property {name!r}: expected one of {', '.join(known)}")
    return [known[name] for name in names] if names else list(known.values())


def prove(
    properties: list[Property],
    machines: Sequence[Generation | OlderMachine],
    given: Mapping[str, Any] | None = None,
) -> Iterator[ProofResult]:
    """Each property on each machine and layout of HWCR that it speaks of.

    Parameters
    ----------
    given : mapping of str to object, optional
        Parameters of the generations that are not at their defaults, by name; with them no older machine.

    Raises
    ------
    ToolError
        Without Yosys.
    """
    given = given or {}
    older = {} if given else {one.prop.name: one.on for one in OLDER_PROPERTIES}
    generations = [one for one in machines if isinstance(one, Generation)]
    for prop in properties:
        for parameters in older.get(prop.name, ()):
            if parameters.machine in machines:
                yield prove_one(prop, parameters)
        for generation in generations:
            layouts = [given["hwcr"]] if "hwcr" in given else prop.layouts
            for layout in layouts if generation in prop.generations else ():
                yield prove_one(prop, Parameters(generation, **{**given, "hwcr": layout}))


def prove_one(prop: Property, parameters: Parameters | OlderParameters) -> ProofResult:
    """A proof by induction, or for a state the search for a way to it. Raises ToolError without Yosys.

    Parameters
    ----------
    prop : Property
        What is proved, of the machine that it speaks of.
    parameters : Parameters or OlderParameters
        Of that machine.
    """
    start = time.monotonic()
    said = run_yosys(script(prop, parameters), FULL, quiet=False)
    steps = [int(step) for step in re.findall(r"\[(?:base case|induction step) (\d+)\]", said)]
    refuted = "SAT temporal induction proof finished - model found for base case: FAIL!" in said
    proved = "Induction step proven: SUCCESS!" in said
    holds = refuted if prop.is_cover else proved
    elapsed = time.monotonic() - start
    return ProofResult(prop, parameters, holds, max(steps, default=0), elapsed)


def script(prop: Property, parameters: Parameters | OlderParameters) -> str:
    """The Yosys commands, with the design in them.

    Parameters
    ----------
    prop : Property
        Its depth is that for the default synchroniser.
    parameters : Parameters or OlderParameters
        A longer synchroniser takes as many more steps.
    """
    proof = Proof(prop, parameters)
    text = rtlil.convert(proof, name="proof", ports=proof.ports)
    # A state is searched for, a property proved by no more steps than it is known to need.
    how = "-tempinduct-baseonly " if prop.is_cover else ""
    steps = prop.depth
    if isinstance(parameters, Parameters):
        # Its depth is that for the default.
        steps += parameters.synchroniser_stages - Parameters().synchroniser_stages
    return f"""
read_rtlil <<rtlil
{text}
rtlil
hierarchy -top proof
proc
flatten
opt
chformal -lower
opt_clean
sat -tempinduct {how}-prove-asserts -set-assumes -maxsteps {steps}
"""
