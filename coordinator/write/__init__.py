"""What loading, deriving and editing share: bars with their revisions, and the account of what is there."""
