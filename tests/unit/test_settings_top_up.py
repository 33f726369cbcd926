"""What a configuration may say about money, and what is refused before anything starts."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from tests.unit.refusals import without_places
from watcher.domain.alert import Measure, Trigger
from watcher.domain.topup import Mode, Route, Verb
from watcher.settings import ConfigError, Need, Settings, alert_rules, load, top_up_rules

AUTO = {
    "mode": '"auto"',
    "asset": '"USDT"',
    "from": '"funding"',
    "to": '"unified"',
    "trigger": '"10%"',
    "target": '"15%"',
    "max_per_event": '"500 USDT"',
    "max_per_day": '"1500 USDT"',
    "keep_in_source": '"100 USDT"',
}


def configured(folder: Path, changes: dict[str, str | None], venue: str = "bybit") -> Settings:
    keys = {name: text for name, text in {**AUTO, **changes}.items() if text is not None}
    table = "\n".join(f"{name} = {text}" for name, text in keys.items())
    file = folder / "watcher.toml"
    file.write_text(f'[accounts.main]\nvenue = "{venue}"\n[accounts.main.top_up]\n{table}\n')
    return load(file, environ={}, need=Need.NOTHING, container_secrets=folder / "none")


def refused(folder: Path, changes: dict[str, str | None], venue: str = "bybit") -> str:
    with pytest.raises(ConfigError) as caught:
        configured(folder, changes, venue)
    return without_places(caught.value)


def test_a_full_table_becomes_rules(tmp_path: Path) -> None:
    rules = top_up_rules(configured(tmp_path, {}), "main")

    assert rules is not None
    assert (rules.mode, rules.measure, rules.trigger, rules.target) == (
        Mode.AUTO,
        Measure.DISTANCE,
        10.0,
        15.0,
    )
    assert rules.routes == (
        Route(verb=Verb.MOVE, asset="USDT", source="funding", destination="unified"),
    )
    assert rules.limits is not None
    assert rules.limits.per_week == Decimal(4500)
    assert rules.limits.keep_in_source == Decimal(100)


def test_without_the_table_or_off_there_are_no_rules(tmp_path: Path) -> None:
    assert top_up_rules(configured(tmp_path, {"mode": '"off"'}), "main") is None
    file = tmp_path / "watcher.toml"
    file.write_text('[accounts.main]\nvenue = "bybit"\n')
    assert top_up_rules(load(file, environ={}, need=Need.NOTHING), "main") is None


def test_the_alert_rules_know_where_a_top_up_is_called_for(tmp_path: Path) -> None:
    for mode, known in (('"auto"', True), ('"off"', False)):
        trigger = alert_rules(configured(tmp_path, {"mode": mode}), "main").trigger
        assert trigger == (Trigger(measure=Measure.DISTANCE, value=10.0) if known else None)


def test_a_table_without_a_mode_only_tells(tmp_path: Path) -> None:
    rules = top_up_rules(configured(tmp_path, {"mode": None}), "main")

    assert rules is not None
    assert rules.mode is Mode.DRY_RUN


def test_ways_inside_the_engine_come_before_wallet_transfers(tmp_path: Path) -> None:
    verbs = {"verbs": '["move", "repay", "add_margin"]', "asset": '["USDT", "USDC"]'}
    caps = dict.fromkeys(("max_per_event", "max_per_day", "keep_in_source"), '"100 USD"')
    rules = top_up_rules(configured(tmp_path, {**verbs, **caps}), "main")

    assert rules is not None
    assert [(route.verb, route.asset) for route in rules.routes] == [
        (verb, asset)
        for verb in (Verb.ADD_MARGIN, Verb.REPAY, Verb.MOVE)
        for asset in ("USDT", "USDC")
    ]


@pytest.mark.parametrize("mode", ["ask", "auto"])
@pytest.mark.parametrize("cap", ["max_per_event", "max_per_day", "keep_in_source"])
def test_moving_money_without_a_cap_is_refused(tmp_path: Path, mode: str, cap: str) -> None:
    said = refused(tmp_path, {"mode": f'"{mode}"', cap: None})

    assert f'mode = "{mode}" without {cap}' in said


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"target": '"10.5%"'}, "a target of 11 or more"),
        ({"target": '"9%"'}, "a target of 11 or more"),
        ({"target": '"150%"'}, "both in the same measure"),
        ({"trigger": "10"}, "the bare number 10"),
        ({"trigger": '"1.00x"', "target": '"1.50x"'}, "1.00x is liquidation"),
        ({"max_per_event": '"2000 USDT"'}, "max_per_event 2000 USDT above max_per_day 1500 USDT"),
        ({"max_per_week": '"1000 USDT"'}, "max_per_day 1500 USDT above max_per_week 1000 USDT"),
        ({"max_per_day": "1500"}, "the bare number 1500, expected an amount with its asset"),
        ({"max_per_day": '"1500 BTC"'}, "max_per_day in BTC, expected an amount in USDT"),
        ({"max_per_event": '"0 USDT"'}, "to move nothing, leave top_up out"),
        ({"asset": '["USDT", "USDC"]'}, "max_per_event in USDT, expected an amount in USD"),
        ({"from": '"spot"'}, 'found from = "spot" to = "unified", expected from = "funding"'),
        ({"from": None}, 'found nothing for from, expected from = "funding"'),
        ({"to": '"withdraw"'}, 'found to = "withdraw", expected to = "unified" on bybit'),
        ({"target": '"100%"'}, "such as people reach"),
        ({"trigger": '"140%"', "target": '"1' + "0" * 400 + '%"'}, "such as people reach"),
        ({"trigger": '"1.5x"', "target": '"15000x"'}, "such as people reach"),
        ({"verbs": '["withdraw"]'}, "a list of move, add_margin, repay"),
        ({"mode": '"full"'}, "accounts.main.top_up.mode"),
        ({"cooldown": '"5s"'}, '"1m" to "1d"'),
        ({"max_count_per_day": "0"}, "accounts.main.top_up.max_count_per_day"),
        ({"max_count_per_day": "true"}, "max_count_per_day: found true, expected a whole number"),
        ({"max_per_dya": '"1 USDT"'}, "did you mean accounts.main.top_up.max_per_day?"),
        ({"asset": None}, "accounts.main.top_up.asset: found nothing"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_reason(
    tmp_path: Path, changes: dict[str, str | None], said: str
) -> None:
    assert said in refused(tmp_path, changes)


@pytest.mark.parametrize(
    ("venue", "to", "verbs"),
    [
        ("binance", "cross:USDT", {Verb.MOVE, Verb.ADD_MARGIN}),
        ("binance", "cross:multi", {Verb.MOVE}),
        ("binance", "coin:BTC", {Verb.MOVE, Verb.ADD_MARGIN}),
        ("binance", "margin", {Verb.MOVE, Verb.REPAY}),
        ("binance", "isolated_margin:BTCUSDT", {Verb.REPAY}),
        ("bybit", "unified", {Verb.MOVE, Verb.ADD_MARGIN, Verb.REPAY}),
        ("okx", "unified", {Verb.MOVE, Verb.ADD_MARGIN}),
        ("okx", "cross:USDT", {Verb.MOVE, Verb.ADD_MARGIN}),
    ],
)
def test_each_pool_takes_the_verbs_it_has_and_refuses_the_others(
    tmp_path: Path, venue: str, to: str, verbs: set[Verb]
) -> None:
    """A debt is not repaid where there is none, and futures' margin is not spot margin's."""
    for verb in Verb:
        source = '"funding"' if verb is Verb.MOVE else None
        keys = {"to": f'"{to}"', "verbs": f'["{verb}"]', "from": source}
        if to == "coin:BTC":
            caps = ("max_per_event", "max_per_day", "keep_in_source")
            keys |= {"asset": '"BTC"', **dict.fromkeys(caps, '"1 BTC"')}
        if verb in verbs:
            rules = top_up_rules(configured(tmp_path, keys, venue), "main")
            assert rules is not None
            assert [route.verb for route in rules.routes] == [verb]
        else:
            assert f'found the verb {verb} with to = "{to}", expected' in refused(
                tmp_path, keys, venue
            )


@pytest.mark.parametrize(
    ("venue", "to", "said"),
    [
        ("binance", "cross:USDC", "only USDC counts there"),
        ("binance", "coin:BTC", "only BTC counts there"),
        ("binance", "coin:USDT", 'expected to = "cross:USDT", or a coin such as to = "coin:BTC"'),
        ("okx", "cross:BTC", "only BTC counts there"),
        ("binance", "isolated_margin:ETHBTC", "one of the two assets of that pair"),
        (
            "binance",
            "cross:",
            'expected to = "cross:multi" or to = "cross:USDT" or to = "coin:BTC"',
        ),
        ("binance", "cross:*", 'expected to = "cross:multi" or to = "cross:USDT"'),
        ("binance", "portfolio", 'expected to = "cross:multi" or to = "cross:USDT"'),
        ("okx", "cross:USDT\\u0000x", 'expected to = "unified" or to = "cross:USDT" on okx'),
    ],
)
def test_a_pool_where_the_asset_would_count_for_nothing_is_refused(
    tmp_path: Path, venue: str, to: str, said: str
) -> None:
    verbs = '["repay"]' if "isolated" in to else '["move"]'
    keys = {"to": f'"{to}"', "verbs": verbs, "from": None if "isolated" in to else '"funding"'}

    assert said in refused(tmp_path, keys, venue)


def test_what_is_moved_in_pays_an_okx_debt_by_itself(tmp_path: Path) -> None:
    said = refused(tmp_path, {"verbs": '["repay"]'}, venue="okx")

    assert "pays an OKX debt by itself" in said


def test_the_money_key_is_a_secret_of_its_own(tmp_path: Path) -> None:
    file = tmp_path / "watcher.toml"
    file.write_text('[accounts.main]\nvenue = "bybit"\n')
    name = "WATCHER_ACCOUNTS__MAIN__MONEY__API_KEY"

    settings = load(file, environ={name: "canary"}, need=Need.NOTHING)

    key = settings.accounts["main"].money.api_key
    assert key is not None
    assert key.get_secret_value() == "canary"
    assert "canary" not in repr(settings)
    file.write_text('[accounts.main]\nvenue = "bybit"\n[accounts.main.money]\napi_key = "canary"\n')
    with pytest.raises(ConfigError) as caught:
        load(file, environ={}, need=Need.NOTHING)
    assert "canary" not in str(caught.value)
    assert name in str(caught.value)


def keyed(folder: Path, venue: str = "bybit", **money: str) -> Settings:
    """Load accounts main and other with keys of their own; *money* names keys of main's money."""
    file = folder / "watcher.toml"
    file.write_text(f'[accounts.main]\nvenue = "{venue}"\n[accounts.other]\nvenue = "bybit"\n')
    environ = {
        f"WATCHER_ACCOUNTS__{name}__{key}": f"{name} {key}"
        for name in ("MAIN", "OTHER")
        for key in ("API_KEY", "API_SECRET", "PASSWORD")
    }
    environ |= {f"WATCHER_ACCOUNTS__MAIN__MONEY__{key}": text for key, text in money.items()}
    return load(file, environ=environ, need=Need.ACCOUNTS, container_secrets=folder / "none")


@pytest.mark.parametrize(
    ("money", "venue", "said"),
    [
        ({"API_KEY": "m"}, "bybit", "main.money.api_secret: found nothing"),
        ({"API_SECRET": "m"}, "bybit", "main.money.api_key: found nothing"),
        ({"API_KEY": " ", "API_SECRET": "m"}, "bybit", "MONEY__API_KEY): found nothing"),
        ({"API_KEY": "m", "API_SECRET": "m"}, "okx", "main.money.password: found nothing"),
        ({"API_KEY": "MAIN API_KEY", "API_SECRET": "m"}, "bybit", "another key, or none"),
        ({"API_KEY": "OTHER API_KEY", "API_SECRET": "m"}, "bybit", "the key of accounts.other"),
    ],
)
def test_half_a_key_for_money_or_somebody_else_s_is_refused(
    tmp_path: Path, money: dict[str, str], venue: str, said: str
) -> None:
    """Half of one ended in a crash, or in money moved with the key that reads."""
    with pytest.raises(ConfigError) as caught:
        keyed(tmp_path, venue, **money)

    assert said in str(caught.value)


def test_a_whole_key_for_money_is_taken(tmp_path: Path) -> None:
    money = keyed(tmp_path, API_KEY="m", API_SECRET="s").accounts["main"].money

    assert money.api_key is not None
    assert keyed(tmp_path).accounts["main"].money.api_key is None
