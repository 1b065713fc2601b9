"""The LiteX module in a SoC, in LiteX's own simulation."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from support.fusesoc_targets import environment

SOC = Path(__file__).parents[2] / "support/litex_soc.py"
SEEN = [
    0x00,  # the master's mask
    0b11101,  # INTR, IRQ 13, FERR#, and FWAIT is held: frozen
    0x75,  # the vector
    0b00000,  # behind F0h: IRQ 13 is low, FERR# too, FWAIT has executed
    0b00010,  # behind FNCLEX
    *(0x20, 0x00),  # the slave's ISR before and after its EOI
    *(0x04, 0x00),  # the master's
    0xFF,  # nothing is read at F0h
]
"""What the program has to send."""


@pytest.mark.slow
def test_a_program_on_litex_bus_serves_an_error_in_litex_own_simulation(tool, c_header, tmp_path):
    """LiteX's builder, console and interconnect, and a RISC-V that does nothing but loads and stores."""
    for name in ("g++", "make", "perl"):
        tool(name)
    for header, package in (("json-c/json.h", "libjson-c-dev"), ("event2/event.h", "libevent-dev")):
        c_header(header, package)
    # The wheel's makefile does not say how this compiler takes a precompiled header.
    headers = {"MAKEFLAGS": "CFG_CXXFLAGS_PCH_I=-include CFG_GCH_IF_CLANG="}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", SOC],
        cwd=tmp_path,
        env=environment(tmp_path) | headers,
        stdin=subprocess.PIPE,
        capture_output=True,
        timeout=300,
    )
    console = re.search(rb"phase_deg=0\n(.*)- .*\$finish", done.stdout, re.DOTALL)
    assert console, done.stderr[-4000:]
    assert [*console[1]] == SEEN
