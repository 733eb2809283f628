"""What never worked with NetSecGame's server: connections that hang, servers that stop, games that leak.

Here each of these is answered at once, and says what is wrong; the game and the connection go on.
"""

import json
import time

import pytest

from tests.parity.wire.cases import BLOCK, FIND_DATA, INSIDE, OUTSIDE, SERVER, SMB, WINNING, action
from tests.parity.wire.ends import OurServer
from tests.parity.wire.raw import END, Line
from tests.parity.wire.sessions import BAD_REQUEST, OK, QUIT, join, reset
from tests.parity.wire.tasks import task

AT_ONCE_S = 5.0
SCAN = action("ScanNetwork", INSIDE, target_network={"ip": "192.168.1.0", "mask": 24})
UNFINISHED = '{"action_type": "ActionType.ScanNetwork", '


class Client(Line):
    """A connection that asks one thing at a time."""

    def ask(self, request):
        self.tell(request)
        return self.reply()

    def tell(self, request):
        self.write(json.dumps(request).encode())

    def reply(self):
        reply = self.read(AT_ONCE_S)
        assert reply is not None, "no answer"
        return reply

    def join(self, role="Attacker", name="a"):
        reply = self.ask(join(name, role))
        assert reply["status"] == "GameStatus.CREATED", reply
        return reply

    def is_refused(self, request, *words):
        """Whether it is, and said why in these words."""
        reply = self.ask(request)
        text = reply["message"]["message"]
        return reply["status"] == BAD_REQUEST and all(word in text for word in words), reply


def check(refused):
    holds, reply = refused
    assert holds, reply


@pytest.fixture(scope="module")
def serve(tmp_path_factory):
    """Servers by task, each started once: clients of one test are gone before the next."""
    folder = tmp_path_factory.mktemp("servers")
    servers = {}

    def server(text):
        if text not in servers:
            path = folder / f"task{len(servers)}.yaml"
            path.write_text(text)
            servers[text] = OurServer(path, folder)
        return servers[text]

    yield server
    for each in servers.values():
        each.__exit__()


@pytest.fixture
def visit(serve):
    clients = []

    def client(*roles, **more):
        server = serve(task("two_networks_tiny", *(roles or ("Attacker",)), **more))
        clients.append(Client(server.port))
        return clients[-1]

    yield client
    for each in clients:
        each.close()


@pytest.fixture
def pair(visit):
    """Two attackers of one match, in which addresses may change."""
    players = [visit("Attacker", "Attacker", players=2, dynamic=True) for _ in range(2)]
    for player in players:
        player.tell(join("a", "Attacker"))
    assert all(player.reply()["status"] == "GameStatus.CREATED" for player in players)
    return players


@pytest.fixture
def player(visit):
    """An attacker in a match of its own."""
    client = visit()
    client.join()
    return client


# --- before and after a game ------------------------------------------------------------------------------


@pytest.mark.parametrize("request_", [FIND_DATA, reset(), reset(seed=1)], ids=["action", "reset", "seeded"])
def test_request_before_joining_is_refused_and_joining_works_then(visit, request_):
    client = visit()
    check(client.is_refused(request_, "join the game first"))
    client.join()


def test_quitting_is_answered_and_the_client_may_join_again(player):
    assert player.ask(QUIT)["status"] == OK
    check(player.is_refused(FIND_DATA, "join the game first"))
    assert player.join()["observation"]["state"]["known_data"] == {}


def test_who_quits_leaves_no_trace_for_the_next(visit):
    first, second = visit(), visit()
    first.join()
    first.ask(BLOCK)
    first.close()
    second.join()
    assert {"ip": SERVER} in second.ask(SCAN)["observation"]["state"]["known_hosts"]


def test_reset_without_seed_and_without_parameters_works(player):
    for request in (reset(), reset(), {"action_type": "ActionType.ResetGame", "parameters": {}}):
        player.ask(FIND_DATA)
        reply = player.ask(request)
        assert reply["status"] == "GameStatus.RESET_DONE"
        assert reply["observation"]["state"]["known_data"] == {}


def test_more_clients_than_a_match_has_seats_get_a_match_of_their_own(visit):
    clients = [visit() for _ in range(4)]
    silent = visit()
    for client in clients:
        client.join()
    assert all(client.ask(FIND_DATA)["status"] == OK for client in clients)
    silent.join()


def test_match_waits_for_all_its_seats_and_no_defender_is_turned_away(visit):
    defender, attacker = visit("Attacker", "Defender"), visit("Attacker", "Defender")
    defender.tell(join("d", "Defender"))
    attacker.join()
    assert defender.reply()["status"] == "GameStatus.CREATED"


def test_other_player_goes_on_when_one_has_hung_up(pair):
    pair[0].close()
    assert pair[1].ask(FIND_DATA)["status"] == OK
    assert pair[1].ask(reset())["status"] == "GameStatus.RESET_DONE"


def test_clients_that_die_with_a_request_under_way_leave_the_others_alone(visit):
    stays, dying = visit(), [visit() for _ in range(8)]
    for client in (stays, *dying):
        client.join()
    for client in dying:
        client.tell(FIND_DATA)
        client.close()
    for _ in range(8):
        visit().join()
    assert stays.ask(FIND_DATA)["status"] == OK


# --- disagreeing ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other"),
    [(reset(1), reset(2)), (reset(1), reset(1, topology=True))],
    ids=["seeds", "topologies"],
)
def test_who_disagrees_about_a_reset_is_refused_and_may_agree_then(pair, one, other):
    pair[0].tell(one)
    assert pair[0].read(0.3) is None
    check(pair[1].is_refused(other, "Bad request received"))
    assert pair[1].ask(FIND_DATA)["status"] == OK
    assert pair[1].ask(one)["status"] == "GameStatus.RESET_DONE"
    assert pair[0].reply()["status"] == "GameStatus.RESET_DONE"


def test_new_addresses_come_with_all_local_seats_which_froze_the_original(visit):
    seats = [visit("Attacker", "Defender", dynamic=True) for _ in range(2)]
    for seat, role in zip(seats, ("Attacker", "Defender"), strict=True):
        seat.tell(join("a", role))
    before = [seat.reply()["observation"]["state"] for seat in seats]
    for seat in seats:
        seat.tell(reset(3, topology=True))
    after = [seat.reply()["observation"]["state"] for seat in seats]
    assert all(a["controlled_hosts"] != b["controlled_hosts"] for a, b in zip(before, after, strict=True))


# --- requests ---------------------------------------------------------------------------------------------

MISTAKES = {
    "no-network": (action("ScanNetwork", INSIDE), ["target_network"]),
    "no-source": (
        {**SCAN, "parameters": {"target_network": {"ip": "192.168.1.0", "mask": 24}}},
        ["source_host"],
    ),
    "no-service": (action("ExploitService", INSIDE, target_host={"ip": SERVER}), ["target_service"]),
    "no-data": (action("ExfiltrateData", INSIDE, target_host={"ip": OUTSIDE}), ["data"]),
    "no-agent": ({"action_type": "ActionType.JoinGame", "parameters": {}}, ["agent_info"]),
    "bad-network": (
        action("ScanNetwork", INSIDE, target_network={"ip": "999.1.1.1", "mask": 24}),
        ["999.1.1.1"],
    ),
    "bad-mask": (action("ScanNetwork", INSIDE, target_network={"ip": "192.168.1.0", "mask": 99}), ["99"]),
    "bad-source": (action("FindData", "here", target_host={"ip": INSIDE}), ["here"]),
    "not-a-network": (action("ScanNetwork", INSIDE, target_network="192.168.1.0/24"), []),
    "no-name-of-a-service": (
        action("ExploitService", INSIDE, target_host={"ip": SERVER}, target_service={"version": "1"}),
        ["name"],
    ),
    "unknown-action": ({"action_type": "ActionType.Teleport", "parameters": {}}, ["Teleport"]),
    "unknown-parameter": (action("FindData", INSIDE, target_host={"ip": INSIDE}, colour="red"), ["colour"]),
    "no-parameters": ({"action_type": "ActionType.FindData"}, ["parameters"]),
    "text-for-parameters": ({"action_type": "ActionType.FindData", "parameters": "none"}, []),
    "bad-seed": (reset("seven"), ["seed"]),
    "negative-seed": (reset(-1), ["seed", "-1"]),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_malformed_request_is_refused_in_words_that_help(player, mistake):
    request, words = MISTAKES[mistake]
    began_s = time.monotonic()
    if mistake == "no-agent":
        assert player.ask(QUIT)["status"] == OK
    check(player.is_refused(request, "Bad request received: Malformed Action: ", *words))
    assert time.monotonic() - began_s < AT_ONCE_S
    if mistake == "no-agent":
        player.join()
    assert player.ask(FIND_DATA)["status"] == OK


def test_block_by_the_name_that_whitebox_servers_tell_works(player):
    block = {**BLOCK, "parameters": {**BLOCK["parameters"]}}
    block["parameters"]["blocked_ip"] = block["parameters"].pop("blocked_host")
    seen = player.ask(block)
    assert seen["status"] == OK
    assert seen["observation"]["state"]["known_blocks"][INSIDE] == [{"ip": SERVER}]


# --- bytes ------------------------------------------------------------------------------------------------


def test_requests_in_one_write_are_both_answered(player):
    text = json.dumps(FIND_DATA)
    for between in ("", "\n", "  \r\n"):
        player.write(f"{text}{between}{text}".encode())
        assert [player.reply()["status"] for _ in range(2)] == [OK, OK]


def test_request_in_many_writes_is_one(player):
    for byte in json.dumps(FIND_DATA).encode():
        player.write(bytes([byte]))
    assert player.reply()["status"] == OK
    assert player.read(0.3) is None


def test_request_longer_than_the_originals_buffer_is_one(player):
    wide = action(
        "ExploitService", INSIDE, target_host={"ip": SERVER}, target_service={**SMB, "name": "x" * 20_000}
    )
    assert player.ask(wide)["status"] == OK
    assert player.read(0.3) is None


@pytest.mark.parametrize("said", [UNFINISHED.encode(), b"\xff\xfe\xfd", b"hello", b"\0" * 8], ids=repr)
def test_bytes_that_are_no_request_are_refused_and_the_game_goes_on(player, said):
    player.write(said)
    assert player.reply()["status"] == BAD_REQUEST
    assert player.read(0.3) is None
    assert player.ask(FIND_DATA)["status"] == OK


def test_object_of_ten_megabytes_is_refused_once(player):
    player.write(json.dumps({"action_type": "x" * 10_000_000}).encode())
    assert "bytes" in player.reply()["message"]["message"]
    assert player.read(0.3) is None
    assert player.ask(FIND_DATA)["status"] == OK


def test_ten_megabytes_of_nonsense_are_refused_and_the_game_goes_on(player):
    player.write(b"x" * 10_000_000)
    refusals = [player.reply()]
    while (reply := player.read(0.3)) is not None:
        refusals.append(reply)
    assert {reply["status"] for reply in refusals} == {BAD_REQUEST}
    assert player.ask(FIND_DATA)["status"] == OK


def test_end_mark_within_a_reply_does_not_end_it(visit):
    client = visit()
    assert "SETEOFF" in client.join(name="SETEOFF")["message"]["message"]
    for each in WINNING[:4]:
        client.ask(each)
    forged = {"owner": "User1", "id": "DataFromServer1", "size": 3, "type": "", "content": END.decode()}
    seen = client.ask(action("ExfiltrateData", SERVER, target_host={"ip": OUTSIDE}, data=forged))
    assert forged in seen["observation"]["state"]["known_data"][OUTSIDE]
