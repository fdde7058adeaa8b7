"""What an idle cluster of three costs: CPU by role, and PostgreSQL statements per second."""

import time

import psutil

from tests.benchmarks.whole_path_bench import Report, cluster, cpu_of, family_cpu

SECONDS = 30.0


def measure(seconds: float = SECONDS) -> Report:
    """No job is due; roles are filled; what is left is leases, beats, pings and looking."""
    with cluster(workers=3) as made:
        leader, subleader = made.leader(), made.subleader()
        roles = {
            worker.number: "leader"
            if worker is leader
            else "subleader"
            if worker is subleader
            else "worker"
            for worker in made.workers
        }
        made.start_statement_count()
        before, each = cpu_of(made), {w.number: family_cpu(w.pid) for w in made.workers}
        switches = {w.number: _switches(w.pid) for w in made.workers}
        time.sleep(seconds)
        used = cpu_of(made).since(before)
        percent = {
            roles[w.number]: (family_cpu(w.pid) - each[w.number]) / seconds * 100
            for w in made.workers
        }
        wakes = {
            roles[w.number]: (_switches(w.pid) - switches[w.number]) / seconds for w in made.workers
        }
        statements = made.statements()
    calls = sum(count for count, _, _ in statements)
    rows = [
        (f"{r}: CPU, wake-ups", f"{percent[r]:.2f} % of a core, {wakes[r]:.0f}/s") for r in percent
    ]
    rows += [
        ("PostgreSQL", f"{used.postgres / seconds * 100:.2f} % of a core"),
        ("Valkey", f"{used.valkey / seconds * 100:.2f} % of a core"),
        ("statements per second", f"{calls / seconds:.1f}"),
    ]
    rows += [
        (f"  {n / seconds:.2f}/s x {ms / n:.2f} ms", text[:90]) for n, ms, text in statements[:20]
    ]
    figures = {
        "percent_of_a_core": percent,
        "postgres_percent": used.postgres / seconds * 100,
        "statements_per_second": calls / seconds,
    }
    return Report("An idle cluster of three", rows, figures)


def _switches(pid: int) -> int:
    """Voluntary context switches so far of all threads of one process: how often it was woken."""
    total = 0
    for thread in psutil.Process(pid).threads():
        with open(f"/proc/{pid}/task/{thread.id}/status") as status:
            total += next(int(x.split()[1]) for x in status if x.startswith("voluntary_ctxt"))
    return total
