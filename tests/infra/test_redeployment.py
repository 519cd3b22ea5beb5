"""A stage whose deployment failed or was deleted can be deployed again: nothing that stayed is in the way."""

import re
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from tests.infra.account import deploy_data
from tests.infra.plan import ALARMS, DATA, MEDIA_STACK, NETWORK, TEMPLATE

pytestmark = pytest.mark.filterwarnings("ignore:Tried to parse")  # tests/infra/account.py

REGION = "eu-west-2"
STACKS = {"template": TEMPLATE, "data": DATA, "network": NETWORK, "media": MEDIA_STACK, "alarms": ALARMS}
# What cannot be made again from the templates.
STATEFUL = {"AWS::DynamoDB::Table", "AWS::S3::Bucket", "AWS::KMS::Key", "AWS::SecretsManager::Secret"}
# Names that a service holds on to after its resource was deleted, each with the service's own reason.
HELD_AFTER_DELETION = {
    "AWS::Serverless::StateMachine": "while executions run it is DELETING, and CreateStateMachine refuses its name",
    "AWS::Scheduler::ScheduleGroup": "it is DELETING until its schedules are gone, and refuses its name",
    "AWS::ECS::Service": "while tasks end it is DRAINING, and CreateService refuses its name",
    "AWS::SQS::Queue": "CreateQueue refuses a deleted queue's name for a minute",
}
# Log groups that something may write to, and so make again, after its stack deleted them: Lambda's own role may.
MADE_AGAIN = {"FunctionLogs"}
SUFFIX = "${Data.Outputs.Suffix}"


def resources() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for stack, template in STACKS.items():
        for name, resource in template["Resources"].items():
            yield stack, name, resource


def given_name(resource: dict[str, Any]) -> Any:
    """Its name, where the template gives it one: TableName of a table, Name of a bus."""
    noun = resource["Type"].rpartition("::")[2]
    properties = resource.get("Properties", {})
    return properties.get("Name", properties.get(f"{noun}Name", properties.get("GroupName")))


def kept(resource: dict[str, Any]) -> bool:
    return str(resource.get("DeletionPolicy", "Delete")).startswith("Retain")


def test_what_cannot_be_made_again_is_kept_but_not_by_a_creation_that_fails() -> None:
    keepers = {name for _, name, r in resources() if r["Type"] in STATEFUL} | {"Data"}
    assert {name for _, name, r in resources() if kept(r)} == keepers >= {"Table", "Bucket", "Key", "CarrierSecret"}
    for _, name, resource in resources():
        if name in keepers:
            policies = (resource["DeletionPolicy"], resource["UpdateReplacePolicy"])
            assert policies == ("RetainExceptOnCreate", "Retain"), name


def test_what_is_kept_has_no_name_of_ours() -> None:
    """Data is kept whole, so all that is in it."""
    named = [name for stack, name, r in resources() if given_name(r) and (stack == "data" or kept(r))]
    assert named == []


def test_a_name_that_is_held_after_deletion_is_not_given_twice() -> None:
    for _, name, resource in resources():
        if resource["Type"] in HELD_AFTER_DELETION or name in MADE_AGAIN:
            given = given_name(resource)
            assert given is None or given["Fn::Sub"].endswith(SUFFIX), name
    assert {r["Type"] for _, _, r in resources()} >= set(HELD_AFTER_DELETION), "a reason that is no longer needed"


def test_the_table_can_be_deleted_while_the_first_deployment_may_fail() -> None:
    assert TEMPLATE["Parameters"]["DeletionProtection"]["Default"] == "false"


@pytest.fixture
def cloudformation(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)  # tests before may have left the emulator's
    with mock_aws():
        yield boto3.client("cloudformation", region_name=REGION)


def test_a_second_deployment_of_a_stage_stands_beside_what_the_first_left(cloudformation: Any) -> None:
    first, second = (deploy_data(cloudformation, name) for name in ("redial-Data-1", "redial-Data-2"))
    for own in ("TableName", "BucketName", "KeyArn", "Suffix"):
        assert first[own] != second[own], own
    assert re.fullmatch(r"[0-9a-f]{8}", first["Suffix"])


@pytest.mark.parametrize("protection", ["false", "true"])
def test_the_parameter_protects_the_table(cloudformation: Any, protection: str) -> None:
    table = deploy_data(cloudformation, "redial-Data-1", DeletionProtection=protection)["TableName"]
    described = boto3.client("dynamodb", region_name=REGION).describe_table(TableName=table)["Table"]
    assert described["DeletionProtectionEnabled"] is (protection == "true")


def test_what_was_left_can_be_found(cloudformation: Any) -> None:
    """By the tag that the guide asks for."""
    for _, name, resource in resources():
        if resource["Type"] in STATEFUL:
            assert resource["Properties"]["Tags"] == [{"Key": "redial", "Value": {"Ref": "Stage"}}], name
