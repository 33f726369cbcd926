"""
Families: one small compiler each, from a pool's exact Decimals to rows of a Book.

Rule: this is where Decimals become floats, and the only place. A new shape of margin rule is one
new function here and its name in `COMPILERS`; nothing else of the engine changes.
"""

from __future__ import annotations

from watcher.margin.compile.pool import Pool
from watcher.margin.compile.snapshot import COMPILERS, Compiled, compile_snapshot

__all__ = ["COMPILERS", "Compiled", "Pool", "compile_snapshot"]
