"""What an account has and a laptop has not: network, media service, alarms. And how long things are kept."""

import ast
import dataclasses
import itertools
import json
import re
from typing import Any
from urllib.parse import urlsplit

import pytest
from ministack.services.cloudformation import engine

from calling import settings as shared
from calling.domain.call import RING_SECONDS
from infra.local.settings import RECOGNISERS
from media import stt
from media.protection import MINUTES
from media.refusals import METRIC
from media.settings import MediaSettings
from media.stt import transcribe_websocket
from tests.infra.plan import (
    ALARMS,
    DATA,
    GLOBALS,
    LAMBDAS,
    MEDIA,
    MEDIA_STACK,
    NETWORK,
    RESOURCES,
    ROOT,
    TEMPLATE,
    calls_of,
    cases,
    listed,
    of_type,
    references,
    tree,
)

LONGEST_CALL = 1800 + RING_SECONDS  # s; api/schemas allow no longer one
# What the task role may do without a client made in media/wiring.py, each with its reason.
BESIDE_WIRING = {
    "polly": "media/tts/polly.py, a provider",
    "transcribe": "media/stt/transcribe.py, two providers",
    "ecs": "media/protection.py asks ECS's agent, which acts in the task's name",
    "aws-external-anthropic": "media/llm/claude.py, a provider, where access is by IAM",
    "bedrock-mantle": "media/llm/claude.py, a provider, where access is by IAM",
}
MOST_METRICS = 10  # an alarm may add up, by CloudWatch's own limit
NESTED = {"Network": NETWORK, "Media": MEDIA_STACK, "Alarms": ALARMS, "Data": DATA}
# Doors that add what must be forgotten one day, with the store they add it by.
ADDS = {
    "functions/api/handler.py": {"DynamoCallStore", "DynamoCampaignStore", "DynamoDeliveryStore"},
    "functions/start_campaign/handler.py": {"DynamoCampaignStore"},
    "functions/import_recipients/handler.py": {"DynamoCampaignStore"},
    "functions/plan_pass/handler.py": {"DynamoCampaignStore"},
    "functions/await_due/handler.py": {"DynamoCampaignStore"},
    "functions/dispatch_recipient/handler.py": {"DynamoCampaignStore"},
    "functions/defer_recipient/handler.py": {"DynamoCampaignStore"},
    "functions/settle_call/handler.py": {"DynamoCampaignStore"},
    "functions/reap_leases/handler.py": {"DynamoCampaignStore"},
    "functions/reconcile_calls/handler.py": {"DynamoCampaignStore"},
    "functions/twilio_webhooks/handler.py": {"DynamoCallStore"},
    "functions/summarize_call/handler.py": {"DynamoCallStore"},
    "functions/deliver_webhook/handler.py": {"DynamoDeliveryStore"},
    "media_fargate/media/wiring.py": {"DynamoCallStore"},
}


def media(name: str) -> dict[str, Any]:
    properties: dict[str, Any] = MEDIA_STACK["Resources"][name]["Properties"]
    return properties


def attributes(name: str, field: str) -> dict[str, str]:
    return {a["Key"]: a["Value"] for a in media(name)[field]}


def test_a_laptop_has_none_of_it() -> None:
    assert {RESOURCES[name].get("Condition") for name in ("Network", "Media")} == {"HasMedia"}
    assert RESOURCES["Alarms"]["Condition"] == "IsDeployed"
    assert {"Condition": "IsDeployed"} in TEMPLATE["Conditions"]["HasMedia"]["Fn::And"]


@pytest.mark.parametrize("name", NESTED)
def test_a_nested_stack_gets_all_it_asks_for(name: str) -> None:
    asked = NESTED[name]["Parameters"]
    given = set(RESOURCES[name]["Properties"]["Parameters"])
    assert given <= set(asked)
    assert {p for p, definition in asked.items() if "Default" not in definition} <= given


def test_the_task_role_is_what_the_wiring_makes_clients_of() -> None:
    (policy,) = media("TaskRole")["Policies"]
    statements = list(cases(policy["PolicyDocument"]["Statement"]))
    actions = {action for statement in statements for action in listed(statement["Action"])}
    clients = {str(c.args[0].value) for c in calls_of([MEDIA / "media/wiring.py"], "client")}  # type: ignore[attr-defined]  # written out
    names = {"states" if c == "stepfunctions" else c for c in clients}
    assert {action.split(":")[0] for action in actions} == names | set(BESIDE_WIRING)
    assert not [action for action in actions if "*" in action]
    for statement in statements:
        if statement["Resource"] == "*":
            assert set(listed(statement["Action"])) == {
                "polly:SynthesizeSpeech",
                "transcribe:StartStreamTranscriptionWebSocket",
                "transcribe:StartStreamTranscription",
            }


def test_the_template_says_which_recogniser_the_container_uses_and_lets_it_out() -> None:
    parameter = TEMPLATE["Parameters"]["SttProvider"]
    assert set(parameter["AllowedValues"]) == set(stt.PROVIDERS)
    assert parameter["Default"] == MediaSettings("ws://x").stt_provider
    (container,) = media("Task")["ContainerDefinitions"]
    given = {entry["Name"]: entry["Value"] for entry in container["Environment"]}
    assert given["STT_PROVIDER"] == {"Ref": "SttProvider"}
    assert RESOURCES["Media"]["Properties"]["Parameters"]["SttProvider"] == {"Ref": "SttProvider"}
    port = urlsplit(transcribe_websocket.address(stt.SttSettings("eu-west-2"))).port
    assert {443, port} == {rule["ToPort"] for rule in media("TaskGroup")["SecurityGroupEgress"]}


def test_a_laptop_knows_every_recogniser() -> None:
    assert set(RECOGNISERS.values()) == set(stt.PROVIDERS)


def test_the_container_is_told_what_its_settings_need() -> None:
    (container,) = media("Task")["ContainerDefinitions"]
    given = {entry["Name"] for entry in container["Environment"]}
    loaded = {ast.unparse(c.args[0]) for c in calls_of([MEDIA / "media/wiring.py"], "load") if c.args}
    groups = [getattr(shared, name) for name in loaded] + [MediaSettings]
    needed = {f.name.upper() for group in groups for f in dataclasses.fields(group) if f.default is dataclasses.MISSING}
    assert needed <= given
    assert {"AWS_REGION", "STAGE", "RETENTION_DAYS", "HISTORY_DAYS"} <= given
    assert {f.name.upper() for f in dataclasses.fields(shared.ModelSettings)} - given == {"ANTHROPIC_BASE_URL"}


def test_a_live_call_is_cut_by_nothing() -> None:
    (container,) = media("Task")["ContainerDefinitions"]
    drain = {e["Name"]: e["Value"] for e in container["Environment"]}["MEDIA_DRAIN_SECONDS"]
    assert int(drain) < container["StopTimeout"] <= 120
    assert int(attributes("LoadBalancer", "LoadBalancerAttributes")["idle_timeout.timeout_seconds"]) > LONGEST_CALL
    deregistration = int(attributes("TargetGroup", "TargetGroupAttributes")["deregistration_delay.timeout_seconds"])
    assert deregistration > LONGEST_CALL
    assert MINUTES * 60 > LONGEST_CALL
    assert media("Service")["DeploymentConfiguration"]["DeploymentCircuitBreaker"] == {"Enable": True, "Rollback": True}


def test_only_tls_comes_in_and_only_the_load_balancer_reaches_a_task() -> None:
    (listener,) = [r["Properties"] for r in MEDIA_STACK["Resources"].values() if r["Type"].endswith("::Listener")]
    assert (listener["Port"], listener["Protocol"]) == (443, "HTTPS")
    (way_in,) = media("TaskGroup")["SecurityGroupIngress"]
    assert way_in["SourceSecurityGroupId"] == {"Ref": "LoadBalancerGroup"}
    assert media("Task")["RuntimePlatform"]["CpuArchitecture"] == "ARM64"
    assert media("TargetGroup")["HealthCheckPath"] == "/health"


def test_every_queue_of_dead_letters_has_its_alarm() -> None:
    dead = {name for name in of_type("AWS::SQS::Queue") if name.endswith(("DeadLetters", "Lost"))}
    given = RESOURCES["Alarms"]["Properties"]["Parameters"]
    watched = {p: set(references(v)) for p, v in given.items() if p.endswith(("DeadLettersName", "LostName"))}
    assert set().union(*watched.values()) == dead
    read = {d["Value"]["Ref"] for d in _dimensions() if isinstance(d["Value"], dict) and "Ref" in d["Value"]}
    assert set(watched) <= read


def test_every_state_machine_is_under_the_alarms() -> None:
    given = RESOURCES["Alarms"]["Properties"]["Parameters"]
    watched = {p: set(references(v)) for p, v in given.items() if p.endswith("StateMachineArn")}
    assert set().union(*watched.values()) == set(of_type("AWS::Serverless::StateMachine"))
    failed = [a["Dimensions"][0]["Value"]["Ref"] for a in _alarms() if a.get("MetricName") == "ExecutionsFailed"]
    assert set(failed) == set(watched)


def test_every_function_is_under_the_alarms() -> None:
    given = RESOURCES["Alarms"]["Properties"]["Parameters"]
    groups = {name: list(references(given[name])) for name in ("Doors", "Steps", "CampaignSteps")}
    assert sorted(itertools.chain(*groups.values())) == sorted(f.logical_id for f in LAMBDAS)
    for alarm in _alarms():
        assert len(alarm.get("Metrics", [])) <= 1 + MOST_METRICS
        for group, members in groups.items():
            picked = [m["MetricStat"]["Metric"]["Dimensions"][0]["Value"] for m in alarm.get("Metrics", [])[1:]]
            places = [v["Fn::Select"][0] for v in picked if v["Fn::Select"][1] == {"Ref": group}]
            assert places in ([], list(range(len(members)))), "one for each, and none beyond"


def test_somebody_is_told_of_every_alarm() -> None:
    for alarm in _alarms():
        assert alarm["AlarmActions"] == [{"Ref": "Topic"}]
        assert alarm["AlarmDescription"]
    statements = DATA["Resources"]["Key"]["Properties"]["KeyPolicy"]["Statement"]
    (theirs,) = (s for s in statements if s["Principal"] == {"Service": "cloudwatch.amazonaws.com"})
    assert theirs["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}


def test_a_healthy_first_deployment_mails_nothing() -> None:
    """An alarm begins with INSUFFICIENT_DATA and becomes OK: neither is told of, nor is what is missing at first."""
    for alarm in _alarms():
        assert "OKActions" not in alarm
        assert alarm["TreatMissingData"] == ("missing" if "InsufficientDataActions" in alarm else "notBreaching")
    heartbeats = {name for name, r in ALARMS["Resources"].items() if "InsufficientDataActions" in r["Properties"]}
    assert heartbeats == {"ReaperSilent", "MediaGone"}


def test_who_knocks_at_the_api_is_logged_but_not_where() -> None:
    """A path may hold a phone number, a query a token."""
    log = of_type("AWS::ApiGatewayV2::Stage")["HttpStage"]["AccessLogSettings"]
    assert log["DestinationArn"] == {"Fn::GetAtt": ["AccessLogs", "Arn"]}
    line = json.loads(log["Format"])
    assert {"request_id", "ip", "status"} <= set(line)
    assert not {"path", "rawpath", "resourcepath", "querystring"} & {
        value.rpartition(".")[2].lower() for value in line.values()
    }


@pytest.mark.parametrize(
    ("given", "refused"),
    [
        ({}, None),
        ({"MediaDomainName": "media.example.com", "MediaCertificateArn": "arn:c", "MediaImageUri": "image"}, None),
        ({"MediaDomainName": "media.example.com", "MediaImageUri": "image"}, "MediaCertificateArn"),
        ({"MediaCertificateArn": "arn:c", "MediaImageUri": "image"}, "a domain of your own"),
        ({"MediaDomainName": "", "MediaCertificateArn": "arn:c", "MediaImageUri": "image"}, "a domain of your own"),
    ],
)
def test_an_image_needs_its_domain_and_certificate(given: dict[str, str], refused: str | None) -> None:
    """By the emulator's own reading of the rules."""
    chosen = {name: {"Value": given.get(name, p.get("Default", ""))} for name, p in TEMPLATE["Parameters"].items()}
    try:
        engine._check_rules_section(TEMPLATE)
        engine._evaluate_rules(TEMPLATE, chosen, {})
    except ValueError as error:
        said: str | None = str(error)
    else:
        said = None
    assert (said is None) if refused is None else (refused in (said or ""))


@pytest.mark.parametrize("door", ["reap_leases", "reconcile_calls"])
def test_what_a_door_counts_is_what_is_watched(door: str) -> None:
    handler = (ROOT / f"functions/{door}/handler.py").read_text()
    ours = {"Name": "service", "Value": door}
    watched = {a["MetricName"] for a in _alarms() if ours in a.get("Dimensions", [])}
    assert watched == set(re.findall(r'"([A-Z]\w+)": ', handler))


def test_what_the_container_measures_beside_its_calls_is_watched() -> None:
    ours = [{"Name": "stage", "Value": {"Ref": "Stage"}}]
    watched = {a["MetricName"] for a in _alarms() if a.get("Dimensions") == ours}
    assert watched == {METRIC}


def test_all_logs_end() -> None:
    groups = [*of_type("AWS::Logs::LogGroup").values(), media("Logs")]
    assert [g["RetentionInDays"] for g in groups] == [{"Ref": "LogDays"}] * len(groups)
    assert GLOBALS["LoggingConfig"]["LogGroup"] == {"Ref": "FunctionLogs"}


@pytest.mark.parametrize("door", ADDS)
def test_what_a_door_adds_is_forgotten_in_its_time(door: str) -> None:
    for store in ADDS[door]:
        (made,) = calls_of([ROOT / door], store)
        assert len(made.args) == 3, f"{store} in {door} is given no retention"
    assert any(isinstance(n, ast.Name) and n.id == "Retention" for n in ast.walk(tree(ROOT / door)))


def _alarms() -> list[dict[str, Any]]:
    return [r["Properties"] for r in ALARMS["Resources"].values() if r["Type"] == "AWS::CloudWatch::Alarm"]


def _dimensions() -> list[dict[str, Any]]:
    return [d for alarm in _alarms() for d in alarm.get("Dimensions", [])]
