"""Lambda, invoked asynchronously beside the dial → prepare_opener."""

from functools import partial
from typing import Any

from calling.adapters.aws import client
from calling.adapters.claude import ClaudeModel
from calling.adapters.claude_access import access
from calling.adapters.clock import SystemClock
from calling.adapters.dynamodb.agents import DynamoAgentStore
from calling.adapters.dynamodb.calls import DynamoCallStore
from calling.adapters.dynamodb.people import DynamoPeopleStore
from calling.adapters.polly import PollySpeech
from calling.adapters.s3 import S3BlobStore
from calling.adapters.secrets import llm_key
from calling.settings import AwsSettings, BucketSettings, ModelSettings, TableSettings, load
from calling.startup import at_start
from calling.telemetry import call_keys, logger, traced
from calling.usecases.prepare_opener import prepare_opener

log = logger("prepare_opener")


@at_start
def _prepare() -> Any:  # noqa: ANN401  the use case with its ports filled in
    dynamodb, table, model = client("dynamodb"), load(TableSettings).table_name, load(ModelSettings)
    return partial(
        prepare_opener,
        calls=DynamoCallStore(dynamodb, table),
        agents=DynamoAgentStore(dynamodb, table),
        people=DynamoPeopleStore(dynamodb, table),
        model=ClaudeModel(
            access(
                model.llm_access,
                lambda: llm_key(client("secretsmanager"), model.anthropic_secret_arn),
                base_url=model.anthropic_base_url,
                region=load(AwsSettings).aws_region,
                workspace_id=model.llm_workspace_id,
            ),
            model=model.llm_model,
            fallback=model.llm_fallback_model,
        ),
        speech=PollySpeech(client("polly")),
        blobs=S3BlobStore(client("s3"), load(BucketSettings).bucket_name),
        clock=SystemClock(),
    )


@traced
def handler(event: dict[str, str], _context: object) -> dict[str, Any]:
    """Prepare; nobody reads the answer."""
    with call_keys(log, event["account_id"], event["call_id"]):
        ready = _prepare()(event["account_id"], event["call_id"])
        log.info("opener prepared", extra={"ready": ready})
    return {"ready": ready}
