"""Calls as the API takes and shows them."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AliasChoices, Field

from api.schemas.agents import Spoken
from api.schemas.common import AgentId, Answer, Body, CampaignRef, Country, Metadata, Variables
from calling.domain.agent import VoicemailAction
from calling.domain.call import CallStatus, Direction, EndedReason

MAX_LIMIT = 200
MAX_WITH_TRANSCRIPT = 50


class OutboundCall(Body):
    """One call to place."""

    agent_id: AgentId
    to_number: Annotated[str, Field(description="E.164, like +447386172392, or as it is written in default_country")]
    default_country: Annotated[
        Country | None, Field(description="Omitted: the agent's, else that of the number called from, as a guess")
    ] = None
    prompt: Annotated[
        str | None,
        Field(description="Why the agent calls, at most 16,000 characters. Without it: the agent's outbound_prompt"),
    ] = None
    from_number: Annotated[
        str | None, Field(description="One of the agent's outbound-enabled numbers: sets caller id and voice")
    ] = None
    dynamic_vars: Annotated[
        Variables, Field(validation_alias=AliasChoices("dynamic_vars", "variables"), default_factory=dict)
    ]
    campaign_id: Annotated[
        CampaignRef | None, Field(description="Stands on the record beside the campaign's own calls; it counts none")
    ] = None
    metadata: Metadata | None = None
    voicemail_action: VoicemailAction | None = None
    voicemail_message: Spoken | None = None
    not_after: Annotated[
        datetime | None,
        Field(description="Not dialled any more after this; without an offset it is read in the agent's time zone"),
    ] = None


class AcceptedCall(Answer):
    """A call that was accepted. The dialling happens after this answer."""

    call_id: str
    status: CallStatus
    to: str
    from_: str = Field(alias="from")
    warnings: list[str]


class CallFilters(Body):
    """Which calls to list. Times: ISO 8601, or epoch ms."""

    limit: Annotated[int, Field(ge=1, le=MAX_LIMIT)] = 50
    offset: Annotated[int, Field(ge=0, le=10_000)] = 0
    cursor: str | None = None
    include: Literal["transcript"] | None = None
    agent_id: str | None = None
    campaign_id: str | None = None
    direction: Direction | None = None
    status: CallStatus | None = None
    since: datetime | None = None
    until: datetime | None = None
    caller_sentiment: Literal["happy", "neutral", "frustrated"] | None = None
    call_successful: bool | None = None
    voicemail_detected: bool | None = None
    voicemail_disagreement: Annotated[
        bool | None, Field(description="The carrier's machine detection and the spoken words said different things")
    ] = None
    to_number: str | None = None
    default_country: Country | None = None


class TurnOut(Answer):
    """What one side said in one go. Times are ms since the media stream began."""

    role: Literal["agent", "caller"]
    text: str
    started_ms: int
    ended_ms: int
    interrupted: bool
    latency: Annotated[int | None, Field(description="Voice to voice, ms: the person's last sound to our first")]


class Percentiles(Answer):
    """Milliseconds."""

    p50: int
    p95: int


class LatencyOut(Answer):
    """How long the person waited, ms."""

    answer_to_first_audio_ms: int | None
    voice_to_voice_ms: Percentiles | None


class CostItemOut(Answer):
    """One line of a call's cost."""

    item: str
    quantity: float
    unit: str
    unit_price: Annotated[float | None, Field(description="null: no price of this model is known")]
    amount: Annotated[float | None, Field(description="null: not in the total")]
    basis: Literal["measured", "estimated", "billed"]
    model: Annotated[str | None, Field(description="The language model whose tokens these are")]


class CostOut(Answer):
    """US dollars, from the units that were measured and, once it is known, the carrier's bill.

    The language model's tokens are those of the conversation and of its summary; the opener's are not counted.

    null until the call is over.
    """

    currency: Literal["USD"] = "USD"
    total: float
    items: list[CostItemOut]


class CallSummaryOut(Answer):
    """A call as lists show it: `transcript` and `cost` are null unless `include=transcript`."""

    call_id: str
    agent_id: str
    call_direction: Direction
    call_type: Direction
    from_number: str
    to_number: str
    call_status: CallStatus
    start_timestamp: Annotated[int | None, Field(description="Epoch ms: dialling began")]
    answered_at: Annotated[int | None, Field(description="Epoch ms")]
    end_timestamp: Annotated[int | None, Field(description="Epoch ms")]
    duration_ms: Annotated[int, Field(description="Connected time only")]
    charged_minutes: int
    ended_reason: EndedReason | None
    transcript: str | None
    call_summary: str | None
    caller_sentiment: str | None
    call_successful: bool | None
    extracted_data: dict[str, Any] | None
    recording_url: Annotated[str | None, Field(description="Our own address: no key, good while the recording is kept")]
    voicemail_detected: bool
    voicemail_detection_method: Literal["carrier", "speech"] | None
    amd_result: str | None
    voicemail_left: bool
    campaign_id: str | None
    metadata: dict[str, Any] | None
    avg_latency_ms: int | None
    latency: LatencyOut
    cost: CostOut | None
    twilio_call_sid: str | None
    sip_response_code: int | None
    stir_status: Annotated[
        str | None, Field(description="Outbound: A, B or C, how far the network vouched for the number called from")
    ]
    stir_verstat: Annotated[
        str | None,
        Field(
            description="Inbound: what the network's check of the caller's number gave. Without Passed-A or Passed-B "
            "nothing is recalled or remembered of the caller; null: there was no check"
        ),
    ]
    twilio_error_code: Annotated[int | None, Field(description="Why the carrier refused the dial: its error code")]
    stream_error: Annotated[
        str | None, Field(description="What the carrier says went wrong with the call's media stream, in words")
    ]
    failure_reason: Annotated[
        str | None, Field(description="What the codes mean, in words; null where the call went well or none is known")
    ]
    created_at: str


class CallOut(CallSummaryOut):
    """A call with what was said."""

    turns: list[TurnOut]


class TimelineItem(Answer):
    """One state, wait or verdict, and why."""

    at: str
    timestamp: Annotated[int, Field(description="Epoch ms")]
    event: str
    reason: str | None
    details: dict[str, Any]


class TimelineOut(Answer):
    """Everything that happened to a call, oldest first."""

    call_id: str
    call_status: CallStatus
    timeline: list[TimelineItem]


class PastCall(Answer):
    """What one past call came to."""

    call_id: str
    agent_id: str
    ended_at: str
    outcome: str
    summary: str


class HistoryOut(Answer):
    """What an agent that calls this person now would be told."""

    phone_number: str
    facts: dict[str, str]
    calls: list[PastCall]


class PreviewFact(Answer):
    """One thing the agent would know of the person, and the call it was learnt on."""

    call_id: Annotated[str | None, Field(description="null: set by hand in the caller's record")]
    name: str
    text: str


class PreviewOpener(Answer):
    """The opening line is written by the model when the call is dialled; this is what it is asked."""

    instruction: str


class PreviewOut(Answer):
    """What a call would say, and to whom. Nothing was stored or dialled."""

    agent_id: str
    to: str
    from_: str = Field(alias="from")
    voice_id: str
    prompt: Annotated[str, Field(description="The purpose, variables filled")]
    system_prompt: str
    opener: Annotated[PreviewOpener | None, Field(description="null: the agent waits to be spoken to")]
    voicemail_action: VoicemailAction
    voicemail_message: Annotated[str | None, Field(description="Word for word, variables filled")]
    history: list[PreviewFact]
    token_count: Annotated[int, Field(description="Of the system prompt, estimated from its length")]
    warnings: list[str]


class DeletedCall(Answer):
    """What is left of an erased call."""

    call_id: str
    deleted: Literal[True] = True


class DeletedCalls(Answer):
    """What was erased. `more`: time was up, send the request again."""

    deleted: int
    live: Annotated[int, Field(description="Calls that are not over and were left alone")]
    more: bool


class DeletedHistory(Answer):
    """A person's past was forgotten."""

    phone_number: str
    deleted: Literal[True] = True
