"""The Alembic environment of the catalog's schema; `ticker_server.catalog.migrate` runs it."""
