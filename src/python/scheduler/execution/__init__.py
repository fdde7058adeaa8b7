"""TALKS to the operating system: the warm fork server, the processes of runs, their log files.

``host.ProcessHost`` is the door; ``docs/execution.md`` shows how the three processes behind it
(worker, launcher, fork server) watch one another. Only this package starts processes.
"""
