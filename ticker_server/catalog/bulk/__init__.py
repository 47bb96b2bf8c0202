"""Bulk import: users and subscriptions of a CSV file, a million at a time."""

from __future__ import annotations

from ticker_server.catalog.bulk.run import ImportPlan, Subject, run_import
from ticker_server.catalog.bulk.tally import Tally

__all__ = ["ImportPlan", "Subject", "Tally", "run_import"]
