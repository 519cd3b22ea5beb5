"""What the deployment allows to dial: one parameter, from a laptop's environment to the functions that ask for it."""

import re

import pytest

from infra.local.deploy import load_template
from infra.local.settings import ROOT, from_environment

TEMPLATE = load_template(ROOT / "template.yaml")
PARAMETER = TEMPLATE["Parameters"]["AllowedDestinations"]


def test_a_stack_allows_nothing_dear_until_it_is_told_to() -> None:
    assert PARAMETER["Default"] == ""
    variables = TEMPLATE["Globals"]["Function"]["Environment"]["Variables"]
    assert variables["ALLOWED_DESTINATIONS"] == {"Ref": "AllowedDestinations"}


@pytest.mark.parametrize(("text", "fits"), [("", True), ("+882", True), ("+882,+1900", True), ("1900", False)])
def test_the_parameter_takes_prefixes_alone(text: str, fits: bool) -> None:
    assert bool(re.fullmatch(PARAMETER["AllowedPattern"], text)) == fits


def test_a_laptops_house_is_told_by_its_environment() -> None:
    assert from_environment({}).destinations == ""
    assert from_environment({"DESTINATIONS": "+882,+1900"}).destinations == "+882,+1900"
