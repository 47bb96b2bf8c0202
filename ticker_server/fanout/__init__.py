"""From one accepted tick to every watch that wants it: hub, watches, beats, encoding. No I/O, no transport."""
