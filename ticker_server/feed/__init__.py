"""The door in: the price log port and its adapters."""
