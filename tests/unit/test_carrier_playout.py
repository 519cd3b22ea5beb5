from infra.local.carrier.audio import FRAME, SILENCE, beep, encode_sample, is_loud
from infra.local.carrier.playout import Playout


def test_sound_of_any_size_comes_out_in_frames() -> None:
    playout = Playout()
    playout.append(b"a" * 100)
    playout.append(b"b" * 100)
    assert playout.tick() == (b"a" * 100 + b"b" * 60, [])
    assert playout.tick() == (b"b" * 40, [])
    assert playout.tick() == (b"", [])


def test_a_mark_is_reached_when_all_before_it_has_been_played() -> None:
    playout = Playout()
    playout.append(b"a" * FRAME)
    playout.mark("one")
    playout.append(b"b" * FRAME)
    playout.mark("two")
    playout.mark("three")
    assert playout.tick() == (b"a" * FRAME, [])
    assert playout.tick() == (b"b" * FRAME, ["one"])
    assert not playout.empty
    assert playout.tick() == (b"", ["two", "three"])
    assert playout.empty


def test_a_mark_in_the_middle_of_a_frame_waits_for_the_frame() -> None:
    playout = Playout()
    playout.append(b"a" * 10)
    playout.mark("early")
    playout.append(b"b" * 300)
    assert playout.tick()[1] == []
    assert playout.tick()[1] == ["early"]


def test_a_mark_behind_no_sound_is_reached_at_once() -> None:
    playout = Playout()
    playout.mark("now")
    assert playout.tick() == (b"", ["now"])


def test_clear_drops_sound_and_gives_marks_back() -> None:
    playout = Playout()
    playout.append(b"a" * 1000)
    playout.mark("one")
    playout.append(b"b" * 1000)
    playout.mark("two")
    playout.tick()
    assert playout.clear() == ["one", "two"]
    assert playout.tick() == (b"", [])
    playout.append(b"c" * FRAME)
    playout.mark("three")
    assert playout.tick() == (b"c" * FRAME, [])
    assert playout.tick() == (b"", ["three"])


def test_loudness() -> None:
    assert not is_loud(SILENCE)
    assert not is_loud(b"")
    assert not is_loud(bytes([encode_sample(100)]) * FRAME)
    assert is_loud(bytes([encode_sample(2000)]) * FRAME)
    assert is_loud(beep()[:FRAME])
    assert len(beep()) == 4000


def test_mu_law_of_known_samples() -> None:
    assert [encode_sample(sample) for sample in (0, -1, 32767, -32768, 1000)] == [0xFF, 0x7F, 0x80, 0x00, 0xCE]
