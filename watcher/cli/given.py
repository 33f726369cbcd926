"""
An account from a file a person gives: a snapshot, or a capture read through the venue's adapter.

Rule: which of the two it is, the file says itself. A capture costs the import of the venue library,
a snapshot does not.
"""

from __future__ import annotations

from watcher.domain.account import Snapshot
from watcher.store.files import FileError, check_text, read_snapshot

CAPTURE_SIGN = b'"watcher.capture/'
SIGN_WITHIN = 200


def snapshot_given(text: bytes) -> Snapshot:
    """
    Return the account in *text*, `watcher.snapshot/1` or `watcher.capture/1`.

    Raises: `FileError` for a file that is neither, or from which no account can be read.
    """
    check_text(text)
    if CAPTURE_SIGN not in text[:SIGN_WITHIN]:
        return read_snapshot(text)
    from watcher.venues.capture import CaptureError, snapshot_of  # noqa: PLC0415 - see the rule

    try:
        return snapshot_of(text)
    except CaptureError as error:
        raise FileError(str(error)) from error
