"""The machine's clock and chance keep the forms their port promises."""

import re

from calling.adapters.clock import SystemClock, SystemIds


def test_time_is_epoch_milliseconds_and_waiting_takes_no_negative() -> None:
    clock = SystemClock()
    before = clock.now()
    clock.sleep(-1)
    assert 1_700_000_000_000 < before <= clock.now() < 4_000_000_000_000


def test_ids_and_secrets_have_their_form_and_differ() -> None:
    ids = SystemIds()
    made = {ids.new("call") for _ in range(50)}
    assert len(made) == 50
    assert all(re.fullmatch(r"call_[0-9a-f]{24}", one) for one in made)
    assert re.fullmatch(r"[\w-]{43}", ids.secret())
    assert ids.secret() != ids.secret()
