"""The only reader of the environment: small groups, one a subject, which each door composes.

Plain dataclasses: reading thirty strings does not need a library that costs a fast door's whole import budget.
A field's variable is its name in capitals.
"""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields
from typing import TypeVar

from calling.domain.language_model import DEFAULT_MODEL, LlmAccess
from calling.domain.limits import Limits

T = TypeVar("T")
_TRUE = frozenset({"1", "true", "yes", "on"})


class SettingsError(Exception):
    """A variable is missing or is not of its type; the message names the variables, never their values."""


@dataclass(frozen=True, slots=True)
class AwsSettings:
    """Where AWS is. Endpoints (`AWS_ENDPOINT_URL`, `AWS_ENDPOINT_URL_POLLY`) are read by botocore itself."""

    aws_region: str = "us-east-1"


@dataclass(frozen=True, slots=True)
class TableSettings:
    """The one table."""

    table_name: str


@dataclass(frozen=True, slots=True)
class BucketSettings:
    """Where openers and recordings lie."""

    bucket_name: str


@dataclass(frozen=True, slots=True)
class BusSettings:
    """The event bus."""

    bus_name: str


@dataclass(frozen=True, slots=True)
class QueueSettings:
    """The queue of calls waiting for a place."""

    calls_queue_url: str


@dataclass(frozen=True, slots=True)
class WatchQueueSettings:
    """The queue of looks at calls that ring."""

    watches_queue_url: str


@dataclass(frozen=True, slots=True)
class DeliveryQueueSettings:
    """The queue of webhook deliveries."""

    deliveries_queue_url: str


@dataclass(frozen=True, slots=True)
class StateMachineSettings:
    """The state machine that carries a call."""

    dial_state_machine_arn: str


@dataclass(frozen=True, slots=True)
class CampaignSettings:
    """The state machine that carries a campaign."""

    campaign_state_machine_arn: str


@dataclass(frozen=True, slots=True)
class CampaignQueueSettings:
    """The queue of campaigns' recipients waiting for a place."""

    campaigns_queue_url: str


@dataclass(frozen=True, slots=True)
class ScheduleGroupSettings:
    """The group campaigns' schedules lie in: all that forgetting one needs."""

    schedule_group: str


@dataclass(frozen=True, slots=True)
class ScheduleSettings:
    """Where campaigns' schedules lie, what they start, as whom, and where a start that failed goes."""

    schedule_group: str
    start_campaign_function_arn: str
    scheduler_role_arn: str
    schedule_dead_letters_arn: str


@dataclass(frozen=True, slots=True)
class OpenerSettings:
    """The function that prepares openers."""

    prepare_opener_function: str


@dataclass(frozen=True, slots=True)
class DescriberSettings:
    """The function that asks about language models."""

    describe_model_function: str


@dataclass(frozen=True, slots=True)
class VaultSettings:
    """The key that encrypts what must be read again."""

    kms_key_id: str


@dataclass(frozen=True, slots=True)
class CarrierSettings:
    """The deployment's carrier account. An empty `twilio_api_url` is Twilio itself."""

    carrier_secret_arn: str
    twilio_api_url: str = ""


@dataclass(frozen=True, slots=True)
class PaceSettings:
    """How many calls may live at once and start in a second (0: no limit); places campaigns leave to single calls.

    `global_cap` is what the deployment carries (the template's `Capacity`): an account's default, and its most.
    """

    global_cap: int = 20
    calls_per_second: float = 1.0
    single_call_reserve: int = 2

    @property
    def limits(self) -> Limits:
        """What holds for accounts that have set nothing themselves."""
        return Limits(
            max_concurrent_calls=self.global_cap,
            single_call_reserve=self.single_call_reserve,
            calls_per_second=self.calls_per_second,
        )


@dataclass(frozen=True, slots=True)
class DestinationSettings:
    """Prefixes of numbers that are dialled although their kind is not, like `+882,+1900`."""

    allowed_destinations: str = ""

    def __post_init__(self) -> None:
        """Refuse what is no prefix: `1900` would allow nothing, in silence."""
        if not all(re.fullmatch(r"\+[1-9][0-9]{0,14}", prefix) for prefix in self.prefixes):
            raise SettingsError("ALLOWED_DESTINATIONS must be prefixes like +882,+1900.")

    @property
    def prefixes(self) -> tuple[str, ...]:
        """The prefixes, each with its `+`."""
        return tuple(prefix.strip() for prefix in self.allowed_destinations.split(",") if prefix.strip())


@dataclass(frozen=True, slots=True)
class RetentionSettings:
    """Days calls and what was said on them are kept, and days the next call is told of them."""

    retention_days: int = 90
    history_days: int = 365


@dataclass(frozen=True, slots=True)
class StreamSettings:
    """The secret behind stream tokens and recordings' addresses."""

    stream_token_secret_arn: str


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """The language model, a second one for when it is busy, and the way to both.

    `llm_access` is a word of LlmAccess: `anthropic` needs the secret, `aws` a workspace, `bedrock` neither. An empty
    `anthropic_base_url` is the vendor's own.
    """

    anthropic_secret_arn: str = ""
    anthropic_base_url: str = ""
    llm_access: str = LlmAccess.ANTHROPIC.value
    llm_workspace_id: str = ""
    llm_model: str = DEFAULT_MODEL
    llm_fallback_model: str = ""


@dataclass(frozen=True, slots=True)
class SpeechSettings:
    """Speech recognition's endpoint; empty is AWS."""

    transcribe_endpoint_url: str = ""


@dataclass(frozen=True, slots=True)
class WebhookSettings:
    """Whether customers' URLs may lie on loopback over http: on a laptop only."""

    allow_loopback_webhooks: bool = False


@dataclass(frozen=True, slots=True)
class PublicSettings:
    """Under which addresses the world, the carrier above all, reaches us. No slash at the end."""

    public_base_url: str
    media_public_url: str

    def __post_init__(self) -> None:
        """Drop trailing slashes: signatures are computed over the joined address."""
        for name in ("public_base_url", "media_public_url"):
            object.__setattr__(self, name, getattr(self, name).rstrip("/"))


@dataclass(frozen=True, slots=True)
class LambdaSettings:
    """What Lambda says of itself; `on-demand` and its like, empty elsewhere."""

    aws_lambda_initialization_type: str = ""

    @property
    def starts(self) -> bool:
        """Whether this process is a Lambda's, which does its work ahead while it starts."""
        return bool(self.aws_lambda_initialization_type)


@dataclass(frozen=True, slots=True)
class TraceSettings:
    """Whether tracing was switched off."""

    powertools_trace_disabled: bool = False


@dataclass(frozen=True, slots=True)
class StageSettings:
    """Which deployment this is."""

    stage: str = "local"


def load(group: type[T], environ: Mapping[str, str] | None = None) -> T:
    """Read one group. Empty text is 'not set', so that a template may pass an empty parameter.

    Raises:
        SettingsError: names every variable that is missing or malformed.
    """
    env = os.environ if environ is None else environ
    values: dict[str, object] = {}
    wrong: list[str] = []
    for field in fields(group):  # type: ignore[arg-type]  # every group is a dataclass
        name = field.name.upper()
        text = env.get(name, "").strip()
        if text:
            try:
                values[field.name] = _READERS[str(getattr(field.type, "__name__", field.type))](text)
            except ValueError:
                wrong.append(name)
        elif field.default is MISSING:
            wrong.append(name)
    if wrong:
        raise SettingsError(f"{group.__name__} needs {', '.join(wrong)}.")
    return group(**values)


def _flag(text: str) -> bool:
    return text.lower() in _TRUE


_READERS: dict[str, Callable[[str], object]] = {"str": str, "int": int, "float": float, "bool": _flag}
