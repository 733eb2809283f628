"""One object after the other, however the network cuts and merges them."""

from __future__ import annotations

import json
import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netsiege.hub.gateway import framing
from netsiege.hub.gateway.framing import MAX_BYTES, Splitter, Trouble

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
objects = st.dictionaries(st.text(alphabet='ab{}[]"\\E OF\n', max_size=8), values, max_size=4)
blanks = st.sampled_from([b"", b"", b" ", b"\n", b"\r\n\t "])


def split(chunks):
    splitter = Splitter()
    return [each for chunk in chunks for each in splitter.feed(chunk)], splitter


def cut(stream, places):
    ends = [0, *sorted({place % (len(stream) + 1) for place in places}), len(stream)]
    return [stream[a:b] for a, b in pairwise(ends)]


@given(st.lists(st.tuples(objects, blanks, st.booleans()), max_size=6), st.lists(st.integers(0, 10_000)))
def test_objects_come_out_whole_however_the_stream_is_cut(told, places):
    texts = [json.dumps(value, ensure_ascii=plain).encode() for value, _, plain in told]
    stream = b"".join(text + blank for text, (_, blank, _) in zip(texts, told, strict=True))
    found, splitter = split(cut(stream, places))
    assert found == texts
    assert not splitter.is_waiting


@given(objects, objects)
def test_object_after_one_byte_at_a_time_is_the_same(first, second):
    texts = [json.dumps(value).encode() for value in (first, second)]
    found, splitter = split(bytes([byte]) for byte in b"".join(texts))
    assert found == texts
    assert splitter.is_empty


def test_what_begins_no_object_is_told_once_and_skipped():
    found, _ = split([b"hello ", b'world]} {"a": 1}x{}'])
    assert found == [Trouble.NO_OBJECT, b'{"a": 1}', Trouble.NO_OBJECT, b"{}"]
    splitter = Splitter()
    assert list(splitter.feed(b"hello")) == [Trouble.NO_OBJECT]
    assert list(splitter.feed(b"again")) == []
    splitter.found()
    assert list(splitter.feed(b"again")) == [Trouble.NO_OBJECT]


def test_object_that_does_not_end_is_given_up():
    splitter = Splitter()
    assert list(splitter.feed(b'{"a": "}')) == []
    assert splitter.is_waiting
    assert splitter.give_up() is Trouble.UNFINISHED
    assert splitter.is_empty
    assert splitter.give_up() is None
    assert list(splitter.feed(b"{}")) == [b"{}"]


@pytest.mark.parametrize("step", [1 << 20, 999, 65_536])
def test_object_that_is_too_large_is_skipped_to_its_end(step):
    large = b'{"a": "' + b'}{\\"' * (MAX_BYTES // 4 + 10) + b'"}'
    stream = large + b'{"b": 1}'
    found, splitter = split(stream[i : i + step] for i in range(0, len(stream), step))
    assert found == [Trouble.TOO_LARGE, b'{"b": 1}']
    assert splitter.is_empty


def test_little_is_held_of_what_never_ends():
    splitter, chunk = Splitter(), b'{"a": ' * 10_000
    found = [each for _ in range(100) for each in splitter.feed(chunk)]
    assert found == [Trouble.TOO_LARGE]
    assert len(splitter._held) <= MAX_BYTES  # what it takes in memory is the promise
    assert splitter.give_up() is None  # it was told of already


def test_work_is_in_proportion_to_the_bytes(monkeypatch):
    looks = 0

    class Counted:
        def __init__(self, pattern):
            self._pattern = pattern

        def search(self, held, at=0):
            nonlocal looks
            looks += 1
            return self._pattern.search(held, at)

    monkeypatch.setattr(framing, "_OUTSIDE", Counted(framing._OUTSIDE))
    monkeypatch.setattr(framing, "_INSIDE", Counted(framing._INSIDE))
    text = json.dumps({"a": ["x" * 50] * 1_000}).encode()
    rng, at, splitter, found = random.Random(1), 0, Splitter(), []
    while at < len(text):
        size = rng.randint(1, 40)
        found += splitter.feed(text[at : at + size])
        at += size
    assert found == [text]
    assert looks < 2 * len(text) / 20 + 2 * text.count(b'"')
