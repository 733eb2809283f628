"""Keys that a hub does not let in, and hubs that are not the right one: every client says what to do."""

import asyncio
import concurrent.futures
import logging
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest

from netsiege import BaseAgent
from netsiege.aio import AsyncClient
from netsiege.client import Client
from netsiege.engine.worker import run_worker
from netsiege.errors import AuthError
from netsiege.hub.authority import Right
from netsiege.keys import (
    HUB_PUBLIC,
    IDENTITY,
    NO_KEYS,
    KeyPair,
    Keys,
    public_text,
    save_hub_public,
    save_pair,
)
from netsiege.protocol import SessionRole
from tests.attacks.conftest import wait_until
from tests.e2e.conftest import netsiege

AT_ONCE_S = 3.0
"""How soon everybody is told."""


def open_client(hub, keys):
    Client(hub.agents, "tester", keys=keys).open()


def open_async_client(hub, keys):
    asyncio.run(AsyncClient(hub.agents, "tester", keys=keys).open())


def register(hub, keys):
    BaseAgent(address=hub.agents, keys=keys).register()


def watch(hub, keys):
    Client(hub.agents, "tester", SessionRole.SPECTATOR, keys=keys).open()


def work(hub, keys):
    until_s = time.monotonic() + 2 * AT_ONCE_S
    run_worker(hub.workers, 1, "tester", lambda: time.monotonic() > until_s, keys or None)


AGENTS = (open_client, open_async_client, register, watch)


def told(surfaces, hub, keys):
    """What each of them raises, all tried at the same time."""

    def attempt(surface):
        started_s = time.monotonic()
        with pytest.raises(AuthError) as caught:
            surface(hub, keys)
        took_s = time.monotonic() - started_s
        assert took_s < AT_ONCE_S, f"{surface.__name__} took {took_s:.2f} s"
        return str(caught.value)

    with concurrent.futures.ThreadPoolExecutor(len(surfaces)) as pool:
        return list(pool.map(attempt, surfaces))


@pytest.mark.soak
def test_hub_that_is_another_one_is_told_to_every_agent(start):
    hub = start()
    keys = Keys(hub.issue("alice").own, KeyPair.new().public)
    for text in told(AGENTS, hub, keys):
        assert "not the hub whose key is" in text
        assert "netsiege keys trust" in text
    assert hub.status().sessions == 1


def test_hub_that_is_another_one_is_told_by_a_worker_that_keeps_trying(start, caplog):
    hub = start()
    keys = Keys(hub.issue("engines", Right.WORKER).own, KeyPair.new().public)
    started_s, stop = time.monotonic(), threading.Event()
    with caplog.at_level(logging.WARNING, "netsiege.engine.worker"):
        worker = threading.Thread(target=run_worker, args=(hub.workers, 1, "tester", stop.is_set, keys))
        worker.start()
        wait_until(lambda: "not the hub whose key is" in caplog.text, "a warning")
        stop.set()
        worker.join()
    assert time.monotonic() - started_s < AT_ONCE_S
    assert "netsiege keys trust" in caplog.text


def test_no_key_where_one_is_asked_for_is_told_to_everyone(start):
    for text in told((*AGENTS, work), start(), NO_KEYS):
        assert "netsiege keys accept" in text


def test_key_where_none_is_asked_for_is_told_to_everyone(start):
    hub = start(keyed=False)
    for text in told((*AGENTS, work), hub, Keys(KeyPair.new(), KeyPair.new().public)):
        assert "this hub has no keys, so that anybody could be it" in text
    assert hub.status().sessions == 1


def test_key_that_the_hub_does_not_know_is_told_to_everyone(start):
    hub = start()
    stranger = hub.stranger()
    for text in told((*AGENTS, work), hub, stranger):
        assert f"netsiege keys authorize {public_text(stranger.own.public)} NAME" in text
    assert hub.refusals("key_refused") >= len(AGENTS) + 1


def test_key_that_was_revoked_is_told_to_everyone(start):
    hub = start()
    keys = hub.issue("alice", Right.ADMIN)
    with hub.client(keys):
        pass
    hub.file.revoke("alice")
    hub.learn()
    for text in told((*AGENTS, work), hub, keys):
        assert "it does not know it (any more)" in text


def test_key_that_has_expired_is_told_to_everyone(start):
    hub = start()
    start_of_2030 = datetime(2030, 1, 1, tzinfo=UTC)
    hub.now = lambda: start_of_2030 - timedelta(seconds=1)
    keys = hub.issue("alice", Right.ADMIN, expires=start_of_2030)
    with hub.client(keys):
        pass
    hub.now = lambda: start_of_2030
    for text in told((*AGENTS, work), hub, keys):
        assert "it does not know it (any more)" in text


@pytest.mark.parametrize("right", [Right.AGENT, Right.SPECTATOR, Right.ADMIN])
def test_key_that_runs_no_engines_is_told_to_the_worker(start, right):
    hub = start()
    [text] = told((work,), hub, hub.issue("somebody", right))
    assert "lets it in at another port only" in text
    assert not hub.status().workers


@pytest.mark.soak
def test_commands_with_a_key_that_is_refused_end_with_code_2_and_one_line(start, tmp_path):
    hub = start()
    folder = tmp_path / "stranger"
    stranger = hub.stranger()
    save_pair(folder / IDENTITY, stranger.own, "a stranger's")
    save_hub_public(folder / HUB_PUBLIC, stranger.hub)
    keys = ("--keys", str(folder))
    commands = [
        ("worker", "--hub", hub.workers, *keys),
        ("agent", "run", "random-attacker", "--hub", hub.agents, *keys),
        ("status", "--hub", hub.agents, *keys),
    ]
    with concurrent.futures.ThreadPoolExecutor(len(commands)) as pool:
        for done in pool.map(lambda command: netsiege(*command), commands):
            assert done.returncode == 2
            assert [line for line in done.stderr.splitlines() if "netsiege keys authorize" in line]
            assert "Traceback" not in done.stderr
