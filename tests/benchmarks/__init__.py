"""What Barhouse costs beside its peers: ``make bench``, or ``python -m tests.benchmarks --help``."""
