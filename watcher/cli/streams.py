"""
Standard input and output as they come: closed, full, or in a locale without our signs.

Rule: nothing a terminal cannot show, and no closed or full stream, ends a command with a trace of
Python's. A sign the locale lacks becomes the nearest plain one, so that a minus stays a minus.
"""

from __future__ import annotations

import codecs
import errno
import os
import sys
from contextlib import suppress
from io import TextIOWrapper
from pathlib import Path

_NOWHERE = Path(os.devnull)
NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})

_PLAIN = str.maketrans(
    {
        "−": "-",
        "–": "-",
        "·": "-",
        "…": "...",
        "→": "->",
        "×": "x",
        "≥": ">=",
        "≤": "<=",
        "′": "'",
        "▓": "#",
        "░": ".",
    }
)


def made_safe() -> None:
    """Have every standard stream be there, and take and give what it cannot spell."""
    codecs.register_error("plain", _plain)
    if sys.stdin is None:
        sys.stdin = _NOWHERE.open(encoding="utf-8")
    if sys.stdout is None:
        sys.stdout = _NOWHERE.open("w", encoding="utf-8")
    if sys.stderr is None:
        sys.stderr = _NOWHERE.open("w", encoding="utf-8")
    for stream, errors in ((sys.stdin, "replace"), (sys.stdout, "plain"), (sys.stderr, "plain")):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors=errors)


def given_up() -> None:
    """Let what was not written yet go, so that nothing is said of it at the end."""
    with _NOWHERE.open("w") as nowhere, suppress(OSError):
        os.dup2(nowhere.fileno(), sys.stdout.fileno())


def _plain(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    words = error.object[error.start : error.end].translate(_PLAIN)
    return "".join(sign if sign.isascii() else "?" for sign in words), error.end
