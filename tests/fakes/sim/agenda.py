"""Virtual time in which many things live at once: an agenda of moments, and code that may sleep between them.

Everything happens at a moment of the agenda, in the order of (time, sequence): one run is like the next. Code of the
product is plain and synchronous, so what may sleep or be interrupted runs as a `Strand`, in a thread of its own; only
ever one of them moves, and it gives the word back before the next event happens.
"""

import heapq
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from threading import Lock, Thread

START_MS = 1_795_260_000_000  # Thu 26 Nov 2026, 12:00 UTC


class Timer:
    """Something that will happen. `background`: nobody waits for it, so it does not keep the world going."""

    __slots__ = ("at", "background", "work")

    def __init__(self, at: int, work: Callable[[], object], *, background: bool) -> None:
        self.at = at
        self.work: Callable[[], object] | None = work
        self.background = background


class Agenda:
    """What happens when."""

    def __init__(self, start_ms: int = START_MS) -> None:
        self.now_ms = start_ms
        self.waiting = 0  # timers that are not background
        self.most = 0  # timers there ever were at once
        self._heap: list[tuple[int, int, Timer]] = []
        self._numbers = count()
        self._dead = 0

    def at(self, when_ms: int, work: Callable[[], object], *, background: bool = False) -> Timer:
        """Have something happen; a moment that has passed is now."""
        timer = Timer(max(when_ms, self.now_ms), work, background=background)
        heapq.heappush(self._heap, (timer.at, next(self._numbers), timer))
        self.waiting += not background
        self.most = max(self.most, len(self._heap))
        return timer

    def after(self, seconds: float, work: Callable[[], object], *, background: bool = False) -> Timer:
        """Have something happen after so many seconds."""
        return self.at(self.now_ms + round(seconds * 1000), work, background=background)

    def cancel(self, timer: Timer | None) -> None:
        """Have it not happen."""
        if timer is None or timer.work is None:
            return
        timer.work = None
        self.waiting -= not timer.background
        self._dead += 1
        if self._dead > 1000 and self._dead * 2 > len(self._heap):
            self._heap = [entry for entry in self._heap if entry[2].work is not None]
            heapq.heapify(self._heap)
            self._dead = 0

    def next_at(self) -> int | None:
        """Tell when the next thing happens."""
        while self._heap and self._heap[0][2].work is None:
            heapq.heappop(self._heap)
            self._dead -= 1
        return self._heap[0][0] if self._heap else None

    def step(self) -> bool:
        """Let the next thing happen; False where there is none."""
        if self.next_at() is None:
            return False
        at, _, timer = heapq.heappop(self._heap)
        work, timer.work = timer.work, None
        self.waiting -= not timer.background
        self.now_ms = max(self.now_ms, at)
        if work is not None:
            work()
        return True


class Ended(BaseException):
    """The world was closed while a strand slept."""


class _Worker:
    """A thread that runs one strand after another."""

    def __init__(self) -> None:
        self.go, self.back = Lock(), Lock()
        self.go.acquire()
        self.back.acquire()
        self.work: Callable[[], None] | None = None
        Thread(target=self._loop, daemon=True).start()

    def move(self) -> None:
        """Let it run until it sleeps or is done."""
        self.go.release()
        self.back.acquire()

    def _loop(self) -> None:
        while True:
            self.go.acquire()
            if self.work is None:
                return
            self.work()
            self.back.release()


class Strands:
    """Code that may sleep in virtual time, each in a thread; the threads are used again."""

    def __init__(self, agenda: Agenda) -> None:
        self.agenda = agenda
        self._idle: list[_Worker] = []
        self._asleep: dict[_Worker, None] = {}
        self._closing = False

    def run(self, work: Callable[[Callable[[float], None]], None]) -> None:
        """Begin `work`, which is given the function that sleeps. It must not raise."""
        worker = self._idle.pop() if self._idle else _Worker()

        def whole() -> None:
            with suppress(Ended):
                work(lambda seconds: self._sleep(worker, seconds))
            self._idle.append(worker)

        worker.work = whole
        worker.move()

    def close(self) -> None:
        """End every strand that sleeps, and the threads."""
        self._closing = True
        for worker in list(self._asleep):
            worker.move()
        for worker in self._idle:
            worker.work = None
            worker.go.release()
        self._idle.clear()

    def _sleep(self, worker: _Worker, seconds: float) -> None:
        self._asleep[worker] = None
        self.agenda.after(seconds, worker.move)
        worker.back.release()
        worker.go.acquire()
        del self._asleep[worker]
        if self._closing:
            raise Ended
