"""The voices the local Polly offers: the real service's names, and how each sounds here.

One model speaks for all of them; pitch and pace make two people in a conversation easy to tell apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Voice:
    """A voice of Polly. `pitch` multiplies the model's own pitch, `pace` its speed."""

    name: str
    language: str
    language_name: str
    gender: str
    engines: tuple[str, ...]
    pitch: float
    pace: float


_US = ("en-US", "US English")
_GB = ("en-GB", "British English")
_ALL = ("generative", "neural", "standard")
_NEURAL = ("neural", "standard")
_NEW = ("generative", "neural", "long-form")

VOICES: Final[dict[str, Voice]] = {
    voice.name: voice
    for voice in (
        Voice("Danielle", *_US, "Female", _NEW, 1.26, 1.04),
        Voice("Gregory", *_US, "Male", ("neural", "long-form"), 0.88, 1.0),
        Voice("Ivy", *_US, "Female", _NEURAL, 1.46, 1.05),
        Voice("Joanna", *_US, "Female", _ALL, 1.32, 1.0),
        Voice("Kendra", *_US, "Female", _NEURAL, 1.22, 0.98),
        Voice("Kimberly", *_US, "Female", _NEURAL, 1.36, 1.06),
        Voice("Salli", *_US, "Female", _ALL, 1.29, 1.02),
        Voice("Joey", *_US, "Male", _NEURAL, 1.08, 1.06),
        Voice("Justin", *_US, "Male", _NEURAL, 1.42, 1.0),
        Voice("Kevin", *_US, "Male", ("neural",), 1.38, 1.04),
        Voice("Matthew", *_US, "Male", _ALL, 0.96, 1.0),
        Voice("Ruth", *_US, "Female", _NEW, 1.2, 1.0),
        Voice("Stephen", *_US, "Male", ("generative", "neural"), 1.02, 1.03),
        Voice("Amy", *_GB, "Female", _ALL, 1.34, 0.97),
        Voice("Emma", *_GB, "Female", _NEURAL, 1.25, 0.96),
        Voice("Brian", *_GB, "Male", _NEURAL, 0.9, 0.96),
        Voice("Arthur", *_GB, "Male", ("neural",), 0.98, 0.94),
        Voice("Olivia", "en-AU", "Australian English", "Female", ("generative", "neural"), 1.28, 1.03),
        Voice("Kajal", "en-IN", "Indian English", "Female", ("generative", "neural"), 1.33, 1.05),
        Voice("Niamh", "en-IE", "Irish English", "Female", ("neural",), 1.24, 1.02),
        Voice("Aria", "en-NZ", "New Zealand English", "Female", ("neural",), 1.31, 1.02),
        Voice("Ayanda", "en-ZA", "South African English", "Female", ("generative", "neural"), 1.23, 0.98),
    )
}
