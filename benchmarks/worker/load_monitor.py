"""What a machine does besides while a trial trains on some of its cores."""

import time

import psutil

from benchmarks.worker.timing import cpu_seconds

PAUSE = 1.0  # seconds between two looks at the clock rate


class LoadMonitor:
    """From its making until it is stopped. Shares of the cores run from 0, all quiet, to 1, nothing left."""

    def __init__(self, cores: tuple[int, ...]) -> None:
        self._cores = cores
        self._megahertz: list[float] = []
        self._next_look = 0.0
        self._start = self._end = self._now()
        self.look()

    def look(self) -> None:
        """Note the cores' clock rate, at most once a second: cheap enough to be called between epochs."""
        if time.perf_counter() >= self._next_look:
            self._next_look = time.perf_counter() + PAUSE
            self._megahertz += _frequencies(self._cores)

    def stop(self) -> None:
        """What comes after is none of the trial's business."""
        self._end = self._now()

    def background_load(self) -> float:
        """What other programs, and other guests of the same host, used."""
        wall, busy, own, _ = self._since()
        return _share(busy - own, wall * len(self._cores))

    def steal(self) -> float | None:
        """The part of it that the host gave to its other guests; None where the system does not say."""
        wall, _, _, stolen = self._since()
        return None if stolen is None else _share(stolen, wall * len(self._cores))

    def frequency(self) -> tuple[float, float] | None:
        """The lowest and the highest clock rate seen, MHz."""
        return (min(self._megahertz), max(self._megahertz)) if self._megahertz else None

    def _since(self) -> tuple[float, float, float, float | None]:
        then, now = self._start, self._end
        stolen = None if now[3] is None or then[3] is None else now[3] - then[3]
        return now[0] - then[0], now[1] - then[1], now[2] - then[2], stolen

    def _now(self) -> tuple[float, float, float, float | None]:
        """Wall seconds, seconds in which the cores did not idle, own CPU seconds, seconds stolen."""
        times = psutil.cpu_times(percpu=True)
        idle = ("idle", "iowait", "guest", "guest_nice")  # a guest's time is in user's already
        fields = [field for field in times[0]._fields if field not in idle]
        busy = float(sum(getattr(times[core], field) for core in self._cores for field in fields))
        stolen = float(sum(times[core].steal for core in self._cores)) if "steal" in fields else None
        return time.perf_counter(), busy, cpu_seconds(), stolen


def _share(part: float, whole: float) -> float:
    return min(1.0, max(0.0, part / whole)) if whole > 0 else 0.0


def _frequencies(cores: tuple[int, ...]) -> list[float]:
    """MHz of each core, where the system tells it core by core; zero is its way of saying that it does not know."""
    found = psutil.cpu_freq(percpu=True) if hasattr(psutil, "cpu_freq") else []
    return [found[core].current for core in cores if core < len(found) and found[core].current > 0]
