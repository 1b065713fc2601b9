"""Starts an emulator whose COM1 is a connection of TCP, and writes what comes over it to standard output.

Arguments: the emulator's settings, in which @PORT@ becomes the number of a free port, then its command. It
stands alone, so that it starts as fast as Python does.
"""

import socket
import subprocess
import sys
from pathlib import Path

BOOT = 60
"""Seconds until it has connected."""


def relayed() -> int:
    """Until either side ends; the emulator's exit status."""
    settings, command = Path(sys.argv[1]), sys.argv[2:]
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        settings.write_text(settings.read_text("utf-8").replace("@PORT@", str(port)), encoding="utf-8")
        # What it says of itself is not what comes over COM1.
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=sys.stderr) as emulator:
            server.settimeout(0.1)
            for _ in range(10 * BOOT):
                try:
                    connection, _address = server.accept()
                    break
                except TimeoutError:
                    if emulator.poll() is not None:
                        return emulator.returncode
            else:
                emulator.kill()
                return 1
            connection.settimeout(None)
            while data := connection.recv(4096):
                sys.stdout.buffer.write(data)
                sys.stdout.buffer.flush()
        return emulator.returncode


if __name__ == "__main__":
    sys.exit(relayed())
