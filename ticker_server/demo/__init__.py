"""The demo: a server with a simulated market, to try everything out without a feed."""
