"""
What every step is given: who answers, what is written, what was said beforehand, and the world.

Rule: a step asks, tries the answer on the world, and only then has it written. What is set is read
the way the daemon reads it, so that nothing counts as set that it would not find.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from pydantic import ValidationError

from watcher.channels.telegram_introduction import Introduced
from watcher.settings import Need, Settings, load
from watcher.settings.problems import Misread
from watcher.setup.files import Draft, SetupError
from watcher.setup.look import Answer
from watcher.setup.prompt import Prompt


class Hands(Protocol):
    """The world, one short errand at a time."""

    def look(self, settings: Settings) -> tuple[list[Answer], int]:
        """Read every account of *settings* once; return the answers and our time then."""

    def address(self, endpoint: str | None) -> str | None:
        """Return the address Binance says it sees us at, if it does."""

    def bot(self, token: str, endpoint: str | None) -> str:
        """Return the bot's name. Raises: `DeliveryError`."""

    def heard(
        self,
        token: str,
        endpoint: str | None,
        code: str,
        within_s: float,
        begun: Callable[[], None],
    ) -> Introduced:
        """
        Return who says *code*; call *begun* when listening begins, and Ctrl-C ends it in order.

        Raises: `Unheard`, `DeliveryError`.
        """

    def usable(self, url: str) -> str:
        """Return which service the fallback's *url* is of. Raises: `DeliveryError`."""

    def ping(self, url: str) -> None:
        """Say once that all is well. Raises: `PingError`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flags:
    """What was said on the command line, so that nobody has to be asked."""

    accounts: Sequence[tuple[str, str]] = ()
    """Name and venue of each."""
    endpoint: str | None = None
    chat_id: int | None = None
    users: tuple[int, ...] = ()
    second_chat_id: int | None = None
    accept_tiers: bool = False
    wait_s: float = 180.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Kit:
    prompt: Prompt
    draft: Draft
    hands: Hands
    code: Callable[[], str]
    flags: Flags = field(default_factory=Flags)

    def venue_endpoint(self, name: str) -> str | None:
        """Return where account *name* is asked: as said now, or as it is set."""
        known = self.settings().accounts.get(name)
        return self.flags.endpoint or (None if known is None else known.endpoint)

    def chat_endpoint(self) -> str | None:
        """Return where the bot is asked, the same way."""
        return self.flags.endpoint or self.settings().telegram.endpoint

    def told_practice(self, endpoint: str | None, key: str, real: str) -> None:
        """Say that not the *real* far side is asked, where the file says so and nobody now did."""
        if endpoint is not None and self.flags.endpoint is None:
            self.prompt.say(
                f"  asked at {endpoint}, as {key} in {self.draft.config} says: take that line out "
                f"for {real} itself",
                style="yellow",
            )

    def settings(self) -> Settings:
        """
        Return what is set so far, without the environment: that is whoever runs this, today.

        Raises: `ConfigError` for a file that is not understood.
        """
        if not self.draft.config.exists():
            return Settings()
        return load(self.draft.config, environ={}, need=Need.NOTHING)

    def again(self, line: str) -> bool:
        """
        Tell what was wrong, and return whether to ask once more.

        Raises: `SetupError` with *line* where nobody is there to answer otherwise.
        """
        if not self.prompt.patient:
            raise SetupError(line)
        self.prompt.say(f"  {line}", style="red")
        return self.prompt.agrees("  again?", default=True)


def made(**tables: object) -> Settings:
    """
    Return settings of *tables* alone.

    Raises: `SetupError` saying which key was misread, and what was expected.
    """
    try:
        return Settings(**tables)  # type: ignore[arg-type]
    except ValidationError as refused:
        first = refused.errors(include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        cause = first.get("ctx", {}).get("error")
        if isinstance(cause, Misread):
            raise SetupError(f"{key}: {cause}") from None
        raise SetupError(f"{key}: {first['msg'].lower()}") from None
