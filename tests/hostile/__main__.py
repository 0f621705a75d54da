"""A child process that tries hostile inputs of a kind: ``python -m tests.hostile COUNT SEED FOLDER KIND...``.

Each input is written into FOLDER before it is tried, so that it is there when the process does not come back. Says as
JSON how many were taken and how many refused; the first that is neither ends it with 1, and with what was wrong.
"""

from __future__ import annotations

import faulthandler
import json
import random
import sys
import traceback
from collections import Counter
from pathlib import Path

from barhouse.store.errors import BarhouseError
from tests.hostile.kinds import KINDS
from tests.hostile.mutation import mutated

#: One that takes longer hangs.
PATIENCE_SECONDS = 60


def main(kind: str, count: int, seed: int, folder: Path) -> int:
    """Try so many; gives the exit code."""
    became: Counter[str] = Counter()
    with KINDS[kind](folder) as target:
        for number in range(count * target.worth):
            chance = random.Random(f"{seed} {kind} {number}")
            data = mutated(chance, target.sound, is_text=target.is_text)
            place = target.write(data, chance)
            faulthandler.dump_traceback_later(PATIENCE_SECONDS, exit=True)
            try:
                target.take(place, chance)
                became["taken"] += 1
            except BarhouseError as error:
                assert len(str(error)) > 15, f"that says nothing: {error!r}"
                str(error).encode()
                became["refused"] += 1
            except BaseException:
                print(f"{kind} {number} of seed {seed}: {place}", file=sys.stderr)
                traceback.print_exc()
                return 1
            finally:
                faulthandler.cancel_dump_traceback_later()
            if (number + 1) % target.proven_every == 0:
                target.prove()
        target.prove()
    print(json.dumps({"kind": kind, "seed": seed, **became}))
    return 0


if __name__ == "__main__":
    for number, kind in enumerate(sys.argv[4:]):
        place = Path(sys.argv[3]) / str(number)
        place.mkdir()
        if code := main(kind, int(sys.argv[1]), int(sys.argv[2]), place):
            sys.exit(code)
