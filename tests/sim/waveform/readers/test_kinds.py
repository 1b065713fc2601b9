"""Each kind of file that some reader loses something of, in two or three variants: read right, or refused."""

import pytest
from irq13.sim import Trace
from irq13.sim.waveform.wave import TraceError


def vcd(variables, body, timescale="1 ns"):
    """A file with variables such as 'wire 1 ! a', separated by semicolons, in the scope top."""
    declared = "".join(f"$var {one} $end\n" for one in variables.split("; "))
    scope = f"$timescale {timescale} $end\n$scope module top $end\n{declared}"
    return f"{scope}$upscope $end\n$enddefinitions $end\n{body}"


def seen(trace):
    """'a: 0@0 1@5; b: ...': every change of every signal, without the scope."""
    parts = []
    for name, wave in trace.items():
        changes = zip(wave.all_values.tolist(), wave.all_times.tolist(), strict=True)
        parts.append(f"{name.removeprefix('top.')}:" + "".join(f" {value}@{time}" for value, time in changes))
    return "; ".join(parts)


A, AB, V = "wire 1 ! a", 'wire 1 ! a; wire 1 " b', "wire 4 ! v"
READ = {
    "several_on_a_line": (vcd(AB, '#0 0! 0" #5 1! 1" #10 0!\n'), "a: 0@0 1@5 0@10; b: 0@0 1@5"),
    "several_on_a_line_vectors": (vcd(V, "#0 b0 ! #5 b11 ! b1 !\n"), "v: 0@0 3@5 1@5"),
    "leading_space": (vcd(A, " \t#0\n\t 0!\n   #5\n\t1!\n"), "a: 0@0 1@5"),
    "event": (vcd("event 1 ! e", "$dumpvars\n0!\n$end\n#0\n1!\n#9\nb1 !\n1!\n#20\n"), "e: 1@0 1@9 1@9"),
    "event_listed": (vcd("event 1 ! e", "#0\n$dumpvars 1! $end\n#7\n1!\n#8\nx!\n"), "e: 1@7"),
    "vhdl_letters": (
        vcd("reg 9 ! v [8:0]", "#0\nbUX01ZWLH- !\n#1\nbH !\n"),
        "v[8:0]: ux01zwlh-@0 hhhhhhhhh@1",
    ),
    "vhdl_letters_spaced": (vcd(A, "#0\nU !\n#1\n- !\n#2\nH !\n"), "a: u@0 -@1 h@2"),
    "vhdl_only_u": (vcd("reg 2 ! v", "#0\nbUU !\n#9\n"), "v: uu@0"),
    "real_looks_binary": (
        vcd("real 64 ! r", "#0\nr10 !\n#1\nR1E1 !\n#2\nr-0.5 !\n#3\nrinf !\n"),
        "r: 10.0@0 -0.5@2 inf@3",
    ),
    "real_in_bits": (vcd("real 64 ! r", "#0\nb11 !\n#1\nr3.0 !\n#2\nr4 !\n"), "r: 3.0@0 4.0@2"),
    "left_extend": (
        vcd(V, "#0\nbz !\n#1\nbzzz !\n#2\nbx0 !\n#3\nb1x !\n#4\nZ!\n#5\n1!\n"),
        "v: zzzz@0 xxx0@2 001x@3 zzzz@4 1@5",
    ),
    "left_extend_wide": (vcd("wire 70 ! v", "#0\nb1 !\n#1\nbx1 !\n"), f"v: 1@0 {'x' * 69}1@1"),
    "upper_case_x": (vcd(V, "#0\nBXZ !\n#1\nbxz !\n#2\nX!\n#3\nx!\n"), "v: xxxz@0 xxxx@2"),
    "no_last_newline": (vcd(V, "#0\nb0 !\n#5\nb1 !"), "v: 0@0 1@5"),
    "vector_on_time_line": (vcd(V, "#0\tb0000 !\n#5  B101\t!\n"), "v: 0@0 5@5"),
    "float_time": (vcd(A, "#0.000\n0!\n#5.\n1!\n"), "a: 0@0 1@5"),
    "version_begins_with_r": (
        "$version\nr1 ! b0 x\n#9 $end\n$date\nsome day $end\n" + vcd(A, "#0\n0!\n"),
        "a: 0@0",
    ),
    "var_over_lines": (vcd("wire\r\n\t4\n!\r\n v\t[3:0]\r\n", "#0\r\nb1\r\n!\r\n"), "v[3:0]: 1@0"),
    "zero_width": (vcd('wire 0 ! v; wire 1 " a', '#0\nb !\n0"\n#1\n0!\nbx !\n1"\n'), "v: 0@0; a: 0@0 1@1"),
    "empty_scope_name": (vcd(A, "#0\n0!\n").replace("module top", "begin "), "a: 0@0"),
    "two_words_a_line": (
        vcd('wire 1 ! a $end $var wire 1 " b', '#0\n0!\n1"\n').replace("\n$scope", " $scope"),
        "a: 0@0; b: 1@0",
    ),
    "prefix_0b": (vcd(V, "#0\nb0b1 !\n#1\nB0B0101 !\n#2\nb0bx1 !\n"), "v: 1@0 5@1 xxx1@2"),
    "same_name_two_ids": (vcd('wire 1 ! a; wire 4 " a', '#0\n0!\nb10 "\n'), "a#1: 0@0; a#2: 2@0"),
    "same_name_of_scopes": (
        vcd('wire 1 ! a $end $upscope $end $scope module top $end $var wire 1 " a', '#0\n0!\n1"\n'),
        "a#1: 0@0; a#2: 1@0",
    ),
    "spaces_in_name": (
        vcd('wire 1 ! my sig; wire 1 " mysig; wire 4 # my bus [ 3 : 0 ]', '#0\n0!\n1"\nb1 #\n'),
        "my sig: 0@0; mysig: 1@0; my bus[3:0]: 1@0",
    ),
    "escaped": (
        vcd('wire 1 ! \\a[3] ; wire 4 " \\a.b [3:0]', '#0\n0!\nb1 "\n'),
        "\\a[3]: 0@0; \\a.b[3:0]: 1@0",
    ),
    "equal_but_for_case": (vcd('wire 1 ! a; wire 1 " A', '#0\n0!\n1"\n'), "a: 0@0; A: 1@0"),
    "evcd": (
        vcd(
            "port 1 <0 a; port [3:0] <1 v",
            "$dumpports\n#0\npN 6 6 <0\npZuL? 0000 6666 <1\n$end\n#5\nph 0 6 <0\n",
        ),
        "a: x@0 1@5; v: z10x@0",
    ),
    "evcd_closed": (
        vcd("port 8 <0 v [7:0]", "#0\npDUNZLHXT 66666666 00000000 <0\n$vcdclose #9 $end\n"),
        "v[7:0]: 01xz01xz@0",
    ),
    "string_octal": (
        vcd("string 1 ! s", "#0\nsa\\040b\\x2E !\n#1\ns !\n#2\ns\\\\n\\n !\n"),
        "s: a b.@0 @1 \\n\n@2",
    ),
    "string_in_real": (vcd("real 1 ! s", "#0\nsIDLE !\n#1\nr1.5 !\n"), "s: IDLE@0 1.5@1"),
    "string_in_bits": (
        vcd('string 1 ! s; wire 4 " v', '#0\nsRUN !\nb1x "\n#1\nb010 !\nsHI "\n#2\n1!\nb11 "\n'),
        "s: RUN@0 010@1 1@2; v: 001x@0 HI@1 0011@2",
    ),
    "glitch": (vcd(A, "#0\n0!\n1!\n0!\n#9\n1!\n0!\n"), "a: 0@0 1@0 0@0 1@9 0@9"),
    "glitch_of_a_vector": (vcd(V, "#0\nb0 !\n#5\nbx !\nb0 !\n#9\nb1 !\n"), "v: 0@0 xxxx@5 0@5 1@9"),
    "never_changes": (
        vcd('wire 1 ! a; real 64 " r; string 1 # s; event 1 $ e', "#0\n0!\n"),
        "a: 0@0; r:; s:; e:",
    ),
    "bit_selects": (
        vcd('wire 1 ! b [-1]; wire 2 " v [0:1]; wire 1 # m [1][2]', '#0\n0!\nb10 "\n1#\n'),
        "b[-1]: 0@0; v[0:1]: 2@0; m[1][2]: 1@0",
    ),
    "identifiers_like_values": (
        vcd(
            "wire 1 b b; wire 1 01 c; wire 4 b0 v; wire 1 #5 h; real 64 r1 r",
            "#0\n0b 001 b1 b0 1#5 r1 r1\n#5\nb1 b\nb1 01\n",
        ),
        "b: 0@0 1@5; c: 0@0 1@5; v: 1@0; h: 1@0; r: 1.0@0",
    ),
    "remarks": (vcd(A, "$comment 1! #9 $end #0 0!\n$comment\nmulti $endx\n$end 1!\n"), "a: 0@0 1@0"),
    "latin_1": (
        vcd("wire 1 \xe4 \xe4; wire 1 \xfc \xfc", "#0\n0\xe4\n1\xfc\n").encode("latin-1"),
        "\xe4: 0@0; \xfc: 1@0",
    ),
    "listed_twice": (
        vcd(A, "$dumpvars\nx!\n$end\n#5\n$dumpvars\n1!\n$end\n#6\n$dumpoff\nx!\n$end\n$dumpon\n1!\n$end\n"),
        "a: x@0 1@5 x@6 1@6",
    ),
}
REFUSED = {
    "time_goes_back": (vcd(A, "#0\n0!\n#10\n1!\n#9\n"), r"x\.vcd:10: time goes back from 10 to 9"),
    "time_goes_back_on_a_line": (vcd(A, "#7 0! #6 1!\n"), r"x\.vcd:6: time goes back from 7 to 6"),
    "broken_text_in_values": (
        vcd(A, "#0\n0!\nError: 5 ns\n"),
        r"x\.vcd:8: expected a time or a value change, not 'Error:'",
    ),
    "broken_unknown_id": (vcd(A, "#0\n0!\nb1 !!\n"), r"x\.vcd:8: no variable has the identifier '!!'"),
    "real_in_hex": (vcd("real 64 ! r", "#0\nr0x10 !\n"), r"x\.vcd:7: expected a real number, not '0x10'"),
    "two_timescales": (
        "$timescale 1 ps $end\n" + vcd(A, "#0\n"),
        r"x\.vcd:2: expected one timescale, not 1ns after 1ps",
    ),
    "no_unit": (vcd(A, "#0\n", timescale="10"), r"x\.vcd:1: expected a timescale such as 1 ns, not '10'"),
}
UNITS = {
    "1 as": 1e-18,
    "100as": 1e-16,
    "10 ps": 1e-11,
    "1ns": 1e-9,
    "\n\t1\tns\n": 1e-9,
    "100 fs": 1e-13,
    "1 S": 1,
}


@pytest.mark.parametrize("kind", READ)
def test_a_kind_of_file_is_read(tmp_path, kind):
    text, right = READ[kind]
    (tmp_path / "x.vcd").write_bytes(text if isinstance(text, bytes) else text.encode())
    assert seen(Trace.load(tmp_path / "x.vcd")) == right


@pytest.mark.parametrize("kind", REFUSED)
def test_a_kind_of_file_is_refused_with_its_line(tmp_path, kind):
    text, message = REFUSED[kind]
    (tmp_path / "x.vcd").write_text(text)
    with pytest.raises(TraceError, match=message):
        Trace.load(tmp_path / "x.vcd")


@pytest.mark.parametrize("text", UNITS)
def test_units_of_time(tmp_path, text):
    (tmp_path / "x.vcd").write_text(vcd(A, "#0\n0!\n", timescale=text))
    assert Trace.load(tmp_path / "x.vcd").unit == UNITS[text]


TOGGLES = "".join(f"#{time}\n{time // 5 % 2}!\n" for time in range(0, 50, 5))
CLOCKS = {
    "clk_no_edges": ("wire 1 $ clk; wire 1 ! tick", f"#0\nx$\n{TOGGLES}", None),
    "clk_vector": ("integer 32 ! clock", TOGGLES, None),
    "clk_behind_a_still_one": ("wire 1 $ clk; wire 1 ! clk_b", f"#0\n0$\n{TOGGLES}", "top.clk_b"),
    "clk_of_letters": ("wire 1 ! CLK", TOGGLES.replace("1!", "H!").replace("0!", "L!"), "top.CLK"),
    **{
        f"clk_{name}": (f"wire 1 ! {name}; wire 1 $ {name}_en", TOGGLES, f"top.{name}")
        for name in "CLOCK Clock clk_i i_clk sysClk s_axi_aclk CLK100MHZ clk_p clk2x tck HCLK".split()
    },
}


@pytest.mark.parametrize("kind", CLOCKS)
def test_clocks(tmp_path, kind):
    """A signal with a clock's name, of one bit, with edges; or none."""
    variables, body, right = CLOCKS[kind]
    (tmp_path / "x.vcd").write_text(vcd(variables, body))
    clock = Trace.load(tmp_path / "x.vcd").clock
    assert (clock and clock.name) == right
