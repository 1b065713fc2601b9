"""Reads irq13's test vectors: copy this into your project. Python 3.8, nothing to install.

for case in load("handshake.json.gz"):
    pc = MyPc(case["parameters"], case["initial"])  # or run case["setup"] from power-up
    for inputs, expected in zip(case["steps"], case["cycles"]):
        assert pc.step(inputs) == expected, (case["hash"], case["name"], case["rule"])
    assert pc.state() == case["final"]
"""

import gzip
import json
import sys


def merged(before, after):
    """A state with its changes; both stay as they are.

    Parameters
    ----------
    before : dict
        A case's `initial`: numbers by name, and dictionaries of them.
    after : dict
        Its `final`: what has changed, with the same keys at each level.
    """
    both = {name: merged(before[name], value) for name, value in after.items() if isinstance(value, dict)}
    return {**before, **after, **both}


def load(path):
    """Each case, with all inputs of each cycle, its signals by name, and every register at the end."""
    with gzip.open(path) as file:
        document = json.load(file)
    assert (document["format"], document["version"]) == ("irq13-vectors", 3), path
    for case in document["cases"]:
        for part in ("setup", "steps"):
            case[part] = [{**document["idle"], **inputs} for inputs in case[part]]
        case["cycles"] = [dict(zip(document["signals"], row)) for row in case["cycles"]]
        case["final"] = merged(case["initial"], case["final"])
        yield case


if __name__ == "__main__":
    for path in sys.argv[1:]:
        cases = list(load(path))
        # The one rule that needs no emulator: ES is any unmasked flag (SDM1 8.1.3.3).
        for case in cases:
            for now in case["cycles"]:
                assert now["es"] == int(now["flags"] & ~now["masks"] & 0x3F != 0), case["name"]
        print(f"{path}: {len(cases)} cases, {sum(len(case['cycles']) for case in cases)} cycles")
