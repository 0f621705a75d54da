"""From the rows of a source to bars in the store."""
