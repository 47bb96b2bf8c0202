"""The sync server: folds the Kafka price log, as gateways do, and stores what gateways start from and analysts read.

The embedded profile needs none: its log writes the state of acceptance and the bars in the same transaction as the
ticks (`ticker_server.feed.sqlite`), so there is nothing left to store. Bars are read from either database here.
"""

from __future__ import annotations

from ticker_server.history.bars import BarPage, BarStore
from ticker_server.history.checkpoints import CheckpointStore
from ticker_server.history.process import run_sync
from ticker_server.history.snapshots import SnapshotStore
from ticker_server.history.sync import SyncServer

__all__ = ["BarPage", "BarStore", "CheckpointStore", "SnapshotStore", "SyncServer", "run_sync"]
