"""What asking a model may cost in tokens, money and time, and what it has cost."""

from __future__ import annotations

import math

from attrs import define

MIN_REPLY_TOKENS = 16
"""Fewer are not worth asking for: no tool call fits."""
CHARS_PER_TOKEN = 3
"""On the safe side for English and JSON, which have about four."""


def estimated_tokens(chars: int) -> int:
    """Tokens in a text of that many characters, rather too many than too few."""
    return -(-chars // CHARS_PER_TOKEN)


@define(eq=False)
class Budget:
    """Limits, each with 0 for none, and what has been spent. Prices are US dollars for a million tokens.

    `allowance` before each request keeps the sum within the limits, as far as the endpoint keeps to the limit
    of a reply and the prompt is estimated right: the estimate grows with what the endpoint has counted.
    """

    tokens: int = 0
    usd: float = 0.0
    seconds: float = 0.0
    usd_per_million_in: float = 0.0
    usd_per_million_out: float = 0.0
    spent_in: int = 0
    spent_out: int = 0
    spent_s: float = 0.0
    _density: float = 1.0
    """Tokens that the endpoint counted for one that was estimated, at most so far."""

    @property
    def spent_tokens(self) -> int:
        """Tokens of prompts and replies together."""
        return self.spent_in + self.spent_out

    @property
    def spent_usd(self) -> float:
        """The price of the tokens so far."""
        return self._usd(self.spent_in, self.spent_out)

    @property
    def left_s(self) -> float:
        """Seconds that may still be waited; infinite without a limit."""
        return max(0.0, self.seconds - self.spent_s) if self.seconds else float("inf")

    def allowance(self, prompt_tokens: int, wanted: int) -> tuple[int, str | None]:
        """How many of the `wanted` tokens a reply to such a prompt may have.

        When that is too few for any reply, it is 0, with the limit that says so.
        """
        if self.left_s <= 0:
            return 0, "budget_s"
        prompt_tokens = math.ceil(prompt_tokens * self._density)
        allowed, limit = wanted, None
        if self.tokens:
            left = self.tokens - self.spent_tokens - prompt_tokens
            if left < allowed:
                allowed, limit = left, "budget_tokens"
        if self.usd:
            left_usd = self.usd - self.spent_usd - self._usd(prompt_tokens, 0)
            if left_usd < self._usd(0, allowed) or left_usd <= 0:
                allowed = int(left_usd * 1e6 / self.usd_per_million_out) if self.usd_per_million_out else 0
                limit = "budget_usd"
        if allowed < MIN_REPLY_TOKENS:
            return 0, limit or "max_tokens_per_move"
        return allowed, None

    def spend(self, tokens_in: int, tokens_out: int, seconds: float) -> None:
        """Counts a request that was made."""
        self.spent_in += tokens_in
        self.spent_out += tokens_out
        self.spent_s += seconds

    def counted(self, estimated: int, counted: int) -> None:
        """Takes in what the endpoint counted for a prompt that was estimated."""
        self._density = max(self._density, counted / max(estimated, 1))

    def _usd(self, tokens_in: int, tokens_out: int) -> float:
        return (tokens_in * self.usd_per_million_in + tokens_out * self.usd_per_million_out) / 1e6
