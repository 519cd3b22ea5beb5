"""The state machine of a campaign: each setting of its Distributed Map, and that it neither dies nor grows. What holds
for every machine is in test_state_machines.py.
"""

import re

import pytest

from calling.usecases.dispatch_recipient import LONGEST_WAIT_MS
from calling.usecases.plan_pass import LONGEST_WAIT_SECONDS, MAX_PASSES
from tests.infra.plan import CAMPAIGN, DATA, LAMBDAS, listed, of_type, references, substituted

STATES = CAMPAIGN.states
MAP = STATES["DialRecipients"]
(CHILD, SEND) = next(iter(MAP["ItemProcessor"]["States"].items()))
HISTORY = 25_000  # events of one execution, AWS's limit
CARRIED = {"account_id", "campaign_id", "generation", "import", "plan"}
PASSES_ARN = {"Fn::Sub": "${Data.Outputs.BucketArn}/passes/*"}
ITSELF = "stateMachine:redial-campaign-${Stage}-${Data.Outputs.Suffix}"
ITS_EXECUTIONS = "execution:redial-campaign-${Stage}-${Data.Outputs.Suffix}:*"


# The Distributed Map


def test_its_children_are_standard_executions_of_their_own() -> None:
    assert MAP["ItemProcessor"]["ProcessorConfig"] == {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}
    assert MAP["ItemProcessor"]["StartAt"] == CHILD == "SendTicket"
    assert len(MAP["ItemProcessor"]["States"]) == 1


def test_it_reads_the_pass_from_s3_line_by_line() -> None:
    assert MAP["ItemReader"] == {
        "Resource": "arn:aws:states:::s3:getObject",
        "ReaderConfig": {"InputType": "JSONL"},
        "Parameters": {"Bucket.$": "$.plan.bucket", "Key.$": "$.plan.key"},
    }


def test_its_concurrency_is_always_set() -> None:
    assert MAP["MaxConcurrencyPath"] == "$.plan.concurrency"
    assert "MaxConcurrency" not in MAP


def test_no_child_that_fails_ends_the_pass() -> None:
    assert MAP["ToleratedFailurePercentage"] == 100


def test_its_results_go_to_s3_and_are_forgotten() -> None:
    assert MAP["ResultWriter"] == {
        "Resource": "arn:aws:states:::s3:putObject",
        "Parameters": {"Bucket.$": "$.plan.bucket", "Prefix": "passes/results"},
    }
    rules = DATA["Resources"]["Bucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
    days = {rule.get("Prefix"): rule.get("ExpirationInDays") for rule in rules}
    assert days["passes/"] == days["uploads/"] == 7
    assert days["campaigns/"] == 30, "a list that no campaign came of is forgotten too"
    assert "series/" not in days, "a recurring campaign reads its list for years; plan_pass deletes it at the end"
    assert None in days, "what was never finished is found by no prefix"


def test_its_name_is_one_that_aws_takes() -> None:
    assert re.fullmatch(r"[A-Za-z]{1,40}", MAP["Label"])


def test_a_ticket_is_sent_once_and_waits_for_its_answer() -> None:
    assert SEND["Resource"] == "arn:aws:states:::sqs:sendMessage.waitForTaskToken"
    assert not {"Retry", "Catch"} & set(SEND), "a second message would be a second ticket for the same try"
    assert SEND["End"] is True
    assert substituted(SEND["Parameters"]["QueueUrl"]) == "CampaignsQueueUrl"
    assert SEND["Parameters"]["MessageBody"] == {
        "account_id.$": "$.account_id",
        "campaign_id.$": "$.campaign_id",
        "index.$": "$.index",
        "number.$": "$.number",
        "token.$": "$$.Task.Token",
        "planned_at.$": "$.planned_at",
        "since.$": "$$.State.EnteredTime",
    }


def test_a_ticket_waits_longer_than_it_may_wait_at_the_doorway_or_among_the_dead() -> None:
    queue = of_type("AWS::SQS::Queue")["CampaignsQueue"]
    to_the_dead = queue["VisibilityTimeout"] * queue["RedrivePolicy"]["maxReceiveCount"]
    assert LONGEST_WAIT_MS / 1000 + to_the_dead < SEND["TimeoutSeconds"] <= 3600


def test_dead_letters_of_tickets_are_answered_and_have_dead_letters_themselves() -> None:
    queues = of_type("AWS::SQS::Queue")
    assert (
        queues["CampaignsQueue"]["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0] == "CampaignsQueueDeadLetters"
    )
    (defer,) = (f for f in LAMBDAS if f.folder == "defer_recipient")
    assert "CampaignsQueueDeadLetters" in set(references(defer.properties["Events"]))
    last = queues["CampaignsQueueDeadLetters"]["RedrivePolicy"]
    assert (last["deadLetterTargetArn"]["Fn::GetAtt"][0], last["maxReceiveCount"]) == ("CampaignsQueueLost", 6)


# The loop


@pytest.mark.parametrize("name", [n for n, s in STATES.items() if s["Type"] in ("Task", "Map") and n != "GiveUpImport"])
def test_a_campaign_dies_of_nothing(name: str) -> None:
    last = STATES[name]["Catch"][-1]
    assert last["ErrorEquals"] == ["States.ALL"]
    assert last["Next"] == ("GiveUpImport" if name == "ImportRecipients" else "WaitToPlanAgain")
    assert "Retry" in STATES[name] or name in ("DialRecipients", "AwaitDue")


def test_it_never_spins_where_something_keeps_failing() -> None:
    assert STATES["WaitToPlanAgain"] == {"Type": "Wait", "Seconds": 60, "Next": "PlanPass"}


def test_what_was_planned_is_done() -> None:
    after = STATES["AfterPlan"]
    ways = {choice["StringEquals"]: choice["Next"] for choice in after["Choices"]}
    assert ways == {"dial": "DialRecipients", "await": "AwaitDue", "again": "PlanPass"}
    assert {choice["Variable"] for choice in after["Choices"]} == {"$.plan.result"}
    assert after["Default"] == "Done"
    assert STATES["DialRecipients"]["Next"] == STATES["AwaitDue"]["Next"] == "PlanPass"


def test_the_list_is_read_on_until_it_is_done_or_given_up() -> None:
    (more,) = STATES["AfterImport"]["Choices"]
    assert (more["Variable"], more["StringEquals"], more["Next"]) == ("$.import.result", "more", "ImportRecipients")
    assert STATES["AfterImport"]["Default"] == STATES["GiveUpImport"]["Next"] == "PlanPass"
    payloads = {n: STATES[n]["Parameters"]["Payload"] for n in ("ImportRecipients", "GiveUpImport")}
    assert payloads["ImportRecipients"] | {"gave_up": False} == payloads["ImportRecipients"]
    assert payloads["ImportRecipients"]["progress.$"] == "$.import.progress"
    assert (payloads["GiveUpImport"]["progress"], payloads["GiveUpImport"]["gave_up"]) == (None, True)


def test_passes_are_counted_in_the_state_and_end_before_the_history_does() -> None:
    assert STATES["Begin"]["Parameters"]["plan"] == {"next": 0, "gone": 0, "at": 0}
    assert STATES["PlanPass"]["Parameters"]["Payload"]["number.$"] == "$.plan.next"
    assert STATES["PlanPass"]["ResultSelector"]["next.$"] == "$.Payload.next"
    tries = 1 + STATES["PlanPass"]["Retry"][0]["MaxAttempts"]
    of_a_pass = (2 + 3 * tries) + 2 + 5 + 2  # planning with every retry, a choice, a Map, a wait
    assert MAX_PASSES * of_a_pass < HISTORY


def test_a_wait_ends_by_the_clock_or_by_a_signal() -> None:
    wait = STATES["AwaitDue"]
    assert wait["Resource"].endswith("lambda:invoke.waitForTaskToken")
    assert wait["TimeoutSecondsPath"] == "$.plan.seconds"
    assert LONGEST_WAIT_SECONDS <= 3600, "whatever the next wake-up should have been"
    assert wait["Catch"][0] == {"ErrorEquals": ["States.Timeout"], "ResultPath": None, "Next": "PlanPass"}
    payload = wait["Parameters"]["Payload"]
    assert (payload["signal.$"], payload["until.$"]) == ("$.plan.signal", "$.plan.until")
    assert payload["token.$"] == "$$.Task.Token"


def test_its_input_stays_small_for_ever() -> None:
    assert {key.removesuffix(".$") for key in STATES["Begin"]["Parameters"]} == CARRIED
    for name, state in STATES.items():
        if state["Type"] in ("Task", "Map"):
            path = state["ResultPath"]
            assert path is None or path[2:] in CARRIED, f"{name} adds to it"
            assert path is None or "ResultSelector" in state, f"{name} takes the whole answer along"
        for catcher in state.get("Catch", ()):
            assert catcher["ResultPath"] is None, f"{name} takes an error's text along"


@pytest.mark.parametrize("name", CAMPAIGN.tasks)
def test_a_task_is_told_which_campaign(name: str) -> None:
    payload = CAMPAIGN.tasks[name]["Parameters"]["Payload"]
    assert (payload["account_id.$"], payload["campaign_id.$"]) == ("$.account_id", "$.campaign_id")


# What it may do


def test_it_may_do_what_a_distributed_map_needs_and_no_more() -> None:
    allowed = {action: s["Resource"] for s in CAMPAIGN.statements for action in listed(s["Action"])}
    services = {action: where for action, where in allowed.items() if action.split(":")[0] not in ("logs", "xray")}
    assert services.pop("lambda:InvokeFunction")
    assert services.pop("sqs:SendMessage") == {"Fn::GetAtt": ["CampaignsQueue", "Arn"]}
    for action in ("GetObject", "PutObject", "ListMultipartUploadParts", "AbortMultipartUpload"):
        assert services.pop(f"s3:{action}") == PASSES_ARN
    for action in ("Encrypt", "Decrypt", "GenerateDataKey"):
        assert services.pop(f"kms:{action}") == {"Fn::GetAtt": ["Data", "Outputs.KeyArn"]}
    assert services.pop("states:StartExecution")["Fn::Sub"].endswith(ITSELF)
    for action in ("DescribeExecution", "StopExecution"):
        assert services.pop(f"states:{action}")["Fn::Sub"].endswith(ITS_EXECUTIONS)
    assert services == {}
    assert CAMPAIGN.properties["Name"] == {"Fn::Sub": "redial-campaign-${Stage}-${Data.Outputs.Suffix}"}


@pytest.mark.parametrize("folder", ["dispatch_recipient", "defer_recipient"])
def test_who_answers_tickets_may_answer_those_of_a_passs_children(folder: str) -> None:
    (function,) = (f for f in LAMBDAS if f.folder == folder)
    (answer,) = (s for s in function.statements if "states:SendTaskSuccess" in listed(s["Action"]))
    named = [resource["Fn::Sub"] for resource in answer["Resource"]]
    assert [text.partition(":stateMachine:")[2] for text in named] == [
        "redial-campaign-${Stage}-${Data.Outputs.Suffix}",
        "redial-campaign-${Stage}-${Data.Outputs.Suffix}/*",
    ]
