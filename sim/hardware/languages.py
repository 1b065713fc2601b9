"""What goes with the Verilog of a block: templates, a SystemVerilog interface, a VHDL package."""

from collections.abc import Mapping, Sequence

from ... import hdl
from ...model.registers import (
    PIC_MASTER,
    PIC_SLAVE,
    PORT_F0,
    PORT_F1,
    VMEXIT_FERR_FREEZE,
    Family,
    Msr,
    Operation,
)

CONSTANTS: Mapping[str, tuple[int, int]] = {
    # Name: width, value.
    **{f"OP_{code.name}": (5, code.value) for code in Operation},
    **{f"FAMILY_{family.name}": (2, family.value) for family in Family},
    **{f"MSR_{msr.name}": (32, msr.value) for msr in Msr},
    "PORT_F0": (16, PORT_F0),
    "PORT_F1": (16, PORT_F1),
    "PORT_PIC_MASTER": (16, PIC_MASTER),
    "PORT_PIC_SLAVE": (16, PIC_SLAVE),
    "EXIT_FERR_FREEZE": (8, VMEXIT_FERR_FREEZE),
}
"""What an integrator has to put onto the ports, by name."""

Ports = Sequence[hdl.Port]


def verilog_template(name: str, ports: Ports) -> str:
    """An instantiation, with a net for each port.

    Parameters
    ----------
    name : str
        Of the module.
    ports : sequence of Port
        At least one; `clk` comes beside them.
    """
    width = max(len(port.name) for port in ports)
    nets = "".join(f"wire {_range(port)}{port.name};\n" for port in ports)
    pins = ",\n".join(f"    .{port.name:<{width}}({port.name})" for port in ports)
    return f"{nets}\n{name} {name}_i (\n    .{'clk':<{width}}(clk),\n{pins}\n);\n"


def systemverilog(name: str, ports: Ports) -> str:
    """A package of constants, an interface of the ports, and the block behind that interface.

    Parameters
    ----------
    name : str
        Of the module; NAME_pkg, NAME_if and NAME_sv are what is declared.
    ports : sequence of Port
        At least one; `clk` comes beside them.
    """
    constants = "".join(
        f"  localparam logic [{width - 1}:0] {constant} = {width}'h{value:x};\n"
        for constant, (width, value) in CONSTANTS.items()
    )
    nets = "".join(f"  logic {_range(port)}{port.name};\n" for port in ports)

    def modport(side: str, inverted: bool) -> str:
        members = ", ".join(
            f"{'input' if port.is_input != inverted else 'output'} {port.name}" for port in ports
        )
        return f"  modport {side}(input clk, {members});\n"

    pins = ",\n".join(f"    .{port.name}(port.{port.name})" for port in ports)
    return f"""\
`timescale 1ns / 1ps
/* verilator lint_off DECLFILENAME */
// Of the constants each user needs some, and who drives which net is the user's business.
/* verilator lint_off UNUSEDPARAM */
/* verilator lint_off UNUSEDSIGNAL */
/* verilator lint_off UNDRIVEN */

package {name}_pkg;
{constants}endpackage

interface {name}_if (
    input logic clk
);
{nets}{modport("core", False)}{modport("system", True)}endinterface

module {name}_sv (
    {name}_if.core port
);
  {name} core (
    .clk(port.clk),
{pins}
  );
endmodule
"""


def vhdl_package(name: str, ports: Ports) -> str:
    """The component, and constants for what goes onto its ports: the package NAME_pkg.

    Parameters
    ----------
    name : str
        Of the module.
    ports : sequence of Port
        At least one; `clk` comes beside them.
    """
    constants = "".join(
        f"  constant {constant} : {_vhdl_type(width)} := {_vhdl_value(width, value)};\n"
        for constant, (width, value) in CONSTANTS.items()
    )
    component = "".join(f"  {line}\n" for line in vhdl_component(name, ports).splitlines())
    return f"""\
library ieee;
use ieee.std_logic_1164.all;

package {name}_pkg is
{constants}
{component}end package;
"""


def vhdl_template(name: str, ports: Ports) -> str:
    """Declarations and an instantiation.

    Parameters
    ----------
    name : str
        Of the module.
    ports : sequence of Port
        At least one, with a signal for each; `clk` comes beside them.
    """
    width = max(len(_vhdl_name(port)) for port in ports)
    signals = "".join(
        f"signal {_vhdl_name(port):<{width}} : {_vhdl_type(len(port.signal))};\n" for port in ports
    )
    mapped = ",\n".join(f"    {_vhdl_name(port):<{width}} => {_vhdl_name(port)}" for port in ports)
    return f"""{vhdl_component(name, ports)}
{signals}
{name}_i : {name}
  port map (
    {"clk":<{width}} => clk,
{mapped}
  );
"""


def vhdl_component(name: str, ports: Ports) -> str:
    """The declaration.

    Parameters
    ----------
    name : str
        Of the module.
    ports : sequence of Port
        At least one; a name that ends in an underscore becomes an extended identifier.
    """
    width = max(len(_vhdl_name(port)) for port in ports)

    def declared(port: hdl.Port) -> str:
        mode = "in " if port.is_input else "out"
        return f"    {_vhdl_name(port):<{width}} : {mode} {_vhdl_type(len(port.signal))}"

    declarations = ";\n".join(map(declared, ports))
    return f"""component {name} is
  port (
    {"clk":<{width}} : in  std_logic;
{declarations}
  );
end component;
"""


def _range(port: hdl.Port) -> str:
    return f"[{len(port.signal) - 1}:0] " if len(port.signal) > 1 else ""


def _vhdl_name(port: hdl.Port) -> str:
    """VHDL has no names that end in an underscore but extended ones."""
    return f"\\{port.name}\\" if port.name.endswith("_") else port.name


def _vhdl_type(width: int) -> str:
    return "std_logic" if width == 1 else f"std_logic_vector({width - 1} downto 0)"


def _vhdl_value(width: int, value: int) -> str:
    return f'"{value:0{width}b}"'
