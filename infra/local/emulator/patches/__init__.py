"""Where ministack 1.5.33 differs from AWS in something the product relies on, and how each is mended.

One module an area. Every mend replaces a private function, so `server.check_version` guards them all and
`tests/flows/test_emulator.py` shows each one on the running process.
"""

from infra.local.emulator.patches import lambdas, schedules, states, streams, templates, workers


def apply() -> None:
    """Mend the ministack that is imported in this process; call once, before it serves."""
    workers.apply()
    lambdas.apply()
    streams.apply()
    states.apply()
    schedules.apply()
    templates.apply()
