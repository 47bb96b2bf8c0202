"""HTTP/2 for tests: bytes built by hand, clients that keep the rules, and clients that break them."""
