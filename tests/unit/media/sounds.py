"""Sounds for tests: speech that a voice detector takes for speech, tones, noise, as mu-law at 8 kHz."""

import math
import random
from array import array

from infra.local.speech.scripted import encode
from media.audio import mulaw

SPEECH = encode("Hello, this is Sarah speaking, who is there please?")


def tone(hertz: float, seconds: float, volume: float = 6000) -> bytes:
    count = round(seconds * mulaw.RATE)
    wave = array("h", (round(volume * math.sin(math.tau * hertz * n / mulaw.RATE)) for n in range(count)))
    return mulaw.to_mulaw(wave.tobytes())


def noise(seconds: float, volume: float, seed: int = 1) -> bytes:
    chance = random.Random(seed)
    count = round(seconds * mulaw.RATE)
    return mulaw.to_mulaw(array("h", (round(chance.gauss(0, volume)) for _ in range(count))).tobytes())


def silence(seconds: float) -> bytes:
    return mulaw.SILENCE * round(seconds * mulaw.RATE)


def mix(one: bytes, other: bytes) -> bytes:
    length = min(len(one), len(other))
    return mulaw.to_mulaw(mulaw.audioop.add(mulaw.to_pcm(one[:length]), mulaw.to_pcm(other[:length]), 2))


def frames(sound: bytes) -> list[bytes]:
    """Whole 20 ms frames of 16-bit PCM."""
    pcm = mulaw.to_pcm(sound)
    return [pcm[at : at + 320] for at in range(0, len(pcm) - 319, 320)]
