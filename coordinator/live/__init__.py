"""Live sessions: from a feed into the store, for as long as they run."""
