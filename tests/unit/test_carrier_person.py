"""People of the carrier, without a clock: each test plays a line in 20 ms steps."""

from collections.abc import Callable

import pytest

from infra.local.carrier.amd import Expected, expect
from infra.local.carrier.audio import FRAME, TICK, is_loud
from infra.local.carrier.listener import Listener
from infra.local.carrier.params import Detection
from infra.local.carrier.people import Person
from infra.local.carrier.person import Human, behaviour_of

LOUD = b"\x10"


class Play:
    """Ticks a person; the agent speaks in the intervals given. Every clip is half a second unless said."""

    def __init__(
        self,
        agent: list[tuple[float, float]] | None = None,
        clip: Callable[[str], bytes | None] | None = None,
        **fields: object,
    ) -> None:
        self.person = behaviour_of(Person.model_validate(fields), clip or (lambda _: LOUD * 4000))
        self.agent = agent or []
        self.ticks = 0
        self.spoken: list[tuple[float, float]] = []
        self.hung_up: float | None = None

    def until(self, end: float) -> "Play":
        speaking_since: float | None = None
        while self.ticks * TICK < end and self.hung_up is None:
            now = self.ticks * TICK
            act = self.person.tick(now, any(start <= now < stop for start, stop in self.agent))
            assert len(act.frame) == FRAME
            if is_loud(act.frame) and speaking_since is None:
                speaking_since = now
            if not is_loud(act.frame) and speaking_since is not None:
                self.spoken.append((round(speaking_since, 2), round(now, 2)))
                speaking_since = None
            if act.hang_up:
                self.hung_up = round(now, 2)
            self.ticks += 1
        if speaking_since is not None:
            self.spoken.append((round(speaking_since, 2), round(self.ticks * TICK, 2)))
        self.person.cut()
        return self


def test_hello_comes_300_ms_after_the_answer() -> None:
    play = Play().until(5)
    assert play.spoken == [(0.3, 0.8)]
    assert play.person.said == ["Hello?"]
    assert play.hung_up is None


def test_the_next_line_follows_the_agents_turn() -> None:
    play = Play([(1.0, 2.0)], lines=["a", "b", "c"]).until(10)
    assert play.spoken[0] == (0.3, 0.8)
    start, _ = play.spoken[1]
    assert start == pytest.approx(2.0 + 0.7 + 0.5, abs=0.03)
    assert play.person.said == ["a", "b"]


def test_a_short_pause_does_not_end_the_agents_turn() -> None:
    play = Play([(1.0, 2.0), (2.6, 3.0)], lines=["a", "b"]).until(10)
    assert play.spoken[1][0] == pytest.approx(4.2, abs=0.03)
    assert play.person.agent_turns == 1


def test_an_agent_that_speaks_before_the_person_is_answered_too() -> None:
    play = Play([(0.1, 2.0)], lines=["a", "b"]).until(6)
    assert play.spoken[0][0] == 0.3
    assert play.spoken[1][0] == pytest.approx(3.2, abs=0.03)


def test_what_the_agent_said_before_the_line_ended_does_not_answer_it() -> None:
    play = Play([(0.1, 0.4)], lines=["a", "b"]).until(6)
    assert len(play.spoken) == 1


def test_hangs_up_after_the_last_line_was_answered() -> None:
    play = Play([(1.0, 2.0)], after_lines="hangup").until(10)
    assert play.hung_up == pytest.approx(2.0 + 0.7 + 1.0, abs=0.03)


def test_a_silent_person_says_nothing_and_may_still_leave() -> None:
    assert Play([(1.0, 2.0)], silent=True).until(10).spoken == []
    play = Play([(1.0, 2.0)], silent=True, after_lines="hangup").until(10)
    assert play.hung_up == pytest.approx(3.7, abs=0.03)


def test_hangs_up_after_so_many_lines() -> None:
    play = Play([(1.0, 2.0)], lines=["a", "b", "c"], hangs_up_after_lines=2).until(10)
    assert play.person.said == ["a", "b"]
    assert play.hung_up == pytest.approx(play.spoken[1][1], abs=0.03)


def test_hangs_up_after_so_many_seconds_in_mid_sentence() -> None:
    play = Play(lines=["one two three four"], talk_seconds=0.56).until(10)
    assert play.hung_up == pytest.approx(0.56, abs=0.03)
    assert play.person.said == ["one two"]


def test_interrupts_every_second_turn_once() -> None:
    play = Play([(1.0, 1.5), (3.5, 8.0), (10.5, 14.0)], lines=["a", "b", "c", "d"], interrupts_after_ms=600).until(20)
    starts = [start for start, _ in play.spoken]
    assert starts[1] == pytest.approx(1.5 + 1.2, abs=0.03)  # the first turn is heard out
    assert starts[2] == pytest.approx(3.5 + 0.6, abs=0.03)  # the second is not
    assert starts[3] == pytest.approx(8.0 + 1.2, abs=0.03)  # but only once


def test_a_line_that_is_not_ready_is_waited_for() -> None:
    clips: list[bytes | None] = [None] * 5
    play = Play(clip=lambda _: clips.pop() if clips else LOUD * 800).until(2)
    assert play.spoken == [(0.4, 0.5)]


def test_a_voicemail_greets_beeps_and_records_for_a_minute() -> None:
    play = Play(answers="voicemail", greeting="Leave a message").until(70)
    assert play.spoken == [(0.3, 1.3)]  # greeting and beep, half a second each
    assert play.person.said == ["Leave a message"]
    assert play.person.message_over
    assert play.hung_up == pytest.approx(61.28, abs=0.03)


def test_a_voicemail_may_be_without_beep_or_words() -> None:
    assert Play(answers="voicemail", beep=False).until(5).spoken == [(0.3, 0.8)]
    assert Play(answers="voicemail", silent=True).until(5).spoken == [(0.3, 0.8)]
    nothing = Play(answers="voicemail", silent=True, beep=False).until(5)
    assert nothing.spoken == []
    assert nothing.person.message_over


def test_a_person_is_no_machine() -> None:
    play = Play().until(2)
    assert isinstance(play.person, Human)
    assert not play.person.message_over


@pytest.mark.parametrize(
    ("person", "mode", "expected"),
    [
        ({}, "Enable", Expected("human", 2.5)),
        ({}, "DetectMessageEnd", Expected("human", 2.5)),
        ({"amd_after_ms": 31000}, "Enable", Expected("unknown", 30)),
        ({"answers": "voicemail"}, "Enable", Expected("machine_start", 2.5)),
        ({"answers": "voicemail"}, "DetectMessageEnd", Expected("machine_end_beep", 0, from_message_end=True)),
        ({"answers": "voicemail", "beep": False}, "DetectMessageEnd", Expected("machine_end_silence", 1.2, True)),
        ({"answers": "voicemail", "amd": "human", "amd_after_ms": 100}, "DetectMessageEnd", Expected("human", 0.1)),
        ({"amd": "machine_start", "amd_after_ms": 0}, "DetectMessageEnd", Expected("machine_end_silence", 0)),
        ({"amd": "fax", "amd_after_ms": 0}, "Enable", Expected("fax", 0)),
    ],
)  # fmt: skip
def test_machine_detection(person: dict[str, object], mode: str, expected: Expected) -> None:
    detection = Detection(mode, asynchronous=True, callback=None, timeout=30)
    assert expect(Person.model_validate(person), detection) == expected


class Words:
    def feed(self, mulaw: bytes) -> list[str]:
        return mulaw.decode().split()


def test_a_pause_or_a_clear_begins_a_new_utterance() -> None:
    listener = Listener(Words())
    listener.hear(1.0, b"Hello", True)
    listener.hear(1.6, b"Sarah", True)
    listener.hear(2.5, b"Are", True)
    listener.cut()
    listener.hear(2.6, b"Sorry", True)
    assert listener.heard == ["Hello Sarah", "Are", "Sorry"]
    assert listener.seconds == pytest.approx(0.08)
