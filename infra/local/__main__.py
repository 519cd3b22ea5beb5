"""`python -m infra.local`: the house, until Ctrl-C."""

import asyncio
import signal
import sys

from infra.local.deploy import DeployFailedError
from infra.local.house import HOUSE_FILE, stand_up
from infra.local.processes import HouseError
from infra.local.settings import HouseSettings, from_environment


async def live(settings: HouseSettings) -> None:
    """Stand up, say where, and stand until told to end; that may come while it is still standing up."""
    _end_on_signal(asyncio.get_running_loop())
    print(f"Standing the house up (speech: {settings.speech}) ...", flush=True)
    async with stand_up(settings) as house:
        print(f"API       {house.api_url}/v1   (docs: {house.api_url}/v1/docs)")
        print(f"carrier   {house.carrier_url}")
        print(f"everything else is in {HOUSE_FILE}; Ctrl-C ends it", flush=True)
        await asyncio.Event().wait()


def _end_on_signal(loop: asyncio.AbstractEventLoop) -> None:
    """Cancel the current task at the first SIGINT or SIGTERM; more of them must not disturb the taking down."""
    task = asyncio.current_task()
    asked: list[signal.Signals] = []

    def end(number: signal.Signals) -> None:
        if not asked and task is not None:
            print("Taking the house down ...", flush=True)
            task.cancel()
        asked.append(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, end, number)


def main() -> None:
    """Run; being told to end is no failure."""
    try:
        asyncio.run(live(from_environment()))
    except asyncio.CancelledError:
        pass
    except (HouseError, DeployFailedError) as error:
        sys.exit(f"The house did not stand up: {error}")


if __name__ == "__main__":
    main()
