"""Phone numbers and their webhooks as the API takes and shows them. Carrier tokens go in, never out."""

from typing import Annotated, Any, Literal

from pydantic import AliasChoices, Field, SecretStr

from api.schemas.agents import Prompt, Spoken, VoiceId
from api.schemas.common import CHANGES, AgentId, Answer, Body
from calling.domain.agent import VoicemailAction
from calling.domain.routing import Region

Secret = Annotated[SecretStr, Field(min_length=1, max_length=256)]


class NumberFields(Body):
    """What is set of a number."""

    voice_id: VoiceId | None = None
    outbound_enabled: bool = True
    inbound_enabled: Annotated[
        bool, Field(description="Its calls come here; else its settings at Twilio stay, or are put back, as they were")
    ] = True
    is_default: Annotated[
        bool,
        Field(description="The agent calls from this one where no from_number is sent; the agent's others are not"),
    ] = False
    custom_prompt: Prompt | None = None
    voicemail_action: VoicemailAction | None = None
    voicemail_message: Spoken | None = None


class OwnedNumberFields(NumberFields):
    """With a Twilio account of the number's own. Without it the number is in the deployment's."""

    twilio_sid: Annotated[
        Annotated[str, Field(min_length=1, max_length=64)] | None,
        Field(validation_alias=AliasChoices("twilio_sid", "twilio_account_sid")),
    ] = None
    twilio_token: Annotated[
        Secret | None,
        Field(
            validation_alias=AliasChoices("twilio_token", "twilio_auth_token"),
            description="The auth token: Twilio signs its requests with it, so it is needed beside an API key, too",
        ),
    ] = None
    twilio_region: Annotated[
        Region | None, Field(description="Where the number is routed; each region has its own credentials")
    ] = None
    twilio_api_key_sid: Annotated[
        Annotated[str, Field(min_length=1, max_length=64)] | None,
        Field(description="Requests to Twilio go out under this key, where there is one"),
    ] = None
    twilio_api_key_secret: Secret | None = None

    def sent_credentials(self) -> dict[str, Any]:
        """Give what was sent of them, by their names without `twilio_`."""
        names = sorted(name for name in self.model_fields_set if name.startswith("twilio_"))
        return {name.removeprefix("twilio_"): _plain(getattr(self, name)) for name in names}


class NumberImport(OwnedNumberFields):
    """A number to import, or a verified caller id, which can only call out (`inbound_enabled: false`)."""

    phone_number: str
    agent_id: AgentId


class NumberChanges(OwnedNumberFields):
    """What to change of a number: the fields that are sent, and null clears. `agent_id` moves it to another agent.

    Credentials are tried at Twilio first; `twilio_sid: null` puts the number into the deployment's own account. Where
    `inbound_enabled` changes, the number's settings at Twilio follow.
    """

    model_config = CHANGES

    agent_id: AgentId = ""


class NumberOut(Answer):
    """A phone number."""

    phone_number: str
    agent_id: str
    twilio_sid: str | None
    twilio_region: str | None
    twilio_api_key_sid: str | None
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
    """One number. `warnings` says what could not be put right at Twilio."""

    phone_number: NumberOut
    warnings: list[str]


class NumberList(Answer):
    """All numbers."""

    phone_numbers: list[NumberOut]
    count: int


class DeletedNumber(Answer):
    """What is left of a deleted number."""

    phone_number: str
    deleted: Literal[True] = True


class DeletedNumberEnvelope(Answer):
    """The answer to a deletion. `warnings`: the number's settings at Twilio could not be put back."""

    phone_number: DeletedNumber
    warnings: list[str] | None = None


class WebhookUrl(Body):
    """Where a number's events go: https."""

    url: str


class WebhookSetting(Answer):
    """One of a number's two webhooks."""

    phone_number: str
    webhook_url: str | None
    is_set: bool


def _plain(value: str | SecretStr | None) -> str | None:
    return value.get_secret_value() if isinstance(value, SecretStr) else value
