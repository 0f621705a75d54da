"""Jobs: what is done every night, from a file that says it."""
