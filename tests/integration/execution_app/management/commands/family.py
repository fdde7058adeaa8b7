import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from django.core.management.base import BaseCommand

WAIT = "import signal,time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(3600)"


class Command(BaseCommand):
    help = "Leaves a daemon behind: forked twice, in a session of its own, deaf to TERM."

    def add_arguments(self, parser):
        parser.add_argument("pid_file")
        parser.add_argument("--exec", action="store_true", dest="by_exec")
        parser.add_argument("--stay", action="store_true")

    def handle(self, *args, **options):
        pid_file = Path(options["pid_file"])
        if os.fork() == 0:
            os.setsid()
            if options["by_exec"]:
                daemon = subprocess.Popen([sys.executable, "-c", WAIT], start_new_session=True)
                self.tell(pid_file, daemon.pid)
                os._exit(0)
            if os.fork() == 0:
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
                self.tell(pid_file, os.getpid())
                time.sleep(3600)
            os._exit(0)
        while not pid_file.exists():
            time.sleep(0.01)
        if options["stay"]:
            time.sleep(3600)

    def tell(self, pid_file, pid):
        """The pid as the whole machine knows it, whatever namespace this is."""
        mark = f"{pid_file}.part"
        Path(mark).write_text(str(pid))
        os.rename(mark, pid_file)
