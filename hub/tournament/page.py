"""A cup's page: one file of HTML with everything in it, that fetches and runs nothing.

Names are strangers' words: each goes through `name_html` or `text_html`, which leave neither markup nor
anything that turns or hides what is beside it.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from netsiege.files import replace_file
from netsiege.hub.tournament.levels import Level, columns_of, rows_of
from netsiege.hub.tournament.model import Cup
from netsiege.hub.tournament.page_parts import (
    DASH,
    curve_html,
    curve_scale,
    error_bar,
    interval_html,
    name_html,
    number,
    percent,
    scale_of,
    signed,
    text_html,
)
from netsiege.hub.tournament.page_style import STEPS, STYLE
from netsiege.hub.tournament.results import (
    ATTACK,
    DEFENCE,
    OVERALL,
    Duel,
    Results,
    Row,
    Table,
)
from netsiege.hub.tournament.results_files import MODE
from netsiege.hub.tournament.words import counted, say_comparison, say_cup, say_entrant, say_ground, say_roles

_RULES: Final = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
"""What a browser may load and run for the page: its own style sheet, and nothing else."""
_HEADINGS: Final = {ATTACK: "Attack", DEFENCE: "Defence", OVERALL: "Overall"}
_ORDER: Final = (OVERALL, ATTACK, DEFENCE)


def write_page(folder: Path, results: Results) -> None:
    """Writes `report.html` anew. Raises `ConfigError` if it cannot be written."""
    replace_file(folder / "report.html", page(results), MODE)


def page(results: Results) -> str:
    """The page. Equal results give equal pages."""
    cup = results.cup
    title = text_html(cup.name)
    parts = [
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{_RULES}">',
        '<meta name="viewport" content="width=device-width,initial-scale=1">',
        f"<title>{title}: NetSiege tournament</title><style>{STYLE}</style></head><body><main>",
        f"<header><h1><bdi>{title}</bdi></h1>",
        *(f"<p>{text_html(sentence)}</p>" for sentence in say_cup(cup)[:1]),
        _facts(results),
        "</header>",
        *_comparison(results),
        *_rankings(results, "all"),
        *_head_to_head(results),
        *_curves(results),
        *_seen_and_unseen(results),
        *_levels(results),
        *_cycles(results),
        *_failures(results),
        *_field(cup),
        *_again(results),
        f"<footer>{text_html(results.software)}. Digest <code>{text_html(results.digest)}</code>.</footer>",
        "</main></body></html>\n",
    ]
    return "\n".join(parts)


# --- rankings ---------------------------------------------------------------------------------------------


def _facts(results: Results) -> str:
    forfeits = sum(each.forfeits for each in results.forfeits)
    facts = [
        ("entrants", f"{len(results.cup.entrants):,}"),
        ("games", f"{results.games:,}"),
        ("counted", f"{results.counted:,}"),
        ("forfeits", f"{forfeits:,}"),
        ("seed", str(results.cup.seed)),
    ]
    best = results.table(OVERALL)
    if best is not None and best.rows:
        facts.insert(0, ("first overall", name_html(best.rows[0].entrant)))
    boxes = "".join(f"<div><dt>{what}</dt><dd>{said}</dd></div>" for what, said in facts)
    made = f"<dl class=facts>{boxes}</dl>"
    if results.stopped:
        made += f"<p>Over after {counted(results.games, 'game')}: no more were needed.</p>"
    open_games = results.scheduled - results.games
    if open_games:
        made += f'<p class="warn">Not finished: {counted(open_games, "game")} of the schedule to come.</p>'
    return made


def _comparison(results: Results) -> Iterable[str]:
    told = results.comparison
    if told is None:
        return
    first, *rest = say_comparison(told)
    low, high = scale_of([told.elo])
    yield "<h2>Comparison</h2>"
    yield f"<p><b>{text_html(first)}</b></p>"
    yield (
        f"<div class=wide><table><thead><tr><th class=t>a<th class=t>b<th>Elo, 95% interval"
        f"<th class=plot><div class=ends><span>{signed(low)}</span><span>{signed(high)}</span></div>"
        f"<th>slices<th>a better<th>as good<th>b better</thead><tbody><tr><th scope=row>{name_html(told.a)}"
        f"<td class=w>{name_html(told.b)}<td class=r>{signed(told.elo.value)} {interval_html(told.elo)}"
        f"<td class=plot>{error_bar(told.elo, low, high)}<td>{told.slices:,}<td>{told.better:,}"
        f"<td>{told.as_good:,}<td>{told.worse:,}</tbody></table></div>"
    )
    yield (
        f"<p class=soft>{text_html(rest[-1])} The Elo is that of the mean score of a in a slice, and allows "
        "for the stop; it is not the scale of the ranking below.</p>"
    )


def _rankings(results: Results, grounds: str) -> Iterable[str]:
    yield "<h2>Ranking</h2>"
    yield (
        "<p class=soft>Ratings in Elo points, each role centred on zero, with 95% intervals (the bars) that "
        "allow for games from one seed being alike. “Better than next” is the likelihood that an entrant is "
        "better than the one below it.</p>"
    )
    for role in _ORDER:
        table = results.table(role, grounds)
        if table is not None and table.rows:
            yield f"<h3>{_HEADINGS[role]}</h3>"
            yield _ranking(table)


def _ranking(table: Table) -> str:
    low, high = scale_of([row.rating for row in table.rows])
    returns = table.role != OVERALL
    head = (
        "<div class=wide><table><thead><tr><th>#<th class=t>entrant<th>rating, 95% interval"
        f"<th class=plot><div class=ends><span>{signed(low)}</span><span>{signed(high)}</span></div>"
        f"<th>games<th>won{'<th>mean return' * returns}<th>better than next</thead><tbody>"
    )
    return head + "".join(_ranked(row, low, high) for row in table.rows) + "</tbody></table></div>"


def _ranked(row: Row, low: float, high: float) -> str:
    over = DASH if row.over_next is None else f"{percent(row.over_next)}%"
    gained = ""
    if row.mean_return is not None:
        mean = row.mean_return.value
        interval = "" if row.mean_return.low is None else interval_html(row.mean_return, ".1f")
        gained = f"<td class=r>{number(mean, '.1f')} {interval}"
    return (
        f"<tr><td>{row.rank}<th scope=row>{name_html(row.entrant)}<td class=r>{signed(row.rating.value)} "
        f"{interval_html(row.rating)}<td class=plot>{error_bar(row.rating, low, high)}"
        f"<td>{row.games:,}<td>{percent(row.score)}%{gained}<td>{over}\n"
    )


# --- head to head -----------------------------------------------------------------------------------------


def _head_to_head(results: Results) -> Iterable[str]:
    if not results.duels:
        return
    duels = {(duel.attacker, duel.defender): duel for duel in results.duels}
    attackers = _in_order(results, ATTACK, {duel.attacker for duel in results.duels})
    defenders = _in_order(results, DEFENCE, {duel.defender for duel in results.duels})
    yield "<h2>Head to head</h2>"
    yield "<p class=soft>How many of 100 games the attacker (row) won against the defender (column).</p>"
    shades = ("0", "25", "50", "75", "100")
    cells = "".join(f'<span class="{_shade(int(said) / 100)}">{said}</span>' for said in shades)
    yield f"<div class=key>the defender wins {cells} the attacker wins</div>"
    head = "".join(f"<th scope=col><div>{name_html(name)}</div>" for name in defenders)
    head = f"<th class=t>attacker ╲ defender{head}"
    yield f"<div class='wide fit'><table class=heat><thead><tr>{head}</thead><tbody>"
    for attacker in attackers:
        row = "".join(_duel(duels.get((attacker, defender))) for defender in defenders)
        yield f"<tr><th scope=row>{name_html(attacker)}{row}"
    yield "</tbody></table></div>"
    fewest = min(duel.games for duel in results.duels)
    most = max(duel.games for duel in results.duels)
    games = f"{fewest:,}" if fewest == most else f"{fewest:,} to {most:,}"
    yield f"<p class=soft>Games behind each number: {games}. Empty: they have not met.</p>"


def _in_order(results: Results, role: str, names: set[str]) -> list[str]:
    """Names as they are ranked, and after them those that are not."""
    table = results.table(role)
    ranked = [row.entrant for row in table.rows if row.entrant in names] if table is not None else []
    return ranked + sorted(names.difference(ranked))


def _duel(duel: Duel | None) -> str:
    if duel is None:
        return "<td>"
    return f"<td class={_shade(duel.attacker_score)}>{percent(duel.attacker_score)}"


def _shade(score: float) -> str:
    return f"h{round(2 * STEPS * (score - 0.5))}"


# --- rating over games ------------------------------------------------------------------------------------


def _curves(results: Results) -> Iterable[str]:
    curves = [curve for curve in results.curves if len(curve.points) > 1]
    if not curves:
        return
    yield "<h2>Rating over games</h2>"
    yield (
        "<p class=soft>How each estimate narrowed as games came in, in the order of the schedule: the rating "
        "and its 95% interval, over the cup's games (each step to the right multiplies them). "
        "Where there is no band, there were too few seeds yet to tell.</p>"
    )
    for role in _ORDER:
        mine = {curve.entrant: curve for curve in curves if curve.role == role}
        if not mine:
            continue
        low, high = curve_scale(mine.values())
        yield f"<h3>{_HEADINGS[role]}</h3><div class=curves>"
        for name in _in_order(results, role, set(mine)):
            yield curve_html(mine[name], low, high)
        yield "</div>"


# --- the rest ---------------------------------------------------------------------------------------------


def _seen_and_unseen(results: Results) -> Iterable[str]:
    if not any(table.grounds == "unseen" and table.rows for table in results.tables):
        return
    yield "<h2>Seen and unseen networks</h2>"
    yield "<p class=soft>The same ratings, from the games on either kind of network alone.</p>"
    for role in _ORDER:
        seen, unseen = (results.table(role, grounds) for grounds in ("seen", "unseen"))
        if unseen is None or not unseen.rows:
            continue
        known = {} if seen is None else {row.entrant: row for row in seen.rows}
        others = {row.entrant: row for row in unseen.rows}
        yield f"<h3>{_HEADINGS[role]}</h3>"
        yield (
            "<div class=wide><table><thead><tr><th class=t>entrant<th>seen, 95% interval<th>won"
            "<th>unseen, 95% interval<th>won</thead><tbody>"
        )
        for name in _in_order(results, role, {*known, *others}):
            yield f"<tr><th scope=row>{name_html(name)}{_side(known.get(name))}{_side(others.get(name))}"
        yield "</tbody></table></div>"


def _side(row: Row | None) -> str:
    if row is None:
        return f"<td class=none>{DASH}<td class=none>{DASH}"
    return f"<td class=r>{signed(row.rating.value)} {interval_html(row.rating)}<td>{percent(row.score)}%"


def _levels(results: Results) -> Iterable[str]:
    for ground in dict.fromkeys(level.ground for level in results.levels):
        yield f"<h2>Attack by difficulty: {name_html(ground)}</h2>"
        yield (
            "<p class=soft>The difficulty of a network is the number of steps of its shortest attack. Cells "
            "say which share of the games the attacker has won, and of how many. On which network a game "
            "was played, <code>results.csv</code> says.</p>"
        )
        heads = "".join(f"<th>{steps} steps" for steps in columns_of(results.levels, ground))
        yield f"<div class=wide><table><thead><tr><th class=t>attacker{heads}</thead><tbody>"
        for attacker, cells in rows_of(results.levels, ground):
            yield f"<tr><th scope=row>{name_html(attacker)}{''.join(map(_level, cells))}"
        yield "</tbody></table></div>"


def _level(level: Level | None) -> str:
    if level is None:
        return f"<td class=none>{DASH}"
    return f"<td>{percent(level.score)}% <span class=soft>of {level.games:,}</span>"


def _cycles(results: Results) -> Iterable[str]:
    yield "<h2>Cycles</h2>"
    if not results.cycles:
        yield "<p>None: nobody is beaten by somebody whom it beats in a roundabout way.</p>"
        return
    yield "<p class=soft>Each beats the next, and the last beats the first: no ranking can show that.</p><ul>"
    for cycle in results.cycles:
        names = " → ".join(name_html(name) for name in (*cycle.entrants, cycle.entrants[0]))
        yield f"<li>{names} <span class=soft>(each with {percent(cycle.margin)}% or more)</span>"
    yield "</ul>"


def _failures(results: Results) -> Iterable[str]:
    yield "<h2>Forfeits and benched entrants</h2>"
    if not results.forfeits and not results.benched:
        yield "<p>None.</p>"
        return
    if results.forfeits:
        yield (
            "<div class=wide><table><thead><tr><th class=t>entrant<th>forfeits<th>of games<th class=t>why"
            "</thead><tbody>"
        )
        for each in results.forfeits:
            why = ", ".join(f"{text_html(cause)} ({count:,})" for cause, count in each.causes)
            yield (
                f"<tr><th scope=row>{name_html(each.entrant)}<td>{each.forfeits:,}<td>{each.games:,}"
                f"<td class=w>{why}"
            )
        yield "</tbody></table></div>"
    if results.benched:
        yield "<ul>"
        for bench in results.benched:
            yield (
                f"<li><b>{name_html(bench.entrant)}</b> was benched from game {bench.game:,} on: "
                f"{text_html(bench.reason)}"
            )
        yield "</ul>"


def _field(cup: Cup) -> Iterable[str]:
    yield "<h2>The cup</h2>"
    yield "".join(f"<p>{text_html(sentence)}</p>" for sentence in say_cup(cup)[1:])
    yield "<h3>Entrants</h3>"
    heads = "<th class=t>entrant<th class=t>plays<th class=t>by"
    yield f"<div class='wide full'><table><thead><tr>{heads}</thead><tbody>"
    for each in cup.entrants:
        plays, by = text_html(say_roles(each)), text_html(say_entrant(each))
        yield f"<tr><th scope=row>{name_html(each.name)}<td class=t>{plays}<td class=w>{by}"
    yield "</tbody></table></div><h3>Grounds</h3><ul>"
    yield from (f"<li>{text_html(say_ground(ground))}" for ground in cup.grounds)
    yield "</ul>"


def _again(results: Results) -> Iterable[str]:
    yield "<h2>Check it, run it again</h2>"
    yield (
        "<p>In the folder of this page, the first command plays every replay again, works the tables out "
        "anew and names the first difference, if there is one. The second plays the cup again, from its "
        "seed.</p>"
    )
    yield (
        "<pre><code>netsiege tournament verify .\nnetsiege tournament run cup.json --out AGAIN</code></pre>"
    )
    yield (
        "<p class=soft>The numbers of this page are in <code>results.json</code>, every game is a line of "
        "<code>results.csv</code>.</p>"
    )
