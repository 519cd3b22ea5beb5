"""Telemetry: lines carry the call's ids, hide numbers, and tracing costs nothing where there is none."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from calling import telemetry

ROOT = Path(__file__).parents[3]


def test_lines_carry_the_calls_ids_and_hide_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    log = telemetry.logger("a_door")
    with telemetry.call_keys(log, "acct_1", "call_1"):
        log.info("asked for +447700900123", extra={"to": "+447700900123", "seconds": 3})
    log.info("outside")
    inside, outside = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert (inside["service"], inside["account_id"], inside["call_id"]) == ("a_door", "acct_1", "call_1")
    assert (inside["message"], inside["to"], inside["seconds"]) == ("asked for +44********23", "+44********23", 3)
    assert "call_id" not in outside


def test_a_traceback_hides_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    log = telemetry.logger("another_door")
    try:
        int("+447700900123 is no number")
    except ValueError:
        log.exception("failed")
    line = capsys.readouterr().out
    assert "ValueError" in line
    assert "+447700900123" not in line


def test_masking_leaves_times_and_short_numbers_alone() -> None:
    text = "2026-11-21 11:00:00,123+0000 +12 1+1=2"
    assert telemetry.masked(text) == text


def test_a_traced_handler_is_the_handler() -> None:
    @telemetry.traced
    def handler(event: dict[str, int], _context: object) -> int:
        return event["n"] + 1

    assert handler({"n": 1}, None) == 2


def test_fast_doors_import_nothing_heavy() -> None:
    """What dispatch_dial needs brings no tracer, no model, no pydantic and no Twilio client with it."""
    program = (
        "import sys, calling.telemetry, calling.settings, calling.adapters.aws, calling.adapters.clock,"
        "calling.adapters.dynamodb.calls, calling.adapters.dynamodb.leases, calling.adapters.dynamodb.lines,"
        "calling.adapters.sqs, calling.adapters.stepfunctions, calling.adapters.lambda_opener,"
        "calling.adapters.secrets, calling.adapters.kms, calling.adapters.twilio, calling.adapters.twilio_signature\n"
        "heavy = 'aws_xray_sdk anthropic pydantic boto3 fastapi requests twilio.rest asyncio'.split()\n"
        "sys.exit(str([m for m in heavy if m in sys.modules] or ''))"
    )
    run = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": str(ROOT / "functions")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.stderr.strip() == ""
