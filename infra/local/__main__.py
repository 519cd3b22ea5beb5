"""`python -m infra.local`: the house, until Ctrl-C."""

import asyncio
import signal
import sys

from infra.local.deploy import DeployFailedError
from infra.local.house import HOUSE_FILE, stand_up
from infra.local.processes import HouseError
from infra.local.settings import HouseSettings, from_environment


async def live(settings: HouseSettings) -> None:
    """Stand up, say where, wait to be told to end."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    print(f"Standing the house up (speech: {settings.speech}) ...", flush=True)
    standing = asyncio.create_task(_hold(settings, stop))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait([standing, stopping], return_when=asyncio.FIRST_COMPLETED)
    if not standing.done():
        # Asked to end: a house still standing up is cancelled, one that stands takes itself down.
        await asyncio.wait([standing], timeout=0.2)
        if not HOUSE_FILE.exists() and not standing.done():
            standing.cancel()
    stopping.cancel()
    await asyncio.gather(standing, return_exceptions=False)


async def _hold(settings: HouseSettings, stop: asyncio.Event) -> None:
    async with stand_up(settings) as house:
        print(f"API       {house.api_url}/v1   (docs: {house.api_url}/v1/docs)")
        print(f"carrier   {house.carrier_url}")
        print(f"everything else is in {HOUSE_FILE}; Ctrl-C ends it", flush=True)
        await stop.wait()
        print("Taking it down ...", flush=True)


def main() -> None:
    """Run."""
    try:
        asyncio.run(live(from_environment()))
    except asyncio.CancelledError:
        pass
    except (HouseError, DeployFailedError) as error:
        sys.exit(f"The house did not stand up: {error}")


if __name__ == "__main__":
    main()
