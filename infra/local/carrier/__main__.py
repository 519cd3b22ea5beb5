"""`python -m infra.local.carrier`: the carrier as a process, until SIGTERM or SIGINT."""

from __future__ import annotations

import asyncio
import logging
import os
import signal

from infra.local.carrier.exchange import Settings
from infra.local.carrier.serving import serve


def settings_from(environment: dict[str, str]) -> tuple[Settings, int]:
    """Read what the carrier is started with: its settings and its port."""
    numbers = tuple(number.strip() for number in environment["CARRIER_NUMBERS"].split(",") if number.strip())
    settings = Settings(
        account_sid=environment["TWILIO_ACCOUNT_SID"],
        auth_token=environment["TWILIO_AUTH_TOKEN"],
        numbers=numbers,
        speech_url=environment.get("SPEECH_URL", "http://127.0.0.1:8070"),
        scripted=environment.get("SPEECH", "real") == "scripted",
        cps=float(environment.get("CPS", "0")),
    )
    return settings, int(environment.get("CARRIER_PORT", "8090"))


async def main() -> None:
    """Serve until told to stop."""
    settings, port = settings_from(dict(os.environ))
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with serve(settings, port) as (url, _):
        logging.getLogger("carrier").info("the carrier listens on %s", url)
        await stopped.wait()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s carrier %(levelname)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)  # it would log every callback's URL
    asyncio.run(main())
