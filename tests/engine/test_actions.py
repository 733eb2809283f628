import attrs
import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netsiege.engine.action_table import ActionTable
from netsiege.engine.actions import (
    BLOCK,
    EXFILTRATE,
    EXPLOIT,
    FIND_DATA,
    FIND_SERVICES,
    SCAN,
    ActionReader,
)
from netsiege.engine.board import build_board
from netsiege.errors import ProtocolError
from netsiege.game import ActionType
from netsiege.game.action import CODE_OF, CODES, PLAYED
from netsiege.game.values import ip_to_int
from netsiege.protocol import Code, pack
from netsiege.protocol.play import PASS, action_body, read_action
from netsiege.scenarios.model import DataItem, ServiceItem
from tests.engine.moves import actions, responses
from tests.engine.tiny import (
    CLIENT,
    LOOT,
    NOWHERE,
    OUTSIDE,
    REMOTE,
    SERVER,
    SMB,
    TOPOLOGY,
    block,
    exfiltrate,
    exploit,
    find_data,
    find_services,
    make_tables,
    patch,
    respond,
    scan,
)

BOARD = build_board(TOPOLOGY, [], use_firewall=True)
SOURCE, TARGET = BOARD.index[ip_to_int(CLIENT)], BOARD.index[ip_to_int(SERVER)]
ABSENT = ~ip_to_int(NOWHERE)


def service_number(item):
    return BOARD.service_index[item.name, item.type, item.version, item.local]


@pytest.mark.parametrize(
    ("action", "read"),
    [
        (scan(CLIENT, "192.168.2.0/24"), (SCAN, SOURCE, BOARD.members(ip_to_int("192.168.2.0"), 24))),
        (find_services(CLIENT, SERVER), (FIND_SERVICES, SOURCE, TARGET)),
        (find_data(NOWHERE, SERVER), (FIND_DATA, ABSENT, TARGET)),
        (find_data(CLIENT, NOWHERE), (FIND_DATA, SOURCE, ABSENT)),
        (exploit(CLIENT, SERVER, SMB), (EXPLOIT, SOURCE, TARGET, service_number(SMB))),
        (
            exploit(CLIENT, SERVER, ServiceItem("x", "passive", "1")),
            (EXPLOIT, SOURCE, TARGET, ("x", "passive", "1", False)),
        ),
        (
            exfiltrate(CLIENT, SERVER, LOOT),
            (EXFILTRATE, SOURCE, TARGET, 2, ["User1", "DataFromServer1", 0, "", ""]),
        ),
        (
            exfiltrate(CLIENT, SERVER, DataItem("me", "mine", "t", 3, "abc")),
            (EXFILTRATE, SOURCE, TARGET, -1, ["me", "mine", 3, "t", "abc"]),
        ),
        (block(CLIENT, SERVER, NOWHERE), (BLOCK, SOURCE, TARGET, ip_to_int(NOWHERE))),
        (None, None),
    ],
)
def test_action_is_read_into_the_numbers_of_the_board(action, read):
    reader = ActionReader(BOARD)
    assert [reader.read(action_body(action)) for _ in range(2)] == [read, read]


@pytest.mark.parametrize(
    ("action", "read"),
    [
        (respond(ActionType.IsolateHost, CLIENT, SERVER), (6, SOURCE, TARGET)),
        (respond(ActionType.RestoreHost, CLIENT, NOWHERE), (7, SOURCE, ABSENT)),
        (respond(ActionType.ResetCredentials, CLIENT, SERVER), (8, SOURCE, TARGET)),
        (respond(ActionType.DeployDecoy, NOWHERE, SERVER), (9, ABSENT, TARGET)),
        (respond(ActionType.HardenHost, CLIENT, CLIENT), (10, SOURCE, SOURCE)),
        (patch(CLIENT, SERVER, SMB), (11, SOURCE, TARGET, service_number(SMB))),
        (patch(CLIENT, SERVER, ServiceItem("x", "", "1")), (11, SOURCE, TARGET, ("x", "", "1", False))),
    ],
)
def test_response_is_read_where_the_ruleset_has_it_and_refused_elsewhere(action, read):
    body = action_body(action)
    assert ActionReader(BOARD, codes=12).read(body) == read
    assert CODE_OF[action.type] == read[0]
    with pytest.raises(
        ProtocolError, match=f"{action.type.value}: this ruleset has no such action"
    ) as refused:
        ActionReader(BOARD).read(body)
    assert refused.value.code == Code.BAD_ACTION


def test_ruleset_with_some_of_the_responses_has_those_before_its_end():
    reader = ActionReader(BOARD, codes=8)
    assert reader.read(action_body(respond(ActionType.RestoreHost, CLIENT, SERVER))) is not None
    with pytest.raises(ProtocolError, match="ResetCredentials: this ruleset has no such action"):
        reader.read(action_body(respond(ActionType.ResetCredentials, CLIENT, SERVER)))


@pytest.mark.parametrize(
    ("wire", "codes", "last"),
    [
        ([len(PLAYED), 1, 2], len(PLAYED), len(PLAYED) - 1),
        ([len(PLAYED), 1, 2], 6, 5),
        ([-1, 1, 2], 12, 11),
        ([99], 12, 11),
        ([7], 6, 5),
        ([11, 1, 2], 6, 5),
    ],
)
def test_code_that_is_none_is_refused_with_the_codes_of_the_ruleset(wire, codes, last):
    with pytest.raises(ProtocolError) as refused:
        ActionReader(BOARD, codes).read(pack(wire))
    assert refused.value.text == f"unknown action code {wire[0]}: codes go from 0 to {last}"


def test_rulesets_have_the_first_of_the_codes():
    assert {"netsecgame": BLOCK + 1, "siege-1": len(PLAYED)} == CODES


NUMBER = ip_to_int(CLIENT)
SERVICE = ["a", "b", "c", True]
DATUM = ["a", "b", 1, "c", "d"]


@pytest.mark.parametrize(
    "wire",
    [
        [],
        0,
        "scan",
        [12, 1, 2],
        [6, NUMBER],
        [7, NUMBER, None],
        [10, NUMBER, NUMBER, NUMBER],
        [11, NUMBER, NUMBER],
        [11, NUMBER, NUMBER, SERVICE[:3]],
        [-1, 1, 2],
        [True, 1, 2],
        [1.0, 1, 2],
        [0, NUMBER],
        [0, NUMBER, [NUMBER, 24], 1],
        [0, NUMBER, [NUMBER, 33]],
        [0, NUMBER, [NUMBER, True]],
        [0, NUMBER, [NUMBER]],
        [0, NUMBER, NUMBER],
        [1, NUMBER, None],
        [1, None, NUMBER],
        [1, True, NUMBER],
        [1, 1 << 32, NUMBER],
        [1, -1, NUMBER],
        [1, "10.0.0.1", NUMBER],
        [2, NUMBER, [NUMBER]],
        [3, NUMBER, NUMBER, SERVICE[:3]],
        [3, NUMBER, NUMBER, [*SERVICE[:3], 1]],
        [3, NUMBER, NUMBER, [b"a", "b", "c", True]],
        [4, NUMBER, NUMBER, [*DATUM, 1]],
        [4, NUMBER, NUMBER, ["a", "b", True, "c", "d"]],
        [4, NUMBER, NUMBER, ["a", "b", 1.0, "c", "d"]],
        [5, NUMBER, NUMBER, None],
        [5, NUMBER, NUMBER, [NUMBER]],
        [5, NUMBER, NUMBER],
    ],
)
def test_action_of_the_wrong_form_is_refused_as_the_protocol_does(wire):
    body = pack(wire)
    for codes in (6, 12):
        with pytest.raises(ProtocolError) as ours:
            ActionReader(BOARD, codes).read(body)
        assert ours.value.code == Code.BAD_ACTION
        assert ours.value.text


def test_refusal_says_what_the_protocol_says():
    body = pack([1, NUMBER])
    with pytest.raises(ProtocolError) as ours:
        ActionReader(BOARD).read(body)
    with pytest.raises(ProtocolError) as theirs:
        read_action(body)
    assert (
        ours.value.text
        == theirs.value.text
        == "FindServices takes source_host, target_host; got 1 parameters"
    )


@pytest.mark.parametrize("body", [b"", b"\xc1", b"\x93\x01", PASS + PASS, msgpack.packb({"a": 1})])
def test_body_that_is_no_msgpack_is_a_bad_action(body):
    with pytest.raises(ProtocolError) as refused:
        ActionReader(BOARD).read(body)
    assert refused.value.code == Code.BAD_ACTION


numbers = st.one_of(st.sampled_from([NUMBER, ip_to_int(SERVER), 0, (1 << 32) - 1]), st.integers(-1, 1 << 33))
# no booleans or floats: what the slow way makes of those as addresses depends on what it has seen before
junk = st.one_of(st.none(), st.integers(-5, 40), st.text(max_size=3), st.binary(max_size=3))
values = st.recursive(st.one_of(numbers, junk), lambda inner: st.lists(inner, max_size=6), max_leaves=8)
texts = st.text(max_size=4)
near_misses = st.one_of(
    st.tuples(st.just(0), numbers, st.tuples(numbers, st.integers(-1, 34))),
    st.tuples(st.integers(0, 12), numbers, numbers),
    st.tuples(st.sampled_from([3, 11]), numbers, numbers, st.tuples(texts, texts, texts, st.booleans())),
    st.tuples(st.just(4), numbers, numbers, st.tuples(texts, texts, st.integers(-9, 9), texts, texts)),
    st.tuples(st.just(5), numbers, numbers, numbers),
    values,
)


@given(near_misses)
def test_reader_accepts_exactly_what_the_protocol_accepts(wire):
    body = pack(wire)
    try:
        expected = read_action(body)
    except (ProtocolError, TypeError):
        with pytest.raises(ProtocolError):
            ActionReader(BOARD, codes=12).read(body)
    else:
        read = ActionReader(BOARD, codes=12).read(body)
        assert (read is None) == (expected is None)
        if expected is not None:
            assert read[0] == expected.to_wire()[0]
            assert read[1] == BOARD.index.get(wire[1], ~wire[1])


def test_reader_does_not_remember_what_carries_content():
    reader = ActionReader(BOARD)
    held = len(reader.known)
    reader.read(action_body(exfiltrate(CLIENT, SERVER, DataItem("me", "mine", "", 3, "x" * 1000))))
    assert len(reader.known) == held


def test_reader_that_has_read_many_actions_forgets_some_and_still_reads():
    reader = ActionReader(BOARD)
    for number in range(40_000):
        reader.read(pack([1, number, number]))
        assert len(reader.known) <= 1 << 15
    assert reader.read(action_body(find_data(CLIENT, SERVER))) == (FIND_DATA, SOURCE, TARGET)
    assert reader.read(PASS) is None
    assert exploit(OUTSIDE, SERVER, REMOTE).to_wire()[0] == EXPLOIT


@pytest.mark.parametrize("codes", [6, 12])
def test_usual_actions_are_read_the_short_way_and_come_out_the_same(codes):
    tables = make_tables()
    reader = ActionReader(tables.board, codes)
    table = ActionTable(attrs.evolve(tables, codes=codes, reader=reader))
    for index in range(table.size):
        body = table.action(index)
        short = reader._read_usual(body)
        assert short is None or short == reader._read(body)
        assert (short is None) == (body[1] in (EXFILTRATE, BLOCK))


@given(st.one_of(actions, responses), st.integers(0, 40), st.integers(0, 255), st.sampled_from([6, 12]))
def test_bytes_changed_anywhere_are_never_read_otherwise_the_short_way(action, place, value, codes):
    reader, body = ActionReader(BOARD, codes), bytearray(action_body(action))
    body[place % len(body)] = value
    short = reader._read_usual(bytes(body))
    assert short is None or short == reader._read(bytes(body))
