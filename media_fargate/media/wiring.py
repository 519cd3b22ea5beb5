"""Puts the house together: which adapter fulfils which port, which provider speaks, hears and thinks.

Blocks while secrets are read; done once, before the server listens.
"""

from collections.abc import Callable

from calling.adapters import aws
from calling.adapters.claude_access import access
from calling.adapters.clock import SystemClock
from calling.adapters.dynamodb.agents import DynamoAgentStore
from calling.adapters.dynamodb.calls import DynamoCallStore
from calling.adapters.dynamodb.contacts import DynamoContactStore
from calling.adapters.dynamodb.hold import DynamoDialHold
from calling.adapters.dynamodb.leases import DynamoLeasePool
from calling.adapters.dynamodb.people import DynamoPeopleStore
from calling.adapters.dynamodb.retention import Retention
from calling.adapters.kms import KmsVault
from calling.adapters.s3 import S3BlobStore
from calling.adapters.secrets import SecretsCredentials
from calling.adapters.stepfunctions import StepFunctionsDialWorkflow
from calling.adapters.twilio import TwilioCarrier
from calling.ports import Clock
from calling.settings import (
    AwsSettings,
    BucketSettings,
    CarrierSettings,
    ModelSettings,
    RetentionSettings,
    SpeechSettings,
    StreamSettings,
    TableSettings,
    VaultSettings,
    load,
)
from media import llm, stt, tts
from media.house import House
from media.settings import MediaSettings


def open_house(settings: MediaSettings, *, refused: Callable[[], None]) -> House:
    """Make every client this process needs. Raises SettingsError for what the environment lacks."""
    region, table = load(AwsSettings).aws_region, load(TableSettings).table_name
    clock, keep = SystemClock(), load(RetentionSettings)
    dynamodb = aws.client("dynamodb", region)
    credentials = _credentials(region, clock)
    hears, speaks, thinks = providers(settings, llm_key=credentials.llm_key, refused=refused)
    return House(
        calls=DynamoCallStore(dynamodb, table, Retention(keep.retention_days, keep.history_days, clock)),
        contacts=DynamoContactStore(dynamodb, table),
        agents=DynamoAgentStore(dynamodb, table),
        people=DynamoPeopleStore(dynamodb, table),
        leases=DynamoLeasePool(dynamodb, table),
        hold=DynamoDialHold(dynamodb, table),
        # Sessions answer tokens and show signs of life; they start no execution, so they need not know the machine.
        workflow=StepFunctionsDialWorkflow(aws.client("stepfunctions", region), ""),
        blobs=S3BlobStore(aws.client("s3", region, read_seconds=10), load(BucketSettings).bucket_name),
        credentials=credentials,
        carrier=TwilioCarrier(load(CarrierSettings).twilio_api_url),
        clock=clock,
        stt=hears,
        tts=speaks,
        llm=thinks,
    )


def providers(
    settings: MediaSettings, *, llm_key: Callable[[], str], refused: Callable[[], None]
) -> tuple[stt.SpeechToText, tts.TextToSpeech, llm.ConversationModel]:
    """Make the clients of the vendors that hear, speak and think; `refused` is the recogniser's (see media.stt).

    `llm_key` reads the language model's key; it is asked only where the model is reached by key.
    """
    region, model = load(AwsSettings).aws_region, load(ModelSettings)
    hears = stt.SttSettings(region, load(SpeechSettings).transcribe_endpoint_url)
    thinks = llm.LlmSettings(
        model=model.llm_model,
        fallback_model=model.llm_fallback_model,
        access=access(
            model.llm_access,
            llm_key,
            base_url=model.anthropic_base_url,
            region=region,
            workspace_id=model.llm_workspace_id,
        ),
    )
    return (
        stt.provider(settings.stt_provider, hears, refused=refused),
        tts.provider(settings.tts_provider, tts.TtsSettings(region)),
        llm.provider(settings.llm_provider, thinks),
    )


def _credentials(region: str, clock: Clock) -> SecretsCredentials:
    return SecretsCredentials(
        aws.client("secretsmanager", region),
        vault=KmsVault(aws.client("kms", region), load(VaultSettings).kms_key_id),
        clock=clock,
        carrier_secret_arn=load(CarrierSettings).carrier_secret_arn,
        stream_secret_arn=load(StreamSettings).stream_token_secret_arn,
        llm_secret_arn=load(ModelSettings).anthropic_secret_arn,
    )
