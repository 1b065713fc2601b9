import json

import pytest
from irq13.sim.benchmarks import designs
from irq13.sim.benchmarks.designs import designs_main


def test_a_design_that_is_not_there_is_one_line(tmp_path, capsys):
    (tmp_path / "uart.py").write_text(
        "from amaranth.hdl import Elaboratable, Signal\n"
        "class Uart:\n    def __init__(self, divisor): pass\n"
        "class Broken(Elaboratable):\n    def __init__(self): self.q = Signal()\n"
        "    def elaborate(self, platform): raise KeyError('divisor')\n"
    )
    (tmp_path / "raises.py").write_text("raise SystemExit(0)\n")
    for design, said in {
        "uart.py": "--design: expected FILE:CLASS, not 'uart.py'",
        f"{tmp_path}/uart.py:Usart": f"--design: {tmp_path}/uart.py has no Usart",
        f"{tmp_path}/usart.py:Uart": f"[Errno 2] No such file: '{tmp_path}/usart.py'",
        f"{tmp_path}/uart.py:Uart ": f"--design: {tmp_path}/uart.py has no Uart ",
        f"{tmp_path}/uart.py:": f"--design: expected FILE:CLASS, not '{tmp_path}/uart.py:'",
        f"{tmp_path}/uart.py:Uart": f"--design: {tmp_path}/uart.py:Uart: TypeError: Uart.__init__() missing "
        "1 required positional argument: 'divisor'",
        f"{tmp_path}/uart.py:Broken": f"{tmp_path}/uart.py:Broken: KeyError: 'divisor'",
        f"{tmp_path}/raises.py:Uart": f"--design: {tmp_path}/raises.py:Uart: SystemExit: 0",
    }.items():
        with pytest.raises(SystemExit) as stopped:
            designs_main(["--design", design])
        assert stopped.value.code == 2
        assert capsys.readouterr().err == f"irq13: {said}\n"


@pytest.mark.slow
def test_somebody_elses_design_is_measured(tmp_path, capsys, monkeypatch, tool):
    """With a memory, and what it imports from its own folder; its signatures are compared before that."""
    tool("g++")
    monkeypatch.setattr(designs, "SECONDS", 0.05)
    (tmp_path / "widths.py").write_text("WIDTH = 7\n")
    (tmp_path / "queue_design.py").write_text(
        "from amaranth.lib.fifo import SyncFIFOBuffered\nfrom widths import WIDTH\n"
        "def queue(): return SyncFIFOBuffered(width=WIDTH, depth=8)\n"
    )
    designs_main(["--design", f"{tmp_path}/queue_design.py:queue", "--rounds", "1", "--json"])
    (row,) = json.loads(capsys.readouterr().out)
    assert row["flip_flops"] > 7 * 8
    assert row["ratio"] == pytest.approx(row["lanes"] / row["verilator"])
    assert row["ratio"] > 1
