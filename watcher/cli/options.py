"""
Options several commands share, and the way from them to settings.

Rule: a refused configuration is printed line by line on standard error and ends with exit code 2;
nothing was started by then.
"""

from __future__ import annotations

import argparse
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from watcher.cli import show
from watcher.settings import CONFIG_DEFAULT, ConfigError, Need, Settings, load


def config_parser(name: str, description: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"watcher {name}", description=description)
    add_config(parser)
    return parser


def add_config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config", type=Path, metavar="FILE", help=f"the configuration (default: {CONFIG_DEFAULT})"
    )
    parser.add_argument(
        "--state-dir", metavar="DIR", help="instead of state_dir in the configuration"
    )
    parser.add_argument(
        "--log-level",
        choices=["debug", "info", "warning", "error"],
        help="instead of log.level in the configuration",
    )


def add_clock(parser: argparse.ArgumentParser) -> None:
    """Add the clock of a practice world that steps the time; of no use to a person."""
    parser.add_argument("--clock", metavar="URL", type=_clock, help=argparse.SUPPRESS)


# whoever sets the clock decides when an account counts as blind: this machine only
def _clock(text: str) -> str:
    host = urlsplit(text).hostname or ""
    try:
        local = host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        local = False
    if not local:
        raise argparse.ArgumentTypeError(f"found {text!r}, expected an address of this machine")
    return text


def read(arguments: argparse.Namespace, need: Need) -> Settings:
    """
    Return the settings as they stand now.

    Raises: `ConfigError`.
    """
    flags: dict[str, Any] = {}
    if arguments.state_dir is not None:
        flags["state_dir"] = arguments.state_dir
    if arguments.log_level is not None:
        flags["log"] = {"level": arguments.log_level}
    return load(arguments.config, flags=flags, need=need)


def settings_of(arguments: argparse.Namespace, need: Need) -> Settings | None:
    """Return the settings, or None after telling on standard error why there are none."""
    try:
        return read(arguments, need)
    except ConfigError as error:
        refuse(error)
        return None


def refuse(error: ConfigError) -> None:
    count = len(error.problems)
    show.complaint(f"configuration refused, {count} problem{'s' if count > 1 else ''}:")
    for problem in error.problems:
        show.complaint(f"  {problem}")
