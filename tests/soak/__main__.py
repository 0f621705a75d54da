"""The command: ``python -m tests.soak MINUTES``, which ``make soak`` runs with Pythons for both ends."""

from __future__ import annotations

import random
import sys
from time import monotonic

import click

from tests.soak.driver import ROOT, Machine, soak
from tests.soak.parts import PARTS, fitted, round_seconds
from tests.soak.plan import Plan


@click.command()
@click.argument("minutes", type=click.FloatRange(min=0))
@click.option("--seed", type=click.IntRange(min=0), help="Of the first round; by default a new one every time.")
@click.option("--only", metavar="WORD", help="Only parts with this in their name: kills, histories.")
@click.option("--lowest", metavar="PYTHON", help="A Python with the lowest dependencies; without it only the newest.")
@click.option("--jobs", default=2, show_default=True, help="Tests that run side by side.")
def main(minutes: float, seed: int | None, only: str | None, lowest: str | None, jobs: int) -> None:
    """Run the random tests in their long form until so many MINUTES are used; ends with 1 when something failed."""
    chosen = [part for part in PARTS if only is None or only in part.name]
    if not chosen:
        raise click.BadParameter(f"no part has {only!r} in its name; there are {', '.join(one.name for one in PARTS)}")
    seconds, began = minutes * 60, monotonic()
    seed = random.SystemRandom().randrange(1_000_000) if seed is None else seed
    pythons = {"newest": sys.executable} | ({"lowest": lowest} if lowest else {})
    plan = Plan(fitted(chosen, seconds), list(pythons), seed)
    machine = Machine(pythons, jobs, ROOT / "build" / "soak")
    click.echo(f"{minutes:g} minutes from seed {seed}; a whole round takes about {round_seconds(chosen) / 60:.0f}")
    failed = soak(plan, machine, lambda: began + seconds - monotonic(), click.echo)
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
