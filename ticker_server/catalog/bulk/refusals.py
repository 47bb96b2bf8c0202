"""Why an import cannot begin, or cannot go on: what is wrong with the file as a whole."""

from __future__ import annotations

from ticker_server.errors import CannotStart

__all__ = [
    "ColumnAmbiguous",
    "ColumnMissing",
    "ColumnUnknown",
    "FileInvalid",
    "FileMissing",
    "FileUnreadable",
    "ImportRefused",
    "ImportStopped",
]


class ImportRefused(CannotStart):
    """The file cannot be imported; its subclasses say why."""

    exit_code = 2


class FileMissing(ImportRefused):
    """There is no such file."""

    reason = "FILE_NOT_FOUND"


class FileUnreadable(ImportRefused):
    """The file is there and cannot be opened."""

    reason = "FILE_UNREADABLE"


class FileInvalid(ImportRefused):
    """The file is not a CSV text with a header."""

    reason = "INVALID_FILE"


class ColumnMissing(ImportRefused):
    """The header lacks a column that is needed."""

    reason = "MISSING_COLUMN"


class ColumnUnknown(ImportRefused):
    """The header has a column that an import does not know."""

    reason = "UNKNOWN_COLUMN"


class ColumnAmbiguous(ImportRefused):
    """The header has a column twice."""

    reason = "AMBIGUOUS_COLUMN"


class ImportStopped(CannotStart):
    """The database went away during the import. What was committed stays; the same file again completes it."""

    reason = "DATABASE_UNAVAILABLE"
    exit_code = 4
