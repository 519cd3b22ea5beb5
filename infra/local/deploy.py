"""Deploy the project's own SAM template into the emulator, as `sam package` and `sam deploy` would into AWS.

Local paths in the template (function code, nested templates, state machine definitions) are uploaded to the emulator's
S3 and rewritten. Function code goes up without third-party packages: on the laptop Lambdas run on the emulator's own
interpreter, which has them. It may know CloudFormation and SAM; it knows nothing of what is being deployed.
"""
# ruff: noqa: ANN401 -- templates are arbitrary JSON, and these two clients come without types

import copy
import hashlib
import io
import json
import time
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import boto3
import yaml
from botocore.config import Config

BUCKET = "redial-deployment"
CAPABILITIES = ("CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND")
LEFT_OUT = {"__pycache__", ".mypy_cache", ".ruff_cache"}
ASL = "AWS::Serverless::StateMachine"
FUNCTION = "AWS::Serverless::Function"
NESTED = {"AWS::CloudFormation::Stack": "TemplateURL", "AWS::Serverless::Application": "Location"}
ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)
Template = dict[str, Any]


class DeployFailedError(RuntimeError):
    """The stack did not come up; the message names the resource and its reason."""


class CloudFormationLoader(yaml.SafeLoader):
    """Reads `!Ref`, `!Sub` and the other short forms into their long ones."""


def construct_intrinsic(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> Any:
    """Turn `!GetAtt A.B` into `{"Fn::GetAtt": ["A", "B"]}` and so on."""
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    elif isinstance(node, yaml.MappingNode):
        value = loader.construct_mapping(node, deep=True)
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


# Dates and booleans-by-accident (`on`) must stay what CloudFormation reads: keep "2012-10-17" a string.
CloudFormationLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in found if tag != "tag:yaml.org,2002:timestamp"]
    for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
CloudFormationLoader.add_multi_constructor("!", construct_intrinsic)


def load_template(path: Path) -> Template:
    """Read a YAML or JSON template with its intrinsics in long form."""
    loaded: Template = yaml.load(path.read_text(), Loader=CloudFormationLoader)  # noqa: S506  derived from SafeLoader
    return loaded


def zip_folder(folder: Path) -> bytes:
    """Zip a folder's source files; the same files always give the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not LEFT_OUT & set(path.parts) and path.suffix != ".pyc":
                archive.writestr(zipfile.ZipInfo(str(path.relative_to(folder)), ZIP_EPOCH), path.read_bytes())
    return buffer.getvalue()


class Packager:
    """Uploads what a template points at, once each, and rewrites the pointers."""

    def __init__(self, s3: Any, endpoint_url: str, code_dirs: Mapping[str, Path]) -> None:
        self._s3 = s3
        self._endpoint_url = endpoint_url
        self._code_dirs = code_dirs
        self._uploaded: set[str] = set()
        self._zips: dict[Path, str] = {}

    def package(self, path: Path) -> Template:
        """Return the template with every local path replaced by an S3 address."""
        template = copy.deepcopy(load_template(path))
        code = ((template.get("Globals") or {}).get("Function") or {}).get("CodeUri")
        if isinstance(code, str):
            template["Globals"]["Function"]["CodeUri"] = self._code(code, path.parent)
        for resource in (template.get("Resources") or {}).values():
            self._rewrite(resource, path.parent)
        return template

    def upload_template(self, path: Path) -> str:
        """Upload a packaged template; return the address CloudFormation fetches it from."""
        key = self._put(json.dumps(self.package(path)).encode(), ".template.json")
        return f"{self._endpoint_url}/{BUCKET}/{key}"

    def _rewrite(self, resource: Template, base: Path) -> None:
        kind, properties = resource.get("Type"), resource.setdefault("Properties", {})
        if kind == FUNCTION:
            if isinstance(properties.get("CodeUri"), str):
                properties["CodeUri"] = self._code(properties["CodeUri"], base)
            (resource.get("Metadata") or {}).pop("BuildMethod", None)
        elif kind == ASL and isinstance(properties.get("DefinitionUri"), str):
            # As text, because substitutions are made in it at deployment: `TimeoutSeconds: ${Ring}` becomes a number.
            key = self._put((base / properties["DefinitionUri"]).read_bytes(), ".asl.yaml")
            properties["DefinitionUri"] = {"Bucket": BUCKET, "Key": key}
        elif kind in NESTED:
            field = NESTED[kind]
            if isinstance(properties.get(field), str) and "://" not in properties[field]:
                properties[field] = self.upload_template(base / properties[field])

    def _code(self, uri: str, base: Path) -> Any:
        if uri.startswith("s3://"):
            return uri
        folder = self._code_dirs.get(uri) or self._code_dirs.get(uri.rstrip("/")) or base / uri
        if folder not in self._zips:
            self._zips[folder] = self._put(zip_folder(folder), ".zip")
        return {"Bucket": BUCKET, "Key": self._zips[folder]}

    def _put(self, content: bytes, suffix: str) -> str:
        key = hashlib.sha256(content).hexdigest()[:32] + suffix
        if key not in self._uploaded:
            self._s3.put_object(Bucket=BUCKET, Key=key, Body=content)
            self._uploaded.add(key)
        return key


def deploy(
    endpoint_url: str,
    template: Path,
    parameters: Mapping[str, str],
    code_dirs: Mapping[str, Path] | None = None,
    *,
    stack_name: str = "redial",
    region: str = "us-east-1",
    timeout: float = 60.0,
) -> dict[str, str]:
    """Deploy a SAM template; return outputs and physical ids (an output wins where both have a name).

    Nested stacks' ids are there as `Parent/Child`. `timeout` is in seconds. `code_dirs` maps a CodeUri as the
    template writes it to the folder to zip instead. Raises DeployFailedError.
    """
    session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=region)  # noqa: S106
    options: dict[str, Any] = {
        "endpoint_url": endpoint_url,
        "config": Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 2}),
    }
    s3, cloudformation = session.client("s3", **options), session.client("cloudformation", **options)
    placement = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    if BUCKET not in {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]}:
        s3.create_bucket(Bucket=BUCKET, **placement)  # type: ignore[arg-type]  # a literal type for the region
    url = Packager(s3, endpoint_url, code_dirs or {}).upload_template(template)
    cloudformation.create_stack(
        StackName=stack_name,
        TemplateURL=url,
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
        Capabilities=list(CAPABILITIES),
        OnFailure="DO_NOTHING",
    )
    await_stack(cloudformation, stack_name, time.monotonic() + timeout)
    stack = cloudformation.describe_stacks(StackName=stack_name)["Stacks"][0]
    return physical_ids(cloudformation, stack_name) | {
        output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])
    }


def await_stack(cloudformation: Any, stack_name: str, deadline: float) -> None:
    """Return once the stack is complete; raise DeployFailedError with the reason otherwise."""
    while True:
        status = cloudformation.describe_stacks(StackName=stack_name)["Stacks"][0]["StackStatus"]
        if status == "CREATE_COMPLETE":
            return
        if not status.endswith("_IN_PROGRESS"):
            raise DeployFailedError(f"{stack_name} is {status}: {failures(cloudformation, stack_name)}")
        if time.monotonic() > deadline:
            raise DeployFailedError(f"{stack_name} is still {status}: {failures(cloudformation, stack_name)}")
        time.sleep(0.05)


def failures(cloudformation: Any, stack_name: str) -> str:
    """Say which resources failed and why, nested stacks' included, the first failure first."""
    said: list[str] = []
    for event in reversed(cloudformation.describe_stack_events(StackName=stack_name)["StackEvents"]):
        if not event["ResourceStatus"].endswith("_FAILED"):
            continue
        said.append(f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason') or 'no reason given'}")
        child = event.get("PhysicalResourceId") or ""
        if event["ResourceType"] == "AWS::CloudFormation::Stack" and child and child != event.get("StackId"):
            said.append(failures(cloudformation, child))
    return "; ".join(dict.fromkeys(said)) or "no failing resource reported"


def physical_ids(cloudformation: Any, stack_name: str, prefix: str = "") -> dict[str, str]:
    """Map logical to physical ids, nested stacks' resources as `Parent/Child`."""
    found: dict[str, str] = {}
    for resource in cloudformation.describe_stack_resources(StackName=stack_name)["StackResources"]:
        name, physical = prefix + resource["LogicalResourceId"], resource.get("PhysicalResourceId", "")
        found[name] = physical
        if resource["ResourceType"] == "AWS::CloudFormation::Stack" and physical:
            found |= physical_ids(cloudformation, physical, f"{name}/")
    return found
