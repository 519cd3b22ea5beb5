"""Which webhook URLs are taken."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calling.domain.errors import InvalidRequest
from calling.domain.webhook_url import check_webhook_url


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.example.com",
        "https://hooks.example.com:8443/a?b=c",
        "https://8.8.8.8/x",
        "https://[2606:4700::1]/",
    ],
)
def test_public_https_urls(url: str) -> None:
    assert check_webhook_url(url, allow_loopback=False, field="url") == url
    assert check_webhook_url(url, allow_loopback=True, field="url") == url


@pytest.mark.parametrize(
    "url",
    [
        "", "hooks.example.com", "http://hooks.example.com", "ftp://hooks.example.com", "https://", "https:///x",
        "https://user:pw@hooks.example.com", "https://hooks.example.com:99999", "https://hooks.example.com:0/",
        "https://localhost", "https://LOCALHOST./", "https://a.localhost", "https://printer.local", "https://intranet",
        "https://db.internal", "https://127.0.0.1", "https://10.0.0.1", "https://192.168.1.1", "https://169.254.169.254",
        "https://0.0.0.0", "https://[::1]", "https://[::ffff:127.0.0.1]", "https://[fd00::1]", "https://[fe80::1]",
        "https://100.64.0.1", "https://224.0.0.1", "https://127.1", "https://2130706433", "https://0x7f.0.0.1",
        "https://[::1", "https://hooks.example.com/ x", "https://hooks.example.com/\n", "https://h\u00f6oks.example.com",
        "https://hooks.example.com/" + "x" * 2_048, "javascript:alert(1)",
    ],
)  # fmt: skip
def test_all_else_is_refused(url: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        check_webhook_url(url, allow_loopback=False, field="url")
    assert (refused.value.code, refused.value.details["field"]) == ("invalid_webhook_url", "url")


def test_a_laptop_may_take_loopback() -> None:
    for url in ("http://127.0.0.1:9000/hook", "http://localhost:9000", "http://[::1]:9000", "https://127.0.0.1"):
        assert check_webhook_url(url, allow_loopback=True, field="url") == url
    for url in ("http://10.0.0.1", "http://hooks.example.com", "https://192.168.0.1"):
        with pytest.raises(InvalidRequest):
            check_webhook_url(url, allow_loopback=True, field="url")


@given(st.text())
def test_no_text_breaks_it(text: str) -> None:
    for url in (text, f"https://{text}", f"https://{text}/x"):
        try:
            check_webhook_url(url, allow_loopback=False, field="url")
        except InvalidRequest:
            continue
        assert url.startswith(("https:", "HTTPS:", "https", "Https"))
