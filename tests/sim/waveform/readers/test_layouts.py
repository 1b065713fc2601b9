"""Layouts that some tools write and IEEE 1364 does not know."""

import pytest
from irq13.sim import Trace
from irq13.sim.waveform.wave import TraceError

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


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("#0\n0?\n", r"x\.vcd:8: no variable has the identifier '\?'"),
        ("#0\nb10101 x\n", r"x\.vcd:8: 5 bits for a variable of 4"),
        ("#9\n#5\n", r"x\.vcd:8: time goes back from 9 to 5"),
        ("#0.5\n", r"x\.vcd:7: expected a time such as #100"),
        ("#0\nb1", r"x\.vcd:8: the file ends in the middle of a change"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(tmp_path, body, message):
    path = tmp_path / "x.vcd"
    path.write_text(f"{HEADER}{END}{body}")
    with pytest.raises(TraceError, match=message):
        Trace.load(path)
