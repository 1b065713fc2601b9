"""Outputs in the cycle that stands now, in every lane, from registers and inputs and without a step."""

from collections.abc import Mapping, Sequence

import numpy as np

from ..netlist.gates import GateKind
from ..netlist.netlist import Netlist

_ONES = np.uint64(2**64 - 1)


def observed_values(
    netlist: Netlist, literals: Sequence[int], variables: Mapping[int, np.ndarray], shape: tuple[int, int]
) -> list[np.ndarray]:
    """A plane for each literal.

    Parameters
    ----------
    variables: the plane of each variable of the graph, by its number: blocks by words.
    shape: of a plane.
    """
    gates = netlist.graph.gates
    planes: dict[int, np.ndarray] = {0: np.zeros(shape, dtype=np.uint64)}

    def plane(literal: int) -> np.ndarray:
        return planes[literal >> 1] ^ _ONES if literal & 1 else planes[literal >> 1]

    for number in netlist.graph.cone(list(literals)):
        gate = gates[number]
        if gate.kind is GateKind.VARIABLE:
            planes[number] = variables[number]
        elif gate.kind is GateKind.AND:
            a, b = map(plane, gate.inputs)
            planes[number] = a & b
        elif gate.kind is GateKind.XOR:
            a, b = map(plane, gate.inputs)
            planes[number] = a ^ b
        elif gate.kind is GateKind.MUX:
            s, a, b = map(plane, gate.inputs)
            planes[number] = b ^ (s & (a ^ b))
    return [plane(literal) for literal in literals]
