"""Small writes in few statements: planned from a mirror of the definitions, computed over whole arrays."""
