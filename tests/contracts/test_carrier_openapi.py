"""The carrier's fields, values and parameters against Twilio's published OpenAPI description.

The tables hold its facts (twilio-oai, spec/json/twilio_api_v2010.json: the schemas `api.v2010.account.call` and
`api.v2010.account.incoming_phone_number`, the requests CreateCall, UpdateCall, ListCall): names, kinds and enum values.
The installed `twilio` package is generated from a later state of the same file, so it is read too: when Twilio adds a
field, the upgrade of the package fails here first.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import AsyncIterator
from email.utils import parsedate_to_datetime
from typing import Any, Final

import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.rest.api.v2010.account import call as call_classes
from twilio.rest.api.v2010.account import incoming_phone_number as number_classes

from infra.local.carrier.params import EVENTS
from infra.local.carrier.resources import TERMINAL
from tests.contracts.carrier_world import ACCOUNT, OURS, THEIRS, TOKEN, World, carrier_world

# Kinds: text, time (RFC 2822), flag, map, method, uri; two capitals: a SID with that prefix. All but sid and uri may be
# null; an empty text stands for null where Twilio itself shows one.
CALL: Final = {
    "sid": "CA", "account_sid": "AC", "parent_call_sid": "CA", "phone_number_sid": "PN", "group_sid": "GP",
    "trunk_sid": "TK", "date_created": "time", "date_updated": "time", "start_time": "time", "end_time": "time",
    "to": "text", "to_formatted": "text", "from": "text", "from_formatted": "text", "status": "text",
    "duration": "text", "price": "text", "price_unit": "text", "direction": "text", "answered_by": "text",
    "api_version": "text", "forwarded_from": "text", "caller_name": "text", "queue_time": "text",
    "stir_verstat": "text", "uri": "text", "subresource_uris": "map",
}  # fmt: skip
NUMBER: Final = {
    "sid": "PN", "account_sid": "AC", "address_sid": "AD", "identity_sid": "RI", "bundle_sid": "BU", "trunk_sid": "TK",
    "emergency_address_sid": "AD", "sms_application_sid": "AP", "voice_application_sid": "AP", "beta": "flag",
    "voice_caller_id_lookup": "flag", "capabilities": "map", "date_created": "time", "date_updated": "time",
    "address_requirements": "text", "api_version": "text", "friendly_name": "text", "phone_number": "text",
    "origin": "text", "status": "text", "type": "text", "uri": "text", "voice_receive_mode": "text",
    "emergency_status": "text", "emergency_address_status": "text", "sms_url": "uri", "sms_fallback_url": "uri",
    "voice_url": "uri", "voice_fallback_url": "uri", "status_callback": "uri", "sms_method": "method",
    "sms_fallback_method": "method", "voice_method": "method", "voice_fallback_method": "method",
    "status_callback_method": "method",
}  # fmt: skip
STATUS: Final = {"queued", "ringing", "in-progress", "completed", "busy", "failed", "no-answer", "canceled"}
UPDATE_STATUS: Final = {"canceled", "completed"}
EVENT: Final = {"initiated", "ringing", "answered", "completed"}
DIRECTION: Final = {"inbound", "outbound-api", "outbound-dial", "trunking-terminating", "trunking-originating"}
NUMBER_VALUES: Final = {
    "address_requirements": {"none", "any", "local", "foreign"},
    "emergency_status": {"Active", "Inactive"},
    "emergency_address_status": {
        "registered", "unregistered", "pending-registration", "registration-failure", "pending-unregistration",
        "unregistration-failure",
    },
    "voice_receive_mode": {"voice", "fax"},
}  # fmt: skip
CREATE: Final = {
    "To", "From", "Method", "FallbackUrl", "FallbackMethod", "StatusCallback", "StatusCallbackEvent",
    "StatusCallbackMethod", "SendDigits", "Timeout", "Record", "RecordingChannels", "RecordingStatusCallback",
    "RecordingStatusCallbackMethod", "SipAuthUsername", "SipAuthPassword", "MachineDetection",
    "MachineDetectionTimeout", "RecordingStatusCallbackEvent", "Trim", "CallerId", "MachineDetectionSpeechThreshold",
    "MachineDetectionSpeechEndThreshold", "MachineDetectionSilenceTimeout", "AsyncAmd", "AsyncAmdStatusCallback",
    "AsyncAmdStatusCallbackMethod", "Byoc", "CallReason", "CallToken", "RecordingTrack", "TimeLimit", "Url", "Twiml",
    "ApplicationSid", "ClientNotificationUrl", "Passports", "RecordingConfigurationId",
}  # fmt: skip
UPDATE: Final = {
    "Url", "Method", "Status", "FallbackUrl", "FallbackMethod", "StatusCallback", "StatusCallbackMethod", "Twiml",
    "TimeLimit",
}  # fmt: skip
LIST: Final = {
    "To", "From", "ParentCallSid", "Status", "StartTime", "StartTime<", "StartTime>", "EndTime", "EndTime<", "EndTime>",
    "PageSize", "Page", "PageToken",
}  # fmt: skip
PAGE: Final = {
    "first_page_uri", "next_page_uri", "previous_page_uri", "page", "page_size", "start", "end", "uri",
}  # fmt: skip
RECORDING: Final = {
    "Record": "true", "RecordingChannels": "dual", "RecordingTrack": "both", "RecordingConfigurationId": "x",
    "RecordingStatusCallback": "https://x.example", "RecordingStatusCallbackMethod": "POST",
    "RecordingStatusCallbackEvent": "completed",
}  # fmt: skip


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with carrier_world() as world:
        yield world


def fits(kind: str, value: object) -> bool:
    """Whether a value is of its kind."""
    if value is None or (value == "" and kind in {"AP", "uri"}):
        return True
    if kind == "time":
        return isinstance(value, str) and parsedate_to_datetime(value).utcoffset() is not None
    if kind in {"flag", "map"}:
        return isinstance(value, bool if kind == "flag" else dict)
    patterns = {"text": r".+", "method": r"GET|POST", "uri": r"https?://.+"}
    return isinstance(value, str) and bool(re.fullmatch(patterns.get(kind, kind + "[0-9a-fA-F]{32}"), value))


def check(resource: dict[str, Any], table: dict[str, str], extra: set[str] = frozenset()) -> None:  # type: ignore[assignment]  # empty
    assert resource.keys() == table.keys() | extra
    assert [name for name, kind in table.items() if not fits(kind, resource[name])] == []
    assert resource["sid"]
    assert resource["uri"].endswith(f"{resource['sid']}.json")


async def raw(world: World, path: str, **query: str) -> dict[str, Any]:
    """An answer as it is, without the client's own reading of it."""
    url = f"/2010-04-01/Accounts/{ACCOUNT}/{path}"
    found: dict[str, Any] = (await world.sim.get(url, params=query, auth=(ACCOUNT, TOKEN))).json()
    return found


LIVES: list[tuple[dict[str, Any], str]] = [
    ({"answers": "busy"}, "busy"),
    ({"answers": "fail"}, "failed"),
    ({"ring_seconds": 30}, "ringing"),
    ({"silent": True}, "in-progress"),
    ({"silent": True, "talk_seconds": 0.1}, "completed"),
]


async def test_a_call_is_described_as_published_wherever_it_stands(world: World) -> None:
    seen = set()
    for person, status in LIVES:
        await world.person(**person)
        sid = (await world.create(machine_detection="Enable")).sid
        seen.add((await raw(world, f"Calls/{sid}.json"))["status"])
        await world.reaches(sid, status)
        shown = await raw(world, f"Calls/{sid}.json")
        check(shown, CALL)
        seen.add(shown["status"])
        assert shown["direction"] in DIRECTION
        assert (shown["duration"] is not None) == (status == "completed")
        assert (shown["end_time"] is not None) == (status == "completed")
    assert seen <= STATUS
    assert {status for _, status in LIVES} <= seen


async def test_a_number_is_described_as_published(world: World) -> None:
    shown = (await raw(world, "IncomingPhoneNumbers.json"))["incoming_phone_numbers"]
    for number in shown:
        check(number, NUMBER, {"subresource_uris"})  # shown by the API, not in the description
        assert number["capabilities"].keys() == {"voice", "sms", "mms", "fax"}
        assert {name for name, values in NUMBER_VALUES.items() if number[name] not in values} == set()


async def test_a_page_is_described_as_published(world: World) -> None:
    await world.person(answers="fail")
    await world.create()
    assert (await raw(world, "Calls.json", PageSize="1")).keys() == PAGE | {"calls"}
    assert (await raw(world, "IncomingPhoneNumbers.json")).keys() == PAGE | {"incoming_phone_numbers"}


def test_the_carriers_own_words_are_the_published_ones() -> None:
    assert set(EVENTS) == EVENT
    assert STATUS - {"queued", "ringing", "in-progress"} == TERMINAL


async def test_every_published_parameter_is_taken_or_refused_by_name(world: World) -> None:
    """None is ignored that would change the call: what the carrier does not do, it says."""
    await world.person(answers="fail")
    usual = {
        "To": THEIRS, "From": OURS, "Twiml": world.twiml(), "Method": "POST", "FallbackUrl": "https://x.example",
        "FallbackMethod": "POST", "StatusCallback": "https://x.example", "StatusCallbackEvent": "completed",
        "StatusCallbackMethod": "POST", "Timeout": "5", "MachineDetection": "Enable", "MachineDetectionTimeout": "5",
        "MachineDetectionSpeechThreshold": "1000", "MachineDetectionSpeechEndThreshold": "500",
        "MachineDetectionSilenceTimeout": "2000", "AsyncAmd": "true", "AsyncAmdStatusCallback": "https://x.example",
        "AsyncAmdStatusCallbackMethod": "POST", "TimeLimit": "60", "CallReason": "x", "CallerId": OURS, "Trim": "x",
        "SendDigits": "1w2",  # it is not heard by anybody here, and switches machine detection off
    }  # fmt: skip
    assert (await post(world, usual)).status_code == 201
    refused = RECORDING | dict.fromkeys(
        ("ApplicationSid", "Byoc", "CallToken", "SipAuthUsername", "SipAuthPassword", "Passports"), "x"
    )
    refused |= {"ClientNotificationUrl": "https://x.example"}
    assert usual.keys() | refused.keys() | {"Url"} == CREATE
    for name, value in refused.items():
        answer = await post(world, {"To": THEIRS, "From": OURS, "Twiml": world.twiml(), name: value})
        assert (answer.status_code, answer.json()["code"]) == (400, 20001), name
        assert "Record" in answer.json()["message"] if name in RECORDING else name in answer.json()["message"]


async def post(world: World, form: dict[str, str]) -> Any:
    return await world.sim.post(f"/2010-04-01/Accounts/{ACCOUNT}/Calls.json", data=form, auth=(ACCOUNT, TOKEN))


async def test_an_update_knows_two_statuses(world: World) -> None:
    await world.person(ring_seconds=30)
    for status in STATUS - UPDATE_STATUS | {"initiated"}:
        sid = (await world.create()).sid
        with pytest.raises(TwilioRestException) as caught:
            await world.ask(world.client.calls(sid).update, status=status)
        assert caught.value.code == 21218
    for status in UPDATE_STATUS:
        sid = (await world.create()).sid
        assert (await world.ask(world.client.calls(sid).update, status=status)).status == "canceled"


def test_the_installed_client_agrees_with_the_tables() -> None:
    calls, numbers = call_classes.CallInstance, number_classes.IncomingPhoneNumberInstance
    assert payload(calls) == set(CALL)
    assert payload(numbers) == set(NUMBER)
    assert values(calls.Status) == STATUS
    assert values(calls.UpdateStatus) == UPDATE_STATUS
    for name, words in NUMBER_VALUES.items():
        kind = "".join(part.title() for part in name.removesuffix("s" if name.endswith("ments") else "").split("_"))
        assert values(getattr(numbers, kind)) == words
    listing = call_classes.CallList
    assert parameters(listing, "_create") == CREATE
    assert parameters(call_classes.CallContext, "_update") == UPDATE
    assert parameters(listing, "page") == LIST


def payload(instance: type) -> set[str]:
    """The properties an instance class reads of an answer."""
    return set(re.findall(r'payload\.get\(\s*"(\w+)"', inspect.getsource(instance.__init__)))  # type: ignore[misc]  # its own __init__


def values(enum: type) -> set[str]:
    """The words of one of the client's enums."""
    return {value for name, value in vars(enum).items() if name.isupper()}


def parameters(kind: type, method: str) -> set[str]:
    """The names under which a method sends its arguments."""
    return set(re.findall(r'"([A-Z]\w+[<>]?)":', inspect.getsource(getattr(kind, method))))
