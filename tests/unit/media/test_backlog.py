"""The sound that is sent again to a next stream: whatever no final result has covered, of the last seconds."""

from hypothesis import given
from hypothesis import strategies as st

from media.audio import mulaw
from media.stt.backlog import BYTES_A_SECOND, Backlog

SECOND = BYTES_A_SECOND


def loud(seconds: float, level: int = 4000) -> bytes:
    """A square wave of one level, so that stretches of different levels can be told apart."""
    pair = level.to_bytes(2, "little", signed=True) + (-level).to_bytes(2, "little", signed=True)
    return pair * round(seconds * mulaw.RATE / 2)


def quiet(seconds: float) -> bytes:
    return bytes(round(seconds * mulaw.RATE) * 2)


def filled(*sounds: bytes) -> Backlog:
    backlog = Backlog()
    for sound in sounds:
        backlog.add(sound)
    return backlog


def rest(backlog: Backlog) -> bytes:
    return backlog.take(100 * SECOND)


@given(st.lists(st.integers(1, 900).map(lambda n: loud(n / 1000)), max_size=8), st.integers(1, SECOND))
def test_everything_is_sent_once_and_in_order(sounds: list[bytes], most: int) -> None:
    backlog, sent = filled(*sounds), b""
    while chunk := backlog.take(most):
        assert len(chunk) <= most
        sent += chunk
    assert sent == b"".join(sounds)
    assert backlog.waiting == 0


@given(st.integers(0, 20), st.integers(0, 20), st.integers(0, 20))
def test_a_new_stream_hears_what_no_final_result_has_covered(understood: int, sent: int, more: int) -> None:
    tenths = [loud(0.1, 1000 + n) for n in range(41)]
    backlog = filled(*tenths[:understood], *tenths[understood : understood + sent])
    rest(backlog)
    backlog.understood(understood / 10)
    for sound in tenths[understood + sent : understood + sent + more]:
        backlog.add(sound)
    backlog.rewind()
    assert rest(backlog) == b"".join(tenths[understood : understood + sent + more])


def test_only_the_last_seconds_are_kept() -> None:
    backlog = filled(*(loud(1, 1000 + n) for n in range(12)))
    assert rest(backlog) == b"".join(loud(1, 1000 + n) for n in range(4, 12))


def test_positions_are_those_of_the_current_stream() -> None:
    backlog = filled(loud(1, 1000), loud(1, 2000))
    rest(backlog)
    backlog.understood(1.0)
    backlog.rewind()
    rest(backlog)
    backlog.understood(0.5)  # of the second stream, which began with what the first had left
    backlog.rewind()
    assert rest(backlog) == loud(0.5, 2000)


def test_sound_lost_before_it_was_sent_does_not_count_as_sent() -> None:
    backlog = filled(loud(1, 1000))
    rest(backlog)
    for n in range(10):
        backlog.add(loud(1, 2000 + n))  # a stuck stream: two seconds are forgotten, one of them sent
    rest(backlog)
    backlog.understood(2.0)  # the sent second and the first that came after the gap
    backlog.rewind()
    assert rest(backlog)[:SECOND] == loud(1, 2003)


def test_quiet_before_the_first_sound_is_not_sent_again() -> None:
    backlog = filled(quiet(5), loud(1))
    rest(backlog)
    backlog.rewind()
    sent = rest(backlog)
    assert sent.endswith(loud(1))
    assert len(sent) <= 1.3 * SECOND


def test_nothing_but_quiet_is_next_to_nothing() -> None:
    backlog = filled(quiet(8))
    backlog.rewind()
    assert len(rest(backlog)) <= 0.5 * SECOND


def test_an_unfinished_result_is_whole_until_its_first_sound_is_forgotten() -> None:
    backlog = filled(quiet(3), loud(2))
    rest(backlog)
    assert not backlog.whole
    backlog.unfinished(3.0)
    assert backlog.whole
    backlog.rewind()
    assert backlog.whole
    backlog.add(loud(5))
    assert backlog.whole
    backlog.add(loud(2))
    assert not backlog.whole


def test_a_final_result_leaves_nothing_unfinished() -> None:
    backlog = filled(loud(2))
    rest(backlog)
    backlog.unfinished(0.0)
    backlog.understood(1.0)
    assert not backlog.whole
