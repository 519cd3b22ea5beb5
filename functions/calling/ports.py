"""What the use cases need of the world, as protocols. Adapters fulfil them; tests bring fakes with the same suite.

Every method is synchronous. Times are epoch milliseconds. Reads are strongly consistent unless a line says not.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from calling.domain.account import Account, ApiKey
from calling.domain.agent import Agent, Number
from calling.domain.call import Call, CarrierStatus, TimelineEntry
from calling.domain.campaign import Campaign, Counts, Ticket
from calling.domain.ceiling import Ceiling
from calling.domain.contact import Contact, SuppressionSource
from calling.domain.delivery import Delivery
from calling.domain.events import Event
from calling.domain.history import CallSummary
from calling.domain.language_model import LlmAccess, ModelFacts, ModelTraits
from calling.domain.limits import FrequencyCap, Limits
from calling.domain.model_usage import ModelUsage
from calling.domain.phone_number import PhoneNumber
from calling.domain.recipient import Recipient
from calling.domain.routing import Region, Routing
from calling.domain.transcript import Turn
from calling.domain.usage import Usage


class StaleRecord(Exception):
    """The record changed since it was read: read it again and decide again."""


class AlreadyExists(Exception):
    """Another record with this id is there already; adding the very same one again is success."""


@dataclass(frozen=True, slots=True)
class CallQuery:
    """Filters of a call list; None is 'any'. Times are epoch ms, `since` inclusive, `until` exclusive."""

    agent_id: str | None = None
    campaign_id: str | None = None
    direction: str | None = None
    status: str | None = None
    since: int | None = None
    until: int | None = None
    to_number: str | None = None
    sentiment: str | None = None
    successful: bool | None = None
    voicemail_detected: bool | None = None
    voicemail_disagreement: bool | None = None  # the carrier's verdict and ours differ


@dataclass(frozen=True, slots=True)
class CallPage:
    """A page of calls, newest first, and the cursor of the next page (None: that was all)."""

    calls: tuple[Call, ...]
    cursor: str | None


class CallStore(Protocol):
    """Calls with their turns, timeline and outbox."""

    def add(self, call: Call) -> None:
        """Store a new call. Raises AlreadyExists."""

    def get(self, account_id: str, call_id: str) -> Call | None:
        """Read a call with its timeline."""

    def change(
        self,
        call: Call,
        changes: Mapping[str, Any],
        *,
        note: TimelineEntry | None = None,
        outbox: Event | None = None,
        remember: CallSummary | None = None,
        usage: Usage | None = None,
    ) -> Call:
        """Write field changes of a call as it was read, all or nothing, and return the new record.

        `note` is appended to its timeline, `outbox` becomes an outbox item, `remember` an item of the person's
        history, and `usage` is added to the account's, in the same transaction. Raises StaleRecord if the call's
        version is not `call.version` any more.
        """

    def query(self, account_id: str, query: CallQuery, *, limit: int, cursor: str | None = None) -> CallPage:
        """List calls newest first (may lag a second behind writes). Raises InvalidRequest for a foreign cursor."""

    def due(self, now: int, *, limit: int) -> tuple[tuple[str, str], ...]:
        """Find calls of all accounts whose `due_at` has come, as (account_id, call_id), longest due first.

        May lag a second behind writes.
        """

    def add_turn(self, account_id: str, call_id: str, turn: Turn) -> None:
        """Store a turn; the same index again replaces it."""

    def turns(self, account_id: str, call_id: str) -> tuple[Turn, ...]:
        """Read a call's turns in order."""

    def erase(self, account_id: str, call_id: str) -> None:
        """Delete a call with its turns and its outbox, the record last; nothing where there is none."""


@dataclass(frozen=True, slots=True)
class CampaignPage:
    """A page of campaigns, newest first, and the cursor of the next page (None: that was all)."""

    campaigns: tuple[Campaign, ...]
    cursor: str | None


class CampaignStore(Protocol):
    """Campaigns with their recipients and counts.

    A recipient lies in the shard `index % campaign.shards`. Counts follow every change of a recipient's state in the
    same transaction, so that they always add up.
    """

    def add(self, campaign: Campaign) -> None:
        """Store a new campaign. Raises AlreadyExists."""

    def get(self, account_id: str, campaign_id: str) -> Campaign | None:
        """Read a campaign."""

    def change(
        self,
        campaign: Campaign,
        changes: Mapping[str, Any],
        *,
        note: TimelineEntry | None = None,
        outbox: Event | None = None,
        counts: Counts | None = None,
    ) -> Campaign:
        """Write field changes of a campaign as it was read, all or nothing, and return the new record.

        `note` is added to its timeline (the newest KEPT_ENTRIES are kept), `outbox` becomes an outbox item; `counts`
        are the first ones, when its list has been read. Raises StaleRecord.
        """

    def query(self, account_id: str, *, limit: int, cursor: str | None = None) -> CampaignPage:
        """List campaigns newest first (may lag a second). Raises InvalidRequest for a foreign cursor."""

    def active(self) -> tuple[tuple[str, str], ...]:
        """List campaigns of all accounts that still need somebody, as (account_id, campaign_id); may lag a second."""

    def counts(self, campaign: Campaign) -> Counts:
        """Add up how many recipients stand where; all zero before the list has been read."""

    def put_recipients(self, campaign: Campaign, recipients: Sequence[Recipient]) -> None:
        """Store new recipients, any number, counting nothing; the very same ones again change nothing."""

    def recipient(self, campaign: Campaign, index: int) -> Recipient | None:
        """Read a recipient."""

    def recipients(self, campaign: Campaign, indexes: Sequence[int]) -> tuple[Recipient, ...]:
        """Read recipients, those that are there, in the order of their indexes."""

    def due(self, campaign: Campaign, *, until: int, limit: int, latest_first: bool = False) -> tuple[Recipient, ...]:
        """Find pending recipients whose `due_at` is not after `until`, earliest first or latest (may lag a second)."""

    def next_due_at(self, campaign: Campaign) -> int | None:
        """Tell when the earliest pending recipient is due (may lag a second); None where nobody waits."""

    def change_recipient(self, was: Recipient, now: Recipient, *, call: Call | None = None) -> Recipient:
        """Replace a recipient as it was read, move the counts, and add `call`: all or nothing.

        Returns the new record, its version one up. Raises StaleRecord where the recipient has changed meanwhile, or
        the call is there already.
        """

    def count_outcome(self, campaign: Campaign, slot: int, *, failed: bool) -> None:
        """Count a call's end for the circuit breaker, in a numbered part of its window. Kept for an hour."""

    def outcomes(self, campaign: Campaign, slots: Sequence[int]) -> tuple[int, int]:
        """Add up (calls, failures) of some parts."""


class ContactStore(Protocol):
    """Who must not be called, and who was called lately."""

    def get(self, account_id: str, person: PhoneNumber) -> Contact | None:
        """Read what is known; None where nothing is."""

    def many(self, account_id: str, persons: Sequence[PhoneNumber]) -> dict[PhoneNumber, Contact]:
        """Read several at once; those of whom nothing is known are left out."""

    def suppress(
        self,
        account_id: str,
        person: PhoneNumber,
        *,
        at: int,
        by: SuppressionSource,
        why: str | None = None,
        call_id: str | None = None,
    ) -> Contact:
        """Put a person on the do-not-call list; who is on it already stays as they are."""

    def allow(self, account_id: str, person: PhoneNumber) -> bool:
        """Take a person off the list; False where they are not on it."""

    def count_dial(
        self, account_id: str, person: PhoneNumber, call_id: str, *, cap: FrequencyCap, now: int
    ) -> Contact | None:
        """Count a campaign's dial if the person is not suppressed and the cap allows it: one conditional write.

        None: counted. Where this very call was counted before and is dialled only now, its dial moves to `now` and the
        cap is not asked again. Else nothing is written, and what stands in the way is returned.
        """

    def forget_dial(self, account_id: str, person: PhoneNumber, call_id: str) -> None:
        """Count a dial no more that rang nobody; nothing where it is not counted."""


class UsageStore(Protocol):
    """What accounts used, counted by `CallStore.change(usage=…)`; it outlives the calls' records."""

    def months(self, account_id: str) -> tuple[Usage, ...]:
        """Read what was used in each month there was a call in, oldest first."""


class LimitsStore(Protocol):
    """What accounts allow themselves, within what the deployment carries."""

    @property
    def capacity(self) -> int:
        """Calls that the deployment carries at once. No account's cap is read as more, whatever was set."""

    def get(self, account_id: str) -> Limits:
        """Read an account's limits; of what was never set the deployment's defaults, as they are now."""

    def change(self, account_id: str, changes: Mapping[str, Any]) -> Limits:
        """Set these fields of an account's limits, keep the others, and give all of them.

        Raises KeyError for a field that Limits has not.
        """


class PeopleStore(Protocol):
    """What is known of people: past calls, written by `CallStore.change(remember=…)`, and what operators told."""

    def summaries(self, account_id: str, person: PhoneNumber, *, limit: int) -> tuple[CallSummary, ...]:
        """Read a person's last calls, newest first."""

    def forget(self, account_id: str, person: PhoneNumber, *, call_id: str | None = None) -> None:
        """Delete what one past call, or (None) all of them, left behind."""

    def caller(self, account_id: str, our_number: PhoneNumber, person: PhoneNumber) -> dict[str, str] | None:
        """Read what was told of a person for one of our numbers (`domain.caller.FIELDS`); None where nothing was."""

    def change_caller(
        self, account_id: str, our_number: PhoneNumber, person: PhoneNumber, changes: Mapping[str, str | None]
    ) -> dict[str, str]:
        """Set or (None) remove fields, keep the others, and give all of them. Makes the record where there is none."""

    def delete_caller(self, account_id: str, our_number: PhoneNumber, person: PhoneNumber) -> bool:
        """Delete what was told of a person; False where nothing was."""


class AgentStore(Protocol):
    """Agents and their numbers.

    A number belongs to one account of the deployment: its claim stands for as long as the account has the number, or
    was given it by the operator.
    """

    def add_agent(self, agent: Agent) -> None:
        """Store a new agent. Raises AlreadyExists."""

    def get_agent(self, account_id: str, agent_id: str) -> tuple[Agent, tuple[Number, ...]] | None:
        """Read an agent with its numbers, oldest first, in one round trip."""

    def agents(self, account_id: str) -> tuple[Agent, ...]:
        """List agents, oldest first."""

    def put_agent(self, agent: Agent) -> None:
        """Replace an agent that exists."""

    def delete_agent(self, account_id: str, agent_id: str) -> None:
        """Forget an agent. Its numbers must be gone first."""

    def claim_number(self, account_id: str, phone_number: PhoneNumber, *, now: int, until: int) -> bool:
        """Claim a number for an account with one conditional write; False where it is another's.

        The claim ends by itself at `until` (epoch ms) unless the number is stored: whoever dies in between has taken
        it from nobody.
        """

    def drop_claim(self, account_id: str, phone_number: PhoneNumber, *, until: int) -> None:
        """Give up the claim that was made until then, if it is still the same and the number was not stored."""

    def give_number(self, account_id: str, phone_number: PhoneNumber) -> None:
        """Claim a number for good, imported or not: the operator's word. Raises AlreadyExists where it is another's."""

    def add_number(self, number: Number) -> None:
        """Store a new number and its claim. Raises AlreadyExists where it is there already, in any account."""

    def get_number(self, account_id: str, phone_number: PhoneNumber) -> Number | None:
        """Read a number."""

    def numbers(self, account_id: str) -> tuple[Number, ...]:
        """List numbers, oldest first."""

    def put_number(self, number: Number, *, was: Number) -> None:
        """Replace a number; it may have moved to another agent. One stored before there were claims is claimed.

        Raises AlreadyExists where another account has claimed it, StaleRecord where it is not the agent's it was.
        """

    def delete_number(self, number: Number) -> None:
        """Forget a number and its claim at once; what the operator gave to the account stays the account's."""


class AccountStore(Protocol):
    """Accounts and API keys."""

    def add_account(self, account: Account) -> None:
        """Store a new account. Raises AlreadyExists."""

    def get_account(self, account_id: str) -> Account | None:
        """Read an account."""

    def keys(self, account_id: str) -> tuple[ApiKey, ...]:
        """List an account's keys, oldest first."""

    def change_keys(self, account: Account, *, add: ApiKey | None = None, remove: Sequence[ApiKey] = ()) -> None:
        """Add and remove keys (95 at most), all or nothing, where none was since the account was read.

        Raises StaleRecord.
        """

    def rotate_key(self, key: ApiKey, secret_hash: str) -> None:
        """Give a key another secret; its counts stay.

        Raises StaleRecord where it is gone, or has another one already.
        """

    def spend(self, account_id: str, key_id: str, *, secret_hash: str, window: int, write: bool) -> ApiKey | None:
        """Count one request of a key in minute `window` and return the key with its counts, in one round trip.

        None, counting nothing, where there is no such key or its secret is another: whoever knows only a key's id
        cannot use up its owner's allowance.
        """


@dataclass(frozen=True, slots=True)
class Remembered:
    """What is known under an idempotency key. `status` is None while the first request is still in flight."""

    body_hash: str
    status: int | None = None
    body: str = field(default="", repr=False)


class IdempotencyStore(Protocol):
    """First answers by idempotency key, for 24 hours."""

    def begin(self, account_id: str, key: str, body_hash: str, now: int) -> Remembered | None:
        """Claim a key (None: it is ours, go on) or give what is there. A claim in flight is given up after 60 s."""

    def finish(self, account_id: str, key: str, *, status: int, body: str) -> None:
        """Store the first answer of a key that was claimed."""

    def forget(self, account_id: str, key: str) -> None:
        """Give up a claim whose request failed, so that it may be repeated; an answer that is stored stays."""


class DeliveryStore(Protocol):
    """Webhook deliveries."""

    def begin(self, delivery: Delivery) -> Delivery:
        """Store a delivery, or read the one that is there already under this id."""

    def put(self, delivery: Delivery) -> None:
        """Replace a delivery."""

    def get(self, account_id: str, delivery_id: str) -> Delivery | None:
        """Read a delivery."""

    def of_call(self, account_id: str, call_id: str) -> tuple[Delivery, ...]:
        """List a call's deliveries, oldest first."""

    def forget(self, account_id: str, call_id: str) -> None:
        """Delete a call's deliveries."""


class LeasePool(Protocol):
    """Held places under a cap. A holder is a call id."""

    def take(self, account_id: str, pool: str, holder: str, *, cap: int, expires_at: int) -> bool:
        """Take a place, or keep the one this holder has already (True); False when all `cap` places are held.

        The cap may be another one each time: after it was lowered nobody new gets in until fewer than it are held.
        """

    def renew(self, account_id: str, pool: str, holder: str, *, expires_at: int) -> bool:
        """Move a held place's expiry; False, changing nothing, where the holder has none."""

    def release(self, account_id: str, pool: str, holder: str) -> bool:
        """Give a place back; False where the holder has none."""

    def reap(self, account_id: str, pool: str, holder: str, *, now: int) -> bool:
        """Give back a place whose expiry lies before `now`; False where it was renewed, or is not held."""

    def holders(self, account_id: str, pool: str) -> dict[str, int]:
        """Read all holders with their expiries."""

    def pools(self) -> tuple[tuple[str, str], ...]:
        """List the pools of all accounts that are there, as (account_id, pool); may lag a second."""

    def forget(self, account_id: str, pool: str) -> None:
        """Drop a pool that nobody needs any more; one in which places are held stays."""


class Pacer(Protocol):
    """Calls per second of a carrier account."""

    def reserve(self, account_id: str, carrier_account: str, *, now: int, calls_per_second: float) -> int:
        """Reserve the next slot (GCRA) and return its time; slots are never given twice.

        0 calls a second is no limit of ours; what the carrier asked for by `slow_down` holds all the same.
        """

    def has_room(
        self, account_id: str, carrier_account: str, *, now: int, calls_per_second: float, ahead_ms: int
    ) -> bool:
        """Tell whether `admit` would let one more through; counts nothing."""

    def admit(self, account_id: str, carrier_account: str, *, now: int, calls_per_second: float, ahead_ms: int) -> bool:
        """Let a campaign's call through to the dial if no more than `ahead_ms` of the pace is taken already.

        A pace of its own beside the one of `reserve`, at the same rate (0: no limit). False while the carrier's pause
        lasts.
        """

    def slow_down(self, account_id: str, carrier_account: str, *, until: int, reason: str) -> None:
        """Give no slot before `until` (epoch ms), because the carrier said so; an earlier one changes nothing."""

    def slowed(self, account_id: str, carrier_account: str) -> tuple[int, str] | None:
        """Tell until when the carrier last asked for a pause, and why; None where it never did."""


class DialHold(Protocol):
    """The deployment's one hold on new dials, whatever the account; `domain.hold` says when there is one."""

    def note_refusal(self, now: int) -> int | None:
        """Note that the recogniser refused a stream; tell when it did before (epoch ms), None where it never did."""

    def extend(self, until: int, *, now: int) -> bool:
        """Hold until then, unless it is for longer already; True where nobody was held at `now`: a hold begins."""

    def until(self) -> int:
        """Tell until when nobody new is dialled (epoch ms; in the past, or 0, where nobody is held)."""


class CeilingStore(Protocol):
    """How many calls carrier accounts allow at once, as they were learnt; shared by all accounts of the deployment."""

    def get(self, carrier_account: str, *, now: int) -> Ceiling | None:
        """Read what is known of a carrier account; None where nothing is, or not any more."""

    def learn(self, carrier_account: str, live: int, *, now: int) -> Ceiling | None:
        """Note that a call was refused while `live` others lived (`domain.ceiling.learnt`), and give what is known."""


class LineLock(Protocol):
    """A person's line: at most one dial of an account holds it until its call is settled, whatever it dials from.

    Who calls us is on it beside whom we were calling, for they are answered all the same.
    """

    def acquire(self, account_id: str, person: PhoneNumber, holder: str) -> bool:
        """Take the line to oneself, or keep it; False where another call is on it."""

    def join(self, account_id: str, person: PhoneNumber, holder: str) -> None:
        """Come onto the line, whoever is on it."""

    def is_shared(self, account_id: str, person: PhoneNumber, holder: str) -> bool:
        """Tell whether another call than this one is on the line."""

    def release(self, account_id: str, person: PhoneNumber, holder: str) -> None:
        """Leave the line; nothing where the holder is not on it."""


class DialQueue(Protocol):
    """The doorway to the carrier: calls waiting for a place."""

    def send(self, account_id: str, call_id: str, *, delay_seconds: int = 0) -> None:
        """Queue a call; it is handed out after the delay (≤ 900 s), at least once."""


class RecipientQueue(Protocol):
    """The doorway of campaigns, beside that of single calls."""

    def send(self, ticket: Ticket, *, delay_seconds: int = 0) -> None:
        """Queue a recipient; it is handed out after the delay (≤ 900 s), at least once."""


class WatchQueue(Protocol):
    """Calls that ring: each message is one more look at the carrier."""

    def send(self, account_id: str, call_id: str, *, delay_seconds: int = 0) -> None:
        """Have watch_call look at a call after the delay (≤ 900 s), at least once."""


class ExecutionState(StrEnum):
    """Where a call's execution stands."""

    ABSENT = "absent"  # never started, or over for so long that it is forgotten (90 days)
    RUNNING = "running"
    OVER = "over"


class DialWorkflow(Protocol):
    """The state machine that carries one call from dial to summary."""

    def start(self, account_id: str, call_id: str) -> None:
        """Start the call's execution, named by its id. A second start changes nothing."""

    def state(self, call_id: str) -> ExecutionState:
        """Tell where the call's execution stands."""

    def answer(self, token: str, result: Mapping[str, Any]) -> None:
        """Answer a task token. A dead or answered token counts as success."""

    def heartbeat(self, token: str) -> None:
        """Say that the task lives. A dead token counts as success."""


class CampaignWorkflow(Protocol):
    """The state machine that carries a campaign through its passes."""

    def start(self, account_id: str, campaign_id: str, generation: int) -> None:
        """Start an execution, named by campaign and generation. A second start changes nothing."""

    def state(self, campaign_id: str, generation: int) -> ExecutionState:
        """Tell where an execution stands."""

    def answer(self, token: str, result: Mapping[str, Any]) -> None:
        """Answer a task token. A dead or answered token counts as success."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a campaign is started: once at `at` (epoch ms), or by EventBridge's `expression` until `ends_at`."""

    account_id: str
    campaign_id: str
    timezone: str
    at: int | None = None
    expression: str | None = None
    ends_at: int | None = None


class Scheduler(Protocol):
    """Starts campaigns by the clock. It may start one twice."""

    def put(self, schedule: Schedule) -> None:
        """Set a campaign's schedule; the same again changes nothing. Raises InvalidRequest: `invalid_schedule`."""

    def delete(self, campaign_id: str) -> None:
        """Forget a campaign's schedule, whether it is there or not."""


class OpenerTask(Protocol):
    """Starts the preparation of an opener beside the dial."""

    def start(self, account_id: str, call_id: str) -> None:
        """Ask for it and do not wait."""


@dataclass(frozen=True, slots=True)
class CarrierAccount:
    """An account at the carrier: where and as whom to dial, and what its requests to us are signed with.

    With an API key requests go out under the key; what comes in is signed with the token all the same, or with a
    shared key where the operator has set one up. Known by its SID, whatever the region and the credentials.
    """

    sid: str
    auth_token: str = field(repr=False)
    region: Region = Region.US1
    api_key_sid: str | None = None
    api_key_secret: str | None = field(default=None, repr=False)
    other_tokens: tuple[str, ...] = field(default=(), repr=False)  # sign beside `auth_token` while it is being rotated
    shared_keys: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class DialRequest:
    """The one request of an attempt."""

    from_number: PhoneNumber
    to_number: PhoneNumber
    twiml: str = field(repr=False)
    status_callback: str = field(repr=False)
    amd_callback: str | None = field(repr=False)  # None: no machine detection
    machine_detection: str  # Enable | DetectMessageEnd
    detection_seconds: int  # after which it gives up
    speech_threshold_ms: int  # first words at least so long are taken for a machine's
    ring_seconds: int
    time_limit_seconds: int


@dataclass(frozen=True, slots=True)
class CarrierCall:
    """A call as the carrier knows it. `created_at` is epoch ms with a second's resolution."""

    sid: str
    status: CarrierStatus
    to_number: str = field(repr=False)
    from_number: str = field(repr=False)
    created_at: int
    ended_at: int | None = None
    duration_seconds: int | None = None
    answered_by: str | None = None
    queue_time_ms: int | None = None
    price: float | None = None  # in USD, positive; the carrier knows it some time after the end
    error_code: int | None = None  # why it failed, where the carrier says so; only `fetch` asks for it


@dataclass(frozen=True, slots=True)
class CarrierLine:
    """A number as it stands in a carrier account.

    `routing` is None for a verified caller id: calls may show it, but those to it do not pass the carrier.
    """

    sid: str
    voice: bool  # it can be called and can call
    routing: Routing | None = field(repr=False)


class Carrier(Protocol):
    """The telephone company."""

    def dial(self, account: CarrierAccount, request: DialRequest) -> CarrierCall:
        """Place a call. One HTTP request, never repeated here.

        Raises: CarrierRefused, CarrierThrottled (nothing placed); CarrierAmbiguous (perhaps placed).
        """

    def fetch(self, account: CarrierAccount, sid: str) -> CarrierCall | None:
        """Ask about one call; None where the carrier does not know it. Raises CarrierError."""

    def find(
        self, account: CarrierAccount, *, to_number: PhoneNumber, from_number: PhoneNumber, created_after: int
    ) -> tuple[CarrierCall, ...]:
        """Find calls by their two numbers, oldest first, lists may lag. Raises CarrierError."""

    def started_since(self, account: CarrierAccount, since: int) -> Iterator[CarrierCall]:
        """Read all outbound calls that began since then, newest first, page by page as they are consumed.

        Some that ended before may be among them. Raises CarrierError, halfway as well.
        """

    def hang_up(self, account: CarrierAccount, sid: str, *, answered: bool) -> None:
        """End a call; one that is over already is success.

        `answered` False: as far as is known nobody has answered, and it shall end as canceled. It ends all the same
        where somebody has.

        Raises: CarrierError.
        """

    def line(self, account: CarrierAccount, number: PhoneNumber) -> CarrierLine | None:
        """Look a number up in the carrier account, else among its verified caller ids; None where it is neither.

        Raises: CarrierRefused with http_status 401 for wrong credentials; CarrierError.
        """

    def route(self, account: CarrierAccount, line: CarrierLine, routing: Routing) -> None:
        """Set where a number's calls go, all of it at once. Raises CarrierError."""


class Credentials(Protocol):
    """The secrets of carrier accounts and streams. Cached for a short time."""

    def of_number(self, number: Number) -> CarrierAccount:
        """Give the carrier account a number lives in: its own, or the deployment's."""

    def renew(self, number: Number) -> bool:
        """Read the secret behind a number again; True where it is another now.

        At most once a minute a process, so that forged requests cannot buy reads; else False. A number with an
        account of its own has no secret behind it: its credentials stand on its record, which is always read afresh.
        """

    def stream_secret(self) -> bytes:
        """Give the secret behind what lets somebody in without a key: stream tokens, recordings' addresses."""

    def llm_key(self) -> str:
        """Give the language model's API key."""


class Vault(Protocol):
    """Encrypts what must be read again (webhook secrets, carrier tokens)."""

    def encrypt(self, account_id: str, plaintext: str) -> str:
        """Encrypt for this account alone; base64 text."""

    def decrypt(self, account_id: str, ciphertext: str) -> str:
        """Decrypt what was encrypted for this account."""


@dataclass(frozen=True, slots=True)
class ModelAccess:
    """The way to a language model: `api_key` by key; a region, and on Anthropic's platform a workspace, by IAM.

    `base_url` empty is the vendor's own.
    """

    kind: LlmAccess = LlmAccess.ANTHROPIC
    api_key: str = field(default="", repr=False)
    base_url: str = ""
    region: str = ""
    workspace_id: str = ""


@dataclass(frozen=True, slots=True)
class Completion:
    """A language model's answer: its text and, where a tool was asked for, its arguments.

    `cut`: it ran into its length. `usage` None: nobody counted.
    """

    text: str = field(repr=False)
    arguments: dict[str, Any] | None = field(default=None, repr=False)
    usage: ModelUsage | None = None
    cut: bool = False


class LanguageModel(Protocol):
    """The language model, asked once outside a live conversation."""

    def complete(
        self,
        *,
        system: str,
        message: str,
        max_tokens: int,
        temperature: float,
        model: str | None = None,
        traits: ModelTraits | None = None,
        tool: Mapping[str, Any] | None = None,
    ) -> Completion:
        """Ask one question; with `tool` the answer is its arguments, forced where the model can be.

        `model` None is the deployment's; `traits` is what is known of a model that is named. Raises ModelError after
        bounded retries.
        """


class ModelCatalogue(Protocol):
    """What the language model's service says of its models."""

    def find(self, model: str) -> ModelFacts | None:
        """Ask about a model; None where there is no such model (any more).

        Facts without traits where the service cannot be asked, or gave no answer within three seconds.
        """


class Speech(Protocol):
    """Text to speech."""

    def synthesize(self, text: str, *, voice_id: str) -> bytes:
        """Speak text: raw mu-law, 8 kHz, mono. Raises SpeechError."""


class BlobStore(Protocol):
    """Large things: openers, recordings."""

    def put(self, key: str, data: bytes, *, content_type: str) -> None:
        """Store, replacing what was there."""

    def get(self, key: str) -> bytes | None:
        """Read; None where there is nothing."""

    def delete(self, keys: Sequence[str]) -> None:
        """Delete, whether they are there or not."""

    def signed_url(self, key: str, *, seconds: int) -> str:
        """Give a URL that reads it for a while."""

    def upload_url(self, key: str, *, seconds: int) -> str:
        """Give a URL that takes one PUT for a while."""

    def size(self, key: str) -> int | None:
        """Give the bytes of what lies there; None where there is nothing."""

    def copy(self, source: str, target: str) -> None:
        """Copy, replacing what was there."""

    def chunks(self, key: str) -> Iterator[bytes]:
        """Read in pieces of bounded size. Raises FileNotFoundError where there is nothing."""


class EventBus(Protocol):
    """The bus the outbox is published to."""

    def publish(self, events: Sequence[Event]) -> Collection[str]:
        """Publish and return the event ids that were not accepted."""


@dataclass(frozen=True, slots=True)
class WebhookAnswer:
    """A customer's answer: its HTTP status, or None with the reason there was none."""

    status: int | None
    error: str | None = None


class WebhookSender(Protocol):
    """Posts to customers' URLs, https only and never into private networks."""

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> WebhookAnswer:
        """Post once, 10 s at most. Refused addresses and lost connections are answers, not errors."""


class DeliveryQueue(Protocol):
    """Deliveries waiting to be tried (again)."""

    def send(self, delivery: Delivery, *, delay_seconds: int) -> None:
        """Queue a delivery (≤ 900 s of delay)."""


class Clock(Protocol):
    """The wall clock."""

    def now(self) -> int:
        """Epoch milliseconds."""

    def sleep(self, seconds: float) -> None:
        """Wait; bounded by callers to a few seconds."""


class Ids(Protocol):
    """Fresh identifiers and secrets."""

    def new(self, prefix: str) -> str:
        """Give `<prefix>_<24 hex>`, unguessable."""

    def secret(self) -> str:
        """Give 256 random bits as 43 URL-safe characters."""
