"""Small volumes: what is taken adds up in derived bars, and what would not is rejected."""

from __future__ import annotations

import random
from collections import defaultdict
from fractions import Fraction

import pytest
from load_kit import Bench, line, unchanged

from barhouse.store.errors import RejectedBarsError

START = 1_600_000_200


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("decimals", [8, 9, 10, 18])
def test_volumes_that_are_taken_add_up(bench: Bench, seed: int, decimals: int) -> None:
    chosen = random.Random(f"{seed} {decimals}")
    bench.coordinator.register("COIN", ["1m", "5m"], "24/7")
    volumes = [round(chosen.random() * 10.0 ** -chosen.randrange(13), decimals) for _ in range(500)]
    rows = [line(START + 60 * number, volume=repr(volume)) for number, volume in enumerate(volumes)]
    report = bench.load_lines(*rows, symbol="COIN", timestamp_format="epoch_s")
    reasons = bench.reasons(report.batch_id)
    assert set(reasons.values()) <= {"volume is too small to be summed exactly"}
    assert all(volumes[number - 1] < 1e-6 for number in reasons if number is not None)
    if decimals <= 9:
        assert not reasons
    sums: defaultdict[int, Fraction] = defaultdict(Fraction)
    for number, volume in enumerate(volumes):
        if number + 1 not in reasons:
            sums[number // 5] += Fraction(volume)
    bench.process()
    derived = {(int(bar["bar_start"].timestamp()) - START) // 300: bar["volume"] for bar in bench.bars("COIN", "5m")}
    assert set(derived) == set(sums)
    for number, volume in derived.items():
        assert abs(Fraction(volume) - sums[number]) * 1000 <= sums[number]


@pytest.mark.parametrize("volume", ["1e-300", "4.9e-10", "4e-10", "6e-10", "1.4e-9", "2.51e-9"])
def test_a_volume_of_which_sums_would_keep_nothing_or_little(bench: Bench, volume: str) -> None:
    with unchanged(bench), pytest.raises(RejectedBarsError, match="too small to be summed exactly"):
        bench.load_lines(line("2024-11-26T15:00:00Z", volume=volume))
    assert bench.load_lines(line("2024-11-26T15:00:00Z", volume="1e-9")).inserted == 1
