"""Runs one command and ends it when the process that asked for it is gone, however it went.

Started as ``python -I -S guard.py SIGNAL GRACE -- command...`` with a pipe on stdin that only the
asking process holds open. The first line of stdout is the command's pid. End of file on stdin
(the asker closed it, or died, even by SIGKILL) sends SIGNAL to the command, and SIGKILL when it
is still there GRACE seconds later. The exit status is the command's, as a shell gives it.

Imports nothing of the project: it must start in milliseconds and hold little memory.
"""

import os
import signal
import subprocess
import sys
import threading


def _end_when_orphaned(child: subprocess.Popen[bytes], end_signal: int, grace: float) -> None:
    while os.read(0, 4096):
        pass
    child.send_signal(end_signal)
    try:
        child.wait(grace)
    except subprocess.TimeoutExpired:
        child.kill()


def main() -> int:
    """Guard the command named by the arguments; returns its exit status."""
    end_signal, grace, command = int(sys.argv[1]), float(sys.argv[2]), sys.argv[4:]
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, lambda *_: None)
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=2)
    os.write(1, f"{child.pid}\n".encode())
    os.close(1)
    threading.Thread(
        target=_end_when_orphaned, args=(child, end_signal, grace), daemon=True
    ).start()
    status = child.wait()
    return status if status >= 0 else 128 - status


if __name__ == "__main__":
    # Not sys.exit: a thread may still sit in a read of stdin.
    os._exit(main())
