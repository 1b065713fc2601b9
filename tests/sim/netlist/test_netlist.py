"""Any Amaranth component as gates: every operator, resets, initial values, and what is refused."""

import pytest
from amaranth.hdl import Array, Cat, ClockDomain, Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.wiring import In, Out
from amaranth.sim import Simulator
from hypothesis import given
from hypothesis import strategies as st
from irq13.sim.lanes.lanes import Lanes, kernel_of
from irq13.sim.netlist.gates import Bit, Graph
from irq13.sim.netlist.lowering import lower
from irq13.sim.netlist.mapping import map_gates
from irq13.sim.netlist.truth_tables import ALL, VARIABLES, costs, depends, formulas, moved
from irq13.sim.support.errors import NetlistError

WIDTH = 6


class Calculator(wiring.Component):
    """Every operator of Amaranth that has gates, behind one register each."""

    def __init__(self):
        self.results = []
        super().__init__({"a": In(WIDTH), "b": In(signed(WIDTH)), "c": In(3), "y": Out(1)})

    def elaborate(self, platform):
        m = Module()
        a, b, c = self.a, self.b, self.c
        expressions = [
            *(a + b, a - b, b - a, -b, ~a, a * b, b * b, abs(b)),
            *(a & b, a | b, a ^ b, a << c, a >> c, b >> c, b << c),
            *(a < b, a <= b, b < a, b >= c, a == b, a != c, a > c),
            *(a.any(), a.all(), a.xor(), b.bool(), a.rotate_left(2), a.shift_right(1)),
            *(Mux(c[0], a, b), Cat(b, a[:2]), a.bit_select(c, 2), a.word_select(c[:2], 2), a.replicate(2)),
            Array([a, b, c, a + 1])[c[:2]],
            a.matches("1-0---", 7),
        ]
        for number, expression in enumerate(expressions):
            shape = expression.shape()
            register = Signal(shape, name=f"r{number}", init=number & 1)
            m.d.sync += register.eq(expression)
            self.results.append(register)
        chosen = Signal(4, name="chosen", init=5)
        with m.Switch(c):
            with m.Case(0, 3):
                m.d.sync += chosen.eq(a)
            with m.Case("1--"):
                m.d.sync += chosen[1:3].eq(b)
        self.results.append(chosen)
        # Yosys drops what no output depends on.
        m.d.comb += self.y.eq(Cat(self.results).xor())
        return m


@given(st.lists(st.tuples(*[st.integers(0, 63)] * 2, st.integers(0, 7)), min_size=1, max_size=40))
def test_every_operator_does_what_it_does_in_amaranths_simulator(rows):
    """One lane for each triple of operands; two cycles, so that what is kept is kept."""
    lanes = Lanes(_calculator(), len(rows))
    for index, name in enumerate("abc"):
        lanes.set_input(name, [row[index] for row in rows])
    lanes.run(2)
    for lane, expected in enumerate(_simulated(tuple(rows))):
        got = {name: int(lanes.register(name)[lane]) for name in expected}
        assert got == expected, rows[lane]


def _calculator(kernels=[]):  # noqa: B006 - made once
    if not kernels:
        kernels.append(kernel_of(lower(Calculator()), engine="numpy"))
    return kernels[0]


def _simulated(rows):
    dut = Calculator()
    simulator = Simulator(dut)
    simulator.add_clock(1e-8)
    results = []

    async def testbench(ctx):
        for row in rows:
            for name, value in zip("abc", row, strict=True):
                signal = getattr(dut, name)
                ctx.set(signal, value - 64 if name == "b" and value >= 32 else value)
            # What `chosen` keeps depends on what was there.
            (chosen,) = [one for one in dut.results if one.name == "chosen"]
            ctx.set(chosen, 5)
            await ctx.tick().repeat(2)
            ones = {one.name: (1 << len(one)) - 1 for one in dut.results}
            results.append({one.name: ctx.get(one) & ones[one.name] for one in dut.results})

    simulator.add_testbench(testbench)
    simulator.run()
    return results


class Counter(wiring.Component):
    """Begins with 3; counts while an asynchronous input, synchronised, is low."""

    stop: In(1)
    count: Out(4, init=3)

    def elaborate(self, platform):
        m = Module()
        stopped = Signal()
        m.submodules += FFSynchronizer(self.stop, stopped, init=1)
        with m.If(~stopped):
            m.d.sync += self.count.eq(self.count + 1)
        return m


@pytest.mark.parametrize("engine", ["numpy", "compiled"])
def test_initial_values_resets_and_synchronisers(engine, tool):
    """An input takes two cycles, from an initial value of its own; the domain's reset is an input."""
    if engine == "compiled":
        tool("cc")
    lanes = Lanes(kernel_of(lower(Counter(), domain_reset=True), engine=engine), 3)
    lanes.set_input("stop", [0, 1, 0])
    assert lanes.register("count").tolist() == [3, 3, 3]
    lanes.run(2)
    assert lanes.register("count").tolist() == [3, 3, 3]
    lanes.run(2)
    assert lanes.register("count").tolist() == [5, 3, 5]
    lanes.set_input("rst", [0, 0, 1])
    lanes.run(1)
    assert lanes.register("count").tolist() == [6, 3, 3]


def test_an_input_can_be_tied():
    netlist = lower(Counter(), {"stop": 1})
    assert netlist.inputs == {}
    # It can never count, so there is nothing left.
    assert netlist.registers == []
    assert netlist.fixed["count"] == 3


def test_a_constant_register_can_be_read_but_not_set():
    netlist = lower(Counter(), {"stop": 1})
    lanes = Lanes(kernel_of(netlist, engine="numpy"), 2)
    assert lanes.register("count").tolist() == [3, 3]
    with pytest.raises(ValueError, match="count cannot be 0x4"):
        lanes.set_register("count", 4)
    free = Lanes(kernel_of(lower(Counter(), {"stop": 1}, free=["count"]), engine="numpy"), 2)
    free.set_register("count", [4, 15])
    free.run(3)
    assert free.register("count").tolist() == [4, 15]


class Refused(wiring.Component):
    def __init__(self, build):
        self._build = build
        super().__init__({"a": In(4), "y": Out(4)})

    def elaborate(self, platform):
        m = Module()
        self._build(m, self.a, self.y)
        return m


def _two_clocks(m, a, y):
    other = ClockDomain("other", local=True)
    m.domains += other
    m.d.comb += other.clk.eq(a[0])
    m.d.other += y.eq(a)


def _loop(m, a, y):
    m.d.comb += y.eq(y + a)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (_two_clocks, "the clock of the domain 'other' comes from logic or a port"),
        (_loop, "a combinational loop"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_has_no_gates_is_refused_with_its_location(build, message):
    with pytest.raises(NetlistError, match=rf".*\.py:\d+.*{message}"):
        lower(Refused(build))


def test_an_unknown_input_cannot_be_tied():
    with pytest.raises(NetlistError, match="no input 'x' to tie: expected one of stop"):
        lower(Counter(), {"x": 1})


# The gate library, and how it is mapped


def _value(table, x, y, z):
    return table >> (x + 2 * y + 4 * z) & 1


@pytest.mark.parametrize("and_not", [True, False])
def test_every_function_of_three_bits_has_a_formula(and_not):
    known = formulas(and_not)
    assert set(known) == set(range(256))

    def computed(table):
        _, operator, left, right = known[table]
        if not operator:
            assert table in (0, ALL, *VARIABLES)
            return table
        a, b = computed(left), computed(right)
        return {"&": a & b, "|": a | b, "^": a ^ b, "~": ~a & ALL, "&~": a & ~b & ALL}[operator]

    assert all(computed(table) == table for table in range(256))


def test_tables_move_and_depend_as_functions_do():
    for table in range(256):
        bits = [(x, y, z) for x in (0, 1) for y in (0, 1) for z in (0, 1)]
        assert all(_value(moved(table, (2, 0, 1)), x, y, z) == _value(table, z, x, y) for x, y, z in bits)
        assert depends(table, 1) == any(_value(table, x, 0, z) != _value(table, x, 1, z) for x, _, z in bits)


@given(st.lists(st.tuples(st.sampled_from("amx"), *[st.integers(0, 200)] * 3), min_size=1, max_size=60))
def test_mapped_operations_compute_what_the_gates_do(rows):
    """For all values of four variables, for each kind of target."""
    graph = Graph()
    literals = [graph.variable() for _ in range(4)]
    for kind, *numbers in rows:
        a, b, c = (literals[number % len(literals)] ^ (number >> 7 & 1) for number in numbers)
        literals.append({"a": graph.and_(a, b), "x": graph.xor(a, b), "m": graph.mux(a, b, c)}[kind])
    ones = (1 << 16) - 1
    given_values = {1 + n: sum((k >> n & 1) << k for k in range(16)) for n in range(4)} | {0: 0}
    wanted = _evaluated(graph, given_values, ones)
    roots = [literal for literal in literals[-3:] if literal > 1]
    for target in ("ternary", "vector", "numpy"):
        mapping = map_gates(graph, roots, target)
        values = dict(given_values)
        for number, table, inputs in mapping.operations:
            x, y, z = ([values[one] for one in inputs] + [0] * 3)[:3]
            values[number] = sum(_value(table, x >> k & 1, y >> k & 1, z >> k & 1) << k for k in range(16))
        for root in roots:
            stored = values[root >> 1] ^ (ones if root >> 1 in mapping.complemented else 0)
            assert stored == wanted[root >> 1]
        assert mapping.cost == sum(costs(target)[one.table] for one in mapping.operations)


def _evaluated(graph, values, ones):
    values = dict(values)
    for number, gate in enumerate(graph.gates):
        if number in values:
            continue
        a, *rest = (values[one >> 1] ^ (ones if one & 1 else 0) for one in gate.inputs)
        match gate.kind.name:
            case "AND":
                values[number] = a & rest[0]
            case "XOR":
                values[number] = a ^ rest[0]
            case "MUX":
                values[number] = (a & rest[0]) | (~a & ones & rest[1])
    return values


def test_bits_of_a_graph_have_pythons_operators():
    graph = Graph()
    a, b = (Bit(graph, graph.variable()) for _ in range(2))
    assert ((a & b) | ~(a & b)).literal == 1
    assert (a ^ a).literal == 0
    assert (~(~a & ~b)).literal == (a | b).literal
