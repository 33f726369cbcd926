"""
What the page of numbers needs: to be told them when somebody asks.

Rule: whoever shows them sees this and nothing behind it, so that no page can ever do anything.
"""

from __future__ import annotations

from typing import Protocol

from watcher.domain.gauges import Gauges


class Shown(Protocol):
    async def gauges(self) -> Gauges: ...
