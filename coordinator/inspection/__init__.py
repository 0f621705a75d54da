"""What a source holds and how it would be read, before it is loaded."""
