"""Mail as it leaves: text and HTML in the person's language, tried again under the same name, and never too late."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from html import unescape
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from ecrm_privacy.delivery.mail import Mail, MailSettings
from ecrm_privacy.delivery.messages import Message, Undeliverable
from ecrm_privacy.errors import StartRefused, Unavailable
from tests.faults.group import free_port
from tests.houses import Opened, logged
from tests.integration.channels.people import asked_to_confirm, sign_up, status
from tests.mailbox import Mailbox, link_in, mail_server, text_of

pytestmark = pytest.mark.anyio

SENDER = "Hollin & Reed <news@hollin-reed.example>"
MESSAGE = Message(
    to="reader@mailbox.example", message_id="ab" * 16, subject="Bitte bestätigen: Tee & mehr", text="Grüß Gott\n",
    html="<p>Grüß Gott</p>", locale="de",
    unsubscribe="https://privacy.shop.example/unsubscribe/offers~email~" + "A" * 90,
)  # fmt: skip


@contextmanager
def certified(folder: Path) -> Iterator[tuple[ssl.SSLContext, Path]]:
    """A server's TLS with a certificate of its own for 127.0.0.1, and the file by which a client knows it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    certificate, private = folder / "cert.pem", folder / "key.pem"
    certificate.write_bytes(made.public_bytes(Encoding.PEM))
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, private)
    yield context, certificate


async def test_a_message_as_it_arrives(mailbox: Mailbox) -> None:
    """Both parts, the words of the language, one name, and the headers for one click, whole in one line each."""
    await Mail(MailSettings("127.0.0.1", mailbox.port, "none", SENDER)).send(MESSAGE)
    (letter,) = mailbox.letters
    assert mailbox.recipients == [["reader@mailbox.example"]]
    (sender,) = letter["From"].addresses
    assert (sender.display_name, sender.addr_spec) == ("Hollin & Reed", "news@hollin-reed.example")
    assert letter["Subject"] == MESSAGE.subject
    assert letter["Message-ID"] == f"<{'ab' * 16}@hollin-reed.example>" and letter["Content-Language"] == "de"
    assert letter["List-Unsubscribe"] == f"<{MESSAGE.unsubscribe}>"
    assert letter["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert letter["Auto-Submitted"] == "auto-generated"
    assert abs(parsedate_to_datetime(letter["Date"]) - datetime.now(UTC)) < timedelta(minutes=5)
    assert text_of(letter) == "Grüß Gott\n" and text_of(letter, "html").strip() == "<p>Grüß Gott</p>"
    assert "reader" not in repr(MESSAGE)


async def test_mail_goes_over_tls_to_a_server_that_is_known(tmp_path: Path) -> None:
    """With STARTTLS, and from the first byte; to a server that nobody vouches for, nothing is sent."""
    with certified(tmp_path) as (context, certificate):
        with mail_server(tls_context=context, require_starttls=True) as upgraded:
            await Mail(MailSettings("localhost", upgraded.port, "starttls", SENDER, ca_file=certificate)).send(MESSAGE)
            with pytest.raises(Unavailable):
                await Mail(MailSettings("localhost", upgraded.port, "starttls", SENDER)).send(MESSAGE)
            assert len(upgraded.letters) == 1
        with mail_server(ssl_context=context) as wrapped:
            await Mail(MailSettings("localhost", wrapped.port, "tls", SENDER, ca_file=certificate)).send(MESSAGE)
            assert len(wrapped.letters) == 1
    with mail_server() as plain, pytest.raises(Unavailable):
        await Mail(MailSettings("127.0.0.1", plain.port, "starttls", SENDER)).send(MESSAGE)


@pytest.mark.parametrize(
    ("host", "security", "sender"),
    [("mail.example", "none", SENDER), ("mail.example", "ssl", SENDER), ("mail.example", "tls", "nobody")],
)
def test_settings_that_would_show_mail_to_others_are_refused(host: str, security: str, sender: str) -> None:
    """In the clear only to this machine; no other words; and from an address."""
    with pytest.raises(StartRefused):
        Mail(MailSettings(host, 25, security, sender))


async def test_what_the_server_says_is_for_good_or_for_now(mailbox: Mailbox) -> None:
    """5xx ends a message, 4xx and silence keep it owed; none of them repeats the address."""
    mail = Mail(MailSettings("127.0.0.1", mailbox.port, "none", SENDER))
    for refusing, failure in (("550 no such user", Undeliverable), ("451 later", Unavailable)):
        mailbox.refusing = refusing
        with pytest.raises(failure) as refused:
            await mail.send(MESSAGE)
        assert "reader" not in str(refused.value)
    with pytest.raises(Unavailable):
        await Mail(MailSettings("127.0.0.1", free_port(), "none", SENDER)).send(MESSAGE)


async def test_a_message_that_is_tried_again_is_the_same_one(opened: Opened, mailbox: Mailbox, address: str) -> None:
    """A server that is busy gets it later; a job that runs twice sends the same Message-ID, link and words."""
    mailbox.refusing = "451 try again"
    with logged() as log:
        await sign_up(opened.browser(), address)
        async with opened.as_admin() as admin:
            owed = "select payload from ecrm.job where kind = 'confirm' and attempts > 0 and leased_until is null"
            while (payload := await admin.fetchval(owed)) is None:
                await opened.house.runner.drain()
            assert mailbox.refused and mailbox.letters == []
            mailbox.refusing = ""
            await admin.execute("update ecrm.job set due = now()")
        await opened.settle()
        await opened.house.channels.letters.confirm(payload)
    first, second = mailbox.to(address)
    assert first["Message-ID"] == second["Message-ID"] and text_of(first) == text_of(second)
    assert b"job_failed" in log.getvalue() and address.partition("@")[0].encode() not in log.getvalue()


async def test_an_address_that_does_not_exist_is_asked_once(opened: Opened, mailbox: Mailbox, address: str) -> None:
    """It stays requested, and nothing is owed any more."""
    mailbox.refusing = "550 no such user"
    browser = opened.browser()
    await sign_up(browser, address)
    await opened.settle()
    assert mailbox.refused == 1 and await status(browser) == "requested"
    async with opened.as_admin() as admin:
        assert await admin.fetchval("select count(*) from ecrm.job where kind = 'confirm'") == 0


@pytest.mark.parametrize(("locale", "words"), [("en", "Please confirm"), ("de", "Bitte bestätigen")])
async def test_the_message_speaks_the_persons_language(
    opened: Opened, mailbox: Mailbox, address: str, locale: str, words: str
) -> None:
    """Both parts, with what was asked for, the privacy summary, and a link that names nobody."""
    browser = opened.browser(**{"Accept-Language": locale})
    await sign_up(browser, address)
    await opened.settle()
    (letter,) = mailbox.to(address)
    assert letter["Subject"].startswith(words) and letter["Content-Language"] == locale
    for part in ("plain", "html"):
        text = text_of(letter, part)
        assert address not in text and link_in(letter) in text
        assert "Hollin &amp; Reed" in text or "Hollin & Reed" in text
        assert "privacy@hollin-reed.example" in text and "4 Weir Lane" in text
    assert f'lang="{locale}"' in text_of(letter, "html")


async def test_the_welcome_carries_the_privacy_summary(opened: Opened, mailbox: Mailbox, address: str) -> None:
    """Who, what for, with which data, how long, and the way back; it comes once the yes counts, and not before."""
    _, link = await asked_to_confirm(opened, mailbox, address)
    await opened.browser().http.post(link)
    await opened.settle()
    _, welcome = mailbox.to(address)
    assert welcome["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    text = text_of(welcome)
    for words in ("News and offers", "Name and addresses", "two years after your yes", "/preferences", "/unsubscribe/"):
        assert words in text, words


async def test_the_form_carries_it_before_anything_is_typed(opened: Opened) -> None:
    """Who, what for, with which data, how long, and how it ends stand beside the field for the address."""
    text = unescape((await opened.browser().http.get("/sign-up/offers/email")).text)
    field, summary = text.index('name="address"'), text.index('id="about-offers"')
    assert field < summary
    purposes = (await opened.browser().http.get("/v1/notice")).json()["purposes"]
    offers = next(each for each in purposes if each["purpose"] == "offers")
    names = [each["name"] for each in (*offers["categories"], *offers["recipients"])]
    sender = ("Hollin & Reed", "4 Weir Lane", "privacy@hollin-reed.example")
    for words in (offers["name"], offers["text"], offers["benefit"], offers["retention"], *names, *sender):
        assert words in text[summary:], words


async def test_no_welcome_to_whoever_took_it_back_meanwhile(opened: Opened, mailbox: Mailbox, address: str) -> None:
    """What is allowed is asked when it is sent."""
    mailbox.refusing = ""
    browser, link = await asked_to_confirm(opened, mailbox, address)
    await opened.house.runner.stop()
    try:
        await opened.browser().http.post(link)
        await browser.answer({"offers": "withdrawn"})
        await opened.settle()
    finally:
        opened.house.runner._stopping.clear()
        opened.house.runner.start()
    assert len(mailbox.to(address)) == 1


async def test_what_was_sent_is_counted_for_the_person(opened: Opened, mailbox: Mailbox, address: str) -> None:
    """Their address was opened for it: that stands among how their data was used."""
    browser, link = await asked_to_confirm(opened, mailbox, address)
    await opened.browser().http.post(link)
    await opened.settle()
    uses = (await browser.http.get("/v1/uses")).json()["uses"]
    assert [(each["purpose"], each["categories"], each["times"]) for each in uses] == [("offers", ["contact"], 1)]
