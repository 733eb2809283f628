"""Hubs that fail at halls, arranged matches and what is told of them; see `mutants`."""

import attrs

from netsiege.hub import arena, broker, clocks, halls, journal, ledger, seating
from netsiege.hub.entries import GameClosed, GameNews
from netsiege.protocol import Call, Kind
from tests.simulation.mutation import mutant, replaced


def _without(kind):
    """Makes a function of an arena whose records of a kind are lost."""

    def make(original):
        def recording(arena_, *arguments, **named):
            before = len(arena_.records)
            told = original(arena_, *arguments, **named)
            arena_.records[before:] = [r for r in arena_.records[before:] if not isinstance(r, kind)]
            return told

        return recording

    return make


def _restored(change):
    """What a hub that starts again makes of an arranged match is what `change` makes of it."""

    def make(original):
        return lambda arena_, kept, closed: original(arena_, change(kept), closed)

    return replaced(ledger, "_restore_game", make)


# --- who is called ----------------------------------------------------------------------------------------


@mutant("hall")
def calls_whoever_has_the_role():
    """Names are not looked at."""

    def make(original):
        def find(hall, calls, number, found, tried):
            return original(hall, tuple(Call(each.role) for each in calls), number, found, tried)

        return find

    with replaced(halls, "_find", make):
        yield


@mutant("hall")
def takes_the_first_who_would_answer():
    """Who is taken for one call is not there for another, which nobody else would answer."""

    def make(original):
        return lambda hall, calls, number, found, _tried: original(hall, calls, number, found, set(found))

    with replaced(halls, "_find", make):
        yield


@mutant("hall")
def leaves_who_was_seated_in_line():
    """A joiner that is called may be called once more."""
    with replaced(halls, "withdraw", lambda _original: lambda _joiner: None):
        yield


@mutant("hall")
def takes_who_was_seated_out_of_one_line_only():
    """A joiner that is called still waits under its name."""

    def make(_original):
        def withdraw(joiner):
            joiner.room.lines[joiner.role, "", ""].pop(joiner)

        return withdraw

    with replaced(halls, "withdraw", make):
        yield


@mutant("hall", "agent_crash")
def calls_who_has_gone():
    """A JOIN outlives its connection."""
    with replaced(seating, "withdraw", lambda _original: lambda *_: None):
        yield


@mutant("hall")
def leaves_joiners_in_a_closed_hall():
    """Nobody is told that there will be no more matches."""
    with replaced(halls, "send_home", lambda _original: lambda *_: None):
        yield


# --- what was arranged ------------------------------------------------------------------------------------


@mutant("hall", "director_crash")
def arranges_what_is_arranged_already():
    """To ask again makes another match of the same name."""

    def make(original):
        def arrange(arena_, asked):
            there = arena_.rooms.get(asked.name)
            if there is not None:
                there.hall.pending.remove(there)
                del arena_.rooms[asked.name]
            return original(arena_, asked)

        return arrange

    with replaced(halls, "arrange", make):
        yield


@mutant("hall")
def draws_seeds_of_its_own():
    """The seed that was asked for is that of a room, as of any other."""

    def make(original):
        def add_game(self, *arguments):
            room = original(self, *arguments)
            room.spec = attrs.evolve(room.spec, seed=seating.derive_seed(room.spec.seed, 0))
            return room

        return add_game

    with replaced(arena.Arena, "add_game", make):
        yield


@mutant("hall", "hub_crash")
def forgets_at_a_restart_what_was_not_made():
    """What nobody has come to yet is never played."""
    with _restored(lambda kept: attrs.evolve(kept, made=True)):
        yield


@mutant("hall", "hub_crash")
def makes_at_a_restart_what_was_made():
    """All that is not closed is played, once more if need be."""
    with _restored(lambda kept: attrs.evolve(kept, made=False)):
        yield


@mutant("hall", "hub_crash")
def takes_an_earlier_match_for_one_of_the_same_name():
    """A name under which anything was ever played is not played again after a restart."""

    def make(original):
        def load(database, *arguments):
            kept = original(database, *arguments)
            played = {room for (room,) in database.execute("SELECT room FROM matches")}
            games = [attrs.evolve(game, made=game.asked.name in played) for game in kept.games]
            return attrs.evolve(kept, games=games)

        return load

    with replaced(journal, "load_kept", make):
        yield


@mutant("hall", "hub_crash")
def forgets_at_a_restart_rooms_that_were_closed():
    """What is like a closed room is lost with it."""

    def make(original):
        def restore(arena_, kept, *arguments):
            original(arena_, attrs.evolve(kept, closed=[]), *arguments)

        return restore

    with replaced(ledger, "restore", make):
        yield


@mutant("closes what has a clock", "hub_crash")
def forgets_at_a_restart_the_clocks_of_closed_rooms():
    """Only rooms that are open have clocks."""

    def make(original):
        def restore(arena_, *arguments):
            original(arena_, *arguments)
            there = [room for room in arena_.rooms.values() if room.hall is None]
            arena_.clocked = any(clocks.has_clock(room.spec) for room in there)

        return restore

    with replaced(ledger, "restore", make):
        yield


# --- what comes of it -------------------------------------------------------------------------------------


@mutant("hall")
def tells_nobody_that_a_match_begins():
    """A watcher hears of results only."""

    def make(original):
        def make_match(arena_, *arguments):
            before = len(arena_.to_agents)
            original(arena_, *arguments)
            kept = [sent for sent in arena_.to_agents[before:] if sent[1][1] != Kind.ARRANGED]
            arena_.to_agents[before:] = kept

        return make_match

    with replaced(seating, "_make_match", make):
        yield


@mutant("hall", "director_crash")
def tells_nothing_again():
    """Who was not there has missed it."""
    with replaced(halls, "tell_again", lambda _original: lambda *_: None):
        yield


@mutant("hall", "director_cut")
def tells_again_only_what_is_over():
    """A result that was missed is not told with the end of its match."""

    def make(original):
        def tell_again(arena_, hall, session, request):
            there = hall.games
            over = {n: r for n, r in there.items() if any(kind == Kind.MATCH for kind, _ in r.news)}
            hall.games = over
            original(arena_, hall, session, request)
            hall.games = there

        return tell_again

    with replaced(halls, "tell_again", make):
        yield


@mutant("hall", "hub_crash")
def keeps_what_came_of_matches_in_memory():
    """After a restart nobody knows any more."""
    with replaced(halls, "keep_news", _without(GameNews)):
        yield


@mutant("hall", "hub_crash")
def keeps_results_only_when_their_match_ends():
    """A result from before a snapshot does not come again from the match that is played from there."""
    with replaced(broker, "file_chunk", _without(GameNews)):
        yield


# --- what is closed ---------------------------------------------------------------------------------------


@mutant("hall")
def keeps_what_was_closed():
    """The journal does not hear that something is closed."""
    with replaced(halls, "close", _without(GameClosed)):
        yield


@mutant("hall")
def lets_matches_go_on_that_were_called_off():
    """A running match is played to its end, though nobody will ask for it."""

    def make(original):
        def abandon(self, match, code, cause, text, told=""):
            if text != halls.CALLED_OFF:
                original(self, match, code, cause, text, told)

        return abandon

    with replaced(arena.Arena, "abandon", make):
        yield


@mutant("hall")
def leaves_the_matches_of_a_closed_hall():
    """Only what is closed by its own name is."""

    def make(original):
        def close(arena_, name):
            room = arena_.rooms.get(name)
            if room is not None and room.hall is None:
                room.games.clear()
            original(arena_, name)

        return close

    with replaced(halls, "close", make):
        yield


@mutant("crowded")
def leaves_the_workers_of_what_was_called_off_alone():
    """What waits for a worker does not hear that there is one."""
    closes = []

    def make_close(original):
        def close(arena_, name):
            original(arena_, name)
            closes.append(name)

        return close

    def make_fill(original):
        def fill_rooms(self):
            if closes:
                closes.clear()
            else:
                original(self)

        return fill_rooms

    with replaced(halls, "close", make_close), replaced(arena.Arena, "fill_rooms", make_fill):
        yield
