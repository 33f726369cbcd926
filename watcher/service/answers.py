"""
What people ask: the commands that read, each to its texts and at most one picture.

Rule: an answer is made of what the daemon remembers; no venue is asked anything. A few pages at
most, the worst first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from watcher.domain.alert import AccountState, AlertRules, Text, Tier
from watcher.policy import charting, listing, overview, wording
from watcher.policy import messages as say
from watcher.policy.asked import AskedWrong, account_of, scope_of, span_us, unknown
from watcher.policy.charting import Worst
from watcher.policy.lines import LINES_MAX
from watcher.policy.verbs import form_of
from watcher.policy.whatif import ADD, question_of, whatif
from watcher.ports import Clock, Command, Store
from watcher.service.draw import Drawer, NotDrawn
from watcher.service.orders import Orders, Watched

PAGES_MAX = 3


@dataclass(frozen=True, slots=True)
class Answer:
    """One message to answer with."""

    text: Text
    picture: bytes | None = None


class Answers:
    """Reads the accounts in *watched*, by name."""

    def __init__(
        self,
        *,
        watched: Mapping[str, Watched],
        store: Store,
        drawer: Drawer,
        clock: Clock,
        zone: str,
        orders: Orders,
    ) -> None:
        self._watched = watched
        self._store = store
        self._drawer = drawer
        self._clock = clock
        self._zone = zone
        self._orders = orders

    async def status(self, _command: Command) -> Sequence[Answer]:
        text = overview.status(self._states(), self._rules(), self._clock.now(), zone=self._zone)
        return [Answer(text)]

    async def positions(self, command: Command) -> Sequence[Answer]:
        chosen = sorted(self._watched.values(), key=_calm)
        if command.argument:
            chosen = [self._watched[account_of(command.argument, self._watched)]]
        now = self._clock.now()
        pages = [
            page for each in chosen for page in overview.positions(each.state, each.rules, now)
        ]
        if len(pages) > PAGES_MAX:
            hint = say.AND_MORE_PAGES.format(count=len(pages) - PAGES_MAX)
            if not command.argument:
                hint += say.ONE_ACCOUNT.format(account=chosen[-1].state.account)
            pages = [*pages[: PAGES_MAX - 1], _ended(pages[PAGES_MAX - 1], hint)]
        return [Answer(page) for page in pages]

    async def whatif(self, command: Command) -> Sequence[Answer]:
        states, pool, asked = self._of_accounts(command.argument)
        now = self._clock.now()
        return [Answer(whatif(states, self._rules(), question_of(asked), now, pool=pool))]

    async def alerts(self, _command: Command) -> Sequence[Answer]:
        money = await self._orders.money()
        text = listing.alerts(
            self._states(), self._rules(), self._clock.now(), zone=self._zone, money=money
        )
        return [Answer(text)]

    async def chart(self, command: Command) -> Sequence[Answer]:
        watched, span = self._chart_of(command.argument)
        name = watched.state.account
        worst = charting.worst_of(watched.state, watched.rules)
        if worst is None:
            return [Answer(charting.nothing(name, span_us=span))]
        drawn = await self._story(name, worst, span)
        if drawn is None:
            return [Answer(charting.nothing(name, span_us=span))]
        text = charting.caption(name, worst, drawn, span_us=span)
        try:
            return [Answer(text, await self._drawer.draw(drawn))]
        except NotDrawn as error:
            return [Answer(Text(plain=str(error)))]

    async def _story(self, name: str, worst: Worst, span: int) -> dict[str, Any] | None:
        now = self._clock.now()
        since_us = now.steady_us - span
        samples = await self._store.history(name, since_us=since_us)
        prices = await self._store.prices(name, worst.coin, since_us=since_us)
        return charting.story(name, worst, samples, prices, now, span_us=span, zone=self._zone)

    def _chart_of(self, argument: str) -> tuple[Watched, int]:
        words = argument.split()
        span = charting.SPAN_US
        if words and words[-1][0].isdigit():
            asked = span_us(words.pop())
            if asked is None or not charting.SPAN_MIN_US <= asked <= charting.SPAN_MAX_US:
                raise AskedWrong(form_of("chart", say.CHART_SPANS))
            span = asked
        if words:
            return self._watched[account_of(" ".join(words), self._watched)], span
        if not self._watched:
            raise AskedWrong(say.NO_ACCOUNT)
        return min(self._watched.values(), key=_calm), span

    # an account is told from a coin by what is watched; a pool may follow it
    def _of_accounts(self, argument: str) -> tuple[list[AccountState], str, str]:
        words = argument.split()
        for count in range(min(len(words), 4), 0, -1):
            try:
                scope = scope_of(" ".join(words[:count]), self._states())
            except AskedWrong:
                continue
            rest = words[count:]
            if rest and _is_number(rest[0]):  # a coin that is called like an account
                continue
            return [self._watched[scope.account].state], scope.pool, " ".join(rest)
        if len(words) > 1 and words[0].lower() != ADD and not _is_number(words[1]):
            raise AskedWrong(unknown(say.KIND_SCOPE, words[0], self._watched))
        return sorted(self._states(), key=_calm_state), "", argument

    def _states(self) -> list[AccountState]:
        return [each.state for each in self._watched.values()]

    def _rules(self) -> dict[str, AlertRules]:
        return {name: each.rules for name, each in self._watched.items()}


_NO_NUMBERS = frozenset({"nan", "inf", "infinity"})
"""Written where a number belongs, and answered as one that is none."""


def _is_number(word: str) -> bool:
    said = word.lower().removesuffix("%").lstrip("+-")
    return word[0] in "+-0123456789" or word.startswith(wording.MINUS) or said in _NO_NUMBERS


# the worst accounts first: what finds no room is the calmest
def _calm(watched: Watched) -> tuple[bool, int]:
    return _calm_state(watched.state)


def _calm_state(state: AccountState) -> tuple[bool, int]:
    worst = max((danger.tier for danger in state.dangers.values()), default=Tier.CALM)
    return (not state.blind.active, -worst)


def _ended(page: Text, line: str) -> Text:
    """Return *page* with *line* as its last, within what one message holds."""
    plain = "\n".join(page.plain.splitlines()[: LINES_MAX - 1])
    return Text(
        plain=f"{plain}\n{line}",
        bold=tuple(span for span in page.bold if span[1] <= len(plain)),
        fixed=tuple(span for span in page.fixed if span[1] <= len(plain)),
    )
