"""Constructs of other people's designs: each as Amaranth's simulator has it, or refused by name and line."""

import random

import pytest
from amaranth.hdl import (
    Assert,
    ClockDomain,
    ClockSignal,
    DomainRenamer,
    EnableInserter,
    Instance,
    Module,
    Print,
    ResetInserter,
    ResetSignal,
    Signal,
    Value,
    signed,
)
from amaranth.lib import cdc, fifo, memory, stream, wiring
from amaranth.lib.crc.catalog import CRC16_XMODEM, CRC32_ETHERNET
from amaranth.lib.wiring import In, Out
from amaranth.sim import Simulator
from irq13.sim.lanes.lanes import Lanes, kernel_of
from irq13.sim.netlist.flat import Bare, Flat, component_of
from irq13.sim.netlist.lowering import lower
from irq13.sim.netlist.sources import MEMORY_BITS
from irq13.sim.support.errors import NetlistError

LANES = 2


def stimulus(widths, cycles, hold, seed):
    """Inputs of each cycle, held now and then, with their extremes."""
    choose = random.Random(seed)
    now = dict.fromkeys(widths, 0)
    rows = []
    for _ in range(cycles):
        for name, width in widths.items():
            if choose.random() >= hold:
                now[name] = choose.choice(
                    [choose.getrandbits(width), choose.getrandbits(width), 0, 2**width - 1]
                )
        rows.append(dict(now))
    return rows


def in_amaranth(design, rows, outputs, domain):
    """All outputs in each cycle, by Amaranth's simulator."""
    top = (Bare if component_of(design) is None else Flat)(design, domain_reset=True)
    ports = {one.name: one for one in top.signals}
    seen = []

    async def bench(ctx):
        for row in rows:
            for name, value in row.items():
                ctx.set(ports[name], value)
            seen.append({name: int(ctx.get(Value.cast(ports[name]).as_unsigned())) for name in outputs})
            await ctx.tick(domain)

    simulator = Simulator(top)
    simulator.add_clock(1e-6, domain=domain)
    simulator.add_testbench(bench)
    simulator.run()
    return seen


def assert_same(make, cycles=60, hold=0.3, engine="numpy", domain="sync"):
    netlist = lower(make())
    widths = {name: len(word) for name, word in netlist.inputs.items()}
    rows = [stimulus(widths, cycles, hold, seed) for seed in range(LANES)]
    expected = [in_amaranth(make(), row, netlist.outputs, domain) for row in rows]
    lanes = Lanes(kernel_of(netlist, engine=engine), LANES)
    for cycle in range(cycles):
        for name in widths:
            lanes.set_input(name, [row[cycle][name] for row in rows])
        for name in netlist.outputs:
            assert lanes.output(name).tolist() == [row[cycle][name] for row in expected], (cycle, name)
        lanes.run(1)


class Built(wiring.Component):
    """A component whose body is a function of module and component."""

    def __init__(self, ports, body):
        self._body = body
        super().__init__(ports)

    def elaborate(self, platform):
        m = Module()
        self._body(m, self)
        return m


def asynchronous_reset(m, c):
    """A domain of its own with the same clock; no register of one domain reads one of the other,
    and no logic before the reset, where one input that changes before the other would make a glitch."""
    m.domains.ar = ClockDomain(async_reset=True)
    held, count = Signal(8, init=0x5A), Signal(4)
    m.d.comb += [ClockSignal("ar").eq(ClockSignal()), ResetSignal("ar").eq(c.a)]
    m.d.ar += held.eq(held + c.b)
    m.d.sync += count.eq(count + 1)
    m.d.comb += c.q.eq(held ^ count)


def arithmetic(m, c):
    m.d.comb += [c.q.eq(c.a // c.b), c.r.eq(c.a % c.b), c.s.eq(c.a // 7), c.t.eq(c.b % 5)]


def wide(m, c):
    held = Signal(128, init=1 << 100 | 5, name="held")
    m.d.sync += held.eq(held + c.a)
    m.d.comb += c.q.eq(held ^ c.b)


def with_memory(m, c):
    """A depth that is no power of two, both kinds of ports, a part that is written."""
    m.submodules.memory = storage = memory.Memory(shape=8, depth=5, init=[1, 2, 3])
    write = storage.write_port(granularity=4)
    read, at_once = storage.read_port(transparent_for=(write,)), storage.read_port(domain="comb")
    m.d.comb += [write.addr.eq(c.wa), write.data.eq(c.wd), write.en.eq(c.we), read.addr.eq(c.ra)]
    m.d.comb += [read.en.eq(c.re), at_once.addr.eq(c.ra), c.q.eq(read.data), c.r.eq(at_once.data)]


def transparent_memory(m, c):
    """Its data begin with 0, not with what stands at address 0."""
    m.submodules.memory = storage = memory.Memory(shape=8, depth=4, init=[0x5A, 2, 3])
    write = storage.write_port()
    read = storage.read_port(transparent_for=(write,))
    m.d.comb += [write.addr.eq(c.wa), write.data.eq(c.wd), write.en.eq(c.we), read.addr.eq(c.ra)]
    m.d.comb += c.q.eq(read.data)


def reset_that_is_read(m, c):
    """That of `sync`, which nobody asserts, and one that is an input."""
    m.domains.own = ClockDomain()
    m.d.comb += [ClockSignal("own").eq(ClockSignal()), ResetSignal("own").eq(c.a | ResetSignal())]
    m.d.own += c.q.eq(c.q + 1)
    m.d.comb += c.r.eq(ResetSignal("own"))


def enable_and_reset(m, c):
    inner = Module()
    inner.d.sync += c.q.eq(c.q + 1)
    m.submodules.inner = EnableInserter(c.a)(ResetInserter(c.b)(inner))
    m.d.sync += c.r.eq(c.r + c.q)


def constant_cases(m, c):
    with m.Switch(c.a):
        for number in range(16):
            with m.Case(number):
                m.d.comb += c.q.eq(number * 37 & 0xFF)


def words_in_a_circle(m, c):
    """Each bit of a word hangs on the one below: no loop, though the words say so."""
    carry = Signal(8)
    with m.If(c.a):
        m.d.comb += carry[0].eq(c.b[0])
        for bit in range(1, 8):
            m.d.comb += carry[bit].eq(carry[bit - 1] ^ c.b[bit])
    m.d.comb += c.q.eq(carry)


def synchronised(m, c):
    m.submodules.flag = cdc.FFSynchronizer(c.a, c.q)
    m.submodules.reset = cdc.AsyncFFSynchronizer(c.b, c.r)


def no_bits(m, c):
    m.d.comb += c.q.eq(c.b + c.z)


def always_ready(m, c):
    m.d.sync += c.q.eq(c.i.payload)


BIT = {"a": In(1), "b": In(1), "q": Out(8), "r": Out(8)}
DESIGNS = {
    "asynchronous reset": lambda: Built(BIT, asynchronous_reset),
    "division": lambda: Built(
        {"a": In(7), "b": In(4), "q": Out(8), "r": Out(8), "s": Out(8), "t": Out(8)}, arithmetic
    ),
    "signed division": lambda: Built(
        {"a": In(signed(4)), "b": In(signed(6)), "q": Out(8), "r": Out(8), "s": Out(8), "t": Out(8)},
        arithmetic,
    ),
    "wide": lambda: Built({"a": In(65), "b": In(128), "q": Out(128)}, wide),
    "memory": lambda: Built(
        {"wa": In(3), "wd": In(8), "we": In(2), "ra": In(3), "re": In(1), "q": Out(8), "r": Out(8)},
        with_memory,
    ),
    "transparent memory": lambda: Built(
        {"wa": In(2), "wd": In(8), "we": In(1), "ra": In(2), "q": Out(8)}, transparent_memory
    ),
    "reset that is read": lambda: Built(BIT, reset_that_is_read),
    "enable and reset": lambda: Built(BIT, enable_and_reset),
    "constant cases": lambda: Built({"a": In(4), "q": Out(8)}, constant_cases),
    "words in a circle": lambda: Built({"a": In(1), "b": In(8), "q": Out(8)}, words_in_a_circle),
    "synchronisers": lambda: Built({"a": In(1), "b": In(1), "q": Out(1), "r": Out(1)}, synchronised),
    "no bits": lambda: Built({"z": In(0), "b": In(1), "q": Out(8)}, no_bits),
    "always ready": lambda: Built(
        {"i": In(stream.Signature(8, always_ready=True)), "q": Out(8)},
        always_ready,
    ),
    "SyncFIFO": lambda: fifo.SyncFIFO(width=8, depth=5),
    "SyncFIFO of 65 bits": lambda: fifo.SyncFIFO(width=65, depth=2),
    "SyncFIFOBuffered": lambda: fifo.SyncFIFOBuffered(width=3, depth=7),
    "AsyncFIFO": lambda: fifo.AsyncFIFO(width=4, depth=4, r_domain="sync", w_domain="sync"),
    "CRC32": lambda: CRC32_ETHERNET(8).create(),
    "CRC16": lambda: CRC16_XMODEM(3).create(),
}


@pytest.mark.parametrize("name", DESIGNS)
def test_it_is_as_in_amaranths_simulator(name):
    assert_same(DESIGNS[name])


def test_a_domain_of_another_name_is_the_clock_if_it_is_the_only_one():
    assert_same(lambda: DomainRenamer("usb")(Built(BIT, enable_and_reset)), domain="usb")


def test_the_compiled_engine_takes_them_too(tool):
    tool("cc")
    for name in ("wide", "asynchronous reset", "memory"):
        assert_same(DESIGNS[name], engine="compiled")


def test_wide_values_go_in_and_out_whole():
    lanes = Lanes(kernel_of(lower(DESIGNS["wide"]()), engine="numpy"), 3)
    lanes.set_input("a", [1, 1 << 64, 0])
    lanes.set_input("b", 1 << 127)
    lanes.run(2)
    start = 1 << 100 | 5
    assert lanes.register("held").tolist() == [start + 2, start + (2 << 64), start]
    assert lanes.output("q").tolist() == [value ^ 1 << 127 for value in lanes.register("held").tolist()]
    lanes.set_register("held", [5, 2**128 - 1, 1 << 64])
    assert lanes.register("held").tolist() == [5, 2**128 - 1, 1 << 64]
    for wrong, message in [
        (-1, "a cannot be -0x1"),
        (1 << 65, "a cannot be 0x2"),
        ([1, 2], "expected one value or 3"),
    ]:
        with pytest.raises(ValueError, match=message):
            lanes.set_input("a", wrong)


def _two_clocks(m, c):
    m.d.sync += c.q.eq(c.a)
    m.d.usb += c.r.eq(c.q)


def _falling(m, c):
    m.domains.low = ClockDomain(clk_edge="neg")
    m.d.comb += ClockSignal("low").eq(ClockSignal())
    m.d.low += c.q.eq(c.a)


def _gated(m, c):
    m.domains.gated = ClockDomain()
    m.d.comb += ClockSignal("gated").eq(ClockSignal() & c.a)
    m.d.gated += c.q.eq(~c.q)


def _clock_as_level(m, c):
    m.d.sync += c.q.eq(c.a)
    m.d.comb += c.r.eq(ClockSignal() & c.q[0])


def _clock_as_output(m, c):
    m.d.sync += c.q.eq(c.a)
    m.d.comb += c.r.eq(ClockSignal())


def _instance(m, c):
    m.submodules.pll = Instance("PLL", i_a=c.a, o_q=c.q)


def _print(m, c):
    m.d.sync += Print(c.a)
    m.d.comb += c.q.eq(c.a)


def _assert(m, c):
    m.d.sync += Assert(c.a != c.b)
    m.d.comb += c.q.eq(c.a)


def _large(m, c):
    m.submodules.memory = storage = memory.Memory(shape=64, depth=1 << 12, init=[])
    port = storage.read_port()
    m.d.comb += [port.addr.eq(c.a), c.q.eq(port.data)]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (_two_clocks, r"several clocks, of the domains 'sync' and 'usb'.*DomainRenamer\({'usb': 'sync'}\)"),
        (_falling, "clocked by a falling edge, which is not supported"),
        (_gated, "the clock of the domain 'gated' comes from logic or a port.*EnableInserter"),
        (_clock_as_level, "a clock that is read as a level"),
        (_instance, r"an Instance of PLL \(pll\)"),
        (_print, "Print is not supported.*watch an output"),
        (_assert, "Assert, Assume and Cover are not supported.*`fail`"),
        (_large, f"a memory of {1 << 18:,} bits; lanes take {MEMORY_BITS:,} bits"),
    ],
)
def test_what_is_not_supported_is_refused_with_its_line_and_the_way_out(body, message):
    with pytest.raises(NetlistError, match=rf"^\S+\.py:\d+.*: {message}"):
        lower(Built(BIT, body))


def test_a_clock_as_output_is_refused_by_its_port():
    with pytest.raises(NetlistError, match="output r: a clock that is an output is not supported"):
        lower(Built(BIT, _clock_as_output))


def test_what_is_no_design_is_refused():
    class Nameless:
        def elaborate(self, platform):
            return Module()

    for design, message in [
        (Built, r"expected a design, not the class Built: Built\(\) makes one"),
        (5, "expected an Amaranth design or the name of a Verilog file, not 5"),
        (Nameless(), "Nameless has no signature: name its ports"),
        ("counter.v", "counter.v: name the module"),
    ]:
        with pytest.raises(NetlistError, match=message):
            lower(design)
    with pytest.raises(NetlistError, match="ports: expected signals, not 3"):
        lower(Nameless(), ports=[3])


VERILOG = """
module counter #(parameter W = 70) (
    input clk, input rst_n, input [W-1:0] step, input we, input [2:0] at,
    output reg [W-1:0] count, output [3:0] seen
);
    reg [7:0] kept [0:7];
    always @(posedge clk) if (we) kept[at] <= step[7:0];
    always @(posedge clk or negedge rst_n)
        if (!rst_n) count <= 5; else count <= count + step;
    assign seen = kept[at] % 3;
endmodule
"""


def test_verilog_is_a_design_too(tmp_path):
    path = tmp_path / "counter.v"
    path.write_text(VERILOG)
    lanes = Lanes(kernel_of(lower(path, top="counter"), engine="numpy"), 2)
    for name, value in {"rst_n": 1, "step": [1 << 69, 200], "we": 1, "at": 6}.items():
        lanes.set_input(name, value)
    lanes.run(2)
    assert lanes.output("count").tolist() == [0, 400]
    assert lanes.output("seen").tolist() == [0, 200 % 3]
    # An asynchronous reset shows before the edge.
    lanes.set_input("rst_n", 0)
    assert lanes.output("count").tolist() == lanes.register("count").tolist() == [5, 5]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("module m(input a\n output b);\nendmodule", r"m\.v:2: syntax error"),
        ("module other; endmodule", r"m\.v: Module `m' not found"),
        ("module m(input a, output b);\nfoo f(a, b);\nendmodule", r"m\.v: Module `\\foo' referenced"),
        ("module m(inout a); assign a = 1;\nendmodule", "port a: inout is not supported"),
        ("module m(input a, output reg b);\nalways @* if (a) b = a;\nendmodule", r"m\.v:2.*a latch"),
        (
            "module m(input c, d, output reg b);\nalways @(negedge c) b <= d;\nendmodule",
            r"m\.v:2.*falling edge",
        ),
    ],
)
def test_verilog_that_is_broken_says_where(tmp_path, text, message):
    path = tmp_path / "m.v"
    path.write_text(text)
    with pytest.raises(NetlistError, match=message):
        lower(path, top="m")
