"""A worker of which others know the address of a proxy before it, not its own.

``python -m tests.e2e.advertised scheduler_worker ...`` with ADVERTISED_ADDRESS is the demo's
command line; only what the worker tells others of its gRPC address is changed.
"""

import os

ENVIRONMENT_NAME = "ADVERTISED_ADDRESS"


def _advertised(host: str, port: int) -> str:
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
