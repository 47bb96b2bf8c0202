"""`python -m ticker_server` is `ticker-server`."""

from __future__ import annotations

from ticker_server.entry import main

if __name__ == "__main__":
    main()
