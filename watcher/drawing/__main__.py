"""The process: bounds itself, reads the story, writes the picture."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import sys

MEMORY_BYTES_MAX = 1 << 30
CPU_SECONDS_MAX = 20
NICER = 10
"""Polls of the venues go before a picture."""


def main() -> None:
    with contextlib.suppress(PermissionError):  # the unit's filter allows no other rank
        os.nice(NICER)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES_MAX, MEMORY_BYTES_MAX))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS_MAX, CPU_SECONDS_MAX))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    story = json.load(sys.stdin)
    from watcher.drawing.picture import drawn  # noqa: PLC0415 - heavy: after the bounds

    sys.stdout.buffer.write(drawn(story))


main()
