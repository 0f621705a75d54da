"""``python -m barhouse``: the command line, as ``barhouse`` is."""

from barhouse.coordinator.cli.main import main

if __name__ == "__main__":
    main()
