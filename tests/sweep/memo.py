"""
Answers of the margin engine that are kept, so that thousands of runs do not ask the same.

Rule: only pure functions, with the very answer they gave: what a snapshot comes to does not depend
on when it was taken. Nothing that judges or moves an intent is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from importlib import import_module
from typing import Any
from unittest.mock import patch

from watcher.domain.account import Snapshot
from watcher.margin import evaluate, required_top_up

_KEPT_MAX = 10_000


@contextmanager
def remembered() -> Iterator[None]:
    with ExitStack() as stack:
        report = _kept(evaluate)

        def reported(snapshot: Snapshot, **more: Any) -> Any:
            return replace(report(snapshot, **more), taken_at_us=snapshot.taken_at_us)

        sizing = import_module("watcher.policy.sizing")
        for module in (import_module("watcher.policy.decide"), sizing):
            stack.enter_context(patch.object(module, "evaluate", reported))
        stack.enter_context(patch.object(sizing, "required_top_up", _kept(required_top_up)))
        yield


def _kept(work: Callable[..., Any]) -> Callable[..., Any]:
    known: dict[str, Any] = {}

    def asked(snapshot: Snapshot, *args: Any, **more: Any) -> Any:
        parts = (snapshot.assets, snapshot.positions, snapshot.wallets)
        key = f"{parts}{args}{more}"
        if key not in known:
            if len(known) > _KEPT_MAX:
                known.clear()
            known[key] = work(snapshot, *args, **more)
        return known[key]

    return asked
