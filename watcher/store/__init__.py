"""What is kept on disk: the ledger, the history, and snapshot and report files."""
