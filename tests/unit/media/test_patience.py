"""How long calls may go on when the process is told to end."""

import signal

import pytest

from media.__main__ import patience
from media.server import _END_TIMEOUT
from media.settings import MediaSettings

STOP_TIMEOUT = 120  # s; Fargate allows no more


@pytest.mark.parametrize(
    ("told", "wanted", "granted"),
    [(signal.SIGTERM, 30, 30), (signal.SIGTERM, 110, 90), (signal.SIGINT, 30, 0)],
)
def test_calls_may_go_on_only_as_long_as_they_can_still_be_ended_afterwards(
    told: signal.Signals, wanted: int, granted: int
) -> None:
    seconds = patience(told, MediaSettings("ws://media.example", media_drain_seconds=wanted))
    assert seconds == granted
    assert seconds + _END_TIMEOUT < STOP_TIMEOUT
