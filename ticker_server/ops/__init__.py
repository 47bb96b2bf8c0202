"""What running a gateway takes besides serving: its data directory, its drain."""
