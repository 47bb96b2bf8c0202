"""The door out: one servicer per service, the rules of its requests, and what errors become. Knows no transport."""
