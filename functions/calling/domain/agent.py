"""An agent, the numbers it calls from, and the voices it may have."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from calling.domain.disclosure import AiDisclosure
from calling.domain.errors import InvalidRequest, NotPermitted
from calling.domain.language import LANGUAGES, accent, base, spoken
from calling.domain.language_model import ModelTraits
from calling.domain.phone_number import PhoneNumber
from calling.domain.routing import Region, Routing

MAX_PROMPT = 16_000  # characters, of system_prompt and of a call's prompt
SPEECH_THRESHOLD_MS = 2400  # Twilio's MachineDetectionSpeechThreshold, by default; it takes 1000 to 6000


class VoicemailAction(StrEnum):
    """What to do when a machine answers."""

    HANGUP = "hangup"
    LEAVE_MESSAGE = "leave_message"
    IGNORE = "ignore"


class HistoryDisclosure(StrEnum):
    """When past calls may be spoken of."""

    ON_ANSWER = "on_answer"
    AFTER_CONFIRMATION = "after_confirmation"


@dataclass(frozen=True, slots=True)
class Voice:
    """A Polly voice: its id, its language code and the best engine that speaks it."""

    voice_id: str
    language: str
    gender: str
    engine: str = "neural"


# Polly's neural voices for the languages the agent speaks, from AWS's "Available voices" page. Jasmine (en-SG) and
# Tiffany are known to botocore, but that they are neural, and not only generative, was not found said.
VOICES: dict[str, Voice] = {
    v.voice_id: v
    for v in (
        Voice("Amy", "en-GB", "female"),
        Voice("Arthur", "en-GB", "male"),
        Voice("Brian", "en-GB", "male"),
        Voice("Emma", "en-GB", "female"),
        Voice("Danielle", "en-US", "female"),
        Voice("Gregory", "en-US", "male"),
        Voice("Ivy", "en-US", "female"),
        Voice("Joanna", "en-US", "female"),
        Voice("Joey", "en-US", "male"),
        Voice("Justin", "en-US", "male"),
        Voice("Kendra", "en-US", "female"),
        Voice("Kevin", "en-US", "male"),
        Voice("Kimberly", "en-US", "female"),
        Voice("Matthew", "en-US", "male"),
        Voice("Ruth", "en-US", "female"),
        Voice("Salli", "en-US", "female"),
        Voice("Stephen", "en-US", "male"),
        Voice("Olivia", "en-AU", "female"),
        Voice("Kajal", "en-IN", "female"),
        Voice("Niamh", "en-IE", "female"),
        Voice("Aria", "en-NZ", "female"),
        Voice("Ayanda", "en-ZA", "female"),
    )
}
DEFAULT_VOICE = "Joanna"


def voice(voice_id: str) -> Voice:
    """Find a voice.

    Raises:
        InvalidRequest: `invalid_voice_id`.
    """
    found = VOICES.get(voice_id)
    if found is None:
        raise InvalidRequest(f"There is no voice {voice_id!r}.", code="invalid_voice_id", field="voice_id")
    return found


def check_spoken(language: str, voice_id: str) -> None:
    """Check that a language can be held a call in, and that the voice speaks it; accents may differ.

    Raises:
        InvalidRequest: `language_not_supported`, `invalid_voice_id`.
    """
    wanted, speaks = spoken(language), voice(voice_id).language
    if base(wanted) != base(speaks):
        raise InvalidRequest(
            f"The voice {voice_id} speaks {speaks}, and the agent's language is {wanted}.",
            code="language_not_supported",
            field="voice_id",
        )


def heard_accent(language: str, voice_id: str) -> str:
    """Choose what the recogniser listens for on a call that is spoken in this voice. Never fails; see `accent`."""
    known = VOICES.get(voice_id)
    return accent(language, known.language if known else "")


@dataclass(frozen=True, slots=True)
class Agent:
    """Who speaks: its prompt, its manner and its limits. Fields and defaults are those of the HTTP contract."""

    account_id: str
    agent_id: str
    created_at: int  # epoch ms
    name: str = "Untitled Agent"
    system_prompt: str = ""
    welcome_message: str | None = None
    outbound_prompt: str | None = None
    voice_id: str = DEFAULT_VOICE
    language: str = "en"
    timezone: str | None = None
    default_country: str | None = None  # ISO 3166: how numbers without a + are read
    temperature: float = 0.3
    response_length: str = "medium"
    llm_model: str | None = None
    llm_traits: ModelTraits | None = None  # what `llm_model` accepts, as its service said when the agent was saved
    ai_speaks_first: bool = True
    history_disclosure: HistoryDisclosure | None = None
    ai_disclosure: AiDisclosure = AiDisclosure.OPENING
    recording_notice: str | None = None  # said at the start; variables are filled in
    pickup_delay_ms: int = 1200
    interruption_sensitivity: int = 50
    response_eagerness: int = 200
    boosted_keywords: tuple[str, ...] = ()
    max_call_duration_seconds: int = 600
    silence_hangup_seconds: int = 30
    record_call: bool = True
    amd_enabled: bool = True
    amd_speech_threshold_ms: int = SPEECH_THRESHOLD_MS  # first words at least so long are a machine's to the carrier
    voicemail_leave_enabled: bool = False
    voicemail_message: str | None = None
    webhook_url: str | None = None
    extraction_schema: dict[str, Any] | None = field(default=None, repr=False)  # JSON Schema of an object
    is_active: bool = True

    @property
    def warnings(self) -> tuple[str, ...]:
        """What of it does nothing or does something else, in words."""
        found = []
        if self.boosted_keywords:
            found.append("boosted_keywords are kept and not used: Amazon Transcribe takes no words with a stream.")
        if self.recording_notice and not self.record_call:
            found.append("recording_notice is said at the start of calls though record_call is off.")
        if self.language not in LANGUAGES:
            heard = heard_accent(self.language, self.voice_id)
            found.append(f"The language {self.language!r} is not supported: calls are held in English ({heard}).")
        return tuple(found)


@dataclass(frozen=True, slots=True)
class Number:
    """A phone number of an agent, and the carrier account it lives in.

    `twilio_token`, `twilio_previous_token` and `twilio_api_key_secret` are ciphertexts (KMS), never the secrets;
    None means the deployment's own carrier account. The previous token counts in signatures for an hour.
    """

    account_id: str
    agent_id: str
    phone_number: PhoneNumber
    created_at: int  # epoch ms
    twilio_sid: str | None = None
    twilio_token: str | None = field(default=None, repr=False)
    twilio_region: Region | None = None
    twilio_api_key_sid: str | None = None
    twilio_api_key_secret: str | None = field(default=None, repr=False)
    twilio_previous_token: str | None = field(default=None, repr=False)
    twilio_token_since: int | None = None  # epoch ms; None: since it was imported
    voice_id: str | None = None
    outbound_enabled: bool = True
    inbound_enabled: bool = True
    custom_prompt: str | None = None
    voicemail_action: VoicemailAction | None = None
    voicemail_message: str | None = None
    webhook_url: str | None = None
    webhook2_url: str | None = None
    is_default: bool = False
    routing_before: Routing | None = field(default=None, repr=False)  # None: its line was not taken


def choose_from_number(numbers: tuple[Number, ...], wanted: str | None) -> Number:
    """Pick the caller ID: the one asked for, else the default one, else the first outbound-enabled.

    Raises:
        NotPermitted: `from_number_not_owned`.
        InvalidRequest: `agent_no_phone`, `from_number_not_outbound`.
    """
    if wanted is not None:
        mine = next((n for n in numbers if n.phone_number.e164 == wanted), None)
        if mine is None:
            raise NotPermitted(
                "from_number is not one of this agent's numbers.", code="from_number_not_owned", field="from_number"
            )
        if not mine.outbound_enabled:
            raise InvalidRequest(
                "from_number is not enabled for outbound calls.", code="from_number_not_outbound", field="from_number"
            )
        return mine
    outbound = sorted((n for n in numbers if n.outbound_enabled), key=lambda n: (not n.is_default, n.created_at))
    if not outbound:
        raise InvalidRequest(
            "This agent has no phone number that may call out: import one first.",
            code="agent_no_phone",
            field="agent_id",
        )
    return outbound[0]


def voicemail_plan(
    agent: Agent, number: Number, action: VoicemailAction | None, message: str | None
) -> tuple[VoicemailAction, str | None]:
    """Decide what happens on voicemail: the call's own word, then the number's, then the agent's, else hang up.

    Raises:
        InvalidRequest: `voicemail_message_required` when a message is to be left and there is none.
    """
    agents = VoicemailAction.LEAVE_MESSAGE if agent.voicemail_leave_enabled else None
    chosen = action or number.voicemail_action or agents or VoicemailAction.HANGUP
    words = message or number.voicemail_message or agent.voicemail_message
    if chosen is VoicemailAction.LEAVE_MESSAGE and not (words and words.strip()):
        raise InvalidRequest(
            "voicemail_action is leave_message but there is no voicemail_message.",
            code="voicemail_message_required",
            field="voicemail_message",
        )
    return chosen, words
