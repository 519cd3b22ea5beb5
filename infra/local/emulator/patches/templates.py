"""CloudFormation: routes from an HTTP API's OpenAPI Body, a table's TTL, secrets without the excluded characters, state
machines in YAML, numbers in a function's environment. And the headers an HTTP API adds to what a function gets.

SAM's `AWS::Serverless::HttpApi` puts its routes into `Body`; ministack deploys such an API without any, and it answers
404 to everything.
"""
# ruff: noqa: ANN401, SLF001 -- what is replaced here is private and untyped

import json
from typing import Any

import yaml
from ministack.services import apigateway, dynamodb, secretsmanager
from ministack.services.cloudformation import provisioners

Properties = dict[str, Any]
INTEGRATION = "x-amazon-apigateway-integration"
ANY_METHOD = "x-amazon-apigateway-any-method"


def make_routes(api_id: str, body: dict[str, Any]) -> None:
    """Make a route and an integration for every operation of an OpenAPI document."""
    apigateway._routes[api_id] = {}
    apigateway._integrations[api_id] = {}
    for path, operations in (body.get("paths") or {}).items():
        for method, operation in operations.items():
            wanted = (operation or {}).get(INTEGRATION) if isinstance(operation, dict) else None
            if not wanted:
                continue
            integration = {
                "integrationType": wanted["type"].upper(),
                "integrationUri": wanted["uri"],
                "integrationMethod": wanted.get("httpMethod", "POST"),
                "payloadFormatVersion": wanted.get("payloadFormatVersion", "2.0"),
                "timeoutInMillis": int(wanted.get("timeoutInMillis", 30000)),
            }
            made = json.loads(apigateway._create_integration(api_id, integration)[2])["integrationId"]
            verb = "ANY" if method == ANY_METHOD else method.upper()
            key = "$default" if path == "/$default" else f"{verb} {path}"
            apigateway._create_route(api_id, {"routeKey": key, "target": f"integrations/{made}"})


def mend_http_api() -> None:
    """Make the routes when the API is made and again when it is updated."""
    handlers = provisioners._RESOURCE_HANDLERS["AWS::ApiGatewayV2::Api"]
    make, change = handlers["create"], handlers["update"]

    def create(logical_id: str, properties: Properties, stack: str) -> Any:
        made = make(logical_id, properties, stack)
        if properties.get("Body"):
            make_routes(made[0], properties["Body"])
        return made

    def update(physical_id: str, old: Properties, new: Properties, stack: str, *rest: Any, **named: Any) -> Any:
        changed = change(physical_id, old, new, stack, *rest, **named)
        if new.get("Body"):
            make_routes(changed[0], new["Body"])
        return changed

    handlers["create"], handlers["update"] = create, update


def add_forwarded_headers() -> None:
    """Say who asked and how, as API Gateway does to every function."""
    invoke = apigateway._invoke_lambda_proxy

    async def invoke_forwarded(*given: Any, **named: Any) -> Any:
        integration, api_id, stage, path, method, headers, *rest = given
        port = str(headers.get("host", "")).partition(":")[2] or "80"
        forwarded = {"x-forwarded-for": "127.0.0.1", "x-forwarded-port": port, "x-forwarded-proto": "http"}
        return await invoke(integration, api_id, stage, path, method, {**headers, **forwarded}, *rest, **named)

    apigateway._invoke_lambda_proxy = invoke_forwarded


def mend_table_ttl() -> None:
    """Let TimeToLiveSpecification of a template take effect."""
    handlers = provisioners._RESOURCE_HANDLERS["AWS::DynamoDB::Table"]
    make = handlers["create"]

    def create(logical_id: str, properties: Properties, stack: str) -> Any:
        made = make(logical_id, properties, stack)
        wanted = properties.get("TimeToLiveSpecification")
        if wanted:
            specification = {
                "Enabled": str(wanted.get("Enabled", True)).lower() == "true",
                "AttributeName": wanted["AttributeName"],
            }
            dynamodb._update_ttl({"TableName": made[0], "TimeToLiveSpecification": specification})
        return made

    handlers["create"] = create


def mend_generated_secrets() -> None:
    """Generate a template's secret by GetRandomPassword's own rules, exclusions and all."""
    original = provisioners._sm_secret_string

    def secret_string(properties: Properties) -> Any:
        wanted = properties.get("GenerateSecretString")
        if not isinstance(wanted, dict) or properties.get("SecretString"):
            return original(properties)
        flags = {k: str(v).lower() == "true" for k, v in wanted.items() if k.startswith(("ExcludeP", "ExcludeN"))}
        flags |= {k: str(v).lower() == "true" for k, v in wanted.items() if k.endswith(("case", "Space", "Type"))}
        request = {"PasswordLength": int(wanted.get("PasswordLength", 32)), **flags}
        request["ExcludeCharacters"] = wanted.get("ExcludeCharacters", "")
        status, _, body = secretsmanager._get_random_password(request)
        answer = json.loads(body)
        if status >= 400:
            raise ValueError(answer.get("message", "GenerateSecretString failed"))
        if "SecretStringTemplate" not in wanted:
            return answer["RandomPassword"]
        template = json.loads(wanted["SecretStringTemplate"])
        return json.dumps(template | {wanted["GenerateStringKey"]: answer["RandomPassword"]})

    provisioners._sm_secret_string = secret_string


def mend_yaml_definitions() -> None:
    """Read a state machine written in YAML; ministack takes it as it is and then fails every execution."""
    original = provisioners._sfn_definition

    def definition(properties: Properties) -> Any:
        text = original(properties)
        try:
            json.loads(text)
        except json.JSONDecodeError:
            return json.dumps(yaml.safe_load(text), default=str)
        return text

    provisioners._sfn_definition = definition


def as_text(value: Any) -> str:
    """Write a number or a boolean as CloudFormation does where a string is due."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def mend_function_environment() -> None:
    """Hand functions text in their environment although the template gave numbers; a worker dies of anything else."""
    handlers = provisioners._RESOURCE_HANDLERS["AWS::Lambda::Function"]
    make, change = handlers["create"], handlers["update"]

    def with_text(properties: Properties) -> Properties:
        variables = (properties.get("Environment") or {}).get("Variables") or {}
        texts = {name: as_text(value) for name, value in variables.items()}
        return {**properties, "Environment": {"Variables": texts}} if texts else properties

    def create(logical_id: str, properties: Properties, stack: str) -> Any:
        return make(logical_id, with_text(properties), stack)

    def update(physical_id: str, old: Properties, new: Properties, stack: str, *rest: Any, **named: Any) -> Any:
        return change(physical_id, old, with_text(new), stack, *rest, **named)

    handlers["create"], handlers["update"] = create, update


def apply() -> None:
    """Apply all of the above."""
    mend_http_api()
    add_forwarded_headers()
    mend_table_ttl()
    mend_generated_secrets()
    mend_yaml_definitions()
    mend_function_environment()
