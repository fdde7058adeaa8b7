import json
import os
import random
import sys

from django.core.management.base import BaseCommand


class Command(BaseCommand):
    help = "Tells what a run is made of."

    def add_arguments(self, parser):
        parser.add_argument("words", nargs="*")

    def handle(self, *args, **options):
        fds = {fd: os.readlink(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd")[:-1]}
        facts = {
            "pid": os.getpid(),
            "group": os.getpgid(0),
            "session": os.getsid(0),
            "fds": fds,
            "random": random.random(),
            "env": dict(os.environ),
            "argv": sys.argv,
            "modules": sorted(sys.modules),
            "words": options["words"],
        }
        print(json.dumps(facts))
