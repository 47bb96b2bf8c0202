"""Reading several tables as of one moment."""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

__all__ = ["freeze"]


async def freeze(connection: AsyncConnection) -> None:
    """Let all statements of the transaction see one moment, so that a store between two of them does not tear them."""
    await connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
