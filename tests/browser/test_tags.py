"""IAB GPP on a page: the commands of `__gpp`, as tags and frames call them."""

from typing import Any

import msgspec
import pytest
from playwright.sync_api import Page

from ecrm_privacy import shipped
from ecrm_privacy.consent.standing import PermissionRow
from ecrm_privacy.policy.load import load
from ecrm_privacy.vocabulary import Purpose
from ecrm_privacy.web import gpp, signals
from tests.browser.visitor import Visit, at_a_shop, until

BUNDLE = load(shipped.policies())
SCRIPT = '<script src="/signals.js"></script>'
ASK = """([command, parameter]) => new Promise((done) =>
  window.__gpp(command, (data, success) => done({data, success}), parameter))"""
LISTEN = """() => {
  window.heard = [];
  window.__gpp("addEventListener", ({eventName, data, pingData}) =>
    heard.push([eventName, data, pingData.signalStatus, pingData.gppString]));
}"""
TELL = "(gpp) => document.dispatchEvent(new CustomEvent('ecrm:permissions', {detail: {permissions: [], gpp}}))"


def told(*allowed: str) -> gpp.Gpp:
    """What somebody in California tells who allows this."""
    rows = [PermissionRow(Purpose(name), name in allowed, "given", "consent", "consent") for name in BUNDLE.purposes]
    return gpp.told(BUNDLE, BUNDLE.jurisdictions["us-ca"], rows, gpc=False)


@pytest.fixture
def page(visit: Visit) -> Page:
    """A strict page of a visitor from California who allows nothing, with the script alone."""
    page = visit().page
    state = signals.State((), signals.consent_mode(()), told(), signals.APIS, True)
    code = signals.rendered(msgspec.json.encode(state)).decode()
    page.route("**/signals.js", lambda route: route.fulfill(body=code, content_type="text/javascript"))
    at_a_shop(page, "<h1>A shop</h1>", SCRIPT)
    return page


def ask(page: Page, command: str, parameter: Any = None) -> tuple[Any, bool]:
    """Call `__gpp` and wait for its answer."""
    reply = page.evaluate(ASK, [command, parameter])
    return reply["data"], reply["success"]


def test_a_ping_tells_everything(page: Page) -> None:
    """It has each member of the standard, and says that we are registered with nobody."""
    for command in ("ping", "getGPPData"):
        data, success = ask(page, command)
        assert success
        assert data["gppString"] == told().gpp_string
        assert data | {"gppVersion": "1.1", "cmpStatus": "loaded", "signalStatus": "ready", "cmpId": 0} == data
        assert (data["sectionList"], data["applicableSections"], data["cmpDisplayStatus"]) == ([8], [8], "hidden")
        assert {"7:usnat", "8:usca", "27:usri"} <= set(data["supportedAPIs"])
        assert data["parsedSections"].keys() == {"usca"}


def test_sections_and_fields_are_looked_up(page: Page) -> None:
    """What is there is told; what is not there, and a command that is none, is told without success."""
    assert ask(page, "hasSection", "usca") == (True, True)
    assert ask(page, "hasSection", "usnat") == (False, True)
    assert ask(page, "getSection", "usca")[0]["SaleOptOut"] == 1
    assert ask(page, "getSection", "usnat") == (None, False)
    assert ask(page, "getField", "usca.SaleOptOut") == (1, True)
    assert ask(page, "getField", "usca.Nothing") == (None, False)
    assert ask(page, "constructor", "usca") == (None, False)


def test_listeners_hear_of_a_change(page: Page) -> None:
    """While an answer waits the signal is not ready; then the section has changed, and the signal is ready."""
    page.evaluate(LISTEN)
    page.evaluate(TELL, None)
    page.evaluate(TELL, msgspec.to_builtins(told("advertise", "share")))
    before, after = told().gpp_string, told("advertise", "share").gpp_string
    assert page.evaluate("heard") == [
        ["listenerRegistered", True, "ready", before],
        ["signalStatus", "not ready", "not ready", before],
        ["sectionChange", "usca", "not ready", after],
        ["signalStatus", "ready", "ready", after],
    ]
    assert ask(page, "removeEventListener", 1)[0]["data"] is True
    page.evaluate(TELL, None)
    assert len(page.evaluate("heard")) == 4


def test_a_frame_asks_by_message(page: Page) -> None:
    """Frames find the locator and are answered by message, in the form in which they asked."""
    until(page, "window.frames.__gppLocator")
    call = {"__gppCall": {"command": "getField", "parameter": "usca.SaleOptOut", "callId": "7", "version": "1.1"}}
    for form in ("(call) => call", "(call) => JSON.stringify(call)"):
        reply = page.evaluate(
            f"""(call) => new Promise((done) => {{
              addEventListener("message", function hear({{data}}) {{
                const read = typeof data == "string" ? JSON.parse(data) : data;
                if (!read.__gppReturn) return;
                removeEventListener("message", hear);
                done([typeof data, read.__gppReturn]);
              }});
              postMessage(({form})(call), "*");
            }})""",
            call,
        )
        assert reply == [
            "object" if "JSON" not in form else "string",
            {"returnValue": 1, "success": True, "callId": "7"},
        ]


def test_what_a_stub_has_queued_is_answered(visit: Visit) -> None:
    """Calls that came before the script, to a stub that kept them, are answered when it comes."""
    page = visit().page
    page.route("**/stub.js", lambda route: route.fulfill(
        body="window.__gpp = (...call) => (window.__gpp.queue ||= []).push(call);"
        "window.__gpp('ping', (data) => (window.pinged = data.gppVersion));",
        content_type="text/javascript",
    ))  # fmt: skip
    at_a_shop(page, "<h1>A shop</h1>", '<script src="/stub.js"></script>' + SCRIPT)
    assert page.evaluate("window.pinged") == "1.1"
    data, _ = ask(page, "ping")
    assert (data["gppString"], data["applicableSections"]) == ("DBAA", [-1])


def test_a_tag_finds_the_default_before_it_runs(visit: Visit) -> None:
    """A tag right behind `signals.js` reads what this visitor allows, of a no and of a yes; the update comes after."""
    visitor = visit()
    page = visitor.page
    tag = "window.read = [dataLayer.length, dataLayer[0][0], dataLayer[0][1], dataLayer[0][2].ad_storage]"
    page.route("**/tag.js", lambda route: route.fulfill(body=tag, content_type="text/javascript"))
    head = f'{SCRIPT}<script src="/tag.js"></script><script type="module" src="/ecrm.js"></script>'
    at_a_shop(page, "<h1>A shop</h1>", head)
    assert page.evaluate("window.read") == [1, "consent", "default", "denied"]
    visitor.press("accept_all")
    until(page, "dataLayer.at(-1)[1] == 'update' && dataLayer.at(-1)[2].ad_storage == 'granted'")
    page.reload()
    assert page.evaluate("window.read") == [1, "consent", "default", "granted"]
