"""Runs inside a Verilog simulator, under cocotb: other people's bus masters before the bridges.

Behind each bridge stands a byte of memory for every port, and a count of the accesses that have come.
"""

import random

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles
from cocotbext.axi import AxiLiteBus, AxiLiteMaster
from cocotbext.wishbone.driver import WBOp, WishboneMaster

PINS = {"cyc": "cyc_i", "stb": "stb_i", "we": "we_i", "adr": "adr_i", "sel": "sel_i"}
PINS |= {"datwr": "dat_i", "datrd": "dat_o", "ack": "ack_o"}


async def start(dut):
    Clock(dut.clk, 10, "ns").start()
    dut.reset.value = 1
    await ClockCycles(dut.clk, 4)
    dut.reset.value = 0
    await ClockCycles(dut.clk, 2)


@cocotb.test()
async def axi_with_pauses_on_every_channel(dut):
    master = AxiLiteMaster(AxiLiteBus.from_prefix(dut, "s_axi"), dut.clk, dut.reset)
    await start(dut)
    pick = random.Random(7)
    writes, reads = master.write_if, master.read_if
    for channel in (writes.aw_channel, writes.w_channel, writes.b_channel, reads.ar_channel, reads.r_channel):
        # AW before W and W before AW, answers taken late.
        seed, often = pick.random(), pick.random() * 0.7
        channel.set_pause_generator(
            value < often for own in [random.Random(seed)] for value in iter(own.random, None)
        )
    memory, accesses = {}, 0
    for _ in range(60):
        under_way = []
        # The reads are of ports that none of these writes goes to.
        ports = pick.sample(range(256), 8)
        for port in ports[:4]:
            first, count = pick.choice([(0, 4), (0, 1), (0, 2), (1, 3), (2, 1)])
            data = pick.randbytes(count)
            under_way.append(master.init_write(4 * port + first, data))
            if first == 0:
                memory[port] = data[0]
                accesses += 1
        for port in ports[4:]:
            under_way.append(master.init_read(4 * port, 4))
            accesses += 1
        for event in under_way:
            await event.wait()
        for event, port in zip(under_way[4:], ports[4:], strict=True):
            assert event.data.data == bytes([memory.get(port, 0), 0, 0, 0])
        assert all(event.data.resp == 0 for event in under_way)
    for port, byte in memory.items():
        assert await master.read_dword(4 * port) == byte
    await ClockCycles(dut.clk, 2)
    assert int(dut.axi_accesses.value) == accesses + len(memory)


async def wishbone(dut, more):
    await start(dut)
    master = WishboneMaster(dut, "wb", dut.clk, timeout=20, signals_dict=PINS | more)
    pick = random.Random(3)
    memory, accesses = {}, 0
    before = int(dut.wb_accesses.value)
    for _ in range(150):
        operations, expected = [], []
        for _ in range(pick.randrange(1, 6)):
            port, select = pick.randrange(16), pick.choice([0xF, 0x1, 0x3, 0xE])
            data = pick.choice([None, pick.getrandbits(32)])
            operations.append(WBOp(port, data, idle=pick.choice([0, 0, 1, 3]), sel=select))
            accesses += select & 1
            known = memory.get(port) if select & 1 and data is None else None
            expected.append(known)
            if data is not None and select & 1:
                memory[port] = data & 0xFF
        results = await master.send_cycle(operations)
        for result, byte in zip(results, expected, strict=True):
            assert byte is None or result.datrd == byte
    await ClockCycles(dut.clk, 2)
    assert int(dut.wb_accesses.value) - before == accesses


@cocotb.test()
async def wishbone_classic(dut):
    await wishbone(dut, {})


@cocotb.test()
async def wishbone_pipelined(dut):
    await wishbone(dut, {"stall": "stall"})
