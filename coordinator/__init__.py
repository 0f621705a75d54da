"""What changes a store, and the doors to it. Its public names are imported from ``barhouse``."""
