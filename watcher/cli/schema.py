"""`watcher schema snapshot`: the JSON schema of the snapshot file, `watcher.snapshot/1`."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence

from watcher.store.files import snapshot_schema


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="watcher schema", description=__doc__)
    parser.add_argument("what", choices=["snapshot"], help="which schema")
    parser.parse_args(argv)
    print(json.dumps(snapshot_schema(), indent=2))
    return 0
