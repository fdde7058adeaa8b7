"""A worker as small as can be, for tests that stop or kill one.

``python -m tests.integration.execution.worker_process LOG_DIR STRENGTH LEASE_SECONDS ARGV...``
starts one run, says what its host is, and then what happens, as JSON lines on stdout.
"""

import json
import sys

from scheduler.execution import wire
from scheduler.execution.host import ProcessHost
from scheduler.execution.linux import boottime, die_with_parent
from scheduler.execution.strength import KillStrength
from tests.integration.execution.jobs import spec_of


def main() -> None:
    # A test run that is killed must not leave workers behind.
    die_with_parent()
    log_dir, kill_strength, lease, *argv = sys.argv[1:]
    host = ProcessHost.start(strength=KillStrength(kill_strength))
    host.wait_ready(20)
    spec = spec_of(log_dir, *argv, kill_grace_seconds=0.5)
    deadline = boottime() + float(lease)
    host.set_deadline(deadline)
    host.launch([spec])
    tell({"mark": host.mark, "log": spec.log_path, "deadline": deadline})
    while True:
        for event in host.events(1.0):
            tell({"event": wire.encode_events([event])[0]})


def tell(facts) -> None:
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
