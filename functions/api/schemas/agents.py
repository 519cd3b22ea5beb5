"""Agents as the API takes and shows them."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from api.schemas.common import CHANGES, MAX_SPOKEN, Answer, Body, Country, TimeZone, compact_size
from calling.domain.agent import DEFAULT_VOICE, MAX_PROMPT, SPEECH_THRESHOLD_MS, HistoryDisclosure, voice
from calling.domain.disclosure import AiDisclosure
from calling.domain.errors import InvalidRequest
from calling.domain.language import LANGUAGES, spoken


def _voice(voice_id: str) -> str:
    return voice(voice_id).voice_id


def _prompt(text: str) -> str:
    if len(text) > MAX_PROMPT:
        raise InvalidRequest(f"A prompt has at most {MAX_PROMPT} characters.", code="prompt_too_long", field="prompt")
    return text


MAX_SCHEMA = 8_192  # bytes of compact JSON; the model reads it with every summary

# The domain knows the voices and the limits, and its errors carry the contract's codes.
VoiceId = Annotated[str, AfterValidator(_voice), Field(description="One of GET /v1/voices")]
Language = Annotated[
    str,
    Field(
        max_length=16,
        description="English, or one of its accents, and a voice that speaks it (the voice's accent may be another). "
        f"`en` is heard in the voice's accent. One of {', '.join(LANGUAGES)}",
    ),
    AfterValidator(spoken),
]
Prompt = Annotated[str, AfterValidator(_prompt)]
Spoken = Annotated[str, Field(max_length=MAX_SPOKEN)]


def _extraction_schema(schema: dict[str, Any]) -> dict[str, Any]:
    if compact_size(schema) > MAX_SCHEMA:
        raise ValueError(f"must be at most {MAX_SCHEMA} bytes of JSON")
    properties = schema.get("properties")
    if schema.get("type") != "object" or not isinstance(properties, dict) or not properties:
        raise ValueError('must be a JSON Schema with "type": "object" and "properties"')
    if not all(isinstance(wanted, dict) for wanted in properties.values()):
        raise ValueError("must describe each property with a JSON Schema of its own")
    return schema


ExtractionSchema = Annotated[
    dict[str, Any],
    AfterValidator(_extraction_schema),
    Field(description="JSON Schema of an object: what is read out of each call into extracted_data"),
]


class AgentFields(Body):
    """An agent to make: every field is optional."""

    name: Annotated[str, Field(min_length=1, max_length=200)] = "Untitled Agent"
    system_prompt: Prompt = ""
    welcome_message: Spoken | None = None
    outbound_prompt: Annotated[
        Prompt | None, Field(description="The purpose of outbound calls that bring no prompt of their own")
    ] = None
    voice_id: VoiceId = DEFAULT_VOICE
    language: Language = "en"
    timezone: TimeZone | None = None
    default_country: Country | None = None
    temperature: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 0.3
    response_length: Literal["short", "medium", "long"] = "medium"
    llm_model: Annotated[
        Annotated[str, Field(min_length=1, max_length=128)] | None,
        Field(description="A Claude model, looked up when it is sent; null: the deployment's"),
    ] = None
    ai_speaks_first: bool = True
    history_disclosure: HistoryDisclosure | None = None
    ai_disclosure: Annotated[
        AiDisclosure,
        Field(description="Whether it says that it is an AI with its first words, or only to who asks"),
    ] = AiDisclosure.OPENING
    recording_notice: Annotated[
        Spoken | None,
        Field(description="Said with its first words, e.g. that the call is recorded; may hold variables"),
    ] = None
    pickup_delay_ms: Annotated[int, Field(ge=0, le=10_000)] = 1200
    interruption_sensitivity: Annotated[int, Field(ge=0, le=100)] = 50
    response_eagerness: Annotated[int, Field(ge=0, le=1000, description="Milliseconds")] = 200
    boosted_keywords: Annotated[
        tuple[Annotated[str, Field(min_length=1, max_length=100)], ...],
        Field(max_length=100, description="Kept and not used: Amazon Transcribe takes no words with a stream"),
    ] = ()
    max_call_duration_seconds: Annotated[int, Field(ge=60, le=1800)] = 600
    silence_hangup_seconds: Annotated[int, Field(ge=5, le=45)] = 30
    record_call: bool = True
    amd_enabled: bool = True
    amd_speech_threshold_ms: Annotated[
        int,
        Field(
            ge=1000,
            le=6000,
            description="First words at least so long are a machine's to Twilio (MachineDetectionSpeechThreshold). "
            "Longer for businesses, whose greetings are long",
        ),
    ] = SPEECH_THRESHOLD_MS
    voicemail_leave_enabled: bool = False
    voicemail_message: Spoken | None = None
    webhook_url: str | None = None
    extraction_schema: ExtractionSchema | None = None
    is_active: bool = True


class AgentChanges(AgentFields):
    """What to change of an agent: the fields that are sent. Those that are left out keep their value."""

    model_config = CHANGES


class AgentOut(AgentFields, Answer):
    """An agent."""

    agent_id: str
    created_at: str
    warnings: Annotated[list[str], Field(description="What of it does nothing or does something else")]


class AgentDeleted(Answer):
    """What is left of a deleted agent. `warnings`: settings of its numbers that Twilio did not take back."""

    agent_id: str
    deleted: Literal[True] = True
    warnings: list[str] | None = None


class VoiceOut(Answer):
    """A voice an agent or a number may have."""

    voice_id: str
    name: str
    language: str
    gender: str
    engine: str
