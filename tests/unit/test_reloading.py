"""What is said of settings read anew: each change as a person would write it, no secret ever."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from pydantic import BaseModel, SecretStr

from tests.unit.policy_books import moment
from tests.unit.test_messages import check
from watcher.domain.alert import Lane, Tier
from watcher.policy import reloading
from watcher.policy.reloading import Change
from watcher.settings import Settings
from watcher.settings.changes import changes
from watcher.settings.keys import ANY, is_secret, leaves

TOP_UP = {
    "mode": "ask",
    "asset": "USDT",
    "from": "funding",
    "to": "unified",
    "trigger": "10%",
    "target": "15%",
    "max_per_event": "500 USDT",
    "max_per_day": "1000 USDT",
    "keep_in_source": "100 USDT",
}
# where the reader makes something else of what is written
SPAN_US = 61_000_000
OTHER = {
    **dict.fromkeys(("calm", "hot", "timeout", "every", "after_max", "cooldown"), SPAN_US),
    "quiet_hours": (60, 120),
    "digest_at": 61,
}


def settings(**tables: Any) -> Settings:
    accounts = {"main": {"venue": "bybit"}, **tables.pop("accounts", {})}
    return Settings(accounts=accounts, **tables)


def told(before: Settings, after: Settings) -> list[str]:
    return [str(change) for change in changes(before, after)]


def test_the_same_settings_differ_in_nothing() -> None:
    assert told(settings(poll={"calm": "60s"}), settings(poll={"calm": "1m"})) == []


@pytest.mark.parametrize(
    ("tables", "said"),
    [
        ({"poll": {"calm": "20s"}}, "poll.calm: 10s -> 20s"),
        ({"quiet_hours": "23:00-07:00"}, "quiet_hours: not set -> 23:00-07:00"),
        ({"digest_at": "6:30"}, "digest_at: 08:00 -> 06:30"),
        ({"betas": {"sol": 1.3}}, "betas.SOL: not set -> 1.3"),
        ({"telegram": {"proof_of_life": False}}, "telegram.proof_of_life: true -> false"),
        ({"telegram": {"viewers": [7, 8]}}, "telegram.viewers: not set -> 7, 8"),
        ({"telegram": {"bot_token": "1:canary"}}, "telegram.bot_token: changed"),
        (
            {"tiers": {"margin_level": ["220%", "150%", "call", "halfway"]}},
            "tiers.margin_level: 200%, 150%, call, halfway -> 220%, 150%, call, halfway",
        ),
        (
            {"tiers": {"health": ["4x", "2x", "1.5x", "1.2x"]}},
            "tiers.health: 3x, 2x, 1.5x, 1.2x -> 4x, 2x, 1.5x, 1.2x",
        ),
        ({"accounts": {"other": {"venue": "okx"}}}, "accounts.other: not set -> okx"),
        (
            {"accounts": {"main": {"venue": "bybit", "top_up": TOP_UP}}},
            "accounts.main.top_up: not set -> ask",
        ),
        (
            {"accounts": {"main": {"venue": "bybit", "api_key": "canary"}}},
            "accounts.main.api_key: changed",
        ),
    ],
)
def test_a_change_is_told_as_it_would_be_written(tables: dict[str, Any], said: str) -> None:
    assert told(settings(), settings(**tables)) == [said]
    key, _, values = said.partition(": ")
    back = " -> ".join(reversed(values.split(" -> ")))
    assert told(settings(**tables), settings()) == [f"{key}: {back}"]


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("from", "spot", "from: funding -> spot"),
        ("mode", "dry_run", "mode: ask -> dry_run"),
        ("trigger", "9%", "trigger: 10% -> 9%"),
        ("max_per_event", "400 USDT", "max_per_event: 500 USDT -> 400 USDT"),
        ("max_per_week", "2000 USDT", "max_per_week: not set -> 2000 USDT"),
        ("cooldown", "10m", "cooldown: 5m -> 10m"),
    ],
)
def test_what_money_may_do_is_told_key_by_key(key: str, value: str, said: str) -> None:
    before, after = (
        settings(accounts={"main": {"venue": "binance", "top_up": each}})
        for each in (
            {**TOP_UP, "to": "cross:USDT"},
            {**TOP_UP, "to": "cross:USDT", key: value},
        )
    )

    assert told(before, after) == [f"accounts.main.top_up.{said}"]


def test_every_key_there_is_can_be_told_and_no_secret_is() -> None:
    """A key added later is told too: as one thing of another, whatever its kind."""
    keys = [path for path, _ in leaves()]
    before = settings(accounts={"main": {"venue": "bybit", "top_up": TOP_UP}})
    for path, field in leaves():
        real = tuple("main" if part == ANY else part for part in path)
        value = SecretStr("canary") if is_secret(field) else OTHER.get(path[-1], "canary")
        (found,) = told(before, _with(before, real, value))
        assert found.startswith(f"{'.'.join(real)}: ")
        assert ("changed" in found) is is_secret(field)
        assert ("canary" in found) is (value == "canary")
    assert len(keys) > 40


def _with(table: Any, path: tuple[str, ...], value: object) -> Any:
    name, *rest = path
    if isinstance(table, dict):
        return {**table, name: _with(table.get(name), tuple(rest), value) if rest else value}
    assert isinstance(table, BaseModel)
    fields = type(table).model_fields
    name = next(each for each, field in fields.items() if (field.alias or each) == name)
    inner = _with(getattr(table, name), tuple(rest), value) if rest else value
    # no reader is asked: what counts is that any value can be shown
    return table.model_copy(update={name: inner})


# -- the words ------------------------------------------------------------------------------------

CHANGES = [
    Change(key="tiers.distance", was="20%, 12%, 6%, 3%", now="25%, 15%, 8%, 4%"),
    Change(key="accounts.okx_hedge", was="not set", now="okx"),
    Change(key="telegram.bot_token"),
]


def test_the_words_of_a_reload() -> None:
    said = reloading.reloaded(CHANGES, moment(), zone="UTC")

    check("reloaded", said.text)
    assert (said.lane, said.silent) == (Lane.REPLY, True)
    check("reloaded_many", reloading.reloaded(CHANGES * 3, moment(), zone="UTC").text)


def test_the_words_of_a_refusal_have_the_place_and_are_loud() -> None:
    place = "/etc/watcher/watcher.toml line 112, column 27"
    problems = [
        f'accounts.okx_hedge.tiers.distance.critical ({place}): found "8", expected a distance',
        "/etc/watcher/watcher.toml line 6, column 6: not TOML: no value",
        "state_dir: found nothing, expected a folder",
    ]

    said = reloading.refused(problems, moment())

    check("settings_refused", said.text)
    elsewhere = "telegram.bot_token (environment WATCHER_TELEGRAM__BOT_TOKEN): found no token"
    plain = reloading.refused([elsewhere, "it could not start: KeyError"], moment()).text.plain
    assert "\n  environment WATCHER_TELEGRAM__BOT_TOKEN\n" in plain
    assert "\nit could not start\n  KeyError" in plain
    assert (said.lane, said.silent, said.tier) == (Lane.BLIND, False, Tier.WARNING)
    many = reloading.refused([*problems, "one more: found 1, expected 2"], moment())
    assert many.text.plain.endswith("\nand 1 more")


def test_the_words_to_a_chat_that_is_left_are_loud() -> None:
    said = reloading.left(moment(), zone="UTC")

    check("chat_left", said.text)
    assert not said.silent


def test_a_key_from_a_file_cannot_forge_a_line_or_a_link() -> None:
    hostile = replace(CHANGES[0], key="x.com\nSTOPPED", was="/kill", now="@all")

    text = reloading.reloaded([hostile], moment(), zone="UTC").text

    assert len(text.plain.split("\n")) == 4
    assert "@" not in text.plain
    (span,) = text.fixed
    assert text.plain[slice(*span)].startswith("x.com")
