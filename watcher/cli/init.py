"""
`watcher init`: from nothing to a watched account, step by step, each of which can be redone.

Rule: what is set is shown and left alone unless asked for. Every step writes what it was told
before the next begins, so that Ctrl-C loses nothing. Without a terminal, what was not given by a
flag, the environment or `--secrets` is refused with what would give it.
"""

from __future__ import annotations

import argparse
import os
import secrets
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from watcher.cli import FINE, REFUSED, TROUBLE, check, reload, send_test, service, show
from watcher.cli.asking import Nobody, Terminal
from watcher.cli.options import refuse
from watcher.cli.send_test import seconds
from watcher.ports import DeliveryError
from watcher.settings import CONFIG_DEFAULT, ConfigError, Need, Settings, load
from watcher.settings.addresses import loopback
from watcher.settings.problems import Misread
from watcher.setup.accounts import accounts
from watcher.setup.chat import telegram
from watcher.setup.files import Draft, SetupError, named, writable
from watcher.setup.given import endpoint_is_used, with_renewed
from watcher.setup.given import parts as parts_given
from watcher.setup.hands import World
from watcher.setup.kit import Flags, Kit
from watcher.setup.roads import fallback, heartbeat
from watcher.setup.tiers import tiers
from watcher.store.life import is_locked

LETTERS = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"
"""Without those that are read for one another."""
CODE_LENGTH = 8

ASKED: Mapping[str, Callable[[Kit], None]] = {
    "accounts": accounts,
    "telegram": telegram,
    "fallback": fallback,
    "heartbeat": heartbeat,
}
PARTS = (*ASKED, "tiers", "service")
TEST = "test"
"""What is done after the parts that are asked for, and before the service."""


def main(argv: Sequence[str]) -> int:
    arguments = _parser().parse_args(argv)
    config = arguments.config or CONFIG_DEFAULT
    left: list[str] = []
    try:
        writable(config)
        given = _given(arguments)
        return _set_up(_kit(arguments, config, given), arguments, given, left)
    except ConfigError as error:
        refuse(error)
        go_on = " and ".join(_next(arguments, left))
        show.complaint(f"mend these lines first, then go on with: {go_on}")
        return REFUSED
    except (SetupError, DeliveryError) as error:
        show.complaint(f"watcher init: {error}")
        return REFUSED
    except (KeyboardInterrupt, EOFError):
        print()
        show.line(f"stopped; what was finished is in {config}; go on with:")
        for command in _next(arguments, left):
            print(f"  {command}")
        return TROUBLE


def _next(arguments: argparse.Namespace, left: Sequence[str]) -> list[str]:
    """Return the commands that do what is *left*, each in one line to copy."""
    where = [] if arguments.config is None else ["--config", str(arguments.config)]
    practice = [] if arguments.endpoint is None else ["--endpoint", arguments.endpoint]
    tested = left and left[0] == TEST
    found = [["watcher", "send-test", "--all", *where]] if tested else []
    parts = [part for part in left if part != TEST]
    if {"accounts", "telegram"} & set(parts) and not arguments.redo:
        parts = []  # without an account or a chat all the rest is asked for anyway
    redo = [word for part in parts for word in ("--redo", part)]
    if redo or not tested:
        found.append(["watcher", "init", *where, *practice, *redo])
    return [shlex.join(words) for words in found]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="watcher init",
        description="Set up, step by step: accounts, Telegram, fallback, heartbeat, lines, service."
        " What is set is shown and stays; --redo asks for a part again. Keys are typed unseen, or "
        "taken from the environment (WATCHER_ACCOUNTS__NAME__API_KEY, …_API_SECRET, …_PASSWORD, "
        "WATCHER_TELEGRAM__BOT_TOKEN, WATCHER_FALLBACK__URL, WATCHER_HEARTBEAT__URL).",
    )
    parser.add_argument(
        "--config", type=Path, metavar="FILE", help=f"to write (default: {CONFIG_DEFAULT})"
    )
    parser.add_argument(
        "--redo",
        action="append",
        choices=PARTS,
        default=[],
        help="ask for this part again; so does what is given for it and is not set yet",
    )
    parser.add_argument(
        "--account", action="append", type=_account, default=[], metavar="NAME=VENUE", help="to add"
    )
    parser.add_argument("--chat", type=int, metavar="ID", help="instead of the code in the chat")
    parser.add_argument("--user", type=int, action="append", default=[], metavar="ID")
    parser.add_argument("--second-chat", type=int, metavar="ID")
    parser.add_argument(
        "--accept-tiers", action="store_true", help="take the lines that are proposed"
    )
    parser.add_argument("--service", action="store_true", help="install the service at the end")
    parser.add_argument("--state-dir", metavar="DIR", help="where the daemon keeps its state")
    parser.add_argument(
        "--secrets", metavar="FILE", help="lines WATCHER_NAME=value; - is standard input"
    )
    parser.add_argument(
        "--wait", type=seconds, default=180.0, metavar="3m", help="for a press or an answer"
    )
    parser.add_argument(
        "--endpoint", type=_endpoint, metavar="URL", help="a practice exchange on this machine"
    )
    return parser


def _account(text: str) -> tuple[str, str]:
    name, equals, venue = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"found {text!r}, expected one like main=bybit")
    return name, venue.lower()


def _endpoint(text: str) -> str:
    try:
        return loopback(text)
    except Misread as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _given(arguments: argparse.Namespace) -> Mapping[str, str]:
    """Return the secrets of `--secrets`. Raises: `SetupError`."""
    if arguments.secrets is None:
        return {}
    if arguments.secrets == "-":
        return named(sys.stdin.read())
    try:
        return named(Path(arguments.secrets).read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        line = f"--secrets {arguments.secrets}: not UTF-8 text at byte {error.start}"
        raise SetupError(f"{line}, expected lines WATCHER_NAME=value") from None
    except OSError as error:
        reason = (error.strerror or "unreadable").lower()
        line = f"--secrets {arguments.secrets}: {reason}"
        raise SetupError(f"{line}, expected a file of lines WATCHER_NAME=value") from None


def _kit(arguments: argparse.Namespace, config: Path, given: Mapping[str, str]) -> Kit:
    known = {name: text for name, text in os.environ.items() if name.startswith("WATCHER_")}
    known |= given
    flags = Flags(
        accounts=arguments.account,
        endpoint=arguments.endpoint,
        chat_id=arguments.chat,
        users=tuple(arguments.user),
        second_chat_id=arguments.second_chat,
        accept_tiers=arguments.accept_tiers,
        wait_s=arguments.wait,
    )
    prompt = Terminal(known) if sys.stdin.isatty() else Nobody(known)
    return Kit(prompt=prompt, draft=Draft(config), hands=World(), code=_code, flags=flags)


def _code() -> str:
    return "".join(secrets.choice(LETTERS) for _ in range(CODE_LENGTH))


def _set_up(
    kit: Kit, arguments: argparse.Namespace, given: Mapping[str, str], left: list[str]
) -> int:
    """Go through the parts; those not begun, or begun and not finished, stand in *left*."""
    settings = kit.settings()
    kit = replace(kit, flags=with_renewed(kit.flags, settings, given))
    parts = _wanted(kit, settings, arguments, given)
    left += [part for part in parts if part != "service"]
    left += [TEST] if {"telegram", "fallback"} & set(parts) else []
    left += ["service"] if "service" in parts else []
    if not arguments.redo:
        _tell(kit, settings)
    if arguments.state_dir not in {None, settings.state_dir}:
        _move(kit, settings.state_dir, arguments.state_dir)
    if not parts:
        _tell_done(kit)
        if not is_locked(Path(settings.state_dir)):
            _tell_run(kit)
        return FINE
    for part, step in ASKED.items():
        if part in parts:
            kit.prompt.say()
            step(kit)
            left.remove(part)
    _tell_overruled(kit)
    return _tried(kit, arguments, parts, left)


def _wanted(
    kit: Kit, settings: Settings, arguments: argparse.Namespace, given: Mapping[str, str]
) -> list[str]:
    """
    Return the parts to go through: asked for again, missing, or with something given for them.

    Raises: `SetupError` for what is given and would not be used.
    """
    opened = parts_given(settings, kit.flags, given, patient=kit.prompt.patient)
    opened |= {"service"} if arguments.service else set()
    missing = [] if arguments.redo else _open_parts(settings, arguments)
    if not missing:
        # as if asked for, so that a command to go on with names them too
        arguments.redo = [*arguments.redo, *sorted(opened - {*arguments.redo}, key=PARTS.index)]
    parts = {*missing, *opened, *arguments.redo}
    if not endpoint_is_used(settings, kit.flags, parts):
        raise SetupError("--endpoint was not used: add --redo accounts, or --redo telegram")
    return [part for part in PARTS if part in parts]


def _move(kit: Kit, before: str, after: str) -> None:
    if Path(after).is_file():
        raise SetupError(f"--state-dir {after}: a file, expected a folder")
    kit.draft.put(("state_dir",), after)
    kit.draft.write()
    kit.prompt.say(f"state_dir is now {after}, from the daemon's next start on")
    if Path(before).exists():
        kit.prompt.say(f"  what it knows is in {before}: to keep it, move it there while none runs")


def _tried(kit: Kit, arguments: argparse.Namespace, parts: Sequence[str], left: list[str]) -> int:
    """Read every account, test every road, and hand over to what watches."""
    code = _looked_at(kit, parts)
    left[:] = [part for part in left if part != "tiers"]
    running = bool(is_locked(Path(kit.settings().state_dir)))
    if running:
        code = max(code, _taken_over(kit))
    if TEST in left:
        code = max(code, _proven(kit))
        left.remove(TEST)
    if "service" in parts:
        installed = _installed(kit, wanted=arguments.service or "service" in arguments.redo)
        running |= installed == FINE
        code = max(code, installed or FINE)
    if not running:
        kit.prompt.say()
        _tell_run(kit)
    return code


def _tell_done(kit: Kit) -> None:
    kit.prompt.say("nothing has to be asked; a part is changed with: watcher init --redo PART")
    kit.prompt.say(f"  PART is one of {', '.join(PARTS)}")
    kit.prompt.say("every road is tested with: watcher send-test --all")


def _tell_run(kit: Kit) -> None:
    kit.prompt.say(f"watch now: watcher run --config {kit.draft.config}")


def _open_parts(settings: Settings, arguments: argparse.Namespace) -> list[str]:
    """Return what is to be asked: nothing, or from the first part that is missing, all there is."""
    keyed = [account.api_key is not None for account in settings.accounts.values()]
    wanted = {
        "accounts": bool(arguments.account) or not (keyed and all(keyed)),
        "telegram": settings.telegram.chat_id is None or settings.telegram.bot_token is None,
    }
    if not any(wanted.values()):
        return []
    wanted |= {
        "fallback": settings.fallback.url is None,
        "heartbeat": settings.heartbeat.url is None,
        "tiers": True,
        "service": True,
    }
    return [part for part, is_wanted in wanted.items() if is_wanted]


def _tell(kit: Kit, settings: Settings) -> None:
    for name, account in settings.accounts.items():
        key = "its key is set" if account.api_key else "its key is missing"
        kit.prompt.say(f"set: account {name} at {account.venue}, {key}")
    if settings.telegram.chat_id is not None:
        kit.prompt.say(f"set: alerts to chat {settings.telegram.chat_id}")
    second = settings.telegram.second_chat_id
    if second is not None:
        kit.prompt.say(f"set: second chat {second}")
    for title, url in (("fallback", settings.fallback.url), ("heartbeat", settings.heartbeat.url)):
        if url is not None:
            kit.prompt.say(f"set: {title}")
        elif settings.accounts:
            kit.prompt.say(f"not set: {title}; add it with: watcher init --redo {title}")


def _tell_overruled(kit: Kit) -> None:
    """Tell of a secret in the environment that is not the one written: it would win."""
    for file in sorted(kit.draft.secrets_folder.glob("watcher_*")):
        name = file.name.upper()
        other = os.environ.get(name, "").strip()
        if other and other != file.read_text(encoding="utf-8").strip():
            kit.prompt.say(f"{name} in the environment is another and wins: unset it", style="red")


def _looked_at(kit: Kit, parts: Sequence[str]) -> int:
    """Show what `check` shows, and propose lines from the same readings."""
    if not {"accounts", "tiers"} & set(parts):
        return FINE
    need = Need.ACCOUNTS | Need.LINES | Need.STATE
    settings = load(kit.draft.config, environ={}, need=need)
    kit.prompt.say()
    answers, now_us = kit.hands.look(settings)
    check.tell(settings, answers, now_us)
    if "tiers" in parts:
        kit.prompt.say()
        tiers(kit, answers)
    return TROUBLE if any(answer.trouble for answer in answers) else FINE


def _taken_over(kit: Kit) -> int:
    """Have the running daemon go on with what was written, where the person wants it now."""
    kit.prompt.say()
    asked = "a daemon runs with the settings before: have it take over these now?"
    if kit.prompt.agrees(asked, default=kit.prompt.patient):
        return reload.main(["--config", str(kit.draft.config)])
    kit.prompt.say(f"the daemon takes them over with: watcher reload --config {kit.draft.config}")
    return FINE


def _proven(kit: Kit) -> int:
    """Send a test over every road, to be answered where somebody is there to."""
    kit.prompt.say()
    more = ["--all", "--wait", f"{kit.flags.wait_s:g}s"] if kit.prompt.patient else []
    code = send_test.main(["--config", str(kit.draft.config), *more])
    if code != FINE:
        kit.prompt.say("not every road is proven; again with: watcher send-test --all", style="red")
    return code


def _installed(kit: Kit, *, wanted: bool) -> int | None:
    """Return what became of the service, or None where it is not wanted."""
    whose, more = ("the machine", []) if os.geteuid() == 0 else ("your own", ["--user"])
    kit.prompt.say()
    if not wanted and not kit.prompt.agrees(
        f"install it as a service of {whose} now?", default=False
    ):
        return None
    return service.main(["install", "--config", str(kit.draft.config), *more])
