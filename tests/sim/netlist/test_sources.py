"""Names of ports, clocks and resets on the way to a netlist, and what Amaranth itself refuses."""

import pytest
from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from irq13.sim.netlist.lowering import lower
from irq13.sim.support.errors import NetlistError

from .test_constructs import BIT, Built


def test_ports_that_share_a_name_are_refused():
    """Amaranth would call the second one another name, and the netlist's would not be the port's."""

    def body(m, c):
        m.d.usb += c.q.eq(c.q + c.usb_rst)

    with pytest.raises(NetlistError, match="port usb_rst: a clock or a reset has this name"):
        lower(Built({"usb_rst": In(1), "q": Out(8)}, body))
    group = wiring.Signature({"b": In(1)})
    with pytest.raises(NetlistError, match="two ports are called a_b"):
        lower(Built({"a": In(group), "a_b": In(1), "q": Out(1)}, lambda m, c: None))


def test_a_domain_of_which_nothing_is_left_has_no_ports():
    def body(m, c):
        unused = Signal()
        m.d.sync += c.q.eq(c.a)
        m.d.unused += unused.eq(c.a)

    assert set(lower(Built(BIT, body)).inputs) == {"a", "b"}


def test_drivers_in_conflict_are_refused():
    def body(m, c):
        m.submodules.inner = inner = Module()
        m.d.comb += c.q.eq(1)
        inner.d.comb += c.q.eq(2)

    with pytest.raises(NetlistError, match=r"\(sig q\) bit 0 driven from module .*\.py:\d+"):
        lower(Built(BIT, body))


def test_a_reset_of_verilog_is_an_input_whatever_its_name(tmp_path):
    path = tmp_path / "m.v"
    path.write_text(
        "module m(input wb_clk, wb_rst, output reg q);\n"
        "always @(posedge wb_clk) if (wb_rst) q <= 0; else q <= ~q;\nendmodule"
    )
    assert list(lower(path, top="m").inputs) == ["wb_rst"]
