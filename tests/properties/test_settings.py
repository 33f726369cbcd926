"""
Whatever stands in a configuration, it is either refused in words or every line of it can fire.

The files are the example with its commented keys switched on and a few lines spoilt: values of the
wrong unit, kind or size, keys misspelt, characters lost, lines doubled or dropped.
"""

from __future__ import annotations

import re
import tempfile
from contextlib import suppress
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from watcher.domain.alert import Tier, Word
from watcher.settings import ConfigError, Need, Settings, alert_rules, load

ROOT = Path(__file__).resolve().parents[2]
SECRETS = {
    "WATCHER_TELEGRAM__BOT_TOKEN": "1:token",
    "WATCHER_ACCOUNTS__MAIN__API_KEY": "key",
    "WATCHER_ACCOUNTS__MAIN__API_SECRET": "secret",
}
VALUES = [
    "5", "-1", "0", "1.1", "1e400", "nan", "inf", "true", "[]", "{}", '""', '"5%"', '"1.1"',
    '"150%"', '"1.5x"', '"10s"', '"1e9s"', '"call"', '"UTC"', "1979-05-27", "[[1], [2]]",
    '["20%", "12%", "6%", "3%"]', '["30%", "29.9%", "6%", "3%"]',
    '["300%", "200%", "150%", "120%"]', '["5x", "3x", "2x", "1.5x"]',
    '["90%", "5%", "2%", "0.01%"]', '["200%", "call", "halfway", "112%"]',
    '["111.3%", "110.9%", "call", "halfway"]', '["99%", "98.5%", "call", "halfway"]',
    "{a = 1}", "99999999999999999999999", '"\\u0000"', '"\U0001f600"',
]  # fmt: skip


def example_lines() -> list[str]:
    text = (ROOT / "config" / "watcher.example.toml").read_text(encoding="utf-8")
    lines = [re.sub(r"^# (?=(\[[a-z_.]+\]|[A-Za-z_]+ = ))", "", line) for line in text.splitlines()]
    return [line for line in lines if line and not line.startswith("#")]


LINES = example_lines()


@st.composite
def configurations(draw: st.DrawFn) -> str:
    lines = list(LINES)
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(lines) - 1))
        key, equals, _ = lines[at].partition(" = ")
        spoil = draw(st.sampled_from(["value", "value", "value", "key", "lose", "double", "drop"]))
        if spoil == "value" and equals:
            lines[at] = f"{key} = {draw(st.sampled_from(VALUES))}"
        elif spoil == "key" and equals:
            lines[at] = lines[at].replace(key, draw(st.sampled_from([key[:-1], key + "s", "x"])), 1)
        elif spoil == "lose":
            cut = draw(st.integers(0, len(lines[at])))
            lines[at] = lines[at][:cut] + lines[at][cut + 1 :]
        elif spoil == "double":
            lines.insert(at, lines[at])
        elif spoil == "drop" and len(lines) > 1:
            del lines[at]
    return "\n".join(lines)


def read(text: str) -> Settings:
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "watcher.toml"
        file.write_text(text, encoding="utf-8")
        return load(
            file,
            environ=SECRETS,
            need=Need.ACCOUNTS | Need.TELEGRAM | Need.LINES,
            container_secrets=Path(name) / "none",
        )


def test_the_example_itself_is_accepted() -> None:
    assert read("\n".join(LINES)).accounts["main"].venue == "bybit"


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(text=configurations())
def test_a_configuration_is_refused_in_words_or_can_be_trusted(text: str) -> None:
    try:
        accepted = read(text)
    except ConfigError as refusal:
        told = str(refusal).splitlines()
    else:
        told = ["accepted: nothing to say"]
        for name in accepted.accounts:
            for ladder in alert_rules(accepted, name).ladders:
                tiers = [line.tier for line in ladder.lines]
                numbers = [line.value for line in ladder.lines if not isinstance(line.value, Word)]
                assert tiers == [tier for tier in Tier if tier is not Tier.CALM]
                assert numbers == sorted(numbers, reverse=True)
                assert min(numbers) > 0

    assert told
    assert all(": " in line for line in told), told
    assert not any("token" in line and "1:token" in line for line in told)


@settings(max_examples=200, deadline=None)
@given(
    name=st.text(alphabet="ABCDEFGHIJKLMNOPQRSTUVWXYZ_", max_size=30),
    value=st.text(max_size=12).filter(lambda text: "\0" not in text),
)
def test_any_environment_name_is_known_or_refused(name: str, value: str) -> None:
    environ = {**SECRETS, f"WATCHER_{name}": value}
    with suppress(ConfigError):
        accepted = load(environ=environ, need=Need.NOTHING, container_secrets=Path("none"))

        assert isinstance(accepted, Settings)
