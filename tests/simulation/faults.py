"""What befalls a simulated world: faults of machines, lines and servers, and its operators' wishes.

``plan`` draws a list of faults from the seed, each at its own instant; ``heal`` ends all of them.
"""

from collections.abc import Callable
from copy import deepcopy
from typing import TYPE_CHECKING

from tests.simulation import jobs
from tests.simulation.database import cluster_time
from tests.simulation.node import Node
from tests.simulation.weather import Odds

if TYPE_CHECKING:
    from tests.simulation.world import World

STORM = Odds(
    pause=0.0004,
    slow=0.03,
    request_lost=0.03,
    answer_lost=0.03,
    late=0.02,
    doubled=0.03,
)

Fault = Callable[["World"], None]


def plan(world: "World") -> None:
    """Put the faults of this seed on the timeline."""
    kinds = world.scenario.kinds or tuple(KINDS)
    for _ in range(world.scenario.faults):
        kind = world.random.choice(kinds)
        at = world.random.uniform(5.0, world.scenario.seconds - 5.0)
        world.timeline.at(at, _befalling(world, kind))


def heal(world: "World") -> None:
    """Everything works again, and operators take back what they asked for."""
    world.trace("healed")
    world.lines.mend()
    world.redis.away = False
    world.set_weather(Odds())
    jobs.set_paused(world, paused=False)
    jobs.release_quarantines(world)
    for node in world.nodes:
        jobs.set_desired(world, node.name, "active")
        world.start_process(node)
    world.timeline.after(60.0, lambda: _release_again(world))


def _release_again(world: "World") -> None:
    """A person looks at quarantined jobs once a minute."""
    jobs.release_quarantines(world)
    world.timeline.after(60.0, lambda: _release_again(world))


def _befalling(world: "World", kind: str) -> Callable[[], None]:
    def happen() -> None:
        world.trace("fault", kind=kind)
        KINDS[kind](world)

    return happen


def _until(world: "World", seconds: float, undo: Callable[[], None]) -> None:
    """Undo a fault after its time, at the latest at the healing."""
    left = world.scenario.seconds - world.timeline.now
    world.timeline.after(min(seconds, max(left, 0.0)), undo)


def _some_node(world: "World") -> Node:
    leader = world.leader()
    if leader is None or len(world.nodes) == 1:
        return world.random.choice(world.nodes)
    if world.random.random() < world.scenario.leader_share:
        return leader.node
    return world.random.choice([node for node in world.nodes if node is not leader.node])


def _length(world: "World") -> float:
    """From a moment to several leases."""
    most = world.scenario.fault_seconds
    return world.random.choice([0.3, 1.0, 2.0, 4.0]) * world.random.uniform(1.0, most)


# ---------------------------------------------------------------------------------- processes


def crash(world: "World") -> None:
    node = _some_node(world)
    if node.process is not None:
        world.trace("crash", process=node.process.name)
        node.process.crash(noticed=world.random.random() < 0.5)
        _until(world, _length(world), lambda: world.start_process(node))


def stop(world: "World") -> None:
    node = _some_node(world)
    if node.process is not None:
        seconds = min(_length(world), world.scenario.seconds - world.timeline.now)
        world.trace("stop", process=node.process.name, seconds=round(seconds, 1))
        node.process.life.stop(world.timeline.now + seconds)


def restart_well(world: "World") -> None:
    node = _some_node(world)
    if node.process is not None and not node.process.parts.member.stopping:
        world.trace("SIGTERM", process=node.process.name)
        node.process.stop_well()
        world.timeline.after(_length(world), lambda: world.start_process(node))


def kill_fork_server(world: "World") -> None:
    node = _some_node(world)
    if node.process is not None:
        node.process.host.server.die()


def kill_run(world: "World") -> None:
    node = _some_node(world)
    if node.process is not None:
        node.process.host.server.lose_a_run()


def stop_fork_server(world: "World") -> None:
    node = _some_node(world)
    if node.process is not None:
        server = node.process.host.server
        server.life.stop(world.timeline.now + _length(world))


def crash_all(world: "World") -> None:
    """A power cut: all workers are down for a while."""
    for node in world.nodes:
        if node.process is not None:
            node.process.crash(noticed=world.random.random() < 0.5)
    seconds = _length(world)
    for node in world.nodes:
        start = world.random.uniform(0.5, 1.0) * seconds
        _until(world, start, lambda node=node: world.start_process(node))  # type: ignore[misc]


# -------------------------------------------------------------------------------------- lines


def cut_rdb(world: "World") -> None:
    name = _some_node(world).name
    world.lines.no_rdb.add(name)
    _until(world, _length(world), lambda: world.lines.no_rdb.discard(name))


def cut_redis(world: "World") -> None:
    name = _some_node(world).name
    world.lines.no_redis.add(name)
    _until(world, _length(world), lambda: world.lines.no_redis.discard(name))


def cut_calls(world: "World") -> None:
    """One way only: from one node to another, or to all."""
    caller, callee = _some_node(world), _some_node(world)
    callees = world.nodes if world.random.random() < 0.3 else [callee]
    _cut(world, {(caller.name, node.address) for node in callees if node is not caller})


def cut_off(world: "World") -> None:
    """A node is cut from everything, both ways; perhaps only Redis is left to it."""
    node = _some_node(world)
    pairs = {(node.name, other.address) for other in world.nodes if other is not node}
    pairs |= {(other.name, node.address) for other in world.nodes if other is not node}
    world.lines.no_rdb.add(node.name)
    seconds = _length(world)
    _until(world, seconds, lambda: world.lines.no_rdb.discard(node.name))
    if world.random.random() < 0.5:
        world.lines.no_redis.add(node.name)
        _until(world, seconds, lambda: world.lines.no_redis.discard(node.name))
    _cut(world, pairs, seconds)


def _cut(world: "World", pairs: set[tuple[str, str]], seconds: float | None = None) -> None:
    world.trace("cut", pairs=sorted(pairs))
    world.lines.no_call.update(pairs)

    def mend() -> None:
        world.lines.no_call.difference_update(pairs)

    _until(world, _length(world) if seconds is None else seconds, mend)


def lose_rdb(world: "World") -> None:
    world.lines.rdb_is_away = True

    def back() -> None:
        world.lines.rdb_is_away = False

    _until(world, _length(world), back)


def lose_redis(world: "World") -> None:
    world.redis.away = True

    def back() -> None:
        world.redis.away = False

    _until(world, _length(world), back)


def wipe_redis(world: "World") -> None:
    world.redis.wipe()


def fail_redis_over(world: "World") -> None:
    """To a replica that has not heard of the last seconds."""
    redis = world.redis
    held, mirrored = deepcopy(redis._held), redis.mirrored_epoch

    def take_over() -> None:
        redis._held, redis.mirrored_epoch = held, mirrored

    _until(world, world.random.uniform(0.5, 10.0), take_over)


def storm(world: "World") -> None:
    """Calls are slow, lost, late and doubled; processes stop in the middle of them."""
    world.set_weather(STORM)
    _until(world, _length(world), lambda: world.set_weather(world.usual_odds()))


# ---------------------------------------------------------------------------------- operators


def run_now(world: "World") -> None:
    jobs.run_now(world, world.random.choice(world.jobs))


def cancel(world: "World") -> None:
    for _ in range(world.random.randint(1, 4)):
        jobs.cancel_some_run(world)


def pause_cluster(world: "World") -> None:
    jobs.set_paused(world, paused=True)
    _until(world, _length(world), lambda: jobs.set_paused(world, paused=False))


def drain(world: "World") -> None:
    name = _some_node(world).name
    jobs.set_desired(world, name, world.random.choice(["draining", "detached"]))
    _until(world, _length(world), lambda: jobs.set_desired(world, name, "active"))


def degrade(world: "World") -> None:
    jobs.degrade_leader(world)


def edit(world: "World") -> None:
    job = world.random.choice(world.jobs)
    now = cluster_time(world.timeline.now)
    jobs.edit(world, job, jobs.draw_spec(world.random, now), enabled=world.random.random() < 0.9)


KINDS: dict[str, Fault] = {
    "crash": crash,
    "stop": stop,
    "restart_well": restart_well,
    "kill_fork_server": kill_fork_server,
    "kill_run": kill_run,
    "stop_fork_server": stop_fork_server,
    "crash_all": crash_all,
    "cut_rdb": cut_rdb,
    "cut_redis": cut_redis,
    "cut_calls": cut_calls,
    "cut_off": cut_off,
    "lose_rdb": lose_rdb,
    "lose_redis": lose_redis,
    "wipe_redis": wipe_redis,
    "fail_redis_over": fail_redis_over,
    "storm": storm,
    "run_now": run_now,
    "cancel": cancel,
    "pause_cluster": pause_cluster,
    "drain": drain,
    "degrade": degrade,
    "edit": edit,
}
