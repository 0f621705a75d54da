"""What is kept, and how it is read. Its public names are imported from ``barhouse``."""
