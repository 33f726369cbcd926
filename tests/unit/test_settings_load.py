"""Where settings come from, and how a wrong configuration is told: all of it at once, by key."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.unit.refusals import without_places
from watcher.domain.alert import Measure, Quiet, Tier, Word
from watcher.domain.road import Reach
from watcher.settings import ConfigError, Need, Settings, alert_rules, destinations, load
from watcher.settings.hidden import secrets_of, told
from watcher.settings.keys import environment_name, secret_paths

MINIMAL = """
[telegram]
chat_id = 4242
[accounts.main]
venue = "bybit"
"""
SECRETS = {
    "WATCHER_TELEGRAM__BOT_TOKEN": "1:token-of-the-bot",
    "WATCHER_ACCOUNTS__MAIN__API_KEY": "key-of-main",
    "WATCHER_ACCOUNTS__MAIN__API_SECRET": "secret-of-main",
}


def loaded(
    folder: Path,
    text: str = MINIMAL,
    environ: Mapping[str, str] | None = None,
    *,
    secrets: Mapping[str, str] = SECRETS,
    need: Need = Need.ACCOUNTS | Need.TELEGRAM,
) -> Settings:
    file = folder / "watcher.toml"
    file.write_text(text, encoding="utf-8")
    return load(
        file,
        environ={**secrets, **(environ or {})},
        need=need,
        container_secrets=folder / "no-such-folder",
    )


def refused(
    folder: Path,
    text: str = MINIMAL,
    environ: Mapping[str, str] | None = None,
    *,
    secrets: Mapping[str, str] = SECRETS,
) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        loaded(folder, text, environ, secrets=secrets, need=Need.ALL)
    return without_places(caught.value).splitlines()


def with_lines(tiers: str) -> str:
    return f"{MINIMAL}\n[tiers]\n{tiers}\n"


def test_what_is_not_said_has_its_default(tmp_path: Path) -> None:
    settings = loaded(tmp_path)

    assert settings.tiers.distance == (20.0, 12.0, 6.0, 3.0)
    assert settings.tiers.margin_level == (200.0, 150.0, Word.CALL, Word.HALFWAY)
    assert settings.poll.calm == 10_000_000
    assert settings.timezone == "UTC"
    assert settings.accounts["main"].endpoint is None


def test_secrets_are_hidden_in_every_showing(tmp_path: Path) -> None:
    settings = loaded(tmp_path)

    assert settings.accounts["main"].api_key is not None
    assert settings.accounts["main"].api_key.get_secret_value() == "key-of-main"
    assert not any(secret in repr(settings) + str(settings) for secret in SECRETS.values())


def test_settings_cannot_be_changed(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="frozen"):
        loaded(tmp_path).timezone = "Europe/Berlin"  # type: ignore[misc]


def test_the_stronger_source_wins_key_by_key(tmp_path: Path) -> None:
    """Weakest first: code, TOML, secret files beside the config, environment, flags."""
    folder = tmp_path / "secrets"
    folder.mkdir()
    (folder / "watcher_poll__hot").write_text("3s\n")
    (folder / "watcher_poll__calm").write_text("30s\n")
    (folder / "unrelated").write_text("ignored")
    text = MINIMAL + '[poll]\ncalm = "20s"\nhot = "2s"\ntimeout = "6s"\n'

    settings = loaded(tmp_path, text, {"WATCHER_POLL__CALM": "40s"})

    assert (settings.poll.calm, settings.poll.hot) == (40_000_000, 3_000_000)
    assert settings.poll.timeout == 6_000_000
    file = tmp_path / "watcher.toml"
    flagged = load(file, environ=SECRETS, flags={"poll": {"calm": "50s"}}, need=Need.NOTHING)
    assert flagged.poll.calm == 50_000_000


def test_secrets_come_from_files_of_systemd_and_containers(tmp_path: Path) -> None:
    credentials = tmp_path / "credentials"
    container = tmp_path / "run-secrets"
    for folder, names in ((container, SECRETS), (credentials, list(SECRETS)[:1])):
        folder.mkdir()
        for name in names:
            file = folder / name.lower()
            file.write_text(f"1:{folder.name}-{len(name)}\n")
            file.chmod(0o400)
    file = tmp_path / "watcher.toml"
    file.write_text(MINIMAL)

    settings = load(
        file,
        environ={"CREDENTIALS_DIRECTORY": str(credentials)},
        need=Need.ACCOUNTS | Need.TELEGRAM,
        container_secrets=container,
    )

    token = settings.telegram.bot_token
    key = settings.accounts["main"].api_key
    assert token is not None
    assert token.get_secret_value().startswith("1:credentials-")
    assert key is not None
    assert key.get_secret_value().startswith("1:run-secrets-")


def test_lists_and_tables_can_be_set_from_the_environment(tmp_path: Path) -> None:
    environ = {
        "WATCHER_TIERS__DISTANCE": "18%, 11%, 6%, 3%",
        "WATCHER_TIERS__HEALTH": '["4x", "3x", "2x", "1.5x"]',
        "WATCHER_TELEGRAM__ALLOWED_USERS": "7,8",
        "WATCHER_BETAS__SOL": "1.3",
        "WATCHER_ACCOUNTS__MAIN__BETAS__SOL": "1.5",
    }

    settings = loaded(tmp_path, MINIMAL + "[betas]\nsol = 1.1\nDOGE = 2\n", environ)

    assert settings.tiers.distance[0] == 18.0
    assert settings.tiers.health[3] == 1.5
    assert settings.telegram.allowed_users == (7, 8)
    assert settings.betas == {"SOL": 1.3, "DOGE": 2.0}
    assert alert_rules(settings, "main").betas == {"SOL": 1.5, "DOGE": 2.0}


def test_the_state_folder_is_the_services_unless_the_file_says_otherwise(tmp_path: Path) -> None:
    given = {"STATE_DIRECTORY": "/var/lib/watcher:/var/lib/other"}

    assert loaded(tmp_path, MINIMAL, given).state_dir == "/var/lib/watcher"
    assert loaded(tmp_path, 'state_dir = "x"\n' + MINIMAL, given).state_dir == "x"
    assert loaded(tmp_path).state_dir == "state"


# -- rules -----------------------------------------------------------------------------------------


def test_an_account_gets_one_ladder_per_measure(tmp_path: Path) -> None:
    rules = alert_rules(loaded(tmp_path), "main")

    assert [ladder.measure for ladder in rules.ladders] == list(Measure)
    first = rules.ladders[0]
    assert [(line.tier, line.value) for line in first.lines] == [
        (Tier.WATCH, 20.0),
        (Tier.WARNING, 12.0),
        (Tier.CRITICAL, 6.0),
        (Tier.EMERGENCY, 3.0),
    ]
    assert not any(ladder.everywhere for ladder in rules.ladders)
    assert (rules.account, rules.venue) == ("main", "bybit")


def test_a_ladder_that_was_changed_holds_everywhere(tmp_path: Path) -> None:
    """Written out at its default it was not meant; the account's own replaces the common one."""
    text = with_lines(
        'distance = ["20%", "12%", "6%", "3%"]\nmargin_level = ["300%", "200%", "150%", "120%"]'
    )
    text += '[accounts.main.tiers]\nhealth = ["2.5x", "2x", "1.5x", "1.2x"]\n'

    ladders = {
        ladder.measure: ladder for ladder in alert_rules(loaded(tmp_path, text), "main").ladders
    }

    assert not ladders[Measure.DISTANCE].everywhere
    assert ladders[Measure.MARGIN_LEVEL].everywhere
    assert ladders[Measure.HEALTH].everywhere
    assert ladders[Measure.HEALTH].lines[0].value == 2.5


# -- refusals --------------------------------------------------------------------------------------


def test_an_unknown_key_is_told_with_the_nearest(tmp_path: Path) -> None:
    text = 'margin_level = ["300%"]\ntime_zone = "UTC"\n' + with_lines('distnce = "8%"')

    lines = refused(tmp_path, text)

    assert any(line.startswith("tiers.distnce: ") and "tiers.distance?" in line for line in lines)
    assert any(
        line.startswith("margin_level: ") and "tiers.margin_level?" in line for line in lines
    )
    assert any(line.startswith("time_zone: ") and "mean timezone?" in line for line in lines)
    assert len(lines) == 3


def test_an_unknown_environment_name_is_told_with_the_nearest(tmp_path: Path) -> None:
    lines = refused(
        tmp_path,
        environ={"WATCHER_TELEGRAM__BOT_TOKN": "1:x", "WATCHER_ACCOUNTS__MAIN__APIKEY": "x"},
    )

    assert "WATCHER_ACCOUNTS__MAIN__APIKEY (environment)" in lines[0]
    assert "did you mean WATCHER_ACCOUNTS__MAIN__API_KEY?" in lines[0]
    assert "did you mean WATCHER_TELEGRAM__BOT_TOKEN?" in lines[1]


def test_a_misspelt_account_in_a_secrets_name_is_told_with_the_nearest(tmp_path: Path) -> None:
    lines = refused(tmp_path, environ={"WATCHER_ACCOUNTS__MIAN__API_KEY": "x"})

    assert "\n".join(lines) == (
        "accounts.mian: found its name in the environment or in a secret file only, expected the "
        "name of a configured account, or a venue for this one; did you mean accounts.main?"
    )


def test_a_secret_file_with_an_unknown_name_is_told(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "watcher_telegram__token").write_text("1:x")

    lines = refused(tmp_path)

    assert "watcher_telegram__token (secret file): found an unknown key" in lines[0]
    assert "telegram.bot_token" in lines[0]


@pytest.mark.parametrize(
    ("tiers", "key", "words"),
    [
        ('distance = [20, "12%", "6%", "3%"]', "tiers.distance.watch", '"20%" (distance)'),
        (
            'margin_level = ["300%", "200%", "5%", "3%"]',
            "tiers.margin_level.critical",
            'distance = "5%"',
        ),
        ('health = [1.5, "1.4x", "1.3x", "1.2x"]', "tiers.health.watch", '"150%" (margin level)'),
        ('distance = ["6%", "12%", "20%", "30%"]', "tiers.distance", "mildest first"),
        (
            'distance = ["20%", "19.9%", "6%", "3%"]',
            "tiers.distance",
            "at least 2 % under watch at 20%",
        ),
        ('health = ["2x", "1.5x", "1.2x", "1.01x"]', "tiers.health", "at least 1.03x"),
        ('distance = ["150%", "12%", "6%", "3%"]', "tiers.distance.watch", 'margin_level = "150%"'),
        ('distance = ["8%", "4%"]', "tiers.distance", "four lines"),
        ('distance = "8%"', "tiers.distance", "four lines"),
    ],
)
def test_a_wrong_line_is_told_by_key_and_tier(
    tmp_path: Path, tiers: str, key: str, words: str
) -> None:
    lines = refused(tmp_path, with_lines(tiers))

    assert any(line.startswith(f"{key}: found ") and words in line for line in lines), lines


@pytest.mark.parametrize("venue", ["bitmex", "BitMEX", "bitmart", "coinex"])
def test_a_venue_that_is_gone_is_said_to_be(tmp_path: Path, venue: str) -> None:
    (line,) = refused(tmp_path, MINIMAL.replace("bybit", venue))

    assert line.startswith(f'accounts.main.venue: found "{venue}", expected one of binance, bybit')
    assert "ceased" in line or "no longer" in line


def test_an_unknown_venue_is_told_with_the_nearest(tmp_path: Path) -> None:
    (line,) = refused(tmp_path, MINIMAL.replace("bybit", "binanceusdm"))

    assert 'did you mean "binance"?' in line


@pytest.mark.parametrize(
    ("chat", "words"),
    [
        ('"@me"', "a name is not a number"),
        ('"trader_joe"', "a name is not a number"),
        ('"+4915112345678"', "phone number"),
        ("4915112345678", "phone number"),
        ("1001234567890", "did you mean -1001234567890?"),
        ("0", "the chat's number"),
        ("1.5", "the chat's number"),
        ("true", "the chat's number"),
        ('""', "the chat's number"),
    ],
)
def test_a_bad_chat_is_refused_in_words(tmp_path: Path, chat: str, words: str) -> None:
    (line,) = refused(tmp_path, MINIMAL.replace("4242", chat))

    assert line.startswith("telegram.chat_id: found ")
    assert words in line


def test_a_groups_chat_is_negative(tmp_path: Path) -> None:
    settings = loaded(tmp_path, MINIMAL.replace("4242", "-1001234567890"))

    assert settings.telegram.chat_id == -1001234567890


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://example.com",
        "http://192.168.0.7:80",
        "ftp://127.0.0.1",
        "127.0.0.1:80",
        "http://127.0.0.1.example.com",
        "http://user@127.0.0.1",
        "http://127.0.0.1/path",
        "http://127.0.0.1:99999",
        "",
    ],
)
def test_an_endpoint_elsewhere_is_refused(tmp_path: Path, endpoint: str) -> None:
    (line,) = refused(tmp_path, MINIMAL + f'endpoint = "{endpoint}"\n')

    assert line.startswith("accounts.main.endpoint: found ")
    assert "of this machine" in line


@pytest.mark.parametrize(
    "endpoint", ["http://127.0.0.1:8080", "http://[::1]:1", "http://localhost:9/"]
)
def test_an_endpoint_of_this_machine_is_taken(tmp_path: Path, endpoint: str) -> None:
    settings = loaded(tmp_path, MINIMAL + f'endpoint = "{endpoint}"\n')

    assert settings.accounts["main"].endpoint == endpoint.rstrip("/")


def test_a_secret_in_the_file_is_refused_and_never_repeated(tmp_path: Path) -> None:
    text = MINIMAL.replace("chat_id", 'bot_token = "1:very-secret"\nchat_id')
    text += 'api_secret = "also-secret"\n'

    lines = refused(tmp_path, text, secrets={"WATCHER_ACCOUNTS__MAIN__API_KEY": "k"})

    assert not any("very-secret" in line or "also-secret" in line for line in lines)
    assert any("WATCHER_TELEGRAM__BOT_TOKEN" in line for line in lines)
    assert any("watcher_accounts__main__api_secret" in line for line in lines)
    assert len(lines) == 2


def test_missing_secrets_name_the_exact_variable(tmp_path: Path) -> None:
    text = MINIMAL.replace("bybit", "okx").replace("main", "okx_hedge")

    lines = refused(tmp_path, text, secrets={})

    for name in (
        "TELEGRAM__BOT_TOKEN",
        "ACCOUNTS__OKX_HEDGE__API_KEY",
        "ACCOUNTS__OKX_HEDGE__PASSWORD",
    ):
        assert sum(f"expected WATCHER_{name} in the environment" in line for line in lines) == 1
    assert len(lines) == 4


def test_only_okx_needs_a_passphrase(tmp_path: Path) -> None:
    assert loaded(tmp_path).accounts["main"].password is None


def test_what_a_command_does_not_need_may_be_missing(tmp_path: Path) -> None:
    settings = loaded(tmp_path, '[accounts.main]\nvenue = "okx"\n', secrets={}, need=Need.NOTHING)

    assert settings.accounts["main"].api_key is None


def test_two_accounts_with_one_key_are_refused(tmp_path: Path) -> None:
    text = MINIMAL + '[accounts.other]\nvenue = "bybit"\n'
    environ = {
        "WATCHER_ACCOUNTS__OTHER__API_KEY": "key-of-main",
        "WATCHER_ACCOUNTS__OTHER__API_SECRET": "x",
    }

    (line,) = refused(tmp_path, text, environ)

    name = "environment WATCHER_ACCOUNTS__OTHER__API_KEY"
    assert line.startswith(f"accounts.other.api_key ({name}): found the key of accounts.main")


@pytest.mark.parametrize("name", ["Main", "my-account", "a__b", "a_", "1st", "a" * 25])
def test_an_account_name_that_cannot_stand_in_a_variable_is_refused(
    tmp_path: Path, name: str
) -> None:
    lines = refused(tmp_path, MINIMAL.replace("accounts.main", f'accounts."{name}"'), secrets={})

    assert any(line.startswith(f"accounts.{name}: found the name") for line in lines)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[poll\n", "not TOML: "),
        ("[poll]\ncalm = \n", "watcher.toml line 2, column 8: not TOML: "),
        ("[poll]\n[poll]\n", "watcher.toml line 2, column "),
        ('timezone = "UTC"\ntimezone = "UTC"\n', "watcher.toml line 2, column "),
        ('timezone = "UTC"\nx = [1,\n', "line 3, column 1: not TOML: "),
    ],
)
def test_broken_toml_is_told_with_its_place(tmp_path: Path, text: str, words: str) -> None:
    (line,) = refused(tmp_path, text)

    assert words in line
    assert str(tmp_path / "watcher.toml") in line


def test_a_file_that_is_no_text_is_told(tmp_path: Path) -> None:
    file = tmp_path / "watcher.toml"
    file.write_bytes(b"\xff\xfe[\x00")

    with pytest.raises(ConfigError, match="not UTF-8 text at byte 0"):
        load(file, environ={})


def test_a_missing_file_is_told_with_one_to_copy(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"config/watcher\.example\.toml"):
        load(tmp_path / "none.toml", environ={})


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('timezone = "Europe/Berln"\n' + MINIMAL, "timezone"),
        ('timezone = "../../etc/passwd"\n' + MINIMAL, "timezone"),
        (MINIMAL + '[poll]\ncalm = "1s"\n', "poll.calm"),
        (MINIMAL + '[poll]\ncalm = "5s"\nhot = "6s"\n', "poll"),
        (MINIMAL + '[blind]\nafter_max = "5s"\n', "blind.after_max"),
        (MINIMAL + "[betas]\nSOL = 100\n", "betas.SOL"),
        (MINIMAL + '[betas]\nSOL = "much"\n', "betas.SOL"),
        (MINIMAL + '[log]\nlevel = "loud"\n', "log.level"),
        ("telegram = 5\n[accounts.main]\nvenue = 'bybit'\n", "telegram"),
        ("[telegram]\nchat_id = 7\n[accounts]\nmain = 5\n", "accounts.main"),
        ("accounts = 5\n[telegram]\nchat_id = 7\n", "accounts"),
        ("[telegram]\nchat_id = 7\n[accounts.main]\n", "accounts.main.venue"),
        ("[telegram]\nchat_id = 7\nmessages_per_minute = 60\n", "telegram.messages_per_minute"),
        ("[telegram]\nchat_id = 7\nmessages_per_minute = true\n", "telegram.messages_per_minute"),
    ],
)
def test_other_wrong_values_are_told_by_key(tmp_path: Path, text: str, key: str) -> None:
    lines = refused(tmp_path, text)

    assert any(line.startswith(f"{key}: found ") and ", expected " in line for line in lines), lines


def test_a_state_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")

    (line,) = refused(tmp_path, f'state_dir = "{tmp_path}/state/deep"\n' + MINIMAL)

    assert line.startswith("state_dir: found ")
    assert "a file" in line


def test_all_problems_are_told_together(tmp_path: Path) -> None:
    text = 'unknown = 1\n[telegram]\nchat_id = "@me"\n' + '[accounts.main]\nvenue = "bitmex"\n'

    lines = refused(tmp_path, text, {"WATCHER_POLL__CALM": "10"}, secrets={})

    assert [line.split(" ")[0].rstrip(":") for line in lines] == [
        "unknown",
        "telegram.bot_token",
        "accounts.main.api_key",
        "accounts.main.api_secret",
        "telegram.chat_id",
        "poll.calm",
        "accounts.main.venue",
    ]
    assert "(environment WATCHER_POLL__CALM)" in lines[5]


@pytest.mark.parametrize("token", ["canary", "12345678", ":canary", "12a:canary", "1:can ary"])
def test_a_token_of_another_shape_is_refused_without_being_shown(
    tmp_path: Path, token: str
) -> None:
    (tmp_path / "watcher.toml").write_text(MINIMAL)
    environ = {**SECRETS, "WATCHER_TELEGRAM__BOT_TOKEN": token}

    with pytest.raises(ConfigError) as caught:
        load(tmp_path / "watcher.toml", environ=environ, need=Need.ACCOUNTS | Need.TELEGRAM)

    [line] = str(caught.value).splitlines()
    assert line.startswith("telegram.bot_token (environment WATCHER_TELEGRAM__BOT_TOKEN): found ")
    assert "digits, a colon and the secret" in line
    assert token not in line


def test_a_folder_and_endless_brackets_are_no_configuration(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="expected a file"):
        load(tmp_path, environ={})

    deep = tmp_path / "deep.toml"
    deep.write_text("a = " + "[" * 5000, encoding="utf-8")
    with pytest.raises(ConfigError, match="nested too deep"):
        load(deep, environ={})


def test_quiet_hours_and_the_digest_are_times_of_day(tmp_path: Path) -> None:
    text = f'quiet_hours = "23:00-07:00"\ndigest_at = "6:30"\n{MINIMAL}'

    settings = loaded(tmp_path, text)

    assert settings.quiet_hours == (23 * 60, 7 * 60)
    assert settings.digest_at == 6 * 60 + 30
    assert alert_rules(settings, "main").quiet == Quiet(from_min=23 * 60, to_min=7 * 60)
    assert loaded(tmp_path).quiet_hours is None


@pytest.mark.parametrize("hours", ["22:00", "24:00-07:00", "07:00-07:00", "night", "1-2-3"])
def test_hours_that_are_none_are_refused(tmp_path: Path, hours: str) -> None:
    said = refused(tmp_path, f'quiet_hours = "{hours}"\n{MINIMAL}')

    assert any("quiet_hours" in line and "23:00-07:00" in line for line in said)


def test_how_far_an_alert_may_reach_follows_from_the_roads_there_are(tmp_path: Path) -> None:
    second = MINIMAL.replace("4242", "4242\nsecond_chat_id = 77")
    url = {"WATCHER_FALLBACK__URL": "json://127.0.0.1/x"}

    assert alert_rules(loaded(tmp_path), "main").reach is Reach.CHAT
    assert alert_rules(loaded(tmp_path, second), "main").reach is Reach.SECOND
    assert alert_rules(loaded(tmp_path, environ=url), "main").reach is Reach.FALLBACK
    assert "127.0.0.1" not in repr(loaded(tmp_path, environ=url))


def test_another_chat_or_url_is_another_destination(tmp_path: Path) -> None:
    def marks(url: str, chat: str = "4242") -> dict[Reach, str]:
        environ = {"WATCHER_FALLBACK__URL": url}
        return destinations(loaded(tmp_path, MINIMAL.replace("4242", chat), environ=environ))

    one = marks("json://127.0.0.1/x")

    assert marks(" json://127.0.0.1/x\n") == one
    assert marks("json://127.0.0.1/y")[Reach.FALLBACK] != one[Reach.FALLBACK]
    assert marks("json://127.0.0.1/x", "77")[Reach.CHAT] != one[Reach.CHAT]
    assert all(len(mark) == 4 for mark in one.values()), "too short to guess a password by"


def test_a_person_has_one_role_and_the_second_chat_is_another(tmp_path: Path) -> None:
    both = MINIMAL.replace("4242", "4242\nallowed_users = [7]\nviewers = [7]")
    same = MINIMAL.replace("4242", "4242\nsecond_chat_id = 4242")

    assert any("in allowed_users and in viewers" in line for line in refused(tmp_path, both))
    assert any("second_chat_id = chat_id" in line for line in refused(tmp_path, same))


def test_every_secret_the_models_name_is_found_for_redaction(tmp_path: Path) -> None:
    """A table added later must not be forgotten: what is not listed stands in the log."""
    names = {path: environment_name(path) for path in secret_paths(["main"])}
    text = {path: f"1:canary{number}" for number, path in enumerate(names)}
    # those that are checked for their shape
    text["heartbeat", "url"] = "https://h/canary"
    text["fallback", "url"] = "json://h/canary"
    environ = {name: f" {text[path]}\n" for path, name in names.items()}

    settings = loaded(tmp_path, environ=environ)

    assert len(names) == 9
    assert sorted(secrets_of(settings)) == sorted(text.values())


@pytest.mark.parametrize(
    "url",
    [
        "http://hc.example.com/ping/x",
        "ftp://hc.example.com/x",
        "https://hc.example.com",
        "https:///x",
        "hc.example.com/x",
        "http://10.0.0.1/x",
        "https://hc.example.com/x#y",
        "https://[/x",
    ],
)
def test_an_address_that_would_be_pinged_in_clear_or_in_vain_is_refused(
    url: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError) as refused_with:
        loaded(tmp_path, environ={"WATCHER_HEARTBEAT__URL": url})

    assert "heartbeat.url" in str(refused_with.value)
    assert url not in str(refused_with.value)


@pytest.mark.parametrize(
    "url", ["", " ", "canary", "canary:token", "://canary", "/canary", "a b://c"]
)
def test_a_fallback_that_names_no_service_is_refused_and_not_shown(
    url: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError) as refused_with:
        loaded(tmp_path, environ={"WATCHER_FALLBACK__URL": url})

    assert "fallback.url (environment WATCHER_FALLBACK__URL): found" in str(refused_with.value)
    assert "of a service Apprise knows" in str(refused_with.value)
    assert "canary" not in str(refused_with.value)


def test_who_is_pinged_may_be_on_this_machine(tmp_path: Path) -> None:
    url = "http://127.0.0.1:8080/ping/x"

    settings = loaded(tmp_path, environ={"WATCHER_HEARTBEAT__URL": url})

    assert told(settings.heartbeat.url) == url
    assert "ping/x" not in repr(settings)
