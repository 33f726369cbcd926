"""
The settings, one frozen value: every key of the configuration with its type and default.

Rule: the defaults here are the only ones; config/watcher.example.toml repeats them and a test
holds the two equal. A field's description is its one-line meaning. A default is written as the
user would write it and passes the same reader as the user's own.

Nothing here opens a file or looks at the environment: `watcher.settings.load` does, and fills in
what came from where. Secrets are never shown and never come from TOML.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    model_validator,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from watcher.domain.alert import Word
from watcher.settings.addresses import appriseable, listening, loopback, pingable
from watcher.settings.problems import Misread, nearest_of
from watcher.settings.table import Table, Whole, span_within
from watcher.settings.top_up import Money, TopUp, check_road
from watcher.settings.units import (
    HEALTH_LAST_MIN,
    distance_line,
    duration_text,
    duration_us,
    four_lines,
    health_line,
    hours,
    in_order,
    margin_level_line,
    minute_of_day,
    plain,
    quoted,
)
from watcher.venues import CLOSED, VENUES

VERSION = 1
"""Of the keys: raised when one changes its name or its meaning."""
PHONE_MIN = 10**11
"""Private chats have ids of ten digits, groups negative ones: twelve digits are a phone number."""
BETA_MAX = 10.0

# As the user would write them. Typed Any: a field holds what its reader makes of the text.
_DISTANCE: Any = ("20%", "12%", "6%", "3%")
_MARGIN_LEVEL: Any = ("200%", "150%", "call", "halfway")
_HEALTH: Any = ("3.00x", "2.00x", "1.50x", "1.20x")
_TEN_SECONDS: Any = "10s"
_FOUR_SECONDS: Any = "4s"
_FIVE_SECONDS: Any = "5s"
_ONE_MINUTE: Any = "60s"
_THREE_MINUTES: Any = "180s"
_EIGHT: Any = "08:00"
_NEVER: Any = ""


def _distances(lines: tuple[float, ...]) -> tuple[float, ...]:
    in_order(lines, "{}%")
    return lines


def _levels(lines: tuple[float | Word, ...]) -> tuple[float | Word, ...]:
    in_order(lines, "{}%")
    return lines


def _healths(lines: tuple[float, ...]) -> tuple[float, ...]:
    in_order(lines, "{}x")
    if lines[-1] < HEALTH_LAST_MIN:
        raise Misread(
            f"emergency at {plain(lines[-1])}x",
            f"at least {HEALTH_LAST_MIN}x: liquidation is at 1.00x and comes with the same move",
        )
    return lines


def _venue(value: object) -> object:
    known = ", ".join(VENUES)
    if not isinstance(value, str):
        raise Misread(quoted(value), f"one of {known}")
    name = value.strip().lower()
    if name in CLOSED:
        raise Misread(quoted(value), f"one of {known}; {CLOSED[name]}")
    if name not in VENUES:
        near = nearest_of(name, VENUES)
        raise Misread(quoted(value), f"one of {known}", f'"{near}"' if near else None)
    return name


def _chat(value: object) -> object:
    expected = "the chat's number, such as 123456789 (groups: negative)"
    text = str(value).strip()
    if isinstance(value, bool | float) or value is None:
        raise Misread(quoted(value), expected)
    if text.startswith("@") or re.fullmatch(r"[A-Za-z]\w*", text):
        raise Misread(
            quoted(value), f"{expected}: a name is not a number; write to the bot and read it"
        )
    if text.startswith("+"):
        raise Misread(quoted(value), f"{expected}: this looks like a phone number")
    if re.fullmatch(r"-?[0-9]{1,18}", text) is None or int(text) == 0:
        raise Misread(quoted(value), expected)
    number = int(text)
    if number >= PHONE_MIN:
        if text.startswith("100") and len(text) == len("1001234567890"):
            raise Misread(text, expected, f"-{text}")
        raise Misread(text, f"{expected}: this looks like a phone number")
    return number


def _token(value: SecretStr | None) -> SecretStr | None:
    text = "" if value is None else value.get_secret_value().strip()
    if text and re.fullmatch(r"[0-9]+:[A-Za-z0-9_-]+", text) is None:
        raise Misread(
            "something that is no bot token",
            "digits, a colon and the secret in one piece, as @BotFather shows it",
        )
    return value


def _users(value: object) -> object:
    expected = "a list of user numbers, such as [123456789]"
    if isinstance(value, str):
        items: list[object] = [part.strip() for part in value.split(",") if part.strip()]
    elif isinstance(value, list | tuple):
        items = list(value)
    else:
        items = [value]
    numbers = []
    for item in items:
        text = str(item).strip()
        if isinstance(item, bool) or re.fullmatch(r"[0-9]{1,18}", text) is None or int(text) == 0:
            raise Misread(quoted(item), expected)
        numbers.append(int(text))
    return tuple(numbers)


def _version(value: object) -> object:
    if isinstance(value, int) and value == VERSION and not isinstance(value, bool):
        return value
    newer = isinstance(value, int) and value > VERSION
    why = "the file is of a newer watcher: run that one, or write the file for this"
    raise Misread(quoted(value), f"{VERSION}, or no version at all{f'; {why}' if newer else ''}")


def _timezone(value: str) -> str:
    expected = 'a time zone such as "UTC" or "Europe/Berlin"'
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        zones = {name.lower(): name for name in available_timezones()}
        near = nearest_of(value, zones)
        raise Misread(quoted(value), expected, f'"{zones[near]}"' if near else None) from None
    return value


def _betas(value: object) -> object:
    if not isinstance(value, dict):
        raise Misread(quoted(value), "a table of factors by coin, such as SOL = 1.3")
    return {str(coin).upper(): factor for coin, factor in value.items()}


def _beta(value: object) -> object:
    expected = f"a factor from -{plain(BETA_MAX)} to {plain(BETA_MAX)}, such as 1.3"
    try:
        number = float(value) if isinstance(value, int | float | str) else None
    except ValueError:
        number = None
    if number is None or isinstance(value, bool) or not -BETA_MAX <= number <= BETA_MAX:
        raise Misread(quoted(value), expected)
    return number


Duration = Annotated[int, BeforeValidator(duration_us)]
Loopback = Annotated[str, AfterValidator(loopback)]
Users = Annotated[tuple[int, ...], BeforeValidator(_users)]
Chat = Annotated[int, BeforeValidator(_chat)]
Betas = Annotated[
    dict[str, Annotated[float, BeforeValidator(_beta)]],
    BeforeValidator(_betas),
]

_Distance = Annotated[float, BeforeValidator(distance_line)]
_Level = Annotated[float | Word, BeforeValidator(margin_level_line)]
_Health = Annotated[float, BeforeValidator(health_line)]
Distances = Annotated[
    tuple[_Distance, _Distance, _Distance, _Distance],
    BeforeValidator(four_lines),
    AfterValidator(_distances),
]
Levels = Annotated[
    tuple[_Level, _Level, _Level, _Level], BeforeValidator(four_lines), AfterValidator(_levels)
]
Healths = Annotated[
    tuple[_Health, _Health, _Health, _Health], BeforeValidator(four_lines), AfterValidator(_healths)
]


class Telegram(Table):
    chat_id: Chat | None = Field(
        default=None, description="the chat alerts go to; a group's number is negative"
    )
    second_chat_id: Chat | None = Field(
        default=None, description="the chat that is told of what nobody answers"
    )
    bot_token: Annotated[SecretStr | None, AfterValidator(_token)] = Field(
        default=None, description="the bot's token (secret)"
    )
    allowed_users: Users = Field(
        default=(), description="who may ask, acknowledge and mute; empty: nobody, alerts go out"
    )
    viewers: Users = Field(default=(), description="who may ask only")
    proof_of_life: bool = Field(
        default=True, description="keep a pinned message that says when all was last read"
    )
    messages_per_minute: Whole = Field(
        default=12, ge=1, le=20, description="to the chat; Telegram allows a group 20"
    )
    endpoint: Loopback | None = Field(
        default=None, description="a practice Bot API on this machine instead of Telegram"
    )

    @model_validator(mode="after")
    def _each_is_named_once(self) -> Self:
        both = sorted({*self.allowed_users} & {*self.viewers})
        if both:
            raise Misread(f"{both[0]} in allowed_users and in viewers", "each user in one of them")
        if self.second_chat_id is not None and self.second_chat_id == self.chat_id:
            raise Misread("second_chat_id = chat_id", "a chat of its own, or none")
        return self


class Fallback(Table):
    url: Annotated[SecretStr | None, AfterValidator(appriseable)] = Field(
        default=None,
        description="Apprise URL of the road taken when Telegram fails or nobody answers (secret)",
    )


class Heartbeat(Table):
    url: Annotated[SecretStr | None, AfterValidator(pingable)] = Field(
        default=None,
        description="who is pinged while all is well, such as a check at healthchecks.io (secret)",
    )
    every: Annotated[Duration, span_within("15s", "5m")] = Field(
        default=_ONE_MINUTE, description="between two pings; a failure is told at once"
    )


class Metrics(Table):
    listen: Annotated[str, AfterValidator(listening)] | None = Field(
        default=None, description="show /healthz and /metrics there: this machine only; none: off"
    )


class Poll(Table):
    calm: Annotated[Duration, span_within("2s", "5m")] = Field(
        default=_TEN_SECONDS, description="between two readings of an account far from danger"
    )
    hot: Annotated[Duration, span_within("1s", "1m")] = Field(
        default=_FOUR_SECONDS, description="between two readings of an account in a tier"
    )
    timeout: Annotated[Duration, span_within("1s", "30s")] = Field(
        default=_FIVE_SECONDS, description="a reading that takes longer is missed"
    )

    @model_validator(mode="after")
    def _hot_is_not_slower(self) -> Self:
        if self.hot > self.calm:
            calm = duration_text(self.calm)
            raise Misread(f'hot = "{duration_text(self.hot)}"', f'no more than calm = "{calm}"')
        return self


class Tiers(Table):
    distance: Distances = Field(
        default=_DISTANCE, description="derivatives: adverse move of prices to liquidation"
    )
    margin_level: Levels = Field(
        default=_MARGIN_LEVEL,
        description='borrowed spot margin; "call": the account\'s own margin call, '
        '"halfway": between the call and liquidation',
    )
    health: Healths = Field(
        default=_HEALTH, description="portfolio margin: equity over what it must stay above"
    )


class AccountTiers(Table):
    distance: Distances | None = None
    margin_level: Levels | None = None
    health: Healths | None = None


class Blind(Table):
    after_max: Annotated[Duration, span_within("20s", "1h")] = Field(
        default=_THREE_MINUTES,
        description="tell of a blind account after this long at most; sooner near liquidation",
    )


class Log(Table):
    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="debug, info, warning or error"
    )
    format: Literal["auto", "json", "console"] = Field(
        default="auto", description="auto: console in a terminal, json otherwise"
    )


class Account(Table):
    venue: Annotated[str, BeforeValidator(_venue)] = Field(description=", ".join(VENUES))
    api_key: SecretStr | None = Field(default=None, description="a read-only key (secret)")
    api_secret: SecretStr | None = Field(default=None, description="its secret (secret)")
    password: SecretStr | None = Field(default=None, description="OKX's passphrase (secret)")
    endpoint: Loopback | None = Field(
        default=None, description="a practice exchange on this machine instead of the venue"
    )
    tiers: AccountTiers = Field(
        default_factory=AccountTiers, description="lines of this account instead of [tiers]"
    )
    betas: Betas = Field(
        default_factory=dict, description="factors of this account on top of [betas]"
    )
    top_up: TopUp | None = Field(default=None, description="moving collateral; absent: off")
    money: Money = Field(default_factory=Money, description="a key of its own for moving it")

    @model_validator(mode="after")
    def _moves_by_a_road_there_is(self) -> Self:
        if self.top_up is not None:
            check_road(self.venue, self.top_up)
        return self


class Settings(BaseSettings):
    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        validate_default=True,
        env_prefix="WATCHER_",
        env_nested_delimiter="__",
    )

    version: Annotated[int, BeforeValidator(_version)] = Field(
        default=VERSION, description="of the keys of this file; another is refused"
    )
    state_dir: str = Field(
        default="state", min_length=1, description="the folder of ledger.db and history.db"
    )
    timezone: Annotated[str, AfterValidator(_timezone)] = Field(
        default="UTC", description="of the times in messages"
    )
    quiet_hours: Annotated[tuple[int, int] | None, BeforeValidator(hours)] = Field(
        default=_NEVER, description="local hours in which nothing below critical makes a sound"
    )
    digest_at: Annotated[int, BeforeValidator(minute_of_day)] = Field(
        default=_EIGHT, description="local time of the daily digest, which comes even when empty"
    )
    telegram: Telegram = Field(default_factory=Telegram)
    fallback: Fallback = Field(default_factory=Fallback)
    heartbeat: Heartbeat = Field(default_factory=Heartbeat)
    metrics: Metrics = Field(default_factory=Metrics)
    poll: Poll = Field(default_factory=Poll)
    tiers: Tiers = Field(default_factory=Tiers)
    blind: Blind = Field(default_factory=Blind)
    betas: Betas = Field(
        default_factory=dict,
        description="how far a coin moves when all move by 1; coins not named: 1, stables: 0",
    )
    log: Log = Field(default_factory=Log)
    accounts: dict[str, Account] = Field(default_factory=dict)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the library's signature
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the same
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the same
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the same
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        # the loader runs the sources itself: it must know which of them a problem came from
        return (init_settings,)
