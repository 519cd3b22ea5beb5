"""What a recipient becomes: each call moves them once, and never beyond their budget."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calling.domain import carrier_codes
from calling.domain.attempts import MAX_TRIES_OVER_BUDGET, begun, ended, given_up, outcome_of, put_off, revived
from calling.domain.blocked import Blocked, accepted, refused
from calling.domain.call import Call, CallStatus, Direction, EndedReason
from calling.domain.campaign import Campaign, CampaignStatus, RetryOn
from calling.domain.carrier_codes import Fault
from calling.domain.due import Due
from calling.domain.phone_number import PhoneNumber
from calling.domain.recipient import (
    KEPT_DECISIONS,
    Decision,
    Recipient,
    RecipientState,
    Verdict,
    attempt_id,
    decided,
)

NOW = 1_800_000_000_000
TO = PhoneNumber("+447386172392")
FROM = PhoneNumber("+447700900123")
CAMPAIGN = Campaign(
    "acct_1", "camp_1", "agent_1", FROM, NOW, max_attempts=3, retry_on=tuple(RetryOn), retry_delay_minutes=30
)
WAITING = Recipient("acct_1", "camp_1", 0, TO, zones=("Europe/London",))
DIAL = Due(Verdict.DIAL, "it is due")
LINE = begun(WAITING, attempt_id("camp_1", 0, 1), DIAL, NOW)
ENDS = [status for status in CallStatus if status.is_terminal]


def call(recipient: Recipient = LINE, **facts: Any) -> Call:
    known = recipient.call_id or "call_none"
    made = Call("acct_1", known, "agent_1", Direction.OUTBOUND, FROM, TO, NOW, campaign_id="camp_1", recipient=0)
    return replace(made, **facts)


def asked(status: CallStatus, recipient: Recipient = LINE, **facts: Any) -> Call:
    return call(recipient, status=status, dial_started_at=NOW, **facts)


E = EndedReason
never = st.sampled_from((None, E.EXPIRED, E.SUPPRESSED, E.OUTSIDE_WINDOW, E.ERROR, E.CANCELED))
codes = st.one_of(st.none(), st.none(), st.sampled_from([*carrier_codes.TWILIO, 99999]))
facts = st.fixed_dictionaries(
    {
        "status": st.sampled_from(list(CallStatus)),
        "dial_started_at": st.sampled_from((None, NOW)),
        "never_dialled": never,
        "put_back": st.booleans(),
        "dial_error_code": codes,
        "twilio_call_sid": st.sampled_from((None, "CA1")),
        "sip_response_code": st.sampled_from((None, 404, 486)),
        "voicemail_method": st.sampled_from((None, "carrier", "speech")),
    }
)
campaigns = st.builds(
    lambda attempts, on, delay, status: replace(
        CAMPAIGN, max_attempts=attempts, retry_on=tuple(sorted(on)), retry_delay_minutes=delay, status=status
    ),
    st.integers(1, 10),
    st.sets(st.sampled_from(list(RetryOn))),
    st.integers(0, 100),
    st.sampled_from((CampaignStatus.RUNNING, CampaignStatus.RUNNING, CampaignStatus.PAUSED, CampaignStatus.CANCELED)),
)


@settings(max_examples=120, deadline=None)
@given(campaigns, st.lists(facts, min_size=1, max_size=8))
def test_a_life_of_attempts(campaign: Campaign, calls: list[dict[str, Any]]) -> None:
    """However its calls end: each moves it once, its budget is kept, and what is over stays over."""
    recipient, now = WAITING, NOW
    for number, end in enumerate(calls, 1):
        if recipient.state.is_terminal or recipient.attempts >= campaign.max_attempts:
            break
        now += 1
        recipient = begun(recipient, attempt_id("camp_1", 0, number), DIAL, now)
        over = call(recipient, **end)
        after = ended(campaign, recipient, over, now)
        if not over.status.is_terminal:
            assert after is recipient
            over = replace(over, status=CallStatus.FAILED)
            after = ended(campaign, recipient, over, now)
        assert after is not recipient
        assert ended(campaign, after, over, now + 1) is after
        assert after.state is not RecipientState.IN_FLIGHT
        assert (after.due_at is None) == after.state.is_terminal
        accounts = over.refusal in (Fault.ACCOUNT, Fault.COUNTRY)
        assert after.attempts == recipient.attempts + (over.dial_started_at is not None and not accounts)
        assert after.attempts <= campaign.max_attempts
        assert after.tries == number
        assert len(after.decisions) <= KEPT_DECISIONS
        assert after.decisions[-1].reason == after.reason
        if after.state.is_terminal:
            assert put_off(after, Due(Verdict.WAIT, "later", at=now), now, look_again=now) is after
            assert given_up(after, Due(Verdict.NEVER, "no", end=EndedReason.CANCELED), now) is after
        recipient = after
    if recipient.attempts >= campaign.max_attempts and not recipient.state.is_terminal:
        # only a try that was put back leaves one pending with nothing left, and none is begun then
        assert recipient.attempts == campaign.max_attempts


STATES = [
    (CallStatus.COMPLETED, {}, RecipientState.COMPLETED, "completed"),
    (CallStatus.COMPLETED, {"voicemail_method": "speech"}, RecipientState.VOICEMAIL, "voicemail"),
    (CallStatus.BUSY, {}, RecipientState.BUSY, "busy"),
    (CallStatus.NO_ANSWER, {}, RecipientState.NO_ANSWER, "no-answer"),
    (CallStatus.FAILED, {}, RecipientState.FAILED, "failed"),
    (CallStatus.UNKNOWN, {}, RecipientState.FAILED, "unknown"),
    (CallStatus.CANCELED, {}, RecipientState.CANCELED, "canceled"),
]


@pytest.mark.parametrize(("status", "more", "state", "word"), STATES)
def test_an_outcome_is_a_state_where_nothing_is_tried_again(
    status: CallStatus, more: dict[str, Any], state: RecipientState, word: str
) -> None:
    over = asked(status, **more)
    after = ended(replace(CAMPAIGN, retry_on=()), LINE, over, NOW + 5)
    assert (after.state, after.outcome, after.attempts, after.due_at) == (state, word, 1, None)
    assert after.last_ended_at == NOW + 5
    assert outcome_of(over) == word


@pytest.mark.parametrize(("status", "more", "state", "word"), STATES)
def test_an_outcome_is_tried_again_where_the_campaign_says_so_until_the_budget_is_used(
    status: CallStatus, more: dict[str, Any], state: RecipientState, word: str
) -> None:
    after = ended(CAMPAIGN, LINE, asked(status, **more), NOW)
    if word not in {r.value for r in RetryOn}:
        assert after.state is state
        return
    at = NOW + 30 * 60_000
    assert (after.state, after.due_at, after.retry_at, after.attempts) == (RecipientState.PENDING, at, at, 1)
    others = tuple(r for r in RetryOn if r.value != word)
    assert ended(replace(CAMPAIGN, retry_on=others), LINE, asked(status, **more), NOW).state is state
    last = replace(LINE, attempts=2)
    assert ended(CAMPAIGN, last, asked(status, last, **more), NOW).state is state
    over = replace(CAMPAIGN, status=CampaignStatus.CANCELED)
    assert ended(over, LINE, asked(status, **more), NOW).state is state


@pytest.mark.parametrize("code", list(carrier_codes.TWILIO))
def test_a_refused_number_is_never_tried_again_and_the_accounts_faults_cost_nobody_an_attempt(code: int) -> None:
    after = ended(CAMPAIGN, LINE, asked(CallStatus.FAILED, dial_error_code=code), NOW)
    fault = carrier_codes.fault(code)
    never = fault in (Fault.NUMBER, Fault.BLOCKED)
    assert after.state is (RecipientState.FAILED if never else RecipientState.PENDING)
    assert after.attempts == (fault not in (Fault.ACCOUNT, Fault.COUNTRY))
    assert f"(Twilio {code})" in after.reason
    placed = asked(CallStatus.FAILED, dial_error_code=code, twilio_call_sid="CA1")  # it was placed all the same
    assert ended(CAMPAIGN, LINE, placed, NOW).attempts == 1


REFUSED = asked(CallStatus.FAILED, dial_error_code=21216)
AMERICAN = replace(LINE, country="US")


def test_a_blocked_number_whose_country_is_held_or_was_lifted_since_waits_again() -> None:
    for campaign in (replace(CAMPAIGN, held_countries=("US",)), replace(CAMPAIGN, lifted_at=NOW + 1)):
        after = ended(campaign, AMERICAN, REFUSED, NOW + 2)
        assert (after.state, after.attempts, after.outcome) == (RecipientState.PENDING, 0, None)
    for campaign in (replace(CAMPAIGN, held_countries=("GB",)), replace(CAMPAIGN, lifted_at=NOW - 1)):
        after = ended(campaign, AMERICAN, REFUSED, NOW + 2)
        assert (after.state, after.attempts, after.outcome) == (RecipientState.FAILED, 1, "failed")


def test_who_was_taken_for_blocked_is_as_before_that_call() -> None:
    busy = ended(CAMPAIGN, AMERICAN, asked(CallStatus.BUSY), NOW)
    again = begun(busy, attempt_id("camp_1", 0, 2), DIAL, NOW)
    blocked = ended(CAMPAIGN, again, replace(REFUSED, call_id=again.call_id or ""), NOW)
    assert (blocked.state, blocked.attempts, blocked.outcome) == (RecipientState.FAILED, 2, "failed")
    after = revived(blocked, NOW + 9)
    assert (after.state, after.attempts, after.outcome) == (RecipientState.PENDING, 1, "busy")
    assert after.due_at == NOW + 9
    assert revived(after, NOW + 10) is after, "once"


@given(campaigns, facts)
def test_nobody_else_is_revived(campaign: Campaign, end: dict[str, Any]) -> None:
    over = asked(**end) if end.pop("dial_started_at") else call(LINE, **end)
    after = ended(campaign, LINE, over, NOW)
    if over.refusal is not Fault.BLOCKED:
        assert revived(after, NOW) is after


def test_three_in_a_row_are_the_accounts() -> None:
    known: dict[str, Blocked] = {}
    for row, at in ((7, 10), (8, 11), (8, 11)):
        known = refused(known, "US", row, at)
        assert not known["US"].by_account
    assert accepted(known, "US", 11) == known, "it was dialled no later"
    assert accepted(known, "GB", 12) == known
    assert refused(known, "US", 9, 12)["US"].by_account
    assert not refused(known, "CA", 9, 12)["CA"].by_account
    assert accepted(known, "US", 12) == {}


@given(campaigns, st.sampled_from(ENDS), never)
def test_what_is_put_back_consumes_nothing(campaign: Campaign, status: CallStatus, end: EndedReason | None) -> None:
    line = replace(LINE, attempts=0, retry_at=NOW - 1)
    after = ended(campaign, line, call(line, status=status, never_dialled=end, put_back=True), NOW)
    assert (after.state, after.attempts, after.due_at) == (RecipientState.PENDING, 0, NOW)
    assert (after.outcome, after.retry_at) == (line.outcome, line.retry_at)


def test_what_was_asked_of_the_carrier_is_an_attempt_whoever_wanted_it_back() -> None:
    after = ended(replace(CAMPAIGN, retry_on=()), LINE, asked(CallStatus.UNKNOWN, put_back=True), NOW)
    assert (after.state, after.attempts) == (RecipientState.FAILED, 1)


def test_it_is_not_put_back_for_ever() -> None:
    recipient, tries = WAITING, 0
    while recipient.state is RecipientState.PENDING:
        tries += 1
        recipient = begun(recipient, attempt_id("camp_1", 0, tries), DIAL, NOW)
        over = call(recipient, status=CallStatus.CANCELED, never_dialled=EndedReason.OUTSIDE_WINDOW, put_back=True)
        recipient = ended(CAMPAIGN, recipient, over, NOW)
        assert tries <= CAMPAIGN.max_attempts + MAX_TRIES_OVER_BUDGET
    assert tries == CAMPAIGN.max_attempts + MAX_TRIES_OVER_BUDGET
    assert (recipient.state, recipient.attempts, recipient.due_at) == (RecipientState.FAILED, 0, None)
    assert f"{tries} times" in recipient.reason


CALLED_OFF = [
    (EndedReason.EXPIRED, CallStatus.CANCELED, RecipientState.SKIPPED),
    (EndedReason.SUPPRESSED, CallStatus.CANCELED, RecipientState.SKIPPED),
    (EndedReason.OUTSIDE_WINDOW, CallStatus.CANCELED, RecipientState.SKIPPED),
    (EndedReason.CANCELED, CallStatus.CANCELED, RecipientState.CANCELED),
    (None, CallStatus.CANCELED, RecipientState.CANCELED),  # somebody hung up before it was dialled
]


@pytest.mark.parametrize(("end", "status", "state"), CALLED_OFF)
def test_what_was_never_asked_is_no_attempt(end: EndedReason | None, status: CallStatus, state: RecipientState) -> None:
    over = call(status=status, never_dialled=end, never_dialled_why="because")
    after = ended(CAMPAIGN, LINE, over, NOW)
    assert (after.state, after.attempts, after.outcome, after.reason) == (state, 0, None, "because")


@pytest.mark.parametrize("end", [EndedReason.ERROR, None])
def test_a_fault_of_ours_before_the_request_costs_nobody_their_call(end: EndedReason | None) -> None:
    over = call(status=CallStatus.FAILED, never_dialled=end, never_dialled_why="no secrets")
    after = ended(CAMPAIGN, LINE, over, NOW)
    assert (after.state, after.attempts, after.due_at) == (RecipientState.PENDING, 0, NOW)
    assert after.reason.endswith("just before it was dialled: no secrets")


@pytest.mark.parametrize("end", [EndedReason.EXPIRED, EndedReason.SUPPRESSED, EndedReason.FAILED, EndedReason.ERROR])
def test_who_was_called_before_stays_what_their_last_call_made_them(end: EndedReason) -> None:
    tried = replace(WAITING, attempts=1, outcome="no-answer")
    assert given_up(tried, Due(Verdict.NEVER, "no", end=end), NOW).state is RecipientState.NO_ANSWER
    canceled = Due(Verdict.NEVER, "no", end=EndedReason.CANCELED)
    assert given_up(tried, canceled, NOW).state is RecipientState.CANCELED


def test_another_ones_call_changes_nothing() -> None:
    stranger = replace(asked(CallStatus.BUSY), call_id="call_other")
    assert ended(CAMPAIGN, LINE, stranger, NOW) is LINE
    assert ended(CAMPAIGN, WAITING, asked(CallStatus.BUSY), NOW) is WAITING


@pytest.mark.parametrize("status", [s for s in CallStatus if not s.is_terminal])
def test_a_call_that_goes_on_changes_nothing(status: CallStatus) -> None:
    assert ended(CAMPAIGN, LINE, asked(status), NOW) is LINE


def test_a_wait_is_until_its_moment_and_a_hold_until_somebody_looks_again() -> None:
    wait = put_off(WAITING, Due(Verdict.WAIT, "shut", at=NOW + 9), NOW, look_again=NOW + 5)
    assert (wait.state, wait.due_at, wait.reason) == (RecipientState.PENDING, NOW + 9, "shut")
    hold = put_off(WAITING, Due(Verdict.HOLD, "paused"), NOW, look_again=NOW + 5)
    assert (hold.state, hold.due_at, hold.reason) == (RecipientState.PENDING, NOW + 5, "paused")
    skipped = put_off(WAITING, Due(Verdict.NEVER, "late", end=EndedReason.EXPIRED), NOW, look_again=NOW + 5)
    assert (skipped.state, skipped.due_at, skipped.reason) == (RecipientState.SKIPPED, None, "late")


decisions = st.builds(Decision, st.integers(0, 99), st.sampled_from(list(Verdict)), st.sampled_from(("a", "b")))


@given(st.lists(decisions, max_size=60))
def test_decisions_are_few_and_say_nothing_twice(made: list[Decision]) -> None:
    recipient, told = WAITING, list[Decision]()
    for decision in made:
        recipient = replace(recipient, decisions=decided(recipient, decision))
        if told and (told[-1].verdict, told[-1].reason) == (decision.verdict, decision.reason):
            told.pop()
        told.append(decision)
    assert list(recipient.decisions) == told[-KEPT_DECISIONS:]
    assert len(recipient.decisions) <= KEPT_DECISIONS


def test_whoever_makes_a_try_again_makes_the_same_call() -> None:
    names = {attempt_id(campaign, index, n) for campaign in ("c1", "c2") for index in range(12) for n in range(1, 12)}
    assert len(names) == 2 * 12 * 11
    assert attempt_id("c1", 1, 11) != attempt_id("c1", 11, 1)
    assert LINE.call_id == attempt_id("camp_1", 0, 1)
