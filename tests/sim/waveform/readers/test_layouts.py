"""Layouts that some tools write and IEEE 1364 does not know."""

import numpy as np
import pytest
from irq13.sim import Trace
from irq13.sim.waveform.readers import vcd
from irq13.sim.waveform.readers.wellen import _fst_notes
from irq13.sim.waveform.wave import Kind, TraceError, Wave

HEADER = "$timescale 1 ns $end\n$scope module top $end\n$var wire 1 0 a $end\n$var wire 4 x v $end\n"
END = "$upscope $end\n$enddefinitions $end\n"


def test_a_space_between_a_bit_and_its_identifier(tmp_path):
    path = tmp_path / "x.vcd"
    path.write_text(f"{HEADER}{END}#0 0 0 b01 x\n#5 1 0 x x\nb1 x\n#6 z x\n")
    trace = Trace.load(path)
    assert list(zip(trace["a"].all_times, trace["a"].all_values, strict=True)) == [(0, 0), (5, 1)]
    assert list(zip(trace["v"].all_times, trace["v"].all_values, strict=True)) == [
        (0, 1),
        (5, "xxxx"),
        (5, 1),
        (6, "zzzz"),
    ]
    assert trace["v"].has_glitches
    assert trace["v"].at(5) == 1


def test_text_with_spaces(tmp_path):
    path = tmp_path / "x.vcd"
    path.write_text(f"{HEADER}$var string 1 s t $end\n{END}#0\nshello big world s\n#5\nsone s\n")
    assert list(Trace.load(path)["t"].values) == ["hello big world", "one"]


def test_text_in_latin_1(tmp_path):
    path = tmp_path / "x.vcd"
    text = f"{HEADER}$var string 1 s t $end\n{END}#0\nsl\\345ng s\n#5\nsl\xe4ng s\n#6\nsl\xc3\xb6ng s\n"
    path.write_bytes(text.encode("latin-1"))
    assert list(Trace.load(path)["t"].values) == ["lång", "läng", "löng"]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("#0\n0?\n", r"x\.vcd:8: no variable has the identifier '\?'"),
        ("#0\nb10101 x\n", r"x\.vcd:8: 5 bits for a variable of 4"),
        ("#9\n#5\n", r"x\.vcd:8: time goes back from 9 to 5"),
        ("#0\n\0\0b1 x\n", r"x\.vcd:8: expected text, not a byte of 0: the file has a hole"),
        ("#9223372036854775808\n", r"x\.vcd:7: expected a time such as #100, and below 2\^63"),
        ("$comment r $end #0\nr1_000 x\n", r"x\.vcd:8: expected a real number, not '1_000'"),
        ("#0.5\n", r"x\.vcd:7: expected a time such as #100"),
        ("#0\nb1", r"x\.vcd:8: the file ends in the middle of a change"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(tmp_path, body, message):
    path = tmp_path / "x.vcd"
    path.write_text(f"{HEADER}{END}{body}")
    with pytest.raises(TraceError, match=message):
        Trace.load(path)


def values(trace: Trace, name: str) -> list:
    return list(zip(trace[name].all_times.tolist(), trace[name].all_values.tolist(), strict=True))


def test_variables_of_one_identifier_and_two_widths(tmp_path):
    path = tmp_path / "x.vcd"
    path.write_text(f"{HEADER}$var wire 1 x low $end\n{END}#0\nb101 x\n#5\nb11x0 x\n")
    trace = Trace.load(path)
    assert values(trace, "v") == [(0, 5), (5, "11x0")]
    assert values(trace, "low") == [(0, 1), (5, 0)]


@pytest.mark.parametrize("piece", [7, 30, 64])
def test_a_change_that_lies_across_pieces(tmp_path, monkeypatch, piece):
    path = tmp_path / "x.vcd"
    path.write_text(
        "$timescale 1 ns $end\n$scope module top $end\n$var port [3:0] <0 v $end\n$var string 1 s t $end\n"
        f"{END}#0 pDUDU 6060 0606 <0\n#5\npUUDD 6600\n0066 <0\nshello big world s\n"
    )
    monkeypatch.setattr(vcd, "PIECE", piece)
    trace = Trace.load(path)
    assert values(trace, "v") == [(0, 5), (5, 12)]
    assert values(trace, "t") == [(5, "hello big world")]


def test_a_scope_without_its_kind_and_a_byte_order_mark(tmp_path):
    path = tmp_path / "x.vcd"
    text = f"{HEADER}{END}#0 00 b1 x\n".replace("module top", "top")
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert list(Trace.load(path)) == ["top.a", "top.v"]


def test_a_file_without_a_timescale_says_what_was_taken(tmp_path):
    path = tmp_path / "x.vcd"
    text = f"{HEADER}{END}#0 00\n"
    path.write_text(text)
    assert not Trace.load(path).notes
    path.write_text(text.replace("$timescale 1 ns $end", ""))
    assert Trace.load(path).notes == ("no $timescale: a unit of time is taken for 1 ns",)


def test_what_an_fst_loses_is_said():
    """A text in a real comes as NaN, and $dumpon lists events as if they happened."""
    time = np.array([0])
    waves = {
        "top.state": Wave("top.state", time, np.array([np.nan]), 64, Kind.REAL),
        "top.level": Wave("top.level", time, np.array([2.5]), 64, Kind.REAL),
        "top.go": Wave("top.go", time, np.array([1]), 0, Kind.EVENT),
    }
    text, events = _fst_notes(waves)
    assert "not a number somewhere: top.state, one of 1 such" in text
    assert "events: an FST does not tell" in events
    del waves["top.state"], waves["top.go"]
    assert _fst_notes(waves) == ()
