"""Lambda: state SummarizeCall → summarize_call."""

from functools import partial
from typing import Any

from calling.adapters.aws import client
from calling.adapters.claude import ClaudeModel
from calling.adapters.claude_access import access
from calling.adapters.clock import SystemClock
from calling.adapters.dynamodb.agents import DynamoAgentStore
from calling.adapters.dynamodb.calls import DynamoCallStore
from calling.adapters.dynamodb.people import DynamoPeopleStore
from calling.adapters.dynamodb.retention import Retention
from calling.adapters.secrets import llm_key
from calling.settings import AwsSettings, ModelSettings, RetentionSettings, TableSettings, load
from calling.startup import at_start
from calling.telemetry import call_keys, logger, traced
from calling.usecases.summarize_call import summarize_call

log = logger("summarize_call")


@at_start
def _summarize() -> Any:  # noqa: ANN401  the use case with its ports filled in
    dynamodb, table, model = client("dynamodb"), load(TableSettings).table_name, load(ModelSettings)
    clock, keep = SystemClock(), load(RetentionSettings)
    return partial(
        summarize_call,
        calls=DynamoCallStore(dynamodb, table, Retention(keep.retention_days, keep.history_days, clock)),
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
        clock=clock,
    )


@traced
def handler(event: dict[str, str], _context: object) -> dict[str, Any]:
    """Summarise."""
    with call_keys(log, event["account_id"], event["call_id"]):
        _summarize()(event["account_id"], event["call_id"])
        log.info("summarized")
    return {}
