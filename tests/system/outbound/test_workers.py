"""Workers come, go and die: nothing is lost, nothing waits longer than a lease, little is sent twice."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter

from tests.embedded import Cluster
from tests.queueing import MESSAGE
from tests.system.outbound.conftest import World

SHORT = 2.0
"""Seconds of a lease."""


async def numbered(world: World, count: int, recipient: str = "sari@example.net", **fields: object) -> None:
    for number in range(count):
        await world.enqueue(recipient, content=MESSAGE + b"%d\r\n" % number, **fields)


async def test_two_workers_send_each_message_once(world: World) -> None:
    await numbered(world, 60)
    world.spawn()
    world.spawn()
    await world.settled()
    assert set(Counter(mail.content for mail in world.mx.received).values()) == {1}
    assert len(world.mx.received) == 60


async def test_what_a_killed_worker_held_goes_when_its_lease_is_over(world: World) -> None:
    world.mx.behaviour.delays["content"] = 60.0
    doomed = world.spawn(queue_lease=SHORT)
    await numbered(world, 5)
    await asyncio.to_thread(world.mx.wait_until, lambda: "DATA" in world.mx.commands)
    doomed.kill()
    world.mx.behaviour.delays.clear()
    await world.start(queue_lease=SHORT)
    await world.settled()
    assert {mail.content for mail in world.mx.received} == {MESSAGE + b"%d\r\n" % n for n in range(5)}


async def test_a_slow_server_does_not_outlive_the_lease(world: World) -> None:
    world.mx.behaviour.delays["content"] = 2 * SHORT
    await numbered(world, 1)
    await world.start(queue_lease=SHORT)
    await world.start(queue_lease=SHORT)
    await world.settled()
    assert len(world.mx.received) == 1


async def test_a_worker_that_is_told_to_stop_finishes_what_it_has_in_hand(world: World) -> None:
    world.mx.behaviour.delays["content"] = 0.5
    worker = world.spawn(destination_concurrency=1)
    await numbered(world, 20)
    await asyncio.to_thread(world.mx.wait_until, lambda: "DATA" in world.mx.commands)
    assert worker.process is not None
    worker.process.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(worker.process.wait, 30) == 0
    taken = len(world.mx.received)
    entries = await world.queue.list()
    assert 0 < taken < 20
    assert len(entries) == 20 - taken
    assert not any(entry.active for entry in entries)
    world.mx.behaviour.delays.clear()
    await world.start()
    await world.settled()
    assert len(world.mx.received) == 20


async def test_a_dead_destination_holds_up_no_other(world: World) -> None:
    world.dns.address("dead.example", "127.0.0.3")
    world.dns.address("mute.example", "127.0.0.1")
    await numbered(world, 200, "sari@dead.example")
    await world.start(destination_concurrency=2)
    await numbered(world, 3)
    await world.taken(3)


async def test_one_account_s_mailing_does_not_hold_up_another_s_mail(world: World) -> None:
    world.mx.behaviour.delays["content"] = 0.02
    await numbered(world, 400, account_id=1)
    await world.start(destination_concurrency=1)
    await world.taken(5)
    await world.enqueue("budi@example.net", account_id=2)
    await asyncio.to_thread(
        world.mx.wait_until, lambda: any("budi@example.net" in mail.recipients for mail in world.mx.received)
    )
    assert len(world.mx.received) < 350


async def test_mail_queued_while_redis_is_deaf_is_found_by_the_sweep(world: World) -> None:
    await world.start()
    await world._enqueue("sari@example.net")  # no ring
    await world.taken()


async def test_what_was_sent_while_postgres_was_away_is_not_sent_again(
    world: World, cluster: Cluster
) -> None:
    world.mx.behaviour.delays["content"] = 1.0
    await world.start()
    await numbered(world, 1)
    await asyncio.to_thread(world.mx.wait_until, lambda: "DATA" in world.mx.commands)
    await asyncio.to_thread(cluster.stop_postgres)
    await world.taken()
    cluster.start_postgres()  # not in a thread: it dies with the one that started it
    await world.settled()
    assert len(await world.until(lambda: world.trail("sent"))) == 1
    assert len(world.mx.received) == 1
