"""The process in which one contender takes one turn, or something is prepared for all."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tests.benchmarks import prepare
from tests.benchmarks.harness import Run, Sizes, tell
from tests.benchmarks.paths import ROWS


def main() -> None:
    """Do what the one argument, JSON, asks for, and tell."""
    request = json.loads(sys.argv[1])
    run = Run(Sizes(**request["sizes"]), Path(request["cache"]), Path(request["work"]))
    try:
        if request["action"] == "prepare":
            prepare.make(request["name"], run)
        else:
            row = next(one for one in ROWS if one.name == request["name"])
            row.contenders[request["more"][0]](run)
            if run.value is None:
                raise RuntimeError("nothing was measured")
    except ImportError as error:
        tell(None, f"not installed: {error}")
    except Exception as error:
        tell(None, f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else ''}")
    tell(run, None)


if __name__ == "__main__":
    main()
