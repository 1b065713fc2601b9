"""What is proved of the bridges: a strobe or a transfer makes exactly one access."""

from amaranth.hdl import Mux, Signal, Value

from ...model.registers import Generation
from ..proof import Proof, Property
from .axilite import AxiLiteBridge
from .isa import IsaBridge
from .registers import answers
from .wishbone import WishboneBridge


def a_strobe_of_iow_writes_once(proof: Proof) -> None:
    """In the third cycle behind the sample in which it ended, and in no other."""
    isa = proof.free(IsaBridge(), "isa")
    proof.assume(~isa.reset)
    active = proof.past(~isa.iow_n)
    mine = proof.past(~isa.aen & answers(isa.sa))
    before = [proof.past(proof.past(value)) for value in (active & mine, isa.sa, isa.sd_in)]
    ended = before[0] & ~proof.past(active)
    proof.always(isa.io.write == ended)
    proof.always(~ended | (isa.io.address == proof.past(before[1])))
    proof.always(~ended | (isa.io.write_data == proof.past(before[2])))
    proof.always(~(isa.io.write & isa.io.read))


def a_strobe_of_ior_reads_once(proof: Proof) -> None:
    """Never twice, and at the latest in the cycle behind the first in which it could."""
    isa = proof.free(IsaBridge(), "isa")
    proof.assume(~isa.reset)
    active = proof.past(proof.past(~isa.ior_n))
    mine = proof.past(proof.past(~isa.aen & answers(isa.sa)))
    been = Signal()
    proof.m.d.sync += been.eq(active & (been | isa.io.read))
    proof.always(been == isa._done)
    proof.always(~(isa.io.read & been))
    proof.always(~isa.io.read | (active & mine))
    due = proof.past(active & mine)
    proof.always(~(active & mine & due) | been | isa.io.read)
    # What waits for the byte goes on only when it is there.
    proof.always(~isa.sd_oe | (isa.iochrdy == been))


def a_transfer_of_wishbone_accesses_once(proof: Proof) -> None:
    """In its first cycle, answered in the second."""
    bus = proof.free(WishboneBridge(), "wishbone")
    proof.assume(~bus.reset)
    access = bus.io.read | bus.io.write
    accessed, took_part = proof.past(access), proof.past(bus.sel_i[0])
    proof.always(~(bus.io.read & bus.io.write))
    proof.always(~access | (bus.cyc_i & bus.stb_i & (bus.io.write == bus.we_i)))
    # Each access is answered at once, and nothing else is.
    asked = bus.cyc_i & bus.stb_i
    proof.after_first(~(accessed & asked) | bus.ack_o)
    proof.after_first(~(bus.ack_o & took_part) | accessed)
    proof.always(~(bus.ack_o & access))
    proof.always(~bus.ack_o | asked)
    # Nothing stalls: what is asked for is answered in this cycle or the next.
    proof.after_first(~(asked & proof.past(asked)) | bus.ack_o | proof.past(bus.ack_o))


def a_transfer_of_axi_accesses_once(proof: Proof) -> None:
    """A write and a read each make one access and get one answer; neither waits for ever (AXI4-Lite)."""
    bus = proof.free(AxiLiteBridge(), "axi")
    proof.assume(~bus.reset)
    # What is valid stays so until it is taken.
    for channel in ("aw", "w", "ar"):
        valid, ready = (getattr(bus, f"s_axi_{channel}{end}") for end in ("valid", "ready"))
        proof.assume(~proof.past(valid & ~ready) | valid)
    wrote = bus.s_axi_awvalid & bus.s_axi_awready
    read = bus.s_axi_arvalid & bus.s_axi_arready
    proof.always(wrote == (bus.s_axi_wvalid & bus.s_axi_wready))
    proof.always(bus.io.write == (wrote & bus.s_axi_wstrb[0]))
    proof.always(bus.io.read == read)
    proof.always(~(wrote & read))
    port = Mux(wrote, bus.s_axi_awaddr, bus.s_axi_araddr)[2:]
    proof.always(~(bus.io.write | bus.io.read) | (bus.io.address == port))
    # One answer to each, which stays until it is taken.
    for took, valid, ready in (
        (wrote, bus.s_axi_bvalid, bus.s_axi_bready),
        (read, bus.s_axi_rvalid, bus.s_axi_rready),
    ):
        kept = proof.past(Value.cast(valid & ~ready))
        proof.after_first(valid == (proof.past(took) | kept))
        proof.always(~(took & valid))
    # Neither of the two waits for ever: what could go goes at once, or after one of the other.
    may_write = bus.s_axi_awvalid & bus.s_axi_wvalid & (~bus.s_axi_bvalid | bus.s_axi_bready)
    may_read = bus.s_axi_arvalid & (~bus.s_axi_rvalid | bus.s_axi_rready)
    proof.after_first(~proof.past(may_write & ~wrote) | wrote)
    read_before, could_before = proof.past(read), proof.past(may_read)
    proof.after_first(~proof.past(could_before & may_read & ~read & ~read_before) | read)


_ON = (Generation.AMD64,)
BUS_PROPERTIES: tuple[Property, ...] = (
    Property("isa-write", "a strobe of IOW# writes once", a_strobe_of_iow_writes_once, _ON, 5),
    Property("isa-read", "a strobe of IOR# reads once", a_strobe_of_ior_reads_once, _ON, 5),
    Property("wishbone", "a Wishbone transfer accesses once", a_transfer_of_wishbone_accesses_once, _ON, 3),
    Property("axilite", "an AXI4-Lite transfer accesses once", a_transfer_of_axi_accesses_once, _ON, 4),
)
