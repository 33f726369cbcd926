"""
`watcher health`: one line and an exit code for a container's health check or a monitor.

Rule: it reads the sign of life the daemon leaves in its store every ten seconds, and nothing else:
no secret, no network, no library but Python's own, because it is asked every few seconds. What is
wrong was judged by the daemon itself, as for its heartbeat; here only its age is.

    0  the daemon runs, every account was read in time or is told to be blind, alerts leave
    1  one of these does not hold
    2  no such configuration
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from watcher.cli import FINE, REFUSED, TROUBLE
from watcher.domain.sign import Sign
from watcher.store.life import NoSign, is_locked, sign_of

FRESH_MAX_S = 45.0
"""A sign is left every 10 to 15 s: three may be missed, as while the machine is busy."""
CONFIG_DEFAULT = Path("config/watcher.toml")

WORDS = {
    "abandoned": "an alert could never be delivered",
    "canary": "the self-test failed",
    "channel": "the chat confirmed nothing for five minutes",
    "deliver": "a road does nothing",
    "lag": "it runs late",
    "outbox": "an alert waits for over a minute",
    "refused": "the chat takes no message",
    "sign": "it cannot judge itself, see the log",
    "slot": "an account is not polled",
    "store": "the disk does not write",
    "unseen": "neither read in time nor told to be blind",
}
"""What the codes of a sign mean; the part before the colon counts."""


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="watcher health", description="Say in one line whether a daemon does its work."
    )
    parser.add_argument("--config", type=Path, metavar="FILE", help="the daemon's configuration")
    parser.add_argument(
        "--state-dir", metavar="DIR", help="instead of state_dir in the configuration"
    )
    parser.add_argument("--json", action="store_true", help="print watcher.health/1")
    arguments = parser.parse_args(argv)
    try:
        folder = folder_of(arguments.config, arguments.state_dir, os.environ)
    except (OSError, ValueError) as error:
        print(f"watcher: {arguments.config or CONFIG_DEFAULT}: {_reason(error)}", file=sys.stderr)
        return REFUSED
    return _health(folder, as_json=arguments.json)


def folder_of(config: Path | None, state_dir: str | None, environ: Mapping[str, str]) -> Path:
    """
    Return the daemon's folder as `settings.load` would, without the cost of all settings.

    Raises: `OSError`, `ValueError` for a configuration that cannot be read.
    """
    given = None
    if config is not None or CONFIG_DEFAULT.exists():
        text = (config or CONFIG_DEFAULT).read_text(encoding="utf-8")
        given = tomllib.loads(text).get("state_dir")
    named = {name.upper(): text for name, text in environ.items()}
    systemd = environ.get("STATE_DIRECTORY", "").split(":")[0]
    found = state_dir or named.get("WATCHER_STATE_DIR") or given or systemd or "state"
    return Path(str(found))


def _reason(error: OSError | ValueError) -> str:
    if isinstance(error, UnicodeDecodeError):
        return f"not UTF-8 text at byte {error.start}"
    if isinstance(error, OSError):
        return f"{(error.strerror or 'unreadable').lower()}, expected the daemon's configuration"
    return f"not TOML: {error}"


def _health(folder: Path, *, as_json: bool) -> int:
    running = is_locked(folder) is not False
    reason = f"in {folder}" if running else f"no daemon runs on {folder}"
    sign, age_s = None, None
    try:
        sign = sign_of(folder)
        age_s = abs(time.time_ns() // 1000 - sign.at_us) / 1e6
    except NoSign as error:
        reason = str(error)
    fresh = age_s is not None and age_s <= FRESH_MAX_S
    fine = running and fresh and sign is not None and not sign.wrong
    if as_json:
        facts = {} if sign is None else asdict(sign)
        head = {"schema": "watcher.health/1", "ok": fine, "running": running, "fresh": fresh}
        print(json.dumps({**head, "reason": reason, "age_s": age_s, **facts}))
    elif sign is None or not (running and fresh):
        last = "" if age_s is None else f"last sign of life {_span(age_s)} ago"
        print(f"NOT RUNNING: {'; '.join(filter(None, [last, reason]))}")
    else:
        print(f"{'ok' if fine else 'TROUBLE'}: {'; '.join([*_wrong(sign), *_facts(sign)])}")
    return FINE if fine else TROUBLE


def _wrong(sign: Sign) -> list[str]:
    said = []
    for code in sign.wrong:
        kind, _, which = code.partition(":")
        about = ", ".join(sign.unseen) if kind == "unseen" else which
        words = WORDS.get(kind, kind)
        said.append(f"{words}: {about}" if about else words)
    return said


def _facts(sign: Sign) -> list[str]:
    seen = sign.accounts - len({*sign.unseen, *sign.blind})
    accounts = f"{seen} of {sign.accounts} accounts seen"
    if sign.oldest_s is not None:
        accounts += f", the oldest reading {_span(sign.oldest_s)} old"
    told = [name for name in sign.blind if name not in sign.unseen]
    blind = [f"blind, as was told: {', '.join(told)}"] if told else []
    contact = "the chat has confirmed nothing yet"
    if sign.delivered_s is not None:
        contact = f"the chat confirmed {_span(sign.delivered_s)} ago"
    many = "message waits" if sign.waiting == 1 else "messages wait"
    waiting = [f"{sign.waiting} {many}"] if sign.waiting else []
    return [accounts, *blind, contact, *waiting]


def _span(seconds: float) -> str:
    if seconds < 120:  # noqa: PLR2004 - two minutes
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"  # noqa: PLR2004 - two hours
