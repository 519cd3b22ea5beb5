"""Stand the whole house up on one machine, and take it down without a trace.

The same template as in an account, deployed into the emulator; the carrier and the speech services are local
servers that speak the real protocols; the media container's program runs as its own process.
"""

import asyncio
import json
import os
import secrets
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from calling.adapters.aws import client
from calling.adapters.dynamodb.agents import DynamoAgentStore
from calling.domain.phone_number import PhoneNumber
from infra.create_key import create_key
from infra.local.deploy import deploy
from infra.local.processes import HouseError, Processes, check_ports
from infra.local.recordings import bring, keep_bringing
from infra.local.settings import LOCAL, ROOT, HouseSettings

NUMBERS = ("+447700900123", "+447700900124")  # Ofcom's range for fiction; the first is the seeds' own
HOUSE_FILE = LOCAL / "house.json"


@dataclass(frozen=True, slots=True)
class House:
    """What outside programs are told of a running house; `.local/house.json`."""

    pid: int
    api_url: str
    api_key: str = field(repr=False)
    account_id: str
    webhook_secret: str = field(repr=False)
    carrier_url: str
    account_sid: str
    auth_token: str = field(repr=False)
    from_number: str
    from_number_2: str
    media_url: str
    recordings_dir: str


@asynccontextmanager
async def stand_up(settings: HouseSettings, *, publish: bool = True) -> AsyncIterator[House]:
    """Run the house for the time of the block; with `publish`, outside programs find it in `.local/house.json`.

    Raises:
        HouseError, DeployFailedError: a part did not come up.
    """
    try:
        check_ports(settings.ports)
    except HouseError:
        if publish:
            _forget_dead()
        raise
    if publish:
        HOUSE_FILE.unlink(missing_ok=True)
    logs, recordings = LOCAL / ("logs" if publish else "demo-logs"), LOCAL / "recordings"
    for folder in (logs, recordings):
        folder.mkdir(parents=True, exist_ok=True)
    (logs / "lambdas.log").write_bytes(b"")
    scratch = Path(tempfile.mkdtemp(prefix="redial-house-"))
    processes = Processes(logs)
    chores: list[asyncio.Task[None]] = []
    s3: Any = None
    bucket = ""
    try:
        account_sid, auth_token = f"AC{secrets.token_hex(16)}", secrets.token_hex(16)
        _start_servers(processes, settings, scratch, account_sid, auth_token)
        outputs = await _deploy(processes, settings)
        _point_at(settings)
        _put_secrets(settings, outputs, account_sid, auth_token)
        await processes.ready("speech", f"{settings.speech_url}/health", seconds=60)
        await processes.ready("carrier", f"{settings.carrier_url}/_sim/health", seconds=20)
        processes.start("media", "media", _media_environment(settings, outputs, scratch))
        new = await asyncio.to_thread(create_key, outputs["TableName"], outputs["KeyArn"], settings.region)
        await asyncio.to_thread(_give_numbers, settings, outputs, new.account_id)
        s3, bucket = client("s3", settings.region), outputs["BucketName"]
        chores.append(asyncio.create_task(keep_bringing(s3, bucket, recordings)))
        await processes.ready("emulator", f"{settings.api_url}/v1/health", seconds=30)
        await processes.ready("media", f"http://127.0.0.1:{settings.media_port}/health", seconds=30)
        house = House(
            pid=os.getpid(),
            api_url=settings.api_url,
            api_key=new.api_key,
            account_id=new.account_id,
            webhook_secret=new.webhook_secret,
            carrier_url=settings.carrier_url,
            account_sid=account_sid,
            auth_token=auth_token,
            from_number=NUMBERS[0],
            from_number_2=NUMBERS[1],
            media_url=settings.media_url,
            recordings_dir=str(recordings),
        )
        if publish:
            _publish(house)
        yield house
    finally:
        if publish:
            HOUSE_FILE.unlink(missing_ok=True)
        for chore in chores:
            chore.cancel()
        await asyncio.gather(*chores, return_exceptions=True)
        if s3 is not None:
            with suppress(Exception):
                await asyncio.to_thread(bring, s3, bucket, recordings)
        await asyncio.to_thread(processes.end)
        shutil.rmtree(scratch, ignore_errors=True)


def _forget_dead() -> None:
    """Remove what a house that was killed left published; one that lives, on the ports we wanted, keeps its file."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        os.kill(json.loads(HOUSE_FILE.read_text())["pid"], 0)
        return
    HOUSE_FILE.unlink(missing_ok=True)


def _start_servers(
    processes: Processes, settings: HouseSettings, scratch: Path, account_sid: str, auth_token: str
) -> None:
    processes.start(
        "emulator",
        "infra.local.emulator",
        {
            "GATEWAY_PORT": str(settings.emulator_port),
            "API_PORT": str(settings.api_port),
            "AWS_REGION": settings.region,
            "EMULATOR_LAMBDA_LOG": str(processes.logs / "lambdas.log"),
            "EMULATOR_DIE_WITH_PARENT": "1",
        },
    )
    processes.start(
        "speech",
        "infra.local.speech",
        {
            "SPEECH": settings.speech,
            "SPEECH_PORT": str(settings.speech_port),
            "SPEECH_TLS_PORT": str(settings.speech_tls_port),
            "SPEECH_CA_DIR": str(scratch / "ca"),
        },
    )
    processes.start(
        "carrier",
        "infra.local.carrier",
        {
            "CARRIER_PORT": str(settings.carrier_port),
            "SPEECH": settings.speech,
            "SPEECH_URL": settings.speech_url,
            "TWILIO_ACCOUNT_SID": account_sid,
            "TWILIO_AUTH_TOKEN": auth_token,
            "CARRIER_NUMBERS": ",".join(NUMBERS),
            "CPS": str(settings.cps),
        },
    )


async def _deploy(processes: Processes, settings: HouseSettings) -> dict[str, str]:
    await processes.ready("emulator", f"{settings.emulator_url}/_ministack/health", seconds=20)
    parameters = {
        "Stage": "local",
        "LocalCap": str(settings.cap),
        "AllowedDestinations": settings.destinations,
        "CallsPerSecond": f"{settings.cps:g}",
        "PublicBaseUrl": settings.api_url,
        "LocalMediaUrl": settings.media_url,
        "LocalPollyUrl": "" if settings.real_speech else settings.speech_url,
        "LocalAnthropicUrl": "" if settings.real_llm else settings.speech_url,
        "LocalTwilioUrl": settings.carrier_url,
    }
    try:
        return await asyncio.to_thread(deploy, settings.emulator_url, ROOT / "template.yaml", parameters, {})
    except (BotoCoreError, ClientError) as error:
        raise HouseError(f"the template was not deployed: {error}") from error


def _point_at(settings: HouseSettings) -> None:
    """Have this process's own AWS clients reach the emulator, whatever lies in the shell."""
    if not settings.real_speech:
        os.environ.update(_CREDENTIALS)
    os.environ.update(
        AWS_ENDPOINT_URL=settings.emulator_url,
        AWS_REGION=settings.region,
        AWS_DEFAULT_REGION=settings.region,
    )


_CREDENTIALS = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local", "AWS_SESSION_TOKEN": ""}


def _put_secrets(settings: HouseSettings, outputs: dict[str, str], account_sid: str, auth_token: str) -> None:
    manager = client("secretsmanager", settings.region)
    llm_key = os.environ.get("ANTHROPIC_API_KEY", "") if settings.real_llm else "local"
    for arn, value in (
        (outputs["CarrierSecretArn"], {"account_sid": account_sid, "auth_token": auth_token}),
        (outputs["AnthropicSecretArn"], {"api_key": llm_key}),
    ):
        manager.put_secret_value(SecretId=arn, SecretString=json.dumps(value))


def _give_numbers(settings: HouseSettings, outputs: dict[str, str], account_id: str) -> None:
    """Have the house's account alone import them: others made with `infra.create_key` are refused."""
    agents = DynamoAgentStore(client("dynamodb", settings.region), outputs["TableName"])
    for number in NUMBERS:
        agents.give_number(account_id, PhoneNumber(number))


def _media_environment(settings: HouseSettings, outputs: dict[str, str], scratch: Path) -> dict[str, str]:
    environment = {
        "STAGE": "local",
        "AWS_ENDPOINT_URL": settings.emulator_url,
        "AWS_REGION": settings.region,
        "AWS_DEFAULT_REGION": settings.region,
        **_CREDENTIALS,
        "TMPDIR": str(scratch),
        "TABLE_NAME": outputs["TableName"],
        "BUCKET_NAME": outputs["BucketName"],
        "DIAL_STATE_MACHINE_ARN": outputs["DialStateMachineArn"],
        "CARRIER_SECRET_ARN": outputs["CarrierSecretArn"],
        "ANTHROPIC_SECRET_ARN": outputs["AnthropicSecretArn"],
        "STREAM_TOKEN_SECRET_ARN": outputs["StreamTokenSecretArn"],
        "KMS_KEY_ID": outputs["KeyArn"],
        "MEDIA_PORT": str(settings.media_port),
        "MEDIA_PUBLIC_URL": settings.media_url,
        "PUBLIC_BASE_URL": settings.api_url,
        "TWILIO_API_URL": settings.carrier_url,
        "STT_PROVIDER": settings.stt_provider,
    }
    if settings.real_speech:
        own = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
        environment |= {name: os.environ[name] for name in own if name in os.environ}
        environment["AWS_ENDPOINT_URL_POLLY"] = f"https://polly.{settings.region}.amazonaws.com"
    else:
        environment["AWS_ENDPOINT_URL_POLLY"] = settings.speech_url
        environment["TRANSCRIBE_ENDPOINT_URL"] = f"https://localhost:{settings.speech_tls_port}"
        environment["SSL_CERT_FILE"] = str(scratch / "ca" / "bundle.pem")
    if not settings.real_llm:
        environment["ANTHROPIC_BASE_URL"] = settings.speech_url
    return environment


def _publish(house: House) -> None:
    """Write the file in one move, readable by its owner alone: it holds the key."""
    part = HOUSE_FILE.with_suffix(".part")
    part.touch(mode=0o600)
    part.write_text(json.dumps(asdict(house), indent=2))
    part.replace(HOUSE_FILE)
