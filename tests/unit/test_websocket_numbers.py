"""The numbers of a server's messages: what comes again is passed over, a count that begins anew is no silence."""

from __future__ import annotations

import json
import logging

import pytest

from barhouse.coordinator.feeds.websocket_feed import MessageNumbers, WebSocketFeed


def message(seq: int, size: float = 1.0) -> str:
    trade = {"type": "trade", "symbol": "SPY", "id": str(size), "at": 0, "price": 1.0, "size": size}
    return json.dumps({"seq": seq, "events": [trade]})


def hear(after: int | None, *messages: str) -> list[tuple[int, bool] | None]:
    """The position after each message, and whether something was missed before it; None where it is passed over."""
    feed, counted = WebSocketFeed("ws://localhost:1"), MessageNumbers(after)
    heard = [feed.understand(one, counted) for one in messages]
    return [one and one.position and (one.position["seq"], one.missed) for one in heard]


def test_what_comes_again_as_it_was_is_passed_over() -> None:
    assert hear(None, message(1), message(2), message(1), message(2), message(3)) == [
        *[(1, False), (2, False), None, None],
        (3, False),
    ]
    assert hear(41, message(41), message(42)) == [None, (42, False)]


@pytest.mark.parametrize("first", [1, 7], ids=["from one", "from what is kept"])
def test_a_server_that_counts_anew_is_followed_from_there(first: int, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert hear(5000, message(first), message(first + 1)) == [(first, True), (first + 1, False)]
    assert f"counts anew: {first} comes after 5000" in caplog.text


def test_a_server_that_counts_anew_while_it_is_followed_is_recognised_by_what_it_says() -> None:
    assert hear(None, message(1), message(2), message(1, 8.0), message(2, 9.0)) == [
        *[(1, False), (2, False)],
        *[(1, True), (2, False)],
    ]


def test_a_number_far_too_high_does_not_hide_what_follows() -> None:
    assert hear(7, message(2**62), message(8), message(9)) == [(2**62, False), (8, True), (9, False)]
    assert hear(7, message(2**63), message(8)) == [None, (8, False)]
