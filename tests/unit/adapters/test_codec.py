"""The codec: any record comes back from DynamoDB's form as it was."""

import json
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calling.adapters.dynamodb import codec
from calling.domain.agent import Agent, HistoryDisclosure, Number, VoicemailAction
from calling.domain.call import Call, CallStatus, CarrierStatus, Direction, EndedReason, TimelineEntry
from calling.domain.delivery import Delivery, DeliveryStatus
from calling.domain.phone_number import PhoneNumber

words = st.text(max_size=20)
times = st.integers(0, 10**13)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=8,
)
json_objects = st.dictionaries(words, json_values, max_size=4)
numbers = st.from_regex(r"\+[1-9][0-9]{6,14}", fullmatch=True).map(PhoneNumber)
notes = st.builds(TimelineEntry, at=times, event=words, reason=st.none() | words, details=json_objects)
calls = st.builds(
    Call,
    account_id=words,
    call_id=words,
    agent_id=words,
    direction=st.sampled_from(Direction),
    from_number=numbers,
    to_number=numbers,
    created_at=times,
    prompt=words,
    version=st.integers(0, 99),
    status=st.sampled_from(CallStatus),
    dynamic_vars=st.dictionaries(words, words, max_size=3),
    metadata=st.none() | json_objects,
    voicemail_action=st.sampled_from(VoicemailAction),
    voicemail_message=st.none() | words,
    amd_enabled=st.booleans(),
    task_token=st.none() | words,
    carrier_status=st.none() | st.sampled_from(CarrierStatus),
    ended_reason=st.none() | st.sampled_from(EndedReason),
    successful=st.none() | st.booleans(),
    voice_to_voice_ms=st.lists(times, max_size=3).map(tuple),
    extracted_data=st.none() | json_objects,
    timeline=st.lists(notes, max_size=3).map(tuple),
)


def through_dynamodb(item: codec.Item) -> codec.Item:
    """An item as it comes back: other objects, and numbers in the shortest form."""
    shaped: codec.Item = json.loads(json.dumps(item))
    return shaped


@settings(max_examples=60, deadline=None)
@given(calls)
def test_any_call_comes_back_as_it_was(call: Call) -> None:
    assert codec.decode(Call, through_dynamodb(codec.encode(call))) == call


def test_every_kind_of_record_comes_back_as_it_was() -> None:
    number = PhoneNumber("+15550100001")
    for record in (
        Agent("a", "b", 1, temperature=0.1, history_disclosure=HistoryDisclosure.ON_ANSWER, boosted_keywords=("x", "")),
        Number("a", "b", number, 1, voicemail_action=VoicemailAction.IGNORE),
        Delivery("a", "b", "c", "d", "e", "f", 1, status=DeliveryStatus.DEAD, last_status=503),
    ):
        assert codec.decode(type(record), through_dynamodb(codec.encode(record))) == record


def test_none_is_left_out() -> None:
    item = codec.encode(TimelineEntry(1, "dialing"))
    assert item == {"at": {"N": "1"}, "event": {"S": "dialing"}, "details": {"S": "{}"}}
    assert codec.encode_field(Call, "task_token", None) is None
    with pytest.raises(KeyError):
        codec.encode_field(Call, "no_such_field", 1)


@dataclass(frozen=True)
class Older:
    name: str


@dataclass(frozen=True)
class Newer:
    name: str
    count: int = 7
    note: str | None = "is there by default"
    extra: dict[str, Any] = field(default_factory=dict)


def test_fields_may_be_added_and_foreign_attributes_are_skipped() -> None:
    item = codec.encode(Older("x")) | {"pk": {"S": "p"}, "ttl": {"N": "1"}}
    assert codec.decode(Newer, item) == Newer("x", 7, None, {})
