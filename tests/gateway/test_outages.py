"""Hubs that go, come back, or do not have what a gateway is there for; and gateways that end."""

from netsiege.hub.gateway import server
from tests.attacks.conftest import rooms
from tests.gateway.conftest import PAIR
from tests.gateway.house import JOIN, RESET, STEP, House, Player, open_matches, wait_until, waiting


def test_room_that_does_not_exist_is_said_to_whoever_joins(hub, mistakes):
    with House(hub.agents, room="nowhere") as house:
        player = house.player()
        assert "nowhere" in player.ask(JOIN)["message"]["message"]
        assert player.status(JOIN) == "BAD_REQUEST"


def test_hub_that_is_gone_for_good_is_told_and_tried_again(start, mistakes, monkeypatch):
    monkeypatch.setattr(server, "AGAIN_S", 0.05)
    first = start(*rooms(), keyed=False, work=True)
    with House(first.agents, reconnect_s=0) as house:
        playing, idle = house.player().join(), house.player().join()
        waiting_one = house.player()
        first.close()
        wait_until(lambda: house.gateway._link is None, "the loss")
        assert "the match is over" in playing.ask(STEP)["message"]["message"]
        assert idle.status(RESET) == "BAD_REQUEST"
        told = waiting_one.ask(JOIN)
        assert told["status"] == "GameStatus.BAD_REQUEST"
        second = start(*rooms(), keyed=False, work=True)
        house._hub = second.agents
        wait_until(lambda: house.gateway._link is not None, "the hub")
        assert playing.status(RESET) == "RESET_DONE"
        assert playing.status(STEP) == "OK"
        assert idle.status(RESET) == "RESET_DONE"
        assert waiting_one.status(JOIN) == "CREATED"


def test_queue_of_refused_requests_does_not_overflow(start, mistakes):
    """A client that has asked a thousand things ahead when the hub goes is told about each."""
    hub = start(*rooms(seats=PAIR), keyed=False, work=True)
    with House(hub.agents, reconnect_s=0) as house:
        player = house.player().write(JOIN * 2_000)
        wait_until(lambda: waiting(hub) == 1, "one who waits")
        hub.close()
        for _ in range(2_000):
            assert player.read()["status"] == "GameStatus.BAD_REQUEST"
        assert house.player().status(STEP) == "BAD_REQUEST"


def test_gateway_that_ends_hangs_up_and_leaves_its_seats(hub, mistakes, caplog):
    with House(hub.agents) as house:
        player = Player(house.port).join()
    assert player.is_cut_off()
    player.close()
    wait_until(lambda: open_matches(hub) == 0, "the end of the match")
    assert "hub_lost" not in caplog.text


def test_ipv6(hub, mistakes):
    with House(hub.agents, host="::1") as house:
        told = house.player().ask(JOIN)
        assert told["to_agent"][0] == "::1"
