"""Messages as they come: what a feed is, and the feeds there are; no database."""
