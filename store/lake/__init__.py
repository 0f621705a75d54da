"""The lake: bars of many stores, published together, in tables that analysts read as they read one store."""
