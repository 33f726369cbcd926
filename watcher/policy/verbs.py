"""
The commands there are: their words, the form they are written in, and the most each may do.

Rule: closed. Whoever steals the chat, the phone or the bot's token can do no more than the worst
effect in this table: nothing here moves money, changes a limit, a line or a person, and whatever
makes an alert slower ends by itself. What only makes money stand still is obeyed however late it
comes; all else that waited in an outage is refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum

from watcher.domain.alert import Text
from watcher.policy import lines, wording
from watcher.policy import messages as say
from watcher.policy.wording import Bold, row


class Effect(StrEnum):
    """The most a command does."""

    READ = "read"
    ACK = "ack"
    MUTE = "mute with an end"
    UNMUTE = "unmute"
    PAUSE = "pause money"
    KILL = "kill money"
    PROVE = "prove a road"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verb:
    """One command; `form` is how it is written, with an example of each part."""

    word: str
    form: str
    effect: Effect = Effect.READ

    @property
    def for_operators(self) -> bool:
        return self.effect is not Effect.READ

    @property
    def at_any_age(self) -> bool:
        return self.effect in (Effect.PAUSE, Effect.KILL)


VERBS = {
    verb.word: verb
    for verb in (
        Verb(word="status", form="/status"),
        Verb(word="positions", form="/positions main"),
        Verb(word="whatif", form="/whatif main BTC -10% ETH 3200, all -10%, add 500 USDT"),
        Verb(word="chart", form="/chart main 24h"),
        Verb(word="alerts", form="/alerts"),
        Verb(word="help", form="/help"),
        Verb(word="ack", form="/ack K7F3", effect=Effect.ACK),
        Verb(
            word="mute", form="/mute main 2h, /mute main unified 2h up to watch", effect=Effect.MUTE
        ),
        Verb(word="unmute", form="/unmute main", effect=Effect.UNMUTE),
        Verb(word="pause", form="/pause 2h", effect=Effect.PAUSE),
        Verb(word="kill", form="/kill", effect=Effect.KILL),
        Verb(word="heard", form="/heard 4821", effect=Effect.PROVE),
    )
}
SAME_AS = {"start": "help"}


def help_text(*, operator: bool) -> Text:
    """Return the answer to /help for this person."""
    orders = [
        row(say.HELP_ACK),
        row(say.HELP_MUTE),
        row(say.HELP_PAUSE),
    ]
    tiers = (f"{lines.MARK[t]} {wording.tier_name(t).lower()}" for t in list(lines.MARK)[1:])
    rows = [
        row(Bold(say.HELP_TITLE), "" if operator else say.HELP_READER),
        row(say.HELP_STATUS),
        row(say.HELP_POSITIONS),
        row(say.HELP_WHATIF),
        row(say.HELP_CHART),
        row(say.HELP_ALERTS),
        *(orders if operator else []),
        row(" ".join(tiers)),
        row(say.HELP_CODE),
        row(say.HELP_HEALTH),
    ]
    return wording.text_of(rows)


def unknown_command(word: str, *, operator: bool) -> Text:
    """Return the answer to a word that is no command: the nearest one, or all this person has."""
    known = [verb.word for verb in VERBS.values() if operator or not verb.for_operators]
    near = get_close_matches(word, known, n=1)
    hint = (
        say.DID_YOU_MEAN.format(form=VERBS[near[0]].form.split(",")[0])
        if near
        else say.ALL_THERE_IS
    )
    shown = wording.name(word)
    said = say.NOT_A_COMMAND.format(word=shown) if shown else say.NO_COMMAND
    return wording.text_of([row(said), row(hint)])


def not_yours(verb: Verb) -> Text:
    """Return the answer to a person who may read only."""
    return Text(plain=say.FOR_OPERATORS.format(word=verb.word))


def form_of(word: str, problem: str) -> str:
    """Return the one line that answers a command nobody can read."""
    return say.LIKE_THIS.format(problem=problem, form=VERBS[word].form)
