"""The itemised estimate of a call's cost."""

from dataclasses import replace

import pytest

from calling.domain.call import Call, CarrierStatus, Direction
from calling.domain.cost import cost
from calling.domain.model_usage import ModelUsage
from calling.domain.phone_number import PhoneNumber
from calling.domain.transcript import Turn

CALL = Call(
    account_id="acct_1",
    call_id="call_1",
    agent_id="agent_1",
    direction=Direction.OUTBOUND,
    from_number=PhoneNumber("+447700900123"),
    to_number=PhoneNumber("+447386172392"),
    created_at=0,
    prompt="p" * 400,
    answered_at=1_000,
    media_opened_at=1_000,
    media_closed_at=62_000,
    carrier_ended_at=62_000,
    carrier_status=CarrierStatus.COMPLETED,
)
TURNS = (Turn(0, "agent", "a" * 1_000, 0, 1), Turn(1, "caller", "c" * 400, 1, 2), Turn(2, "agent", "a" * 1_000, 2, 3))


def items(call: Call, turns: tuple[Turn, ...] = TURNS) -> dict[str, tuple[float, float | None]]:
    return {i.item: (i.quantity, i.amount) for i in cost(call, turns).items}


def test_an_answered_call_of_61_seconds() -> None:
    found = items(CALL)
    assert found["carrier"] == (2, 0.028)
    assert found["machine_detection"] == (1, 0.0075)
    assert found["media_stream"] == (2, 0.0088)
    assert found["transcription"][0] == pytest.approx(61 / 60, abs=1e-4)
    assert found["transcription"][1] == pytest.approx(0.024 * 61 / 60, abs=1e-5)
    assert found["speech"] == (2_000, 0.032)
    assert cost(CALL, TURNS).total == pytest.approx(sum(amount or 0 for _, amount in found.values()))


def test_tokens_are_priced_by_their_model_as_they_were_counted() -> None:
    used = (
        ModelUsage("claude-haiku-5-5", 10_000, 2_000, 30_000, 400),
        ModelUsage("claude-sonnet-5-5-20260928", output_tokens=100),
    )
    lines = {(i.item, i.model): i for i in cost(replace(CALL, model_usage=used), TURNS).items if i.model}
    assert {key: line.amount for key, line in lines.items()} == {
        ("model_input", "claude-haiku-5-5"): 0.001,
        ("model_cache_write", "claude-haiku-5-5"): 0.00025,
        ("model_cache_read", "claude-haiku-5-5"): 0.0003,
        ("model_output", "claude-haiku-5-5"): 0.0002,
        ("model_output", "claude-sonnet-5-5-20260928"): 0.001,
    }
    assert {line.basis for line in lines.values()} == {"measured"}


def test_a_model_nobody_knows_the_price_of_has_none_and_is_not_in_the_total() -> None:
    unknown = cost(replace(CALL, model_usage=(ModelUsage("claude-next-6", 5_000, output_tokens=10),)), TURNS)
    lines = [i for i in unknown.items if i.model]
    assert [(i.quantity, i.unit_price, i.amount) for i in lines] == [(5_000, None, None), (10, None, None)]
    assert unknown.total == pytest.approx(sum(i.amount or 0 for i in unknown.items if not i.model))


def test_tokens_nobody_counted_are_estimated_and_say_so() -> None:
    found = items(CALL)
    # Two requests: the prompt both times, the second with 1,400 characters of transcript.
    assert found["model_input"][0] == 2 * 1_000 + 400 // 3 + 1_800 // 3
    assert found["model_output"][0] == 667
    assert {i.basis for i in cost(CALL, TURNS).items if i.item.startswith("model")} == {"estimated"}


@pytest.mark.parametrize(("model", "priced"), [("claude-sonnet-5-5", True), ("claude-next-6", False)])
def test_a_lost_session_took_its_count_along_though_its_summary_was_counted(model: str, priced: bool) -> None:
    summary = ModelUsage(model, 900, output_tokens=70)
    lost = cost(replace(CALL, media_closed_at=None, model_usage=(summary,)), TURNS)
    lines = [(i.item, i.quantity, i.basis, i.unit_price is not None) for i in lost.items if i.model == model]
    assert lines == [
        ("model_input", 900, "measured", priced),
        ("model_output", 70, "measured", priced),
        ("model_input", 2_733, "estimated", priced),
        ("model_output", 667, "estimated", priced),
    ]


def test_what_never_connected_costs_nothing() -> None:
    assert cost(replace(CALL, answered_at=None), ()).items == ()
    assert cost(replace(CALL, answered_at=None), ()).total == 0


def test_inbound_has_its_own_price_and_no_machine_detection() -> None:
    found = items(replace(CALL, direction=Direction.INBOUND))
    assert found["carrier"] == (2, 0.017)
    assert "machine_detection" not in found


def test_transcription_is_billed_for_15_seconds_at_least() -> None:
    assert items(replace(CALL, media_closed_at=2_000))["transcription"][0] == 0.25


def test_a_call_whose_media_never_came_up() -> None:
    assert set(items(replace(CALL, media_opened_at=None), ())) == {"carrier", "machine_detection"}


def test_what_the_carrier_billed_takes_the_place_of_the_estimate() -> None:
    billed = cost(replace(CALL, carrier_price=0.0176), TURNS)
    (line,) = [i for i in billed.items if i.item == "carrier"]
    assert (line.amount, line.basis, line.unit) == (0.0176, "billed", "call")
    assert billed.total == pytest.approx(cost(CALL, TURNS).total - 0.028 + 0.0176)


@pytest.mark.parametrize(("price", "lines"), [(None, 0), (0.0, 0), (0.001, 1)])
def test_a_call_that_never_connected_costs_what_was_billed(price: float | None, lines: int) -> None:
    found = cost(replace(CALL, answered_at=None, carrier_price=price), ())
    assert len(found.items) == lines
    assert found.total == (price or 0)
