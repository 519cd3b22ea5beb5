"""Phone numbers and their webhooks as the API takes and shows them. Carrier tokens go in, never out."""

from typing import Annotated, Literal

from pydantic import AliasChoices, Field, SecretStr

from api.schemas.agents import Prompt, Spoken, VoiceId
from api.schemas.common import AgentId, Answer, Body
from calling.domain.agent import VoicemailAction


class NumberFields(Body):
    """What may be changed of a number. On PATCH what is left out keeps its value, and null clears."""

    voice_id: VoiceId | None = None
    outbound_enabled: bool = True
    inbound_enabled: bool = True
    is_default: Annotated[
        bool,
        Field(description="The agent calls from this one where no from_number is sent; the agent's others are not"),
    ] = False
    custom_prompt: Prompt | None = None
    voicemail_action: VoicemailAction | None = None
    voicemail_message: Spoken | None = None


class NumberImport(NumberFields):
    """A number to import. Without credentials it is looked up in the deployment's own Twilio account."""

    phone_number: str
    agent_id: AgentId
    twilio_sid: Annotated[
        Annotated[str, Field(min_length=1, max_length=64)] | None,
        Field(validation_alias=AliasChoices("twilio_sid", "twilio_account_sid")),
    ] = None
    twilio_token: Annotated[
        Annotated[SecretStr, Field(min_length=1, max_length=256)] | None,
        Field(validation_alias=AliasChoices("twilio_token", "twilio_auth_token")),
    ] = None


class NumberChanges(NumberFields):
    """Changes of a number; `agent_id` moves it to another agent."""

    agent_id: AgentId = ""


class NumberOut(Answer):
    """A phone number."""

    phone_number: str
    agent_id: str
    twilio_sid: str | None
    voice_id: str | None
    outbound_enabled: bool
    inbound_enabled: bool
    is_default: bool
    custom_prompt: str | None
    voicemail_action: VoicemailAction | None
    voicemail_message: str | None
    webhook_url: str | None
    webhook2_url: str | None
    created_at: str


class NumberEnvelope(Answer):
    """One number."""

    phone_number: NumberOut


class NumberList(Answer):
    """All numbers."""

    phone_numbers: list[NumberOut]
    count: int


class DeletedNumber(Answer):
    """What is left of a deleted number."""

    phone_number: str
    deleted: Literal[True] = True


class DeletedNumberEnvelope(Answer):
    """The answer to a deletion."""

    phone_number: DeletedNumber


class WebhookUrl(Body):
    """Where a number's events go: https."""

    url: str


class WebhookSetting(Answer):
    """One of a number's two webhooks."""

    phone_number: str
    webhook_url: str | None
    is_set: bool
