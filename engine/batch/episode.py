"""One move of a game, compiled: the rule, the goal, the detector, the limit of steps, the reward.

As in `netsiege.engine.episode`, for an attacker alone: reaching the goal comes before detection, that before
the limit, and whoever has ended gets the reward of the end at once, there being nobody to wait for.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from netsiege.engine.actions import EXPLOIT, FIND_DATA
from netsiege.engine.batch import columns
from netsiege.engine.batch.beginning import begin
from netsiege.engine.batch.columns import End
from netsiege.engine.batch.compiled import ONE, ZERO, apart, bit, compiled, entry, lowest
from netsiege.engine.batch.hashing import below, derive, mixed
from netsiege.engine.batch.plans import PlanArrays
from netsiege.engine.batch.rules import apply
from netsiege.engine.batch.terrain import Games, Setup, Terrain
from netsiege.engine.batch.valid import Parts, count, index_of, locate, parts_of, total
from netsiege.engine.batch.watch import detects

U64 = NDArray[np.uint64]
I64 = NDArray[np.int64]
F64 = NDArray[np.float64]

PASS: Final = -1
"""The code, and the index, of no action."""
NONE, GOAL, DETECTED, STEPS = map(int, End)


# --- ends -------------------------------------------------------------------------------------------------


@compiled
def _is_cut_off(t: Terrain, plan: PlanArrays, m: U64) -> bool:
    """Whether each hunted host is cut off from all others that the attacker controls, and there are some."""
    left = plan.hunted
    while left:
        host = lowest(left)
        wanted = m[columns.CONTROLLED] & ~bit(host)
        if not wanted or wanted & ~m[t.cuts + host]:
            return False
        left &= left - ONE
    return True


@compiled
def _has_all(held: Any, wanted: Any) -> bool:
    return not wanted & ~held


@apart
def reached(t: Terrain, plan: PlanArrays, m: U64) -> bool:
    """Whether the goal is reached. An empty one never is."""
    hosts, controlled = m[columns.GOAL_HOSTS], m[columns.GOAL_CONTROLLED]
    if not (plan.is_possible and _has_all(m[columns.HOSTS], hosts)):
        return False
    if not (_has_all(m[columns.CONTROLLED], controlled) and _has_all(m[columns.NETWORKS], plan.networks)):
        return False
    asked = hosts | controlled | plan.networks | plan.hunted
    for row in range(len(plan.data_hosts)):
        held, wanted = (
            t.data + plan.data_hosts[row, columns.ADDRESS] * t.words,
            plan.wanted_data + row * t.words,
        )
        for word in range(t.words):
            if not _has_all(m[held + word], m[wanted + word]):
                return False
            asked |= m[wanted + word]
    for row in range(len(plan.service_hosts)):
        wanted = m[plan.wanted_services + row]
        if not _has_all(m[t.services + plan.service_hosts[row, columns.ADDRESS]], wanted):
            return False
        asked |= wanted
    for row in range(len(plan.block_hosts)):
        if not _has_all(m[t.cuts + plan.block_hosts[row]], plan.blocks[row]):
            return False
        asked |= plan.blocks[row]
    return asked != ZERO and _is_cut_off(t, plan, m)


@compiled
def _repeat_place(t: Terrain, parts: Parts) -> int:
    """Where the repetitions of an action are counted; -1 if they do not matter."""
    code, source, target, third = parts
    if code == FIND_DATA:
        return int(source * t.hosts + target)
    if code == EXPLOIT:
        place = t.hosts * t.hosts + source * t.offer_starts[t.hosts]
        return int(place + t.offer_starts[target] + third)
    return -1


# --- moves ------------------------------------------------------------------------------------------------


@compiled
def play(c: Setup, m: U64, n: I64, repeats: NDArray[np.uint8], parts: Parts, words: Any) -> float:
    """Plays a move of a game that has not ended; its reward, with that of the end if it is the last."""
    t = c.terrain
    code, source, target, third = parts
    is_action = code >= 0
    changed = is_action and apply(t, m, code, source, target, third)
    n[columns.STEPS] += 1
    end = NONE
    # what a goal asks for is all among what is known, so that without news it was looked at before
    if (changed or n[columns.STEPS] == 1) and reached(t, c.goal, m):
        end = GOAL
    elif c.watch.is_on and is_action:
        place = _repeat_place(t, parts)
        if detects(c.watch, m[columns.EPISODE_SEED], n, repeats, code, place, words):
            end = DETECTED
    if not end and n[columns.STEPS] >= c.max_steps > 0:
        end = STEPS
    n[columns.END] = end
    if changed:
        count(t, m, n)
    return float(c.step_reward + c.end_rewards[end])


@compiled
def draw_valid(t: Terrain, m: U64, n: I64) -> Parts:
    """One of the valid actions, each equally likely; a pass if there is none.

    Draw number k, from 1, is the k-th output of SplitMix64 with the game's seed, multiplied with their count:
    its upper half.
    """
    choices = total(n)
    n[columns.SAMPLED] += 1
    if not choices:
        return PASS, 0, 0, 0
    return locate(t, m, n, below(mixed(m[columns.SAMPLE_SEED], n[columns.SAMPLED]), choices))


@apart
def episode_seed(c: Setup, m: U64, n: I64, words: Any) -> Any:
    """The seed of an episode, as the single-game engine gives it."""
    return derive(m[columns.MATCH_SEED], c.episode_name, n[columns.EPISODE], words)


@apart
def go_on(c: Setup, m: U64, n: I64, repeats: NDArray[np.uint8], words: Any) -> None:
    """The next episode, ready to be played."""
    n[columns.EPISODE] += 1
    begin(c, m, n, repeats, episode_seed(c, m, n, words), words)
    count(c.terrain, m, n)


# --- for Python -------------------------------------------------------------------------------------------


@entry
def restart(c: Setup, s: Games, chosen: NDArray[np.bool_], seeds: U64, is_first: bool) -> None:
    """The next episode of some matches, or the first; from seeds of the caller's, if there are any.

    With their first episodes, the draws of valid actions begin anew, too.
    """
    for g in range(len(chosen)):
        if not chosen[g]:
            continue
        m, n = s.masks[g], s.numbers[g]
        if is_first:
            m[columns.SAMPLE_SEED] = derive(m[columns.MATCH_SEED], c.sample_name, 0, s.words)
            n[columns.SAMPLED], n[columns.EPISODE] = 0, -1
        n[columns.EPISODE] += 1
        if len(seeds):
            begin(c, m, n, s.repeats[g], seeds[g], s.words)
        else:
            begin(c, m, n, s.repeats[g], episode_seed(c, m, n, s.words), s.words)
        count(c.terrain, m, n)
        s.returns[g] = 0.0


@entry
def step(
    c: Setup, s: Games, actions: I64, restarts: bool, rewards: F64, ends: I64, returns: F64, steps: I64
) -> None:
    """A move of every game; writes the last four arguments. An ended one only gets its reward again."""
    for g in range(len(actions)):
        m, n, repeats = s.masks[g], s.numbers[g], s.repeats[g]
        if not n[columns.END]:
            parts = (PASS, 0, 0, 0)
            if actions[g] >= 0:
                parts = parts_of(c.terrain, actions[g])
            rewards[g] = play(c, m, n, repeats, parts, s.words)
            s.returns[g] += rewards[g]
        ends[g], returns[g], steps[g] = n[columns.END], s.returns[g], n[columns.STEPS]
        if restarts and n[columns.END]:
            go_on(c, m, n, repeats, s.words)
            s.returns[g] = 0.0


@entry
def choose(t: Terrain, masks: U64, numbers: I64, wanted: I64, actions: I64) -> None:
    """Writes the index of a valid action of every game; a pass if there is none.

    It is that of the number `wanted`, or, without such numbers, one that is drawn.
    """
    for g in range(len(actions)):
        m, n = masks[g], numbers[g]
        actions[g] = PASS
        if not len(wanted):
            parts = draw_valid(t, m, n)
            actions[g] = index_of(t, parts) if parts[0] >= 0 else PASS
        elif 0 <= wanted[g] < total(n):
            actions[g] = index_of(t, locate(t, m, n, wanted[g]))


@entry
def play_randomly(c: Setup, s: Games, moves: int, ends: I64, sums: F64) -> None:
    """So many sampled moves of every game; adds up the ends by kind, and the rewards.

    Game by game: one at a time is small enough for the fastest memory.
    """
    for g in range(len(s.masks)):
        m, n, repeats = s.masks[g], s.numbers[g], s.repeats[g]
        for _ in range(moves):
            if n[columns.END]:
                go_on(c, m, n, repeats, s.words)
                s.returns[g] = 0.0
            reward = play(c, m, n, repeats, draw_valid(c.terrain, m, n), s.words)
            sums[0] += reward
            s.returns[g] += reward
            if n[columns.END]:
                ends[n[columns.END]] += 1
                go_on(c, m, n, repeats, s.words)
                s.returns[g] = 0.0
