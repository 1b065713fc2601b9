"""The board's design behind a pseudo-terminal, and the host's end of the line, unmodified."""

import random

import pytest
from amaranth.hdl import Module, Signal
from amaranth.sim import Simulator
from irq13.hdl.board.design import BoardDesign
from irq13.hdl.board.uart import UartReceiver, UartTransmitter
from irq13.model import Parameters
from irq13.model.registers import PIC_MASTER, PIC_SLAVE, PORT_F0, PORT_F1, Generation
from irq13.sim import Board, BoardError, GeneralProtection, Simulation
from irq13.sim.machines.lockstep import RandomStimulus
from irq13.sim.machines.machine import ModelMachine
from irq13.sim.scenarios.run import run_scenario
from irq13.sim.scenarios.scenario import load_scenario
from support.driven_pc import IDLE
from support.simulated_board import SimulatedBoard


@pytest.fixture
def simulated():
    with SimulatedBoard() as board:
        yield board


@pytest.fixture
def attached(simulated):
    with Board(simulated.port, timeout=5) as board:
        yield board


@pytest.mark.parametrize("compiled", [True, False])
def test_it_says_what_it_is(compiled, tool):
    """In lanes, as in the tests below, and in Amaranth's simulator."""
    tool("cc")
    with SimulatedBoard(compiled=compiled) as simulated, Board(simulated.port, timeout=5) as board:
        assert board.parameters == Parameters(Generation.AMD64)
        assert board.step(IDLE) == ModelMachine(Parameters()).step(IDLE)


def test_the_same_python_lines_run_on_the_board(attached):
    """As in the README, with the board in place of the simulator."""
    sim = Simulation(on=attached)
    sim.msr["HWCR"] = 0x100
    assert sim.msr["HWCR"] == 0x100
    with pytest.raises(GeneralProtection, match="IGNNE bits 63:1 must be zero"):
        sim.msr["IGNNE"] = 2
    sim.issue("fninit")
    sim.issue("fldcw", masks="none")
    sim.issue("fdiv", raises="ZE")
    sim.step(2)
    assert not sim.ferr_n
    assert sim.irq13


def test_the_address_behind_its_register_is_the_same_where_something_answers():
    """And nobody's elsewhere: every port of the PC, and all that differ from one in a bit or by one."""
    ports = {PIC_MASTER, PIC_MASTER + 1, PIC_SLAVE, PIC_SLAVE + 1, PORT_F0, PORT_F1}
    near = {port ^ 1 << bit for port in ports for bit in range(16)} | {port + 2 for port in ports}
    module, before, after = Module(), Signal(16), Signal(16)
    module.d.comb += after.eq(BoardDesign._decode(module, before))

    async def testbench(ctx):
        for port in sorted(ports | near):
            ctx.set(before, port)
            await ctx.tick()
            got = ctx.get(after)
            assert got == port if port in ports else got not in ports, hex(port)

    simulator = Simulator(module)
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.run()


def test_cycle_by_cycle_it_is_the_model(attached):
    """Random stimulus, every output in every cycle."""
    model, stimulus, expected = ModelMachine(attached.parameters), RandomStimulus(5), None
    for _ in range(10):
        inputs = stimulus.next(expected)
        assert attached.settle(inputs) == model.settle(inputs)
        expected = model.step(inputs)
        assert attached.step(inputs) == expected


def test_a_scenario_runs_on_the_board(attached):
    scenario = load_scenario("native-mf")
    on_board = run_scenario(scenario, Generation.AMD64, attached)
    assert on_board.passed
    assert on_board.events == run_scenario(scenario, Generation.AMD64, "model").events
    with pytest.raises(ValueError, match="I486"):
        run_scenario(load_scenario("no-wait-case-1"), Generation.I486, attached)


def test_attaching_again_is_a_new_start(simulated):
    with Board(simulated.port, timeout=5) as board:
        sim = Simulation(on=board)
        sim.issue("fldcw", masks="none")
        sim.issue("fdiv", raises="ZE")
        sim.step(3)
        assert not sim.ferr_n
        board.power_up()
        assert Simulation(on=board).ferr_n
    with Board(simulated.port, timeout=5) as board:
        assert not Simulation(on=board).flags


class LineFault:
    """Changes the n-th byte that passes, once."""

    def __init__(self, number, change):
        self._left = number
        self._change = change

    def __call__(self, data):
        out = b""
        for byte in data:
            one = bytes([byte])
            out += self._change(one) if self._left == 0 else one
            self._left -= 1
        return out


FAULTS = {
    "lost": lambda one: b"",
    "turned": lambda one: bytes([one[0] ^ 0x10]),
    "doubled": lambda one: one * 2,
    "noise before it": lambda one: b"\x69\x00\xff" + one,
}


@pytest.mark.parametrize("name", FAULTS)
@pytest.mark.parametrize("direction", ["to_board", "to_host"])
@pytest.mark.parametrize("index", [0, *(pytest.param(index, marks=pytest.mark.slow) for index in (1, 2, 9))])
def test_a_fault_on_the_line_gives_no_wrong_answer(simulated, name, direction, index):
    """One step is one step, whatever is lost: the board is as far as the model afterwards."""
    model = ModelMachine(Parameters())
    with Board(simulated.port, timeout=0.5) as board:
        # In these cycles the model shows whether a step is made twice.
        expected, stimulus = None, RandomStimulus(4)
        for cycle in range(4):
            if cycle == 1:
                setattr(simulated, direction, LineFault(index, FAULTS[name]))
            inputs = stimulus.next(expected)
            expected = model.step(inputs)
            assert board.step(inputs) == expected


def test_a_board_that_is_reset_in_the_middle_is_noticed(simulated, attached):
    sim = Simulation(on=attached)
    sim.issue("fninit")
    simulated.power_cycle()
    with pytest.raises(BoardError, match="was reset in the middle; its state is lost"):
        sim.issue("fdiv", raises="ZE")
    attached.power_up()
    assert Simulation(on=attached).ferr_n


def test_nothing_there_is_said(simulated):
    simulated.to_board = lambda data: b""
    with pytest.raises(BoardError, match="no answer, 3 times"):
        Board(simulated.port, timeout=0.1)
    with pytest.raises(BoardError, match="/dev/none"):
        Board("/dev/none")


def test_something_else_there_is_said(simulated):
    simulated.to_board = lambda data: b""
    noise = random.Random(1)
    simulated.say(noise.randbytes(2000))
    with pytest.raises(BoardError, match="3 times"):
        Board(simulated.port, timeout=0.2)


def test_a_machine_with_other_parameters_is_refused(attached):
    with pytest.raises(ValueError, match="P6"):
        Simulation("P6", on=attached)


@pytest.mark.parametrize("built", [Parameters("P6", fpu_irq=8), Parameters("P6")])
def test_parameters_that_the_line_does_not_carry_have_to_be_given(built):
    plain, other = Parameters("P6"), Parameters("P6", fpu_irq=8)
    with SimulatedBoard(built) as simulated:
        with Board(simulated.port, timeout=5, parameters=built) as board:
            assert board.parameters == built
            assert Simulation(on=board).ferr_n
        wrong = other if built == plain else plain
        how = "all parameters at" if built == plain else "other parameters than"
        with pytest.raises(BoardError, match=f"it is P6 with {how} the defaults: in Python, Board"):
            Board(simulated.port, timeout=5, parameters=wrong)


@pytest.mark.parametrize("divisor", [3, 4, 7])
def test_what_one_uart_sends_the_other_receives(divisor):
    """Back to back, and at a clock that is 3 % off."""
    m = Module()
    m.submodules.transmitter = transmitter = UartTransmitter(divisor)
    m.submodules.receiver = receiver = UartReceiver(divisor)
    m.d.comb += receiver.line.eq(transmitter.line)
    data, got = random.Random(divisor).randbytes(40), []

    async def send(ctx):
        for byte in data:
            ctx.set(transmitter.bytes.payload, byte)
            ctx.set(transmitter.bytes.valid, 1)
            await ctx.tick().until(transmitter.bytes.ready)
        ctx.set(transmitter.bytes.valid, 0)
        await ctx.tick().repeat(12 * divisor)

    async def receive(ctx):
        async for _, _, valid, byte in ctx.tick().sample(receiver.bytes.valid, receiver.bytes.payload):
            if valid:
                got.append(byte)

    simulator = Simulator(m)
    simulator.add_clock(1e-6)
    simulator.add_testbench(send)
    simulator.add_testbench(receive, background=True)
    simulator.run()
    assert bytes(got) == data


def test_a_clock_that_is_too_slow_is_refused():
    with pytest.raises(ValueError, match="too slow for 115200 baud"):
        BoardDesign(Parameters(), clock=200_000)


@pytest.mark.parametrize("generation", list(Generation))
def test_the_button_raises_masked_and_unmasked_errors_in_turn(generation):
    """FERR# falls and the processor freezes on the first press; IGNNE# lets it go on; masked, nothing."""
    board = BoardDesign(Parameters(generation), clock=400_000)
    simulator = Simulator(board)
    simulator.add_clock(1e-6)

    async def press(ctx):
        ctx.set(board.button, 1)
        await ctx.tick().repeat(20)
        ctx.set(board.button, 0)
        await ctx.tick().repeat(10)

    async def testbench(ctx):
        await ctx.tick().repeat(20)
        assert ctx.get(board.ferr_n)
        await press(ctx)
        assert not ctx.get(board.ferr_n)
        assert ctx.get(board.freeze)
        assert ctx.get(board.irq13)
        assert ctx.get(board.intr)
        ctx.set(board.ignne_pin_n, 0)
        await ctx.tick().repeat(5)
        assert ctx.get(board.ignne)
        assert not ctx.get(board.freeze)
        ctx.set(board.ignne_pin_n, 1)
        await press(ctx)
        assert ctx.get(board.ferr_n)
        assert not ctx.get(board.freeze)

    simulator.add_testbench(testbench)
    simulator.run()
