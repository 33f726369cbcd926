"""
Answers of the margin engine that are kept, so that thousands of runs do not ask the same.

Rule: only pure functions, with the very answer they gave: what a snapshot comes to does not depend
on when it was taken. Nothing that judges or moves an intent is kept. *checked* asks each time all
the same, and asserts that what was kept is what is answered.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any
from unittest.mock import patch

from watcher.domain.account import Snapshot
from watcher.domain.report import Report
from watcher.margin import evaluate, required_repay, required_top_up

_KEPT_MAX = 10_000


@contextmanager
def remembered(*, checked: bool = False) -> Iterator[None]:
    """Let all of `watcher.policy` ask what is kept instead of the engine."""
    with ExitStack() as stack:
        for work in (evaluate, required_top_up, required_repay):
            kept = _kept(work, checked=checked)
            for module in [m for n, m in sys.modules.items() if n.startswith("watcher.policy")]:
                if vars(module).get(work.__name__) is work:
                    stack.enter_context(patch.object(module, work.__name__, kept))
        yield


def key_of(snapshot: Snapshot) -> str:
    """Return all there is in *snapshot* but when it was taken."""
    return repr(replace(snapshot, taken_at_us=0))


def _kept(work: Callable[..., Any], *, checked: bool) -> Callable[..., Any]:
    known: dict[str, Any] = {}

    def asked(snapshot: Snapshot, *args: Any, **more: Any) -> Any:
        key = f"{key_of(snapshot)}{args}{more}"
        if key not in known:
            if len(known) > _KEPT_MAX:
                known.clear()
            known[key] = work(snapshot, *args, **more)
        found = known[key]
        if isinstance(found, Report):
            found = replace(found, taken_at_us=snapshot.taken_at_us)
        if checked:
            # as text: what is no number is not equal to itself
            assert repr(found) == repr(work(snapshot, *args, **more)), (work.__name__, args, more)
        return found

    return asked
