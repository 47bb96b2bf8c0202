"""`python -m ticker_client.cli` is `ticker`."""

from __future__ import annotations

from ticker_client.cli import main

if __name__ == "__main__":
    main()
