"""HttpWebhookSender: what customers' servers answer, and where it never goes."""

import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from calling.adapters import webhooks
from calling.adapters.webhooks import HttpWebhookSender
from calling.ports import WebhookAnswer
from infra.local.speech import certificates
from tests.contracts.answering import Answer, Answering, answering, refused_port

PUBLIC, PRIVATE = "93.184.215.14", "10.0.0.7"


@pytest.fixture
def server() -> Iterator[Answering]:
    with answering() as server:
        yield server


@pytest.fixture
def sender() -> HttpWebhookSender:
    """As on a laptop: loopback is let in."""
    return HttpWebhookSender(allow_loopback_http=True)


@pytest.mark.parametrize("status", [200, 204, 400, 410, 500])
def test_the_answers_status_is_given(server: Answering, sender: HttpWebhookSender, status: int) -> None:
    server.will(Answer(status, b"" if status == 204 else b"ok"))
    url = f"{server.url}/hook?tenant=1"
    assert sender.post(url, b'{"a":1}', {"webhook-id": "m1"}) == WebhookAnswer(status)
    (asked,) = server.asked
    assert (asked.method, asked.path, asked.body) == ("POST", "/hook?tenant=1", b'{"a":1}')
    assert asked.headers["webhook-id"] == "m1"
    assert asked.headers["host"] == f"127.0.0.1:{server.port}"


def test_no_answer_is_an_answer_too(
    server: Answering, sender: HttpWebhookSender, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "SECONDS", 0.3)
    server.will(Answer(fate="reset"))
    assert sender.post(server.url, b"{}", {}).status is None
    server.will(Answer(fate="hang"))
    assert sender.post(server.url, b"{}", {}) == WebhookAnswer(None, "timeout")
    assert sender.post(f"http://127.0.0.1:{refused_port()}", b"{}", {}).status is None
    assert sender.post("http://nowhere.invalid/", b"{}", {}) == WebhookAnswer(None, "the name was not found")
    assert len(server.asked) == 2


def test_redirects_are_followed_with_the_same_body_three_times(server: Answering, sender: HttpWebhookSender) -> None:
    there = Answer(307, b"", {"Location": "/next"})
    server.will(there, there, there, Answer(200))
    assert sender.post(f"{server.url}/first", b"{}", {}) == WebhookAnswer(200)
    assert [(a.path, a.body) for a in server.asked] == [("/first", b"{}")] + [("/next", b"{}")] * 3
    server.will(there)
    assert sender.post(f"{server.url}/first", b"{}", {}) == WebhookAnswer(None, "too many redirects")


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.0.0.1",
        "172.16.3.4",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",  # noqa: S104  an address to refuse
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "198.18.0.1",
        "::1",
        "::",
        "fe80::1%eth0",
        "fc00::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "64:ff9b::a00:1",
        "2002:a00:1::1",
        "2001:0:53aa:64c::1",
        "2001:db8::1",
    ],
)
def test_no_address_that_is_not_public_is_reached(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setattr(socket, "create_connection", lambda *_: pytest.fail("connected"))
    refused = WebhookAnswer(None, "the address is not a public one")
    for addresses in ([address], [PUBLIC, address]):
        sender = HttpWebhookSender(resolve=lambda _host, _port, found=addresses: found)  # type: ignore[misc]  # bound
        assert sender.post("https://customer.example/hook", b"{}", {}) == refused


@pytest.mark.parametrize(
    "url",
    [
        "http://customer.example/",
        "ftp://customer.example/",
        "//customer.example/",
        "https:///nothing",
        "",
        "https://user:pw@customer.example/",
        "https://customer.example:99999/",
        "https://[broken/",
    ],
)
def test_only_plain_https_urls_are_posted_to(url: str) -> None:
    sender = HttpWebhookSender(resolve=lambda _host, _port: pytest.fail("resolved"))
    assert sender.post(url, b"{}", {}).status is None


def test_a_laptop_lets_loopback_in_and_nothing_else() -> None:
    for addresses in ([PRIVATE], ["127.0.0.1", PRIVATE], [PUBLIC]):
        sender = HttpWebhookSender(
            allow_loopback_http=True,
            resolve=lambda _host, _port, found=addresses: found,  # type: ignore[misc]  # bound
        )
        assert sender.post("http://customer.example/", b"{}", {}).error == "the address is not a public one"


def test_a_redirect_into_a_private_network_is_refused(server: Answering) -> None:
    def resolve(host: str, _port: int) -> list[str]:
        return [PRIVATE] if host == "inside.example" else ["127.0.0.1"]

    server.will(Answer(302, b"", {"Location": "https://inside.example/"}))
    sender = HttpWebhookSender(allow_loopback_http=True, resolve=resolve)
    assert sender.post(server.url, b"{}", {}) == WebhookAnswer(None, "the address is not a public one")


def test_the_checked_address_is_the_one_connected_to(server: Answering) -> None:
    """The name is resolved once a hop; a second resolution might answer otherwise."""
    asked: list[str] = []

    def resolve(host: str, _port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"]

    sender = HttpWebhookSender(allow_loopback_http=True, resolve=resolve)
    assert sender.post(f"http://name.invalid:{server.port}/", b"{}", {}) == WebhookAnswer(200)
    assert asked == ["name.invalid"]
    assert server.asked[0].headers["host"] == f"name.invalid:{server.port}"


def test_tls_is_checked_against_the_name_though_the_address_is_dialled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = certificates.make(tmp_path)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(files.server, files.key)
    names: list[str | None] = []
    tls.sni_callback = lambda _socket, name, _context: names.append(name)
    sender = HttpWebhookSender(allow_loopback_http=True, resolve=lambda _host, _port: ["127.0.0.1"])
    with answering(tls) as server:
        untrusted = sender.post(f"https://localhost:{server.port}/", b"{}", {})
        monkeypatch.setenv("SSL_CERT_FILE", str(files.authority))
        trusted = sender.post(f"https://localhost:{server.port}/", b"{}", {})
        another = sender.post(f"https://customer.example:{server.port}/", b"{}", {})
    assert trusted == WebhookAnswer(200)
    assert untrusted == another == WebhookAnswer(None, "TLS failed")
    assert names == ["localhost", "localhost", "customer.example"]
    assert len(server.asked) == 1
