"""The operator's scripts as processes: one region, said aloud, and never a traceback."""

import os
import subprocess
import sys

import pytest

from infra.stack import READ, find_region
from tests.infra.plan import ROOT, TEMPLATE

REGION = "eu-west-2"
SCRIPTS = ["infra.put_secrets", "infra.create_key"]
# What each says when all went well; to put_secrets' questions it is answered nothing.
SUCCEEDED = {"infra.put_secrets": "Stored: nothing.", "infra.create_key": "Keep both: they are shown this once."}

each_script = pytest.mark.parametrize("script", SCRIPTS)
every_script = pytest.mark.parametrize("script", [*SCRIPTS, "infra.check_twilio"])


def run(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run with this environment of AWS's variables alone: no profile, no credentials but those given."""
    path = os.pathsep.join([str(ROOT / "functions"), str(ROOT)])
    bare = {"PATH": os.environ["PATH"], "PYTHONPATH": path, "HOME": "/nonexistent", "AWS_EC2_METADATA_DISABLED": "true"}
    return subprocess.run(
        [sys.executable, "-m", *command],
        env=bare | environment,
        cwd=ROOT,
        input="\n\n",
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        start_new_session=True,  # no terminal to ask at
    )


def assert_a_sentence(done: subprocess.CompletedProcess[str], *words: str) -> None:
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    last = done.stderr.strip().splitlines()[-1]
    assert all(word in last for word in words), done.stderr


def test_an_account_that_is_not_there_gets_no_key() -> None:
    done = run("tests.infra.operated", REGION, "infra.create_key", "--account", "acct_nobody", AWS_REGION=REGION)
    assert_a_sentence(done, "no account", "acct_nobody")
    done = run("tests.infra.operated", REGION, "infra.create_key", "--revoke-all", AWS_REGION=REGION)
    assert_a_sentence(done, "--account")


@each_script
@pytest.mark.parametrize("variable", ["AWS_REGION", "AWS_DEFAULT_REGION"])
def test_either_variable_names_the_region(script: str, variable: str) -> None:
    done = run("tests.infra.operated", REGION, script, **{variable: REGION})
    assert done.returncode == 0, done.stderr
    assert f"Stack redial in {REGION} ({variable})." in done.stderr
    assert SUCCEEDED[script] in done.stdout


@every_script
def test_a_stack_that_is_elsewhere_is_a_sentence(script: str) -> None:
    done = run("tests.infra.operated", REGION, script, AWS_REGION="us-east-1")
    assert "Stack redial in us-east-1 (AWS_REGION)." in done.stderr
    assert_a_sentence(done, "redial", "does not exist")


@every_script
def test_a_stack_that_is_no_deployments_root_is_a_sentence(script: str) -> None:
    """Before anything is made: a key that was made and then not printed would be lost."""
    done = run("tests.infra.operated", REGION, script, "--stack", "redial-Data", AWS_REGION=REGION)
    assert_a_sentence(done, "redial-Data", "ApiUrl")


def test_the_template_has_every_output_that_the_scripts_read() -> None:
    assert set(TEMPLATE["Outputs"]) >= READ


def test_a_secret_that_nobody_has_filled_is_a_sentence() -> None:
    done = run("tests.infra.operated", REGION, "infra.check_twilio", AWS_REGION=REGION)
    assert_a_sentence(done, "carrier secret is not filled", "infra.put_secrets")


@every_script
def test_no_region_is_a_sentence(script: str) -> None:
    assert_a_sentence(run(script), "No region is set", "AWS_REGION", "AWS_DEFAULT_REGION", "--region")


@every_script
def test_no_credentials_are_a_sentence(script: str) -> None:
    assert_a_sentence(run(script, AWS_REGION=REGION), "No AWS credentials were found")


@every_script
def test_a_profile_that_is_not_there_is_a_sentence(script: str) -> None:
    assert_a_sentence(run(script, AWS_PROFILE="nobody"), "AWS refused", "nobody")


@pytest.mark.parametrize(
    ("given", "environ", "profile", "found"),
    [
        ("eu-south-1", {"AWS_REGION": REGION}, None, ("eu-south-1", "--region")),
        (None, {"AWS_REGION": REGION, "AWS_DEFAULT_REGION": REGION}, None, (REGION, "AWS_REGION")),
        (
            None,
            {"AWS_REGION": REGION, "AWS_DEFAULT_REGION": "us-east-1"},
            None,
            (REGION, "AWS_REGION; AWS_DEFAULT_REGION, which sam reads, says us-east-1"),
        ),
        (None, {"AWS_REGION": " ", "AWS_DEFAULT_REGION": REGION}, None, (REGION, "AWS_DEFAULT_REGION")),
        (None, {}, REGION, (REGION, "the AWS profile")),
        (None, {}, None, (None, "the AWS profile")),
    ],
)
def test_which_region_wins(
    given: str | None, environ: dict[str, str], profile: str | None, found: tuple[str | None, str]
) -> None:
    assert find_region(given, environ, lambda: profile) == found
