"""Runs inside a Verilog simulator, under cocotb: drives recorded inputs and compares every output.

The file that IRQ13_RECORDING names has runs of cycles: the level of each input, and of each output as it
settled. RESET and a few idle cycles come between two runs.
"""

import json
import os
from pathlib import Path

import cocotb
from cocotb.triggers import Timer

PAYLOAD = ("msr_response_fault", "msr_response_data")
"""Means something only while msr_response_valid is 1."""


@cocotb.test()
async def every_recorded_cycle(dut):
    recording = json.loads(Path(os.environ["IRQ13_RECORDING"]).read_text())
    inputs = {name: getattr(dut, name) for name in recording["inputs"]}
    idle = dict(zip(recording["inputs"], recording["idle"], strict=True))
    driven = {}

    async def cycle(values, check=None):
        for name, value in values.items():
            if driven.get(name) != value:
                driven[name] = value
                inputs[name].value = value
        await Timer(4, "ns")
        if check is not None:
            check()
        dut.clk.value = 1
        await Timer(5, "ns")
        dut.clk.value = 0
        await Timer(1, "ns")

    def comparison(run, number, levels):
        def check():
            expected = dict(zip(recording["outputs"], levels, strict=True))
            for name, level in expected.items():
                if name in PAYLOAD and not expected["msr_response_valid"]:
                    continue
                got = int(getattr(dut, run["prefix"] + name).value)
                assert got == level, f"{run['name']} cycle {number}: {name} is {got:#x}, not {level:#x}"

        return check

    dut.clk.value = 0
    for run in recording["runs"]:
        for number in range(recording["settle"]):
            await cycle(idle | {"reset": int(number == 0)})
        for number, (levels, outputs) in enumerate(run["cycles"]):
            values = dict(zip(recording["inputs"], levels, strict=True))
            await cycle(values, comparison(run, number, outputs))
