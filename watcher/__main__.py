"""
`python -m watcher` and the `watcher` script: hand the arguments to the command line.

Rule: nothing is imported here that the asked-for command does not need.
"""

from __future__ import annotations

import sys

from watcher.cli import main as command_line


def main() -> None:
    sys.exit(command_line(sys.argv[1:]))


if __name__ == "__main__":
    main()
