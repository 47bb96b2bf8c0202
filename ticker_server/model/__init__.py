"""The pure core: ticks, acceptance, windows, cadences, subscriptions. No I/O and no clock of its own."""
