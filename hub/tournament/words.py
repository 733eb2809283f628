"""A cup in words: for pages, terminals, and files. What it says of entrants shows no secrets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from netsiege.hub.tournament.model import (
    ATTACKER,
    COMPARE,
    DEFENDER,
    GAUNTLET,
    ROUND_ROBIN,
    SWISS,
    Cup,
    Entrant,
    Ground,
    Player,
)

if TYPE_CHECKING:
    from netsiege.hub.tournament.results import Compared

_COMPARED: Final = {
    "accept H1": "{a} is better than {b}: H1 is accepted.",
    "accept H0": "{a} is not better than {b} by what was asked: H0 is accepted.",
    "continue": "Nothing is decided between {a} and {b}.",
}
_PLAYS: Final = {ATTACKER: "attack", DEFENDER: "defence"}


def counted(number: int, what: str, many: str = "") -> str:
    """`1 game`, `2,000 games`."""
    return f"{number:,} {what if number == 1 else many or what + 's'}"


def say_player(player: Player) -> str:
    """Who plays. Of a command line only the program: what follows may hold keys."""
    if player.agent:
        return player.agent
    if player.command:
        return f"command {player.command[0]}" + (" …" if len(player.command) > 1 else "")
    return f"remote, key {player.key}"


def say_roles(entrant: Entrant) -> str:
    """The roles that an entrant plays, in words."""
    return " and ".join(_PLAYS.get(role, role) for role, _ in entrant.players)


def say_entrant(entrant: Entrant) -> str:
    """Who plays for an entrant, and within which limits."""
    said = {role: say_player(player) for role, player in entrant.players}
    if len(set(said.values())) == 1:
        who = next(iter(said.values()))
    else:
        who = "; ".join(f"{_PLAYS.get(role, role)}: {player}" for role, player in said.items())
    limits = [counted(entrant.seats, "game") + " at once"]
    if entrant.cpu_s is not None:
        limits.append(f"{entrant.cpu_s:g} s of CPU")
    if entrant.memory_mb is not None:
        limits.append(f"{entrant.memory_mb} MB")
    return f"{who} ({', '.join(limits)})"


def say_ground(ground: Ground) -> str:
    """A scenario of the cup, in words."""
    said = [ground.suite or ground.scenario or ground.task or ""]
    if said[0] == ground.label:
        said = []
    if ground.suite:
        said.append(f"{counted(ground.count, 'generated network')}, the next one for each seed")
    said.append("addresses drawn anew from every seed" if ground.readdressed else "addresses as they are")
    if ground.unseen:
        said.append("unseen before the cup")
    if ground.benign:
        said.append(f"with {', '.join(ground.benign)} as users")
    return f"{ground.label}: {', '.join(said)}"


def say_cup(cup: Cup) -> list[str]:
    """The cup in a few sentences."""
    said = [_say_format(cup), _say_fairness(cup), _say_clocks(cup), _say_bench(cup)]
    if cup.within is not None:
        said.insert(1, f"It stops once all ratings are known within {cup.within:g} points of Elo.")
    return said


def _say_format(cup: Cup) -> str:
    field = counted(len(cup.entrants), "entrant")
    most = "at most " if cup.within is not None or cup.format.kind == COMPARE else ""
    each = f"{most}{counted(cup.format.games, 'seed')} for each pairing on each ground, from seed {cup.seed}"
    if cup.format.kind == GAUNTLET:
        return f"A gauntlet: {cup.format.hero} against the other {len(cup.entrants) - 1}; {each}."
    if cup.format.kind == SWISS:
        rounds = f", {counted(cup.format.rounds, 'round')}" if cup.format.rounds else ""
        return f"A Swiss system of {field}{rounds}: those of like strength meet; {each}."
    if cup.format.kind == COMPARE:
        others = len(cup.entrants) - 2
        against = f", each against {counted(others, 'other')}" if others else ""
        return f"A comparison of {cup.format.a} with {cup.format.b}{against}; {each}."
    if cup.format.kind == ROUND_ROBIN:
        return f"A round robin of {field}: every attacker meets every defender; {each}."
    return f"{cup.format.kind} of {field}; {each}."


def _say_fairness(cup: Cup) -> str:
    both = sum(entrant.plays_both for entrant in cup.entrants)
    if both > 1:
        return (
            "Entrants that play both roles meet in pairs of games: same scenario, same seed, roles swapped. "
            "Only whole pairs count."
        )
    return "Everybody faces the same opponents on the same seeds."


def _say_clocks(cup: Cup) -> str:
    rules = f"By the ruleset {cup.ruleset}. " if cup.ruleset is not None else ""
    said = [f"{rules}A move may take {cup.move_s:g} s"]
    if cup.episode_s is not None:
        said.append(f"a game {cup.episode_s:g} s")
    if cup.max_steps is not None:
        said.append(f"and each side {cup.max_steps} steps")
    return ", ".join(said) + ". Who is late, leaves or breaks the rules forfeits the game."


def _say_bench(cup: Cup) -> str:
    if not cup.forfeits:
        return "Nobody is benched for forfeits."
    return (
        f"Who forfeits {counted(cup.forfeits, 'game')} in a row, or {cup.forfeits} and a quarter of all, is "
        f"benched."
    )


def say_comparison(told: Compared) -> Iterator[str]:
    """What a comparison has come to, in a few sentences."""
    yield _COMPARED[told.state].format(a=told.a, b=told.b)
    ends = ", ".join("open" if end is None else f"{end:+.0f}" for end in (told.elo.low, told.elo.high))
    yield (
        f"Elo {told.elo.value:+.0f} [{ends}]; {counted(told.games, 'game')} on "
        f"{counted(told.slices, 'slice')}: {told.better:,} better, {told.as_good:,} as good, "
        f"{told.worse:,} worse."
    )
    lower, upper = told.bounds
    yield (
        f"Log likelihood ratio {told.llr:+.2f}, between {lower:+.2f} (H0, Elo {told.elo0:g}) and "
        f"{upper:+.2f} (H1, Elo {told.elo1:g}); risks of error {told.alpha:g} and {told.beta:g}."
    )
