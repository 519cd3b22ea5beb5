"""The template, the handlers and their permissions say the same."""

import ast
import dataclasses
import itertools
from typing import Any

import pytest

from calling import settings
from calling.domain.language_model import DEFAULT_MODEL, LlmAccess
from tests.infra.plan import (
    FUNCTIONS,
    GLOBALS,
    LAMBDAS,
    RESOURCES,
    TEMPLATE,
    Lambda,
    calls_of,
    camel,
    dotted,
    listed,
    of_type,
    references,
    short,
    tree,
)

# Doors of many use cases: they carry the name of what comes in, not of what is done.
MANY = {"api", "twilio_webhooks"}
# boto's names of services where IAM's differ.
IAM_NAME = {"stepfunctions": "states"}
# Permissions without a client of that service, each with its reason.
TABLE_KEY = "the table is encrypted with our own key, and DynamoDB decrypts for the caller"
SECRET_KEY = "the secret is encrypted with our own key, and Secrets Manager decrypts for the caller"
BUCKET_KEY = "the bucket is encrypted with our own key, and S3 makes the object's key for the caller"
CLAUDE = "Claude is reached in this function's own name, signed by its SDK, where access is by IAM"
PASS_ROLE = "a schedule is set to act in the scheduler's role, which is passed to it"
BY_IAM = {"aws-external-anthropic": CLAUDE, "bedrock-mantle": CLAUDE}
WITHOUT_CLIENT = {
    "ApiFunction": {"iam": PASS_ROLE},
    "AwaitDueFunction": {"kms": TABLE_KEY},
    "DeferRecipientFunction": {"kms": TABLE_KEY},
    "DispatchDialFunction": {"kms": TABLE_KEY},
    "ImportRecipientsFunction": {"kms": f"{TABLE_KEY}; the list is encrypted with it too"},
    "PlanPassFunction": {"kms": f"{TABLE_KEY}; {BUCKET_KEY}"},
    "DescribeModelFunction": {"kms": SECRET_KEY, "aws-external-anthropic": CLAUDE},
    "PrepareOpenerFunction": {"kms": f"{TABLE_KEY}; {SECRET_KEY}; {BUCKET_KEY}"} | BY_IAM,
    "SettleCallFunction": {"kms": TABLE_KEY},
    "StartCampaignFunction": {"kms": TABLE_KEY},
    "SummarizeCallFunction": {"kms": f"{TABLE_KEY}; {SECRET_KEY}"} | BY_IAM,
    "PublishEventsFunction": {"kms": "the stream is encrypted with the table's key"},
}
# What libraries read by themselves.
READ_BY_LIBRARIES = {"AWS_ENDPOINT_URL_POLLY", "POWERTOOLS_SERVICE_NAME", "POWERTOOLS_METRICS_NAMESPACE"}
# A queue of dead letters that is consumed has dead letters itself: they are called lost.
LOST = {"CampaignsQueueLost": "CampaignsQueueDeadLetters"}
# Actions that IAM can give on no narrower resource.
ANY_RESOURCE = {"polly:SynthesizeSpeech"}

every_function = pytest.mark.parametrize("function", LAMBDAS, ids=lambda f: f.logical_id)


@every_function
def test_a_function_has_one_name(function: Lambda) -> None:
    assert function.logical_id == f"{camel(function.folder)}Function"
    assert function.properties["Handler"] == f"{function.folder}.handler.handler"


@every_function
def test_its_handler_exists(function: Lambda) -> None:
    path = FUNCTIONS / function.folder / "handler.py"
    names = {n.name for n in tree(path).body if isinstance(n, ast.FunctionDef)}
    names |= {t.id for n in tree(path).body if isinstance(n, ast.Assign) for t in n.targets if isinstance(t, ast.Name)}
    assert "handler" in names


@pytest.mark.parametrize("function", [f for f in LAMBDAS if f.folder not in MANY], ids=lambda f: f.logical_id)
def test_it_is_the_door_of_the_use_case_of_its_name(function: Lambda) -> None:
    assert (FUNCTIONS / "calling" / "usecases" / f"{function.folder}.py").is_file()
    imported = {n.module for n in ast.walk(tree(FUNCTIONS / function.folder / "handler.py")) if hasattr(n, "module")}
    assert f"calling.usecases.{function.folder}" in imported
    assert {m for m in imported if m and m.startswith("calling.usecases.")} == {f"calling.usecases.{function.folder}"}


def test_every_handler_is_deployed() -> None:
    assert {path.parent.name for path in FUNCTIONS.glob("*/handler.py")} == {f.folder for f in LAMBDAS}


@every_function
def test_it_is_built_from_the_lock(function: Lambda) -> None:
    assert RESOURCES[function.logical_id]["Metadata"] == {"BuildMethod": "makefile"}
    assert (GLOBALS["CodeUri"], GLOBALS["Runtime"], GLOBALS["Architectures"]) == ("functions/", "python3.13", ["arm64"])
    assert not {"CodeUri", "Runtime", "Architectures", "Layers"} & set(function.properties)


@every_function
def test_its_clients_and_its_permissions_are_one_list(function: Lambda) -> None:
    clients = set()
    for call in calls_of(function.sources(), "client"):
        assert call.args, "a client is made"
        assert isinstance(call.args[0], ast.Constant), "a client's service is written out, so that it can be read here"
        clients.add(str(call.args[0].value))
    allowed = {action.split(":")[0] for action in function.actions}
    extra = set(WITHOUT_CLIENT.get(function.logical_id, {}))
    assert not extra & clients, "a reason that is no longer needed"
    assert allowed == {IAM_NAME.get(c, c) for c in clients} | extra


@every_function
def test_it_may_use_the_keys_of_what_it_touches(function: Lambda) -> None:
    services = {action.split(":")[0] for action in function.actions}
    if services & {"dynamodb", "secretsmanager", "s3"}:
        assert "kms:Decrypt" in function.actions
    if "s3:PutObject" in function.actions:
        assert "kms:GenerateDataKey" in function.actions, "S3 asks for a data key in the caller's name"


def test_the_language_models_key_is_read_by_those_that_ask_it_and_no_other() -> None:
    readers = {f.folder for f in LAMBDAS if "AnthropicSecretArn" in str([s for s in f.statements if _reads_secret(s)])}
    assert readers == {"prepare_opener", "summarize_call", "describe_model"}


def _reads_secret(statement: dict[str, Any]) -> bool:
    return "secretsmanager:GetSecretValue" in listed(statement["Action"])


@every_function
def test_no_permission_is_for_everything(function: Lambda) -> None:
    for statement in function.statements:
        actions = set(listed(statement["Action"]))
        assert not [a for a in actions if "*" in a]
        for resource in listed(statement["Resource"]):
            text = resource.get("Fn::Sub", "") if isinstance(resource, dict) else resource
            assert resource != "*" or actions <= ANY_RESOURCE
            assert not str(text).endswith((":*", ":stateMachine:*")), f"{actions} on {text}"


@every_function
def test_what_it_reads_of_the_environment_is_there(function: Lambda) -> None:
    missing = [
        field.name.upper()
        for group in _groups(function)
        for field in dataclasses.fields(group)
        if field.default is dataclasses.MISSING and not function.environment.get(field.name.upper())
    ]
    assert missing == []


def test_every_variable_of_the_template_has_a_reader() -> None:
    groups = [g for g in vars(settings).values() if isinstance(g, type) and dataclasses.is_dataclass(g)]
    read = {field.name.upper() for group in groups for field in dataclasses.fields(group)}
    given = set(itertools.chain.from_iterable(f.environment for f in LAMBDAS))
    assert given - read - READ_BY_LIBRARIES == set()


def _groups(function: Lambda) -> list[type]:
    """The settings its wiring loads."""
    names = [dotted(call.args[0]).rpartition(".")[2] for call in calls_of(function.sources(), "load") if call.args]
    found = [getattr(settings, name) for name in names if hasattr(settings, name)]
    assert found, f"{short(FUNCTIONS / function.folder)} loads no settings"
    return found


def test_the_default_model_is_one_value() -> None:
    assert TEMPLATE["Parameters"]["LlmModel"]["Default"] == DEFAULT_MODEL
    assert TEMPLATE["Parameters"]["LlmAccess"]["AllowedValues"] == list(LlmAccess)


def test_every_queue_has_dead_letters() -> None:
    queues = of_type("AWS::SQS::Queue")
    targets = {
        queue["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0]
        for queue in queues.values()
        if "RedrivePolicy" in queue
    }
    elsewhere = set(references([f.properties.get("Events", {}) for f in LAMBDAS]))
    elsewhere |= set(references([f.properties.get("EventInvokeConfig", {}) for f in LAMBDAS]))
    elsewhere |= set(references([rule["Targets"] for rule in of_type("AWS::Events::Rule").values()]))
    for name, queue in queues.items():
        if "RedrivePolicy" not in queue:
            assert name in targets | elsewhere, f"{name} has no dead letters and is nobody's"
            if name in LOST:
                assert queues[LOST[name]]["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0] == name
            else:
                assert name.endswith("DeadLetters")
            assert queue["MessageRetentionPeriod"] == 1209600, "as long as SQS can: somebody must have time to look"


@every_function
def test_what_feeds_it_can_fail_one_by_one_and_has_dead_letters(function: Lambda) -> None:
    for event in function.properties.get("Events", {}).values():
        source = event["Properties"]
        if event["Type"] == "Schedule":
            assert function.properties["EventInvokeConfig"]["MaximumRetryAttempts"] == 0, "the next run does it"
            continue
        assert source["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        if event["Type"] == "SQS":
            queue = of_type("AWS::SQS::Queue")[source["Queue"]["Fn::GetAtt"][0]]
            assert queue["RedrivePolicy"]["maxReceiveCount"] >= 5  # below, throttled invocations become dead letters
            assert queue["VisibilityTimeout"] >= 6 * function.timeout  # as AWS asks
        else:
            assert source["DestinationConfig"]["OnFailure"]


def test_what_is_invoked_and_forgotten_has_dead_letters_or_does_without() -> None:
    """Lambda tries an asynchronous invocation again by itself; who needs the last one kept says where."""
    for function in LAMBDAS:
        config = function.properties.get("EventInvokeConfig")
        if config is not None:
            assert config["MaximumRetryAttempts"] == 0 or config["DestinationConfig"]["OnFailure"], function.logical_id


def test_the_scheduler_starts_campaigns_and_nothing_else() -> None:
    role = RESOURCES["SchedulerRole"]["Properties"]
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "scheduler.amazonaws.com"}
    (policy,) = role["Policies"]
    allowed = {s["Action"]: s["Resource"]["Fn::GetAtt"][0] for s in policy["PolicyDocument"]["Statement"]}
    assert allowed == {"lambda:InvokeFunction": "StartCampaignFunction", "sqs:SendMessage": "ScheduleDeadLetters"}
    (passed,) = (s for f in LAMBDAS for s in f.statements if s["Action"] == "iam:PassRole")
    assert passed["Resource"] == {"Fn::GetAtt": ["SchedulerRole", "Arn"]}
    assert passed["Condition"] == {"StringEquals": {"iam:PassedToService": "scheduler.amazonaws.com"}}


def test_targets_of_rules_have_dead_letters() -> None:
    for rule in of_type("AWS::Events::Rule").values():
        assert all("DeadLetterConfig" in target for target in rule["Targets"])
