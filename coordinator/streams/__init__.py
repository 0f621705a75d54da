"""What to load and what to derive: streams determined, and registered."""
