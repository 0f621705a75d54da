"""The command line: ``barhouse``, or ``python -m barhouse``."""

from barhouse.coordinator.cli.interrupts import stoppable


def main() -> None:
    """Run the command line and exit with its code; Ctrl-C is heeded before all else is imported."""
    with stoppable():
        from barhouse.coordinator.cli.main import main as run

        run()


if __name__ == "__main__":
    main()
