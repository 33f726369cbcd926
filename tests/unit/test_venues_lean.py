"""The light import of ccxt: it works, it is light, and it gives way to the plain one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

LOG = """
class Log:
    def debug(self, event, **fields): print(event, fields)
    info = warning = debug
"""

LEAN = (
    LOG
    + """
import sys
from watcher.venues.lean import venue_class
kinds = [venue_class(name, Log()) for name in ("binance", "bybit", "okx")]
assert [kind.__name__ for kind in kinds] == ["binance", "bybit", "okx"]
assert "ccxt.kraken" not in sys.modules and "ccxt.async_support.kraken" not in sys.modules
import ccxt, ccxt.async_support
assert issubclass(ccxt.RequestTimeout, ccxt.NetworkError)
assert ccxt.async_support.binance is kinds[0]
assert not hasattr(ccxt.async_support, "bitmex")
try:
    venue_class("bitmex", Log())
except ImportError as error:
    assert "bitmex" in str(error)
else:
    raise AssertionError("a venue that does not exist was found")
exchange = kinds[0]({"apiKey": "k", "secret": "s"})
signed = exchange.sign("account", ["fapiPrivateV3"], "GET", {})
assert "signature=" in signed["url"]
print(sum(name.startswith("ccxt") for name in sys.modules), "modules")
"""
)

OTHER_VERSION = (
    LOG
    + """
import sys
from watcher.venues import lean
lean.VERSION = "4.0.0"
kind = lean.venue_class("binance", Log())
assert kind.__name__ == "binance"
assert len(sys.modules["ccxt"].exchanges) > 50
"""
)

ALREADY_THERE = (
    LOG
    + """
import sys
import ccxt.async_support
from watcher.venues import lean
assert lean.venue_class("okx", Log()) is ccxt.async_support.okx
assert len(sys.modules["ccxt"].exchanges) > 50
"""
)


def output_of(program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_three_venues_load_a_tenth_of_the_library() -> None:
    modules = int(output_of(LEAN).split()[0])

    assert modules < 40


def test_another_version_is_imported_plainly_and_told() -> None:
    assert "ccxt.loaded_whole {'reason': 'ImportError: ccxt 4.5.90, expected 4.0.0'}" in output_of(
        OTHER_VERSION
    )


def test_a_ccxt_that_is_already_loaded_is_left_as_it_is() -> None:
    assert output_of(ALREADY_THERE) == ""
