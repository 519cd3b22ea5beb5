"""`python -m media`: the media container's process.

SIGTERM drains: no new streams, and the calls that live may end by themselves (Fargate grants two minutes). SIGINT, a
laptop's Ctrl-C, and a second signal of any kind end them at once.
"""

import asyncio
import signal
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from calling.settings import SettingsError, StageSettings
from media import logs
from media.door import CarrierDoor, Door
from media.gauge import report
from media.house import House
from media.protection import TaskProtection
from media.refusals import Refusals
from media.server import MediaServer
from media.settings import MediaSettings, load
from media.wiring import open_house

_LONGEST_DRAIN = 90  # s; what lives then gets 25 s to be ended and recorded before the container's 120 s are over
_THREADS = 32  # for the stores; each call has about one blocking request at a time


# What makes the house and its door out of the settings and what a refused stream is told to. It may block.
Parts = Callable[[MediaSettings, Callable[[], None]], tuple[House, Door]]


async def serve(settings: MediaSettings, parts: Parts) -> None:
    """Serve until told to end, then drain."""
    loop = asyncio.get_running_loop()
    loop.set_default_executor(ThreadPoolExecutor(_THREADS, thread_name_prefix="store"))
    ending: asyncio.Queue[signal.Signals] = asyncio.Queue()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ending.put_nowait, number)
    refusals, stage = Refusals(), load(StageSettings).stage
    house, door = await asyncio.to_thread(parts, settings, refusals.count)
    server = MediaServer(house, door)
    protection = TaskProtection(settings.ecs_agent_uri, server.live_calls)
    server.changed = protection.changed
    beside = [
        asyncio.create_task(protection.run()),
        asyncio.create_task(refusals.store(house, stage=stage, out=sys.stdout)),
    ]
    if settings.ecs_agent_uri:
        beside.append(asyncio.create_task(report(server.live_calls, stage=stage, clock=house.clock, out=sys.stdout)))
    try:
        await server.start(settings.media_host, settings.media_port)
        first = await ending.get()
        hurry = asyncio.create_task(ending.get())
        drain = asyncio.create_task(server.drain(patience(first, settings)))
        await asyncio.wait({drain, hurry}, return_when=asyncio.FIRST_COMPLETED)
        if not drain.done():
            drain.cancel()
            await server.drain(0)
        hurry.cancel()
    finally:
        for task in beside:
            task.cancel()
        await house.tts.close()
        await house.llm.close()


def parts_of_a_deployment(settings: MediaSettings, refused: Callable[[], None]) -> tuple[House, Door]:
    """Make the house that the environment describes, and the carrier's door, whatever the environment says."""
    house = open_house(settings, refused=refused)
    return house, CarrierDoor(house, settings.media_public_url)


def patience(told: signal.Signals, settings: MediaSettings) -> int:
    """Tell how many seconds calls may go on by themselves."""
    return min(settings.media_drain_seconds, _LONGEST_DRAIN) if told == signal.SIGTERM else 0


def main() -> None:
    """Run the process; exits with a message where a setting is missing."""
    logs.set_up()
    try:
        asyncio.run(serve(load(MediaSettings), parts_of_a_deployment))
    except SettingsError as missing:
        sys.exit(str(missing))


if __name__ == "__main__":
    main()
