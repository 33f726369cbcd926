"""
The command line: one module per command, found by name.

Rule: only the command asked for is imported, so `watcher version` does not pay for a venue
library. A command module has `main(argv) -> int`; the exit codes are 0 fine, 1 trouble found
(partial, disagreement, unreachable), 2 bad input or configuration. Plain lines when piped, colour
in a terminal. Commands print; nothing else in the program does.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from importlib import import_module
from types import ModuleType

from watcher.cli import streams

FINE = 0
TROUBLE = 1
REFUSED = 2

COMMANDS = {
    "init": "set up step by step: accounts, chat, fallback, heartbeat, lines, service",
    "run": "watch the configured accounts and tell (until SIGTERM or Ctrl-C)",
    "check": "validate the config, read every account once, compare with the venue; sends nothing",
    "status": "what a running daemon knows, from its store",
    "service": "install, look at or remove the systemd service, of the machine or your own",
    "health": "whether a daemon does its work, in one line and an exit code",
    "reload": "have a running daemon take over the edited configuration",
    "upgrade-check": "what the next start of this version would change; changes nothing itself",
    "ledger": "every top-up that was decided, and what became of it",
    "money": "what holds money; freeze, unfreeze, settle",
    "send-test": "send one test message; --all proves every road",
    "drill": "an imagined slide over the real roads; --wake times your answer",
    "margin": "evaluate a snapshot file, offline",
    "explain": "the arithmetic of an account written out, with the source of each rule",
    "quick": "the textbook liquidation price of one isolated position, both sides",
    "capture": "save the raw answers of one poll without secrets, for `margin` or a bug report",
    "schema": "print the JSON schema of the snapshot file",
    "practice": "run the practice exchange alone",
    "sim": "seeds of bad weather and scenario packs, played in virtual time and judged",
    "demo": "twin accounts through a sell-off, guarded and not",
    "version": "print the version",
}

USAGE = "usage: watcher COMMAND [OPTIONS]"


def main(argv: Sequence[str]) -> int:
    """Run the command named first in *argv* and return its exit code."""
    streams.made_safe()
    name = argv[0] if argv else "--help"
    if name in ("-h", "--help", "help"):
        print(_help())
        return FINE if argv else REFUSED
    if name == "--version":
        name = "version"
    if name not in COMMANDS:
        print(f"watcher: {_unknown(name)}\n{USAGE}", file=sys.stderr)
        return REFUSED
    module = _loaded(f"watcher.cli.{name.replace('-', '_')}")
    try:
        code = int(module.main(list(argv[1:])))
        sys.stdout.flush()
    except BrokenPipeError:
        # the reader of our output went away: not our trouble, and no trace for it
        streams.given_up()
        return FINE
    except OSError as error:
        if error.errno not in streams.NO_ROOM:
            raise
        streams.given_up()
        where = f"{error.filename}: " if error.filename else "cannot write all of this: "
        print(f"watcher: {where}no room left; free some and try again", file=sys.stderr)
        return TROUBLE
    except KeyboardInterrupt:
        return TROUBLE
    return code


def _loaded(name: str) -> ModuleType:
    # libraries that are broken off while they load leave traces, and one in a hundred a crash:
    # until nothing was begun, Ctrl-C ends the process as it ends any other
    heard = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if heard:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        return import_module(name)
    finally:
        if heard:
            signal.signal(signal.SIGINT, signal.default_int_handler)


def _help() -> str:
    width = max(map(len, COMMANDS))
    lines = [f"  {name.ljust(width)}  {text}" for name, text in COMMANDS.items()]
    return "\n".join([USAGE, "", *lines, "", "`watcher COMMAND --help` lists a command's options."])


def _unknown(name: str) -> str:
    from difflib import get_close_matches  # noqa: PLC0415 - only for a typing error

    near = get_close_matches(name, COMMANDS, n=1)
    meant = f"; did you mean {near[0]}?" if near else ""
    return f"found {name!r}, expected a command{meant}"
