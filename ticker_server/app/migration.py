"""What `ticker-server migrate` does: the schema of the database, and the topics."""

from __future__ import annotations

import asyncio

from ticker_server.catalog import DatabaseUnusable, downgrade, sqlite_url, upgrade
from ticker_server.errors import DatabaseUnavailable, PriceLogUnavailable
from ticker_server.ops.data_directory import locked_data_directory
from ticker_server.settings import Deployment

__all__ = ["migrate_all"]


async def migrate_all(settings: Deployment, down: str | None) -> list[str]:
    """Migrate up, and make missing topics; or take the schema down to a revision. Return what was done, in lines.

    Raises:
        DataDirectoryUnusable, DatabaseUnusable: The database cannot be used, or does not answer.
        PriceLogUnusable, TopicsUnusable: Kafka does not answer, or its topics are not as they must be.
    """
    if not settings.is_production:
        with locked_data_directory(settings.data_dir) as path:
            return await _migrate_database(sqlite_url(path), down)
    done = await _migrate_database(settings.database, down)
    if down is None:
        done.append(await _make_topics(settings))
    return done


async def _migrate_database(url: str, down: str | None) -> list[str]:
    try:
        if down is not None:
            await asyncio.to_thread(downgrade, url, down)
            return [f"the schema is that of revision {down}"]
        await asyncio.to_thread(upgrade, url)
    except DatabaseUnavailable as error:
        raise DatabaseUnusable(error.message) from error
    return ["the schema is the newest"]


async def _make_topics(settings: Deployment) -> str:
    # Imported here: the clients of Kafka take a while, and the embedded profile does without.
    from ticker_server.app.cluster import Cluster  # noqa: PLC0415
    from ticker_server.app.errors import PriceLogUnusable  # noqa: PLC0415

    cluster = Cluster(settings)
    try:
        await cluster.ensure()
    except PriceLogUnavailable as error:
        raise PriceLogUnusable(error.message) from error
    return f"the topics {cluster.prices.name} and {cluster.changes.name} are there"
