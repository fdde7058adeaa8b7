"""A worker of which others know the address of a proxy before it, not its own.

``python -m tests.e2e.advertised scheduler_worker ...`` with ADVERTISED_ADDRESS is the demo's
command line; only what the worker tells others of its gRPC address is changed. The port that it
really listens on, any free one, is left in the file PORT_FILE, for the proxy.
"""

import os
from pathlib import Path

ENVIRONMENT_NAME = "ADVERTISED_ADDRESS"
PORT_FILE = "PORT_FILE"


def _advertised(host: str, port: int) -> str:
    port_file = Path(os.environ[PORT_FILE])
    fresh = port_file.with_suffix(".new")
    fresh.write_text(str(port))
    fresh.replace(port_file)
    return os.environ[ENVIRONMENT_NAME]


def main() -> None:
    import django

    django.setup()
    from scheduler.bootstrap import worker
    from scheduler_demo.manage import main as demo_command_line

    worker._address = _advertised
    demo_command_line()


if __name__ == "__main__":
    main()
