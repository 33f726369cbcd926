"""`watcher run`: watch the configured accounts until SIGTERM or Ctrl-C."""

from __future__ import annotations

import asyncio
import os
import resource
import sys
from collections.abc import Sequence
from functools import partial

from watcher.app import run
from watcher.cli import FINE, REFUSED, TROUBLE
from watcher.cli.options import add_clock, config_parser, read, refuse, settings_of
from watcher.ports import StoreError
from watcher.service.supervise import LoopsFailed
from watcher.settings import ConfigError, Need

PRIVATE_UMASK = 0o077


def main(argv: Sequence[str]) -> int:
    parser = config_parser("run", "Watch the configured accounts until SIGTERM or Ctrl-C.")
    add_clock(parser)
    arguments = parser.parse_args(argv)
    settings = settings_of(arguments, Need.ALL)
    if settings is None:
        return REFUSED
    # what it writes is its user's alone, and no dump of memory, which holds keys, is left behind
    os.umask(PRIVATE_UMASK)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        again = partial(read, arguments, Need.ALL)
        asyncio.run(run(settings, again=again, clock_url=arguments.clock))
    except ConfigError as error:
        refuse(error)
        return REFUSED
    except (StoreError, LoopsFailed) as error:
        print(f"watcher: {error}", file=sys.stderr)
        return TROUBLE
    return FINE
