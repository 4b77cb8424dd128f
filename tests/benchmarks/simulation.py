"""Turn times of service into what a farm of replicas answers while one fails: `python -m tests.benchmarks.simulation`.

Time is simulated, so a run says the same on every machine. A replica has one encoder queue, which takes batches as
`service/encoder_queue.py` does and refuses as it does, and one loop that ranks. The balancer gives a question to the
replica with the fewest open ones that it takes for sound, and a refused or broken one at once to another, as HAProxy
does with `balance leastconn`, `retry-on all-retryable-errors` and `option redispatch 1`. Seconds everywhere.
"""

from collections import Counter, defaultdict
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field, replace
from typing import Annotated, Any

import numpy as np
import simpy
import typer

from service.encoder_queue import _LARGEST_BATCH, _LEARNED
from service.settings import Settings
from tests.benchmarks.sizing import (
    MINILM,
    REMEMBERED_MS,
    RUN_TOKENS,
    SPREAD,
    Catalogue,
    Demand,
    encode_ms,
    error,
    loop_ms,
    replicas,
)

MOST_WAIT = float(Settings.model_fields["most_wait"].default)
QUEUE_SIZE = int(Settings.model_fields["queue_size"].default)
CORES = 2
RETRIES = 3
REFUSAL = 0.1  # of the loop's time for an answer, see `service/shedding.py`
CHECK_SECONDS, FALL, RISE = 2.0, 3, 2  # HAProxy's own: a replica is left out after three failed checks, back after two
PHASES = ("before", "during", "after")
CLIENTS = (1, 4, 16)

Steps = Generator[simpy.Event, Any, None]


@dataclass(frozen=True, slots=True)
class Service:
    """Seconds of an answer on an idle replica: the mean of the encoder, for all of its cores, and of the loop.

    `run` is what the encoder takes for a batch, however many questions it has; `encode` is that of one, with it. A
    question that is `remembered` costs the loop alone.
    """

    encode: float
    loop: float
    run: float = 0.0
    remembered: float = REMEMBERED_MS / 1000
    most_wait: float = MOST_WAIT

    @classmethod
    def of(cls, catalogue: Catalogue) -> "Service":
        """Return the times that the sizing model gives."""
        encode = encode_ms(catalogue, Demand(), cores=CORES)
        run = encode - encode_ms(catalogue, Demand(tokens=Demand().tokens - RUN_TOKENS), cores=CORES)
        return cls(encode / 1000, loop_ms(catalogue) / 1000, run / 1000)


@dataclass(frozen=True, slots=True)
class Farm:
    """Replicas and what is asked of them; one of them is killed at `killed` and answers again at `back`."""

    replicas: int
    rate: float = 1_000
    repeated: float = 0
    seconds: float = 90
    killed: float = 30
    back: float = 60
    seed: int = 1


@dataclass(slots=True)
class Tally:
    """What became of the questions that came in one phase, and the core seconds that were worked in it."""

    asked: int = 0
    retried: int = 0
    ends: Counter[str] = field(default_factory=Counter)
    answered: list[float] = field(default_factory=list)
    worked: float = 0
    offered: float = 0

    @property
    def utilisation(self) -> float:
        """Return the share of the cores of living replicas that worked."""
        return self.worked / self.offered

    def percentile_ms(self, percent: float) -> float:
        """Return the milliseconds that so many of a hundred answers took at most; no number where there are none."""
        return float(np.percentile(self.answered, percent)) * 1000 if self.answered else float("nan")


@dataclass(slots=True)
class Asked:
    """A question at a replica: seconds of the encoder, none where its embedding is remembered, and of the loop.

    `end` happens once it `becomes` answered or refused, or is broken.
    """

    encode: float
    loop: float
    since: float
    end: simpy.Event
    becomes: str = "answered"


class Replica:
    """A process on cores of its own."""

    def __init__(self, env: simpy.Environment, service: Service) -> None:
        self._env, self._service = env, service
        self._waiting, self._ranking = simpy.Store(env), simpy.Store(env)
        self._held: dict[int, Asked] = {}
        self._texts, self._pace, self._ended = 0, 0.0, 0.0
        self._working, self._changed = 0, env.event()
        self.is_alive = True
        self.worked = 0.0
        env.process(self._encode())
        env.process(self._rank())

    def __len__(self) -> int:
        """Return how many questions it has taken and not answered."""
        return len(self._held)

    def ask(self, encode: float) -> simpy.Event:
        """Return the event of the end of a question: answered, refused or broken."""
        loop = self._service.loop if encode else self._service.remembered
        asked = Asked(encode, loop, self._env.now, self._env.event())
        if not self.is_alive:
            return asked.end.succeed("broken")
        if self._texts * self._pace > self._service.most_wait or len(self._waiting.items) >= QUEUE_SIZE:
            asked = replace(asked, encode=0.0, loop=REFUSAL * asked.loop, becomes="refused")
        self._held[id(asked)] = asked
        self._texts += asked.encode > 0
        (self._waiting if asked.encode else self._ranking).put(asked)
        return asked.end

    def kill(self) -> None:
        """Break all that it holds."""
        self.is_alive = False
        for asked in self._held.values():
            asked.end.succeed("broken")
        self._held.clear()

    def _encode(self) -> Steps:
        while self.is_alive:
            batch = [(yield self._waiting.get())]
            while len(batch) < _LARGEST_BATCH and self._waiting.items:
                batch.append((yield self._waiting.get()))
            yield from self._work(sum(asked.encode - self._service.run for asked in batch) + self._service.run, CORES)
            self._texts -= len(batch)
            pace = (self._env.now - max(self._ended, batch[0].since)) / len(batch)
            self._pace += _LEARNED * (pace - self._pace)
            self._ended = self._env.now
            for asked in batch:
                self._ranking.put(asked)

    def _rank(self) -> Steps:
        while self.is_alive:
            asked = yield self._ranking.get()
            yield from self._work(asked.loop, 1)
            if self._held.pop(id(asked), None):
                asked.end.succeed(asked.becomes)

    def _work(self, seconds: float, threads: int) -> Steps:
        """Take as long as work takes; where encoder and loop work at once, one thread more than cores, both are slower.

        The kernel gives each thread the same share of the cores, and the encoder waits for the slowest of its threads.
        """
        left = seconds
        self._meet(1)
        while left > 1e-9:
            speed = 1 if self._working == 1 else CORES / (CORES + 1)
            started = self._env.now
            yield self._env.timeout(left / speed) | self._changed
            left -= (self._env.now - started) * speed
        self._meet(-1)
        if self.is_alive:
            self.worked += seconds * threads

    def _meet(self, more: int) -> None:
        self._working += more
        self._changed.succeed()
        self._changed = self._env.event()


class Balancer:
    """Gives questions to the replicas that it takes for sound, and keeps count of all of them."""

    def __init__(self, env: simpy.Environment, farm: Farm, service: Service) -> None:
        self._env, self._farm, self._service = env, farm, service
        self._chance = np.random.default_rng(farm.seed)
        self._replicas = [Replica(env, service) for _ in range(farm.replicas)]
        self._sound = set(range(farm.replicas))
        self._turn = 0
        self._open = 0
        self.tallies: dict[str, Tally] = defaultdict(Tally)
        for place in range(farm.replicas):
            env.process(self._check(place))
        env.process(self._fail())

    def run(self) -> dict[str, Tally]:
        """Return what became of all questions, by the phase in which they came."""
        arrivals = self._env.process(self._arrive())
        while arrivals.is_alive or self._open:
            self._env.step()
        return dict(self.tallies)

    def _phase(self) -> str:
        now = self._env.now
        return PHASES[(now >= self._farm.killed) + (now >= self._farm.back)]

    def _arrive(self) -> Steps:
        while True:
            yield self._env.timeout(float(self._chance.exponential(1 / self._farm.rate)))
            if self._env.now >= self._farm.seconds:
                return
            factor = float(self._chance.lognormal(-(SPREAD**2) / 2, SPREAD))
            is_new = self._chance.random() >= self._farm.repeated
            self._open += 1
            self._env.process(self._answer(self._service.encode * factor if is_new else 0.0))

    def _answer(self, encode: float) -> Steps:
        tally, started = self.tallies[self._phase()], self._env.now
        tally.asked += 1
        tried: set[int] = set()
        end = "broken"
        for attempt in range(1 + RETRIES):
            place = self._choose(tried)
            if place is None:
                break
            tally.retried += attempt > 0
            tried.add(place)
            end = str((yield self._replicas[place].ask(encode)))
            if end == "answered":
                tally.answered.append(self._env.now - started)
                break
        tally.ends[end] += 1
        self._open -= 1

    def _choose(self, tried: set[int]) -> int | None:
        """Return the sound replica with the fewest open questions that was not tried; equal ones take turns."""
        self._turn += 1
        count = len(self._replicas)
        places = [place for step in range(count) if (place := (self._turn + step) % count) in self._sound - tried]
        return min(places, key=lambda place: len(self._replicas[place]), default=None)

    def _check(self, place: int) -> Steps:
        """Look every two seconds whether a replica is there; each is looked at when its turn comes."""
        yield self._env.timeout(CHECK_SECONDS * place / self._farm.replicas)
        differing = 0
        while True:
            is_alive, is_sound = self._replicas[place].is_alive, place in self._sound
            differing = differing + 1 if is_alive != is_sound else 0
            if differing == (FALL if is_sound else RISE):
                self._sound ^= {place}
                differing = 0
            yield self._env.timeout(CHECK_SECONDS)

    def _fail(self) -> Steps:
        """Kill one replica and start another in its place; note what all have worked when a phase ends."""
        done = [0.0] * len(self._replicas)
        for phase, until in zip(PHASES, (self._farm.killed, self._farm.back, self._farm.seconds), strict=True):
            started = self._env.now
            yield self._env.timeout(until - started)
            alive = sum(replica.is_alive for replica in self._replicas)
            self.tallies[phase].worked = sum(one.worked for one in self._replicas) - sum(done)
            self.tallies[phase].offered = alive * CORES * (until - started)
            if phase == "before":
                self._replicas[0].kill()
            elif phase == "during":
                self._replicas[0] = Replica(self._env, self._service)
            done = [one.worked for one in self._replicas]


def simulated(farm: Farm, service: Service) -> dict[str, Tally]:
    """Return what became of the questions by phase; the same farm gives the same."""
    return Balancer(simpy.Environment(), farm, service).run()


def closed_loop(clients: int, service: Service, *, seconds: float = 300, repeated: bool = False) -> Tally:
    """Return what one replica answers to clients that ask again once they are answered; `offered` are the seconds."""
    env, tally, chance = simpy.Environment(), Tally(offered=seconds), np.random.default_rng(1)
    replica = Replica(env, service)

    def client() -> Steps:
        while True:
            started = env.now
            factor = float(chance.lognormal(-(SPREAD**2) / 2, SPREAD))
            end = str((yield replica.ask(0.0 if repeated else service.encode * factor)))
            tally.ends[end] += 1
            tally.answered.append(env.now - started)

    for _ in range(clients):
        env.process(client())
    env.run(until=seconds)
    return tally


@dataclass(frozen=True, slots=True)
class Measured:
    """Answers a second, p50 and p99 in milliseconds of a service under wrk.

    `python -m tests.benchmarks.peer` measured them on a processor with AVX2, and no wait was bounded. Only the first of
    the six gave constants.
    """

    catalogue: Catalogue
    clients: int
    values: tuple[float, float, float]


SMALL, LARGE = Catalogue(150), Catalogue(27_217, encoder=MINILM)
MEASURED = (
    Measured(SMALL, 1, (65.7, 14.9, 21.9)),
    Measured(SMALL, 4, (85.3, 46.3, 67.5)),
    Measured(SMALL, 16, (94.8, 167.4, 215.9)),
    Measured(LARGE, 1, (47.7, 20.3, 32.1)),
    Measured(LARGE, 4, (59.5, 67.5, 87.6)),
    Measured(LARGE, 16, (64.8, 238.7, 328.4)),
)


def simulated_values(measured: Measured) -> tuple[float, float, float]:
    """Return the simulated values for measured ones."""
    tally = closed_loop(measured.clients, replace(Service.of(measured.catalogue), most_wait=float("inf")))
    return len(tally.answered) / tally.offered, tally.percentile_ms(50), tally.percentile_ms(99)


def validation_rows() -> Iterator[str]:
    """Yield the table of what was measured beside what is simulated."""
    titles = " | ".join(f"{title} | simulated | error" for title in ("a second", "p50, ms", "p99, ms"))
    yield f"| practices | clients | {titles} |"
    yield "|---:" * 11 + "|"
    for one in MEASURED:
        pairs = zip(one.values, simulated_values(one), strict=True)
        cells = [f"{real} | {found:.1f} | {error(found, real)}" for real, found in pairs]
        yield f"| {one.catalogue.size:,} | {one.clients} | {' | '.join(cells)} |"


def farm_row(farm: Farm, phase: str, tally: Tally) -> str:
    """Return the row of one phase."""
    times = " | ".join(f"{tally.percentile_ms(percent):.0f}" for percent in (50, 99))
    ends = " | ".join(f"{number:,}" for number in (tally.ends["refused"], tally.ends["broken"], tally.retried))
    return f"| {farm.replicas} | {phase} | {tally.asked:,} | {times} | {ends} | {tally.utilisation:.0%} |"


HEAD = (
    "| replicas | phase | asked | p50, ms | p99, ms | refused | failed | retried | utilisation |",
    "|---:|---|" + "---:|" * 7,
)


def main(
    numbers: Annotated[
        list[int] | None, typer.Argument(help="how many replicas; by default around what is needed")
    ] = None,
    size: int = 75,
    rate: float = 1_000,
    repeated: float = 0,
    seed: int = 1,
) -> None:
    """Print the table of the validation, and what so many replicas answer before, during and after a failure."""
    catalogue = Catalogue(size)
    need = replicas(catalogue, Demand(repeated=repeated), rate)
    print("\n".join([*validation_rows(), "", *HEAD]))
    for number in numbers or (need * 3 // 4, need, need + 1):
        farm = Farm(number, rate=rate, repeated=repeated, seed=seed)
        tallies = simulated(farm, Service.of(catalogue))
        print("\n".join(farm_row(farm, phase, tally) for phase, tally in tallies.items()), flush=True)


if __name__ == "__main__":
    typer.run(main)
