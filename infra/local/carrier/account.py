"""What the simulated carrier shows of its account: as an upgraded one with a business profile, unless it is on trial.

Twilio's hosts for Trust Hub and dialling permissions answer here, too: whoever looks at the account finds all in one
place. Pure.
"""

from __future__ import annotations

from typing import Any, Final

from infra.local.carrier.params import Params

COUNTRIES: Final = {"GB": ("United Kingdom", "+44"), "IE": ("Ireland", "+353"), "US": ("United States", "+1")}


def account(sid: str, *, trial: bool) -> dict[str, Any]:
    """The Account resource."""
    kind = "Trial" if trial else "Full"
    return {"sid": sid, "owner_account_sid": sid, "friendly_name": "Simulated", "status": "active", "type": kind}


def balance(sid: str) -> dict[str, Any]:
    """The Balance resource."""
    return {"account_sid": sid, "balance": "20.00", "currency": "USD"}


def profiles(sid: str, query: Params, *, trial: bool) -> dict[str, Any]:
    """Trust Hub's list of CustomerProfiles."""
    status = "draft" if trial else "twilio-approved"
    shown = {"sid": f"BU{1:032x}", "account_sid": sid, "friendly_name": "Brightside Dental", "status": status}
    asked = query.get("Status", [status])[-1]
    return _page("results", [shown] if asked == status else [])


def countries(query: Params) -> dict[str, Any]:
    """The list of DialingPermissions; what is not in it may not be called."""
    shown = [
        {"iso_code": code, "name": name, "country_codes": [prefix], "low_risk_numbers_enabled": True}
        for code, (name, prefix) in COUNTRIES.items()
    ]
    return _page("content", shown if query.get("LowRiskNumbersEnabled", ["true"])[-1] == "true" else [])


def rules() -> dict[str, Any]:
    """The list of webhook rules: none."""
    return _page("items", [])


def _page(key: str, shown: list[dict[str, Any]]) -> dict[str, Any]:
    return {key: shown, "meta": {"key": key, "page": 0, "page_size": 50, "url": "", "next_page_url": None}}
