"""
`watcher` on a machine that also trusts the root of these tests: python -m tests.chaos.launch ROOT …

Rule: nothing else differs from `python -m watcher`; the root is added where the machine's roots are
named, as an administrator of it would.
"""

from __future__ import annotations

import sys
from pathlib import Path

import certifi

from watcher.__main__ import main


def trusting(root: Path) -> str:
    """Write the machine's roots and *root* into one file beside it and return its name."""
    both = root.with_name("roots.pem")
    both.write_text(Path(certifi.where()).read_text(encoding="ascii") + root.read_text("ascii"))
    return str(both)


if __name__ == "__main__":
    file = trusting(Path(sys.argv.pop(1)))
    certifi.where = lambda: file
    main()
