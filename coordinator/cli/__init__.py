"""The command line: each command wraps one public call."""
