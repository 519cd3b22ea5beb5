"""A process that has imported what every Lambda imports, and forks a worker from itself when asked for one.

Starting Python and importing boto3, FastAPI, twilio and anthropic costs seconds of CPU; fourteen functions on two cores
would keep a laptop busy for half a minute. A fork costs milliseconds and shares the memory. It knows nothing of
ministack; it is handed a script, a folder, an environment and the pipes.

Linux only: elsewhere forking after imports is not safe, and `patches/workers.py` starts workers the plain way.
"""

import array
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

# Only what reads no environment while it is imported; aws_xray_sdk does, so it is not here. Dearest last: they are
# imported one at a time while nobody asks for a worker, and a worker forked before imports the rest itself.
PRELOADED = (
    "boto3.dynamodb.conditions",
    "botocore.config",
    "botocore.handlers",
    "botocore.httpsession",
    "pydantic",
    "fastapi",
    "fastapi.responses",
    "mangum",
    "phonenumbers",
    "standardwebhooks",
    "aws_lambda_powertools",
    "aws_lambda_powertools.utilities.batch",
    "twilio.rest",
    "twilio.request_validator",
    "anthropic",
)
AWS_SERVICES = ("dynamodb", "sqs", "stepfunctions", "events", "s3", "secretsmanager", "kms", "lambda", "polly")
LARGEST_REQUEST = 128 * 1024  # bytes; a Lambda's environment is at most 4 KB
PIPES = 4  # standard input, output, error, and the one whose closing says that the worker has ended


def read_service_models() -> None:
    """Let boto3's default session hold the descriptions of the services: reading them costs 0.2 CPU seconds a worker.

    Region, credentials and endpoints are read from the worker's own environment when it makes its first client.
    """
    boto3 = importlib.import_module("boto3")
    boto3.setup_default_session()
    loader = boto3.DEFAULT_SESSION._session.get_component("data_loader")  # noqa: SLF001  the cache has no public door
    for service in AWS_SERVICES:
        loader.load_service_model(service, "service-2")
        loader.load_service_model(service, "endpoint-rule-set-1")
    for name in ("endpoints", "partitions", "sdk-default-configuration", "_retry"):
        loader.load_data_with_path(name)


waiting: list[Callable[[], object]] = [
    read_service_models,
    *(partial(importlib.import_module, name) for name in PRELOADED),
]


def preload(asked: socket.socket) -> None:
    """Import one library after another, as long as nobody asks; one that is missing is the worker's error to report."""
    while waiting and not select.select([asked], [], [], 0)[0]:
        with suppress(ImportError):
            waiting.pop(0)()
    gc.freeze()  # or the collector would write to, and so copy, every shared page


def become_worker(request: dict[str, Any], pipes: "array.array[int]") -> NoReturn:
    """Turn this fork into the worker that was asked for; never returns."""
    code = 1
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for number in range(3):
            os.dup2(pipes[number], number)
            os.close(pipes[number])
        os.environ.clear()
        os.environ.update(request["env"])
        os.chdir(request["cwd"])
        script = request["script"]
        sys.argv = [script]
        sys.path[0] = str(Path(script).parent)
        runpy.run_path(script, run_name="__main__")
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 1
    except BaseException:  # noqa: BLE001  the last frame of a process: whatever it is goes to its own error output
        sys.excepthook(*sys.exc_info())
    finally:
        with suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def serve(asked: socket.socket) -> None:
    """Fork once for every request until the other end goes away."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for workers; let the kernel reap them
    while True:
        preload(asked)
        message, fds, _, _ = socket.recv_fds(asked, LARGEST_REQUEST, PIPES)
        if not message:
            return
        pipes = array.array("i", fds)
        pid = os.fork()
        if pid == 0:
            asked.close()
            become_worker(json.loads(message), pipes)
        for pipe in pipes:
            os.close(pipe)
        asked.send(str(pid).encode())


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
