"""What mutation needs to know of a machine: its ports, its stimulus, and the model beside it."""

import random
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from ... import hdl, model
from ...hdl.older import OlderPc as OlderDesign
from ...model.older import OlderInputs, OlderParameters, OlderPc
from ...model.pc import PcInputs
from ...model.registers import Parameters
from ..machines import older, ports
from ..machines.lockstep import RandomStimulus
from ..machines.older import OlderStimulus
from ..machines.ports import join, split

MEANS_NOTHING = {
    "op_": "op_valid",
    "msr_request_": "msr_request_valid",
    "enable_": "enable_write",
}
"""Inputs with these prefixes mean nothing while the other input is 0."""


class Ports(NamedTuple):
    """The ports of a machine, with their widths, in the order in which they are packed."""

    inputs: Mapping[str, int]
    outputs: Mapping[str, int]
    payload: tuple[str, ...] = ()
    """Outputs that mean nothing while `msr_response_valid` is 0."""

    @property
    def input_bits(self) -> int:
        """Width of all inputs, packed."""
        return sum(self.inputs.values())

    @property
    def output_bits(self) -> int:
        """Width of all outputs, packed."""
        return sum(self.outputs.values())


PC_PORTS = Ports(ports.INPUTS, ports.OUTPUTS, tuple(ports.PAYLOAD))
OLDER_PORTS = Ports(older.INPUTS, older.OUTPUTS)


class Mutated(NamedTuple):
    """A machine whose netlist is broken."""

    ports: Ports
    component: Any
    """The design."""
    new_model: Callable[[], Any]
    reset: Any
    """The inputs of a cycle of RESET."""
    new_stimulus: Callable[[int], Any]
    """The stimulus of the lockstep comparison, from its seed."""
    pack: Callable[[Any], int]
    read: Callable[[Mapping[str, int]], Any]
    """Inputs from the level of each."""
    pack_outputs: Callable[[Any], int]

    def random_inputs(self, cycles: int, seed: int) -> Iterator[int]:
        """The stimulus of the lockstep comparison, packed, with anything in the inputs that mean nothing.

        Parameters
        ----------
        cycles : int
            How many; a number of `Ports.input_bits` bits for each.
        seed : int
            The same seed gives the same inputs.
        """
        pc, pick, outputs = self.new_model(), random.Random(seed), None
        stimulus, widths = self.new_stimulus(seed), self.ports.inputs
        for _ in range(cycles):
            inputs = stimulus.next(outputs)
            outputs = pc.step(inputs)
            levels = split(self.pack(inputs), widths)
            for prefix, valid in MEANS_NOTHING.items():
                if valid in levels and not levels[valid]:
                    for name in levels:
                        if name.startswith(prefix) and name != valid:
                            levels[name] = pick.getrandbits(widths[name])
            if not levels["io_write"] | levels["io_read"]:
                levels |= {name: pick.getrandbits(widths[name]) for name in ("io_address", "io_write_data")}
            yield join(levels, widths)

    def counts(self, outputs: int) -> int:
        """Which bits of the packed outputs count: a payload means nothing while it is not valid."""
        levels, payload = split(outputs, self.ports.outputs), self.ports.payload
        valid = not payload or levels["msr_response_valid"]
        ones = {
            name: (1 << width) - 1 if valid or name not in payload else 0
            for name, width in self.ports.outputs.items()
        }
        return join(ones, self.ports.outputs)


def mutated(parameters: Parameters | OlderParameters) -> Mutated:
    """The machine of these parameters."""
    if isinstance(parameters, OlderParameters):
        return Mutated(
            OLDER_PORTS,
            OlderDesign(parameters),
            lambda: OlderPc(parameters),
            OlderInputs(reset=True),
            lambda seed: OlderStimulus(parameters, seed),
            older.pack_older,
            older.read_older_inputs,
            older.pack_older_outputs,
        )
    return Mutated(
        PC_PORTS,
        hdl.Pc(parameters),
        lambda: model.Pc(parameters),
        PcInputs(reset=True),
        lambda seed: RandomStimulus(seed, parameters),
        ports.pack,
        ports.read_inputs,
        ports.pack_outputs,
    )
