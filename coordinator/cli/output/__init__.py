"""What leaves a command: tables of data on stdout or in a file, reports on stderr."""
