import os
import stat
import threading

import pytest
from irq13.sim.support.files import replacing


def test_a_pipe_is_written_and_stays_a_pipe(tmp_path):
    """As /dev/null has to stay a device when a user who may do so writes there."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()))
    reader.start()
    with replacing(pipe) as file:
        file.write("a line\n")
    reader.join(10)
    assert read == ["a line\n"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "file").write_text("old")
    link = tmp_path / "link"
    link.symlink_to("folder/file")
    with pytest.raises(ZeroDivisionError), replacing(link) as file:
        file.write(f"{1 / 0}")
    assert link.read_text() == "old"
    with replacing(link) as file:
        file.write("new")
    assert link.is_symlink()
    assert (tmp_path / "folder" / "file").read_text() == "new"
