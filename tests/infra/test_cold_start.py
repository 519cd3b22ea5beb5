"""What a Lambda makes while it starts: clients and tracer stand after INIT, so that no invocation pays for them."""

import ast
import json
import os
import subprocess
import sys
from typing import Any

import pytest

from tests.infra.plan import FUNCTIONS, LAMBDAS, Lambda, calls_of, tree

# Imports a handler as Lambda does, then says which cached things it has made, and what a first invocation would load.
STARTED = """
import importlib, json, sys
module = importlib.import_module(sys.argv[1])
cached = [v for v in vars(module).values() if hasattr(v, "cache_info") and v.__module__ == module.__name__]
made = [v.cache_info().currsize for v in cached]
from aws_xray_sdk.core import patcher
print(json.dumps({"made": made, "patched": sorted(patcher._PATCHED_MODULES), "twilio": "twilio.rest" in sys.modules}))
"""
ON_LAMBDA = {
    "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
    "AWS_LAMBDA_FUNCTION_NAME": "f",
    "LAMBDA_TASK_ROOT": "/var/task",
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:9",  # nobody is there: who asks AWS while it starts does not start
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "POWERTOOLS_TRACE_DISABLED": "false",
    "LLM_ACCESS": "bedrock",  # by IAM: a key would be asked of Secrets Manager
}
ASKS_THE_CARRIER = {"dial_call", "watch_call", "resolve_call"}
# On the way from a request to a voice: what a person who waits for the phone to ring waits for.
ON_THE_WAY = {"api", "dispatch_dial", "prepare_opener", "dial_call", "twilio_webhooks"}


def started(function: Lambda) -> dict[str, Any]:
    """Start a function in a process of its own, told what the template tells it. AWS is away."""
    told = function.told | ON_LAMBDA
    del told["AWS_ENDPOINT_URL_POLLY"]
    run = subprocess.run(
        [sys.executable, "-c", STARTED, f"{function.folder}.handler"],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(FUNCTIONS)} | told,
        cwd=FUNCTIONS,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert run.returncode == 0, run.stderr[-2000:]
    found: dict[str, Any] = json.loads(run.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize("function", [f for f in LAMBDAS if f.folder in ON_THE_WAY], ids=lambda f: f.folder)
def test_nothing_is_left_for_the_first_invocation(function: Lambda) -> None:
    found = started(function)
    assert found["made"], "it has nothing to make"
    assert set(found["made"]) == {1}
    assert found["patched"] == ["botocore"], "the tracer stands, and knows botocore alone"
    assert found["twilio"] is (function.folder in ASKS_THE_CARRIER)


@pytest.mark.parametrize("function", LAMBDAS, ids=lambda f: f.folder)
def test_a_handler_makes_its_clients_at_its_start(function: Lambda) -> None:
    """What it keeps from one invocation to the next is made at its start, and nothing at its first use."""
    handler = FUNCTIONS / function.folder / "handler.py"
    functions = [node for node in tree(handler).body if isinstance(node, ast.FunctionDef)]
    decorators = {ast.unparse(decorator) for node in functions for decorator in node.decorator_list}
    assert decorators == {"at_start", "traced"}
    assert bool(list(calls_of([handler], "loaded"))) is (function.folder in ASKS_THE_CARRIER)
