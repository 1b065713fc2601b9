"""The bridges: what is asked for over each bus is what the PC's I/O bus sees, once, in order, and no more.

The PC behind a bridge runs in lockstep with the model, every output in every cycle.
"""

import random
from collections import deque

import pytest
from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import wiring
from amaranth.sim import Simulator
from irq13 import hdl
from irq13.hdl.bus import REGISTERS, AxiLiteBridge, IsaBridge, WishboneBridge
from irq13.model import Parameters
from irq13.model import Pc as ModelPc
from irq13.sim.machines.lockstep import RandomStimulus
from irq13.sim.machines.ports import INPUTS, OUTPUTS, PAYLOAD, pack_outputs, read_inputs, split, values_of

PORTS = [one.port for one in REGISTERS]
MOST_CYCLES = 20_000
"""A bridge that never answers is a failure, not a test without an end."""
IO = ("io_address", "io_write", "io_read", "io_write_data")


class BridgedPc:
    """A PC with a bridge before its I/O bus; random inputs on everything else, and the model beside it."""

    def __init__(self, bridge, seed):
        self.bridge, self.pc = bridge, hdl.Pc(Parameters("I486"))
        self.top = m = Module()
        m.submodules.bridge, m.submodules.pc = bridge, self.pc
        wiring.connect(m, bridge.io, self.pc.io)
        ports = hdl.flat_ports(self.pc)
        self.others = [port for port in ports if port.is_input and not port.name.startswith("io_")]
        inputs = Cat(port.value for port in ports if port.is_input)
        outputs = Cat(port.value for port in ports if not port.is_input)
        # One signal each, which the simulator reads at once.
        self.inputs, self.outputs = Signal(len(inputs)), Signal(len(outputs))
        m.d.comb += [self.inputs.eq(inputs), self.outputs.eq(outputs)]
        self.model, self.stimulus, self.shown = ModelPc(Parameters("I486")), RandomStimulus(seed), None
        self.accesses = []
        self.cycles = 0

    async def cycle(self, ctx):
        """Inputs of the PC, the comparison, the edge."""
        self.cycles += 1
        assert self.cycles < MOST_CYCLES, "the bridge does not answer"
        levels = values_of(self.stimulus.next(self.shown)) | {"reset": 0}
        for port in self.others:
            ctx.set(port.value, levels[port.name])
        inputs = split(ctx.get(self.inputs), INPUTS)
        self.shown = self.model.step(read_inputs(inputs))
        got, expected = split(ctx.get(self.outputs), OUTPUTS), split(pack_outputs(self.shown), OUTPUTS)
        if not expected["msr_response_valid"]:
            got |= dict.fromkeys(PAYLOAD, 0)
        assert got == expected
        address, write, read, data = (inputs[name] for name in IO)
        assert not (write and read)
        if write or read:
            self.accesses.append((address, data if write else None))
            self.answer = got["io_read_data"]
        await ctx.tick()

    def run(self, testbench):
        simulator = Simulator(self.top)
        simulator.add_clock(1e-8)
        simulator.add_testbench(testbench)
        simulator.run()


def program(pick, count):
    """Accesses: port and the byte that is written, or None for a read."""
    return [(pick.choice(PORTS), pick.choice((None, pick.getrandbits(8)))) for _ in range(count)]


async def isa(ctx, pc, pick, asked):
    """Strobes of random lengths; data and address are gone with the strobe. Now and then one of DMA."""
    bus, done = pc.bridge, []
    for port, value in asked:
        dma, elsewhere = pick.random() < 0.2, pick.random() < 0.1
        ctx.set(bus.sa, port ^ 0x300 if elsewhere else port)
        ctx.set(bus.aen, dma)
        for _ in range(pick.randrange(2)):
            await pc.cycle(ctx)
        read = value is None
        ctx.set(bus.ior_n if read else bus.iow_n, 0)
        if not read:
            ctx.set(bus.sd_in, value)
        least = pick.randrange(4, 8)
        ready = False
        while least > 0 or not ready:
            await pc.cycle(ctx)
            least, ready = least - 1, ctx.get(bus.iochrdy)
        assert ctx.get(bus.sd_oe) == (read and not dma and not elsewhere)
        if not dma and not elsewhere:
            done.append((port, value))
            if read:
                assert ctx.get(bus.sd_out) == pc.answer
        ctx.set(Cat(bus.ior_n, bus.iow_n), 3)
        assert not ctx.get(bus.sd_oe)
        for wire in (bus.sa, bus.sd_in, bus.aen):
            ctx.set(wire, pick.getrandbits(8) & 1 if wire is bus.aen else pick.getrandbits(8))
        for _ in range(4):
            await pc.cycle(ctx)
    return done


async def wishbone(ctx, pc, pick, asked):
    """Back to back and with pauses; now and then without the byte, or given up."""
    bus, done = pc.bridge, []
    for port, value in asked:
        selected = pick.random() < 0.9
        ctx.set(Cat(bus.cyc_i, bus.stb_i), 3)
        ctx.set(bus.adr_i, port)
        ctx.set(bus.sel_i, selected | pick.getrandbits(3) << 1)
        ctx.set(bus.we_i, value is not None)
        ctx.set(bus.dat_i, (value or 0) | pick.getrandbits(24) << 8)
        cycles = 0
        while not ctx.get(bus.ack_o):
            await pc.cycle(ctx)
            cycles += 1
        assert cycles == 1
        if selected:
            done.append((port, value))
            if value is None:
                assert ctx.get(bus.dat_o) == pc.answer
        await pc.cycle(ctx)
        if pick.random() < 0.5:
            ctx.set(pick.choice((bus.cyc_i, bus.stb_i)), 0)
            for _ in range(pick.randrange(1, 4)):
                assert not ctx.get(bus.ack_o)
                await pc.cycle(ctx)
    ctx.set(bus.cyc_i, 0)
    return done


async def axilite(ctx, pc, pick, asked):
    """Both channels at once, each with its own pauses, answers taken late."""
    bus, done = pc.bridge, []
    prefix = "s_axi_"
    writes = deque(one for one in asked if one[1] is not None)
    reads = deque(one for one in asked if one[1] is None)
    answers, expected, both = 0, deque(), 0
    valid = dict.fromkeys(("aw", "w", "ar"), 0)

    def port(name):
        return getattr(bus, prefix + name)

    while writes or reads or expected or answers:
        for channel, waiting in (("aw", writes), ("w", writes), ("ar", reads)):
            # What is valid stays so until it is taken.
            valid[channel] = int(bool(waiting) and (valid[channel] or pick.random() < 0.5))
            ctx.set(port(f"{channel}valid"), valid[channel])
        if writes:
            ctx.set(port("awaddr"), writes[0][0] << 2)
            ctx.set(port("wdata"), writes[0][1] | pick.getrandbits(24) << 8)
            ctx.set(port("wstrb"), 0xF)
        if reads:
            ctx.set(port("araddr"), reads[0][0] << 2)
        take = {channel: pick.random() < 0.5 for channel in "br"}
        for channel, one in take.items():
            ctx.set(port(f"{channel}ready"), one)
        wrote, read = (ctx.get(port(f"{c}valid") & port(f"{c}ready")) for c in ("aw", "ar"))
        assert wrote == ctx.get(port("wvalid") & port("wready"))
        both += all(valid.values())
        if take["r"] and ctx.get(port("rvalid")):
            assert ctx.get(port("rdata")) == expected.popleft()
        if take["b"] and ctx.get(port("bvalid")):
            answers -= 1
        await pc.cycle(ctx)
        if wrote:
            done.append(writes.popleft())
            answers += 1
            valid["aw"] = valid["w"] = 0
        if read:
            done.append(reads.popleft())
            expected.append(pc.answer)
            valid["ar"] = 0
    assert both > 10
    assert answers == 0
    return done


@pytest.mark.parametrize(
    ("bridge", "drive"), [(IsaBridge, isa), (WishboneBridge, wishbone), (AxiLiteBridge, axilite)]
)
def test_every_access_is_made_once_and_the_pc_is_as_the_model(bridge, drive):
    pick = random.Random(3)
    pc = BridgedPc(bridge(), 5)
    done = []

    async def testbench(ctx):
        done.extend(await drive(ctx, pc, pick, program(pick, 150)))
        for _ in range(6):
            await pc.cycle(ctx)

    pc.run(testbench)
    assert pc.accesses == done
    assert len(done) > 100


def test_axi_alternates_where_both_would_go():
    """A write and a read in the same cycle, again and again: neither waits for two of the other."""
    bus = AxiLiteBridge()
    seen = []

    async def testbench(ctx):
        for name in ("awvalid", "wvalid", "arvalid", "bready", "rready"):
            ctx.set(getattr(bus, f"s_axi_{name}"), 1)
        ctx.set(bus.s_axi_wstrb, 1)
        for _ in range(12):
            seen.append((ctx.get(bus.io.write), ctx.get(bus.io.read)))
            await ctx.tick()

    simulator = Simulator(bus)
    simulator.add_clock(1e-8)
    simulator.add_testbench(testbench)
    simulator.run()
    assert seen == [(0, 0), *[(1, 0), (0, 1)] * 6][:12]
