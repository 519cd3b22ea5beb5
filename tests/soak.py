"""The fault suite at size: many campaigns of a thousand people each, with everything going wrong at once.

    make soak                        # 20 seeds of 1,000 recipients
    python -m tests.soak 5 300 100   # 5 seeds of 300 recipients, from seed 100 on

Prints what happened and exits 1 on any violation of `tests/fakes/sim/law.py`; a seed that failed fails again.
"""

# ruff: noqa: T201  a program that reports

import sys
from collections import Counter
from time import monotonic

from tests.fakes.sim.campaign_world import CampaignWorld
from tests.fakes.sim.rough import Roughness, rough_world

_FACTORS = (0.5, 1.0, 2.0)


def main(seeds: int = 20, recipients: int = 1000, first: int = 0) -> int:
    """Run all seeds; the number of those that failed."""
    hit, outcomes, failed = Counter[str](), Counter[str](), 0
    print(f"{'seed':>6}{'rough':>7}{'POSTs':>8}{'attempts':>10}{'peak live':>11}{'of':>5}{'hours':>7}{'seconds':>9}")
    for seed in range(first, first + seeds):
        factor = _FACTORS[seed % len(_FACTORS)]
        began = monotonic()
        world, campaigns = rough_world(seed, recipients, Roughness(factor))
        try:
            world.run()
        except AssertionError as violation:
            failed += 1
            print(f"{seed:>6} FAILED: {violation}")
        finally:
            world.close()
        _row(world, campaigns, seed, factor, monotonic() - began)
        hit += world.faults.hit
        for campaign_id in campaigns:
            outcomes += Counter(world.states(campaign_id))
    print("\nwhat went wrong, and how often:")
    for kind, count in sorted(hit.items(), key=lambda item: -item[1]):
        print(f"{count:>10,}  {kind}")
    print("\nwhat became of the recipients:")
    for state, count in sorted(outcomes.items(), key=lambda item: -item[1]):
        print(f"{count:>10,}  {state}")
    print(f"\n{seeds - failed} of {seeds} seeds kept every law.")
    return failed


def _row(world: CampaignWorld, campaigns: list[str], seed: int, factor: float, seconds: float) -> None:
    attempts = sum(r.attempts for campaign_id in campaigns for r in world.recipients(campaign_id))
    hours = world.seconds() / 3600
    print(
        f"{seed:>6}{factor:>7}{sum(world.law.asked.values()):>8,}{attempts:>10,}{world.law.peak:>11}{world.highest_cap:>5}"
        f"{hours:>7.1f}{seconds:>9.1f}",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(1 if main(*(int(number) for number in sys.argv[1:])) else 0)
