"""DynamoDB streams to Lambda: partial batch responses, bisection, retry limits, and off the poller's thread.

ministack calls the function on the thread that also polls every queue, tries a failing batch for ever as a whole, and
ignores `batchItemFailures`.
"""
# ruff: noqa: ANN401, SLF001 -- what is replaced here is private and untyped

import time
from collections.abc import Iterator
from typing import Any

from ministack.services import dynamodb
from ministack.services import lambda_svc as lambdas

Mapping = dict[str, Any]
Record = dict[str, Any]
tries: dict[tuple[str, str], int] = {}  # (mapping, first sequence number) -> failed tries so far


def due_mappings() -> Iterator[tuple[Mapping, str, Any]]:
    """Yield the mappings that may take a batch now, with their table and function, each in its own scope."""
    for account, region, mapping in lambdas._iter_all_esms():
        source = mapping.get("EventSourceArn", "")
        if ":dynamodb:" not in source or not mapping.get("Enabled", True):
            continue
        account_token, region_token = lambdas._request_account_id.set(account), lambdas._request_region.set(region)
        try:
            found = lambdas._dynamodb_stream_table_from_arn_spec(lambdas.parse_arn(source))
            function, _ = lambdas._get_func_record_for_qualifier(mapping["FunctionName"], mapping.get("Qualifier"))
            table = dynamodb._tables.get(found[0]) if found else None
            live = found and function and table and table.get("LatestStreamArn") == source
            resting = lambdas._esm_backoff_until.get(mapping["UUID"], 0) > time.time()
            if live and not resting and not lambdas._esm_inflight.get(mapping["UUID"]):
                yield mapping, found[0], function
        finally:
            lambdas._request_account_id.reset(account_token)
            lambdas._request_region.reset(region_token)


def position_of(mapping: Mapping, table: str) -> int:
    """Where the mapping reads next, never behind what the stream still holds."""
    horizon = dynamodb.stream_start_position(table)
    with lambdas._dynamodb_stream_positions_lock:
        from_start = mapping.get("StartingPosition", "LATEST") == "TRIM_HORIZON"
        start = horizon if from_start else dynamodb.stream_end_position(table)
        return int(max(lambdas._dynamodb_stream_positions.setdefault(mapping["UUID"], start), horizon))


def poll() -> bool:
    """Hand each mapping's next batch to a thread of its own; true if any had one."""
    took = False
    for mapping, table, function in due_mappings():
        position = position_of(mapping, table)
        records = dynamodb.stream_records_since(table, position, int(mapping.get("BatchSize", 100)))
        if not records:
            continue
        took = True
        lambdas._dispatch_esm_batch(mapping["UUID"], run_batch, mapping, function, position, records)
    return took


def sequence(record: Record) -> str:
    """Name a record as `batchItemFailures` does."""
    return str((record.get("dynamodb") or {}).get("SequenceNumber", ""))


def first_failure(mapping: Mapping, records: list[Record], answer: Any) -> int | None:
    """Index of the first record to be tried again; None if the whole batch is done."""
    if answer.get("error"):
        return 0
    body = answer.get("body")
    if "ReportBatchItemFailures" not in (mapping.get("FunctionResponseTypes") or []) or not isinstance(body, dict):
        return None
    failed = {item.get("itemIdentifier") for item in body.get("batchItemFailures") or []}
    if not failed:
        return None
    return next((i for i, record in enumerate(records) if sequence(record) in failed), 0)


def process(mapping: Mapping, function: Any, records: list[Record]) -> int:
    """Call the function with the records it wants; return how many of the batch are behind us."""
    wanted = lambdas._apply_filter_criteria(records, mapping)
    if not wanted:
        return len(records)
    answer = lambdas._execute_function(function, {"Records": wanted})
    failed = first_failure(mapping, wanted, answer)
    if failed is None:
        tries.pop((mapping["UUID"], sequence(wanted[0])), None)
        return len(records)
    bisects = is_true(mapping.get("BisectBatchOnFunctionError"))
    if answer.get("error") and bisects and len(wanted) > 1:  # which is no try of any record
        return process(mapping, function, records[: records.index(wanted[len(wanted) // 2])])
    key = (mapping["UUID"], sequence(wanted[failed]))
    tries[key] = tries.get(key, 0) + 1
    limit = int(mapping.get("MaximumRetryAttempts", -1))
    if not 0 <= limit < tries[key]:
        return records.index(wanted[failed])
    tries.pop(key)
    given_up = wanted[failed : failed + 1] if bisects else wanted[failed:]
    source = mapping["EventSourceArn"]
    lambdas._send_ddb_stream_failure_record(mapping, function, given_up, source, answer, "RetryAttemptsExhausted")
    return records.index(given_up[-1]) + 1


def is_true(value: Any) -> bool:
    """CloudFormation hands booleans on as they were written."""
    return str(value).lower() == "true"


def run_batch(mapping: Mapping, function: Any, position: int, records: list[Record]) -> None:
    """Process one batch and move the mapping's position behind what is done."""
    done = process(mapping, function, records)
    with lambdas._dynamodb_stream_positions_lock:
        lambdas._dynamodb_stream_positions[mapping["UUID"]] = position + done
    if done == 0:
        lambdas._esm_backoff_until[mapping["UUID"]] = time.time() + lambdas._ESM_BACKOFF_SECONDS
    mapping["LastProcessingResult"] = "OK" if done == len(records) else "PROBLEM: function call failed"


def apply() -> None:
    """Apply all of the above."""
    lambdas._poll_dynamodb_streams = poll
