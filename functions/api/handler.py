"""The API's Lambda: an HTTP API event (format 2.0) through Mangum into the app.

The only place of this room that builds adapters. They are built once.
"""

import logging
from typing import Any

from mangum import Mangum

from api.app import create_app
from api.services import Services
from calling import settings
from calling.adapters.aws import client
from calling.adapters.clock import SystemClock, SystemIds
from calling.adapters.dynamodb.accounts import DynamoAccountStore
from calling.adapters.dynamodb.agents import DynamoAgentStore
from calling.adapters.dynamodb.calls import DynamoCallStore
from calling.adapters.dynamodb.campaigns import DynamoCampaignStore
from calling.adapters.dynamodb.contacts import DynamoContactStore
from calling.adapters.dynamodb.deliveries import DynamoDeliveryStore
from calling.adapters.dynamodb.idempotency import DynamoIdempotencyStore
from calling.adapters.dynamodb.limits import DynamoLimitsStore
from calling.adapters.dynamodb.pacing import DynamoPacer
from calling.adapters.dynamodb.people import DynamoPeopleStore
from calling.adapters.dynamodb.retention import Retention
from calling.adapters.dynamodb.usage import DynamoUsageStore
from calling.adapters.kms import KmsVault
from calling.adapters.lambda_catalogue import ANSWER_SECONDS, LambdaCatalogue
from calling.adapters.s3 import S3BlobStore
from calling.adapters.scheduler import EventBridgeScheduler
from calling.adapters.secrets import SecretsCredentials
from calling.adapters.sqs import SqsDeliveryQueue, SqsDialQueue
from calling.adapters.stepfunctions import StepFunctionsCampaignWorkflow
from calling.adapters.twilio import TwilioCarrier
from calling.startup import at_start
from calling.telemetry import logger, traced


def serve(services: Services, log: logging.Logger | None = None) -> Mangum:
    """Put the app over these ports behind Mangum."""
    return Mangum(create_app(services, log), lifespan="off")


def build_services() -> Services:
    """Build the ports from the environment. Raises SettingsError naming what is missing."""
    region = settings.load(settings.AwsSettings).aws_region
    table = settings.load(settings.TableSettings).table_name
    public = settings.load(settings.PublicSettings)
    carrier = settings.load(settings.CarrierSettings)
    pace = settings.load(settings.PaceSettings)
    dynamodb, sqs = client("dynamodb", region), client("sqs", region)
    clock, keep = SystemClock(), settings.load(settings.RetentionSettings)
    retention = Retention(keep.retention_days, keep.history_days, clock)
    vault = KmsVault(client("kms", region), settings.load(settings.VaultSettings).kms_key_id)
    secrets = client("secretsmanager", region)
    return Services(
        accounts=DynamoAccountStore(dynamodb, table),
        agents=DynamoAgentStore(dynamodb, table),
        calls=DynamoCallStore(dynamodb, table, retention),
        campaigns=DynamoCampaignStore(dynamodb, table, retention),
        contacts=DynamoContactStore(dynamodb, table),
        limits=DynamoLimitsStore(dynamodb, table, pace.limits),
        people=DynamoPeopleStore(dynamodb, table),
        usage=DynamoUsageStore(dynamodb, table),
        deliveries=DynamoDeliveryStore(dynamodb, table, retention),
        idempotency=DynamoIdempotencyStore(dynamodb, table),
        blobs=S3BlobStore(client("s3", region), settings.load(settings.BucketSettings).bucket_name),
        carrier=TwilioCarrier(carrier.twilio_api_url),
        credentials=SecretsCredentials(
            secrets,
            vault=vault,
            clock=clock,
            carrier_secret_arn=carrier.carrier_secret_arn,
            stream_secret_arn=settings.load(settings.StreamSettings).stream_token_secret_arn,
        ),
        vault=vault,
        dial_queue=SqsDialQueue(sqs, settings.load(settings.QueueSettings).calls_queue_url),
        delivery_queue=SqsDeliveryQueue(sqs, settings.load(settings.DeliveryQueueSettings).deliveries_queue_url),
        campaign_workflow=StepFunctionsCampaignWorkflow(
            client("stepfunctions", region), settings.load(settings.CampaignSettings).campaign_state_machine_arn
        ),
        scheduler=_scheduler(region),
        models=LambdaCatalogue(
            client("lambda", region, read_seconds=ANSWER_SECONDS, attempts=1),
            settings.load(settings.DescriberSettings).describe_model_function,
        ),
        pacer=DynamoPacer(dynamodb, table),
        clock=clock,
        ids=SystemIds(),
        public_base_url=public.public_base_url,
        default_model=settings.load(settings.ModelSettings).llm_model,
        allow_loopback_webhooks=settings.load(settings.WebhookSettings).allow_loopback_webhooks,
        allowed_destinations=settings.load(settings.DestinationSettings).prefixes,
        unlimited_pace=pace.calls_per_second <= 0,
    )


def _scheduler(region: str) -> EventBridgeScheduler:
    where = settings.load(settings.ScheduleSettings)
    return EventBridgeScheduler(
        client("scheduler", region),
        where.schedule_group,
        where.start_campaign_function_arn,
        where.scheduler_role_arn,
        where.schedule_dead_letters_arn,
    )


@at_start
def _app() -> Mangum:
    # Powertools' logger is one in all but its base class.
    return serve(build_services(), logger("api"))  # type: ignore[arg-type]


@traced
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ANN401  Lambda's context object
    """Answer one HTTP request."""
    return _app()(event, context)
