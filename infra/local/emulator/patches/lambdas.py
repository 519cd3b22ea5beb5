"""Lambda: errors carry the exception's class name, a failing handler keeps its worker, workers are capped.

AWS keeps an execution environment after a handler raised, and reports `errorType` as the exception's class; Step
Functions' Retry and Catch match on that name. ministack kills the worker and says `Runtime.HandlerError`.
"""
# ruff: noqa: ANN401, SLF001 -- what is replaced here is private and untyped

import os
import threading
import time
from pathlib import Path
from typing import Any

from ministack.core import lambda_runtime as runtime
from ministack.services import lambda_svc

MARK = "__redial_handler_error__"
HANDLER_FAILED = (
    '_real_stdout.write(json.dumps({"status": "error", "error": str(e), "trace": traceback.format_exc()}) + "\\n")'
)
HANDLER_FAILED_MENDED = (
    f"traceback.print_exc(); _real_stdout.write(json.dumps({{'status': 'ok', 'result': {{'{MARK}': "
    "{'errorType': type(e).__name__, 'errorMessage': str(e), 'stackTrace': traceback.format_tb(e.__traceback__)}}"
    '}) + "\\n")'
)
INIT_FAILED = '_real_stdout.write(json.dumps({"status": "error", "error": str(e)}) + "\\n")'
INIT_FAILED_MENDED = '_real_stdout.write(json.dumps({"status": "error", "error": traceback.format_exc()}) + "\\n")'
LOG_WAITS = (0.005, 0.002, 0.1)  # seconds; by default every call that logs nothing waits 50 ms for a line


def replace_once(text: str, old: str, new: str) -> str:
    """Replace the one occurrence of `old`; raise if the text is not the one we know."""
    if text.count(old) != 1:
        raise RuntimeError(f"ministack's source is not the expected one: {old[:60]!r}")
    return text.replace(old, new)


def mend_worker_script() -> None:
    """Let the worker hand back a handler's exception as a marked result, which leaves the worker alive."""
    script = replace_once(runtime._PYTHON_WORKER_SCRIPT, HANDLER_FAILED, HANDLER_FAILED_MENDED)
    runtime._PYTHON_WORKER_SCRIPT = replace_once(script, INIT_FAILED, INIT_FAILED_MENDED)
    runtime.Worker._drain_stderr_bounded.__defaults__ = LOG_WAITS


def keep_log(function: str, log: str) -> None:
    """Append what a handler logged to the file of EMULATOR_LAMBDA_LOG, if there is one."""
    path = os.environ.get("EMULATOR_LAMBDA_LOG")
    if path and log:
        with Path(path).open("a") as file:
            file.writelines(f"{function} {line}\n" for line in log.splitlines())


def mend_error_type() -> None:
    """Turn a marked result into the error AWS would report."""
    execute = lambda_svc._execute_function_warm

    def execute_warm(func: Any, event: Any, request_id: str) -> Any:
        answer = execute(func, event, request_id)
        keep_log(str((func.get("config") or func).get("FunctionName")), answer.get("log") or "")
        body = answer.get("body")
        if isinstance(body, dict) and MARK in body:
            return {"body": {**body[MARK], "requestId": request_id}, "error": True, "log": answer.get("log", "")}
        return answer

    lambda_svc._execute_function_warm = execute_warm


class WorkerCap:
    """At most one worker a function and `extra` more in all; who finds none free waits for one."""

    def __init__(self, extra: int) -> None:
        self._extra = extra
        self._free = threading.Condition(runtime._lock)

    def acquire(
        self, name: str, config: Any, code: bytes, qualifier: str = "$LATEST", max_concurrency: int | None = None
    ) -> tuple[Any, str | None]:
        """Lease an idle worker, or a new one; waits where AWS would have started yet another environment."""
        key = runtime._worker_key(name, config, qualifier)
        with self._free:
            while True:
                pool = runtime._workers.setdefault(key, [])
                for worker in pool:
                    if not worker.in_use:
                        return self._lease(worker), "reused"
                if max_concurrency and len(pool) >= max_concurrency:
                    return None, "func_cap"
                if not pool or self._extras() < self._extra or self._retire_idle_extra(key):
                    worker = runtime._worker_class_for(config)(name, config, code)
                    pool.append(worker)
                    return self._lease(worker), "spawn"
                self._free.wait(timeout=1)

    def release(self, worker: Any) -> None:
        """Give a worker back and wake who waits for one."""
        with self._free:
            if worker is not None:
                worker.in_use = False
            self._free.notify_all()

    @staticmethod
    def _lease(worker: Any) -> Any:
        worker.in_use, worker.last_used = True, time.time()
        return worker

    @staticmethod
    def _extras() -> int:
        return sum(max(0, len(pool) - 1) for pool in runtime._workers.values())

    @staticmethod
    def _retire_idle_extra(key: str) -> bool:
        """End the longest idle worker of a function that has several; false if all are busy."""
        idle = [
            (worker.last_used, index, pool)
            for other, pool in runtime._workers.items()
            if other != key and len(pool) > 1
            for index, worker in enumerate(pool)
            if not worker.in_use
        ]
        if not idle:
            return False
        _, index, pool = min(idle, key=lambda candidate: candidate[0])
        threading.Thread(target=runtime.kill_workers, args=([pool.pop(index)],), daemon=True).start()
        return True


def cap_workers() -> None:
    """Bound the worker processes, or a burst starts a hundred on two cores."""
    cap = WorkerCap(int(os.environ.get("EMULATOR_MAX_WORKERS", "12")))
    for module in (runtime, lambda_svc):
        module.acquire_worker = cap.acquire
        module.release_worker = cap.release


def apply() -> None:
    """Apply all of the above."""
    mend_worker_script()
    mend_error_type()
    cap_workers()
