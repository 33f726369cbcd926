"""
Files a person hands over, in any condition: read, or refused by the one error of their kind.

Snapshots and captures with one value lost or replaced or the text cut anywhere, configurations of
any bytes. (Configurations with sound TOML: `test_settings`.)
"""

from __future__ import annotations

import tempfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.spoiling import CHANGES, LOSSES, places, respelt
from watcher.margin import BookError, evaluate
from watcher.settings import ConfigError, Need, load
from watcher.store.files import FileError, read_snapshot, write_snapshot
from watcher.venues.capture import CaptureError, read_capture, snapshot_of
from watcher.venues.fields import decode

FOLDER = Path(__file__).resolve().parents[1] / "payloads" / "captures"
KINDS = sorted(path.stem for path in FOLDER.glob("*.json"))
COUNTS = [60, pytest.param(2_000, marks=pytest.mark.deep)]


def text_of(kind: str) -> str:
    return (FOLDER / f"{kind}.json").read_text(encoding="utf-8")


def often(count: int) -> settings:
    return settings(
        max_examples=count,
        deadline=None,
        database=None,
        derandomize=count == COUNTS[0],
        suppress_health_check=[HealthCheck.too_slow],
    )


@st.composite
def spoilt(draw: st.DrawFn, text: str) -> str:
    if draw(st.booleans()):
        cut = draw(st.integers(0, len(text)))
        return text[:cut] + draw(st.text(max_size=3)) + text[cut + draw(st.integers(0, 3)) :]
    body = decode(text)
    place = draw(st.sampled_from(list(places(body))))
    return respelt(body, place, draw(st.sampled_from([*LOSSES.values(), *CHANGES.values()])))


@pytest.mark.parametrize("count", COUNTS, ids=["short", "deep"])
def test_a_snapshot_file_is_read_or_refused(count: int) -> None:
    texts = [write_snapshot(snapshot_of(text_of(kind))) for kind in ("bybit", "binance_margin")]

    @often(count)
    @given(text=st.one_of(*map(spoilt, texts)))
    def reading(text: str) -> None:
        with suppress(FileError):
            snapshot = read_snapshot(text.encode("utf-8", errors="surrogatepass"))
            with suppress(BookError):
                evaluate(snapshot)

    reading()


@pytest.mark.parametrize("count", COUNTS, ids=["short", "deep"])
def test_a_capture_file_is_read_or_refused(count: int) -> None:
    @often(count)
    @given(text=spoilt(text_of("okx_spot")))
    def reading(text: str) -> None:
        with suppress(CaptureError):
            read_capture(text.encode("utf-8", errors="surrogatepass"))

    reading()


@pytest.mark.parametrize("count", COUNTS, ids=["short", "deep"])
def test_a_configuration_of_any_bytes_is_read_or_refused(count: int) -> None:
    pieces = st.sampled_from(
        [b"[accounts.main]\n", b'venue = "bybit"\n', b"=", b"[", b"\xff", b"#"]
    )

    @often(count)
    @given(data=st.lists(st.one_of(st.binary(max_size=40), pieces), max_size=8).map(b"".join))
    def reading(data: bytes) -> None:
        with tempfile.TemporaryDirectory() as name:
            file = Path(name) / "watcher.toml"
            file.write_bytes(data)
            with suppress(ConfigError):
                load(file, environ={}, need=Need.NOTHING, container_secrets=Path(name) / "none")

    reading()


@pytest.mark.parametrize("count", COUNTS, ids=["short", "deep"])
def test_a_secret_of_any_bytes_is_read_or_refused_and_not_repeated(count: int) -> None:
    @often(count)
    @given(data=st.binary(min_size=12, max_size=200))
    def reading(data: bytes) -> None:
        with tempfile.TemporaryDirectory() as name:
            (Path(name) / "secrets").mkdir()
            secret = Path(name) / "secrets" / "watcher_telegram__bot_token"
            secret.touch(mode=0o600)
            secret.write_bytes(b"canary-of-the-tests" + data)
            file = Path(name) / "watcher.toml"
            file.write_text("[telegram]\nchat_id = 1\n", encoding="utf-8")
            try:
                load(file, environ={}, need=Need.NOTHING, container_secrets=Path(name) / "none")
            except ConfigError as refusal:
                assert "canary" not in str(refusal)  # noqa: PT017 - only if it is refused

    reading()
