"""
Commands from people: which words there are, how old one may be, where the answer goes.

Rule: a command reads; none changes a limit, a tier, a person or money. Who may ask was settled at
the gate before. An answer leaves through the deliverer in the lane of replies, which has a small
share of the chat's sends, so any number of questions never delays an alert; hence few pages too. A
command that waited in an outage is not answered late as if it were fresh: the answer says to ask
again. What an answer says is written in `policy`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import structlog

from watcher.domain.alert import (
    SECOND_US,
    AccountState,
    AlertRules,
    Kind,
    Lane,
    Message,
    Moment,
    Text,
    Tier,
)
from watcher.policy import notes, overview
from watcher.policy.lines import LINES_MAX
from watcher.ports import Channel, Clock, Command, Press

AGE_MAX_S = 60
PAGES_MAX = 3

log = structlog.get_logger()


class Watched(Protocol):
    """An account as its poller knows it now."""

    rules: AlertRules
    state: AccountState


class Speaker(Protocol):
    """Sends a reply on its own road."""

    def tell(self, message: Message, *, channel: Channel | None = None) -> None: ...


class Commands:
    """The `Answerer` port over the accounts in *watched*, by name."""

    def __init__(
        self,
        *,
        watched: Mapping[str, Watched],
        speaker: Speaker,
        clock: Clock,
        zone: str,
    ) -> None:
        self._watched = watched
        self._speaker = speaker
        self._clock = clock
        self._zone = zone
        self._answered = 0
        self._words: Mapping[str, Callable[[str, Moment], Sequence[Text]]] = {
            "status": self._status,
            "positions": self._positions,
            "help": self._help,
            "start": self._help,
        }

    def answer(self, command: Command, road: Channel) -> None:
        now = self._clock.now()
        for text in self._texts(command, now):
            self._answered += 1
            message = Message(
                # sends are deduplicated by key: two questions are two answers
                key=f"reply:{command.user_id}:{now.wall_us}:{self._answered}",
                account="",
                kind=Kind.REPLY,
                tier=Tier.CALM,
                lane=Lane.REPLY,
                text=text,
                silent=True,
                created_at_us=now.steady_us,
            )
            self._speaker.tell(message, channel=road)

    async def press(self, press: Press, road: Channel) -> str:
        """No message carries a button yet, so whatever is pressed is none of this program's."""
        log.info("button.refused", user_id=press.user_id, channel=road.name)
        return notes.EXPIRED_BUTTON

    def _texts(self, command: Command, now: Moment) -> Sequence[Text]:
        age_s = (now.wall_us - command.sent_at_us) // SECOND_US
        if age_s > AGE_MAX_S:
            return [Text(plain=f"Your command came {age_s} s late and was not run: ask again")]
        build = self._words.get(command.word)
        if build is None:
            return [notes.unknown_command(f"/{command.word}")]
        try:
            return build(command.argument, now)
        except Exception:
            log.exception("command.failed", command=command.word)
            return [Text(plain="This answer could not be made; the log says why. Alerts go on.")]

    def _status(self, _argument: str, now: Moment) -> Sequence[Text]:
        states = [each.state for each in self._watched.values()]
        rules = {name: each.rules for name, each in self._watched.items()}
        return [overview.status(states, rules, now, zone=self._zone)]

    def _positions(self, argument: str, now: Moment) -> Sequence[Text]:
        name = argument.lower().replace("-", "_")
        if name and name not in self._watched:
            known = ", ".join(sorted(self._watched))
            return [Text(plain=f"No account of that name. Known: {known}")]
        chosen = [self._watched[name]] if name else sorted(self._watched.values(), key=_calm)
        pages = [
            page for each in chosen for page in overview.positions(each.state, each.rules, now)
        ]
        if len(pages) <= PAGES_MAX:
            return pages
        hint = f"and {len(pages) - PAGES_MAX} more pages"
        if not name:
            hint += f"; one account: /positions {chosen[-1].state.account}"
        return [*pages[: PAGES_MAX - 1], _ended(pages[PAGES_MAX - 1], hint)]

    def _help(self, _argument: str, _now: Moment) -> Sequence[Text]:
        return [notes.help_text()]


# the worst accounts first: what finds no room is the calmest
def _calm(watched: Watched) -> tuple[bool, int]:
    state = watched.state
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
