//# allFunctionsCalledOnLoad
// (a hint to Chromium: it is compiled while it comes in, beside the page's own work)
// The question, slots and events of a page. Served as written: no build step, no dependency, no storage.
// Until the service has acknowledged an answer, it is a no. Parts come when they are needed: ecrm-choices, ecrm-frames.

const here = new URL(import.meta.url);
const root = document.documentElement;

const CSS = `
:host { position: fixed; z-index: 2147483000; inset: auto 0 0; padding-inline-end: var(--ecrm-aside, 0);
  pointer-events: none;
  --surface: var(--ecrm-surface, Canvas); --ink: var(--ecrm-ink, CanvasText); --edge: var(--ecrm-edge, GrayText);
  --accent: var(--ecrm-accent, CanvasText); --sunken: var(--ecrm-sunken, #8882);
  --radius: var(--ecrm-radius, 4px); --pad: clamp(1rem, 4vw, 1.5rem); }
* { box-sizing: border-box; margin: 0; padding: 0; font: inherit; }
section { pointer-events: auto; display: grid; gap: 1rem; inline-size: min(100% - 1rem, 52rem); max-block-size: 85vh;
  overflow: auto; scroll-padding-block-end: 6rem; margin: 0 auto .5rem; padding: var(--pad); border: 1px solid var(--edge); border-radius: var(--radius);
  background: var(--surface); color: var(--ink); box-shadow: 0 8px 24px #0003; text-align: start;
  font-family: var(--ecrm-sans, inherit); font-size: 1rem; line-height: 1.5; }
h2, h3 { font-family: var(--ecrm-serif, inherit); font-size: 1.25rem; line-height: 1.2; }
h2 { margin-block-end: .5rem; }
h2:focus { outline: 0; }
h2::before { content: var(--ecrm-logo); display: block; margin-block-end: .5rem; }
p { white-space: pre-line; }
small { display: block; color: var(--ecrm-muted, CanvasText); font-size: .9rem; }
[role=status]:not(:empty) { margin-block-start: .5rem; font-weight: 700; }
a { color: var(--accent); text-underline-offset: .2em; }
footer { position: sticky; inset-block-end: calc(-1 * var(--pad)); display: grid; grid-auto-flow: column;
  grid-auto-columns: 1fr; gap: .5rem; margin-block-end: calc(-1 * var(--pad)); padding-block: .5rem var(--pad);
  background: var(--surface); }
button { min-block-size: 2.75rem; padding: .5rem .1rem; border: 1px solid var(--edge); border-radius: var(--radius);
  background: var(--surface); color: var(--ink); font-weight: 700;
  font-size: clamp(.8rem, 4vw, 1rem); overflow-wrap: anywhere; cursor: pointer; }
button:disabled { opacity: .6; }
button:hover { border-color: var(--ink); background: var(--sunken); }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
.done { inline-size: min(100% - 1rem, 26rem); }`;

let rows = []; // permissions as last acknowledged, narrowed by what was said since
let version; // of the notice
let notice;
let gpp;
let banner;
let loaded;
let queue = [];

// A page may know of Global Privacy Control what no header says, behind a proxy that drops it.
const call = (path, options) => {
  const url = new URL(path, here);
  if (navigator.globalPrivacyControl) url.searchParams.set("gpc", 1);
  return fetch(url, { credentials: "include", cache: "no-store", ...options });
};

const post = (path, data, headers) =>
  call(path, {
    method: "POST",
    keepalive: true,
    headers: { "Content-Type": "application/json", ...headers },
    body: JSON.stringify(data),
  });

const h = (tag, attributes, ...children) => {
  const element = document.createElement(tag);
  for (const name in attributes) if (attributes[name] != null) element.setAttribute(name, attributes[name]);
  element.append(...children.filter(Boolean));
  return element;
};

const part = (name) => new URL(`/static/ecrm-${name}.js`, here).href;
const form = () => document.querySelector("form[data-ecrm-banner]");
const label = (name) => notice.notice.buttons[name] || notice.labels[name];
const id = (row) => [row.purpose, row.channel || "", row.recipient || ""].join("/");
const given = (row) => /given|renewed/.test(row?.status);
const saidYes = (row) => given(row) || !!row?.allowed;
const find = (name) => rows.find((row) => id(row) == name);
const no = (name) => (saidYes(find(name)) ? "withdrawn" : "refused");
const allowed = (purpose, channel) => !!find(id({ purpose, channel }))?.allowed;

// What needs a yes of its own under a purpose.
const under = ({ purpose, channels, recipients }) =>
  [...channels, ...recipients].filter((each) => each.own_yes).map((each) => ({ ...each, purpose }));

// What would bring back `before`.
const opposite = (before) =>
  notice.purposes
    .flatMap((purpose) => [{ purpose: purpose.purpose }, ...under(purpose)])
    .map((row) => before.find((old) => id(old) == id(row)))
    .filter((row) => row && saidYes(row) != saidYes(find(id(row))))
    .map(({ purpose, channel, recipient, ...row }) => ({
      purpose,
      channel,
      recipient,
      answer: saidYes(row) ? "given" : "withdrawn",
    }));

// A script cannot be stopped; an iframe can.
function announce() {
  document.dispatchEvent(new CustomEvent("ecrm:permissions", { detail: { permissions: rows, gpp } }));
  for (const old of document.querySelectorAll('script[type="text/plain"][data-ecrm-purpose]')) {
    if (!allowed(old.dataset.ecrmPurpose)) continue;
    const script = h("script", {}, old.text);
    for (const { name, value } of old.attributes) if (name != "type") script.setAttribute(name, value);
    old.replaceWith(script);
  }
  let waits;
  for (const frame of document.querySelectorAll("iframe[data-ecrm-src]")) {
    const may = allowed(frame.dataset.ecrmPurpose);
    const src = may ? frame.dataset.ecrmSrc : frame.src && "about:blank";
    if (src && frame.getAttribute("src") != src) frame.src = src;
    waits ||= !may;
  }
  if (waits && loaded) import(part("frames")).then(({ fill }) => fill(lent)).catch(() => {});
  consentMode("update");
}

// Google: only a yes that was said counts.
function consentMode(command) {
  const said = (purpose) =>
    allowed(purpose) && given(find(purpose + "//")) ? "granted" : "denied";
  const ads = said("advertise");
  (function () {
    (window.dataLayer ||= []).push(arguments);
  })("consent", command, {
    ad_storage: ads,
    ad_user_data: ads,
    ad_personalization: ads,
    analytics_storage: said("measure"),
    personalization_storage: said("personalize"),
  });
}

async function load() {
  const reply = await call("/v1/permissions?question=1&" + asked()).catch(() => {});
  const data = reply?.ok && (await reply.json().catch(() => {}));
  if (data) {
    rows = data.permissions;
    gpp = data.gpp;
    version = data.notice;
    if (data.question) notice = data.question;
    loaded = true;
    flush();
  }
  announce();
  if (data?.answer_due) await show("ask").catch(() => {});
  else if (data && !banner?.free) banner ? banner.close() : form()?.remove();
}

function asked() {
  const query = new URLSearchParams(here.search);
  if (root.lang) query.set("locale", root.lang);
  return query;
}

async function words() {
  if (!notice) {
    const data = await (await call("/v1/notice?" + asked())).json();
    version = data.notice.version;
    notice = data;
  }
  return notice;
}

async function show(view, about) {
  const [choices] = await Promise.all([view == "choose" && import(part("choices")), words()]);
  if (!banner) {
    // Here it comes first by keyboard, and no selector of the page meets it.
    document.body.before((banner = h("ecrm-banner")));
    form()?.remove();
  }
  banner[view](about, choices);
}

// Where the choices cannot be loaded they are a page.
const open = (purpose, page = new URL("/preferences", here)) =>
  show("choose", purpose).catch(() => location.assign(page));

// A no holds here at once, a yes when it is acknowledged.
function answer(answers, method = "save", tc_string) {
  const closes = (said, row) =>
    said.answer != "given" && said.purpose == row.purpose && (!(said.channel || said.recipient) || id(said) == id(row));
  const no = { allowed: false, status: "refused" };
  rows = rows.map((row) => (answers.some((said) => closes(said, row)) ? { ...row, ...no } : row));
  gpp = null;
  announce();
  const seen = version;
  const shown = banner?.since && { seconds: ((performance.now() - banner.since) / 1000) | 0, opened: !!banner.opened };
  const task = last.then(() => submit({ notice: seen || version, answers, method, tc_string, shown }));
  last = task.catch(() => {});
  return task;
}

const stay = (event) => event.preventDefault();

async function submit(body) {
  const headers = { "Idempotency-Key": crypto.randomUUID() };
  for (let wait = 1; ; wait = Math.min(wait * 2, 60)) {
    body.notice ||= version || (await words().catch(() => {}))?.notice.version;
    const reply = await post("/v1/answers", body, headers).catch(() => {});
    const taken = reply?.ok && (await reply.json().catch(() => {}));
    if (taken) return settle(taken);
    if (reply && !reply.ok && reply.status < 500 && reply.status != 429) {
      notice = null;
      throw new Error(reply.status);
    }
    banner?.say("pending");
    document.dispatchEvent(new Event("ecrm:pending"));
    addEventListener("beforeunload", stay);
    await new Promise((again) => {
      addEventListener("online", again, { once: true });
      setTimeout(again, (+reply?.headers.get("Retry-After") || wait) * 1000);
    });
    removeEventListener("beforeunload", stay);
  }
}

function settle(taken) {
  rows = taken.permissions;
  gpp = taken.gpp;
  announce();
  reload();
  if (taken.answer_due) notice = null;
  banner?.close();
  if (taken.answer_due) show("ask").catch(() => {});
  return taken;
}

const slots = () => document.querySelectorAll("ecrm-slot");

function reload() {
  for (const slot of slots()) slot.load();
}

// Waits until the permissions are known; without one it is dropped.
function track(event) {
  setTimeout(flush, 500);
  queue.push({ event_id: crypto.randomUUID(), at: new Date().toISOString(), ...event });
}

function flush() {
  if (!loaded) return;
  const purpose = (type) => (/^(purchase|return)$/.test(type) ? "order" : "remember");
  const batch = queue.filter(({ type }) => allowed(purpose(type))).slice(-500);
  queue = [];
  if (batch.length) post("/v1/events", { events: batch }).catch(() => queue.push(...batch));
}

class Banner extends HTMLElement {
  constructor() {
    super();
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(CSS);
    this.attachShadow({ mode: "open" }).adoptedStyleSheets = [sheet];
    this.shadowRoot.addEventListener("click", (event) => {
      const action = event.target.closest("[data-ecrm-action]")?.dataset.ecrmAction;
      if (action) this.act(action);
    });
    // Whoever comes near may choose.
    for (const near of ["pointerover", "focusin"])
      this.addEventListener(near, () => import(part("choices")).catch(() => {}), { once: true });
    this.addEventListener("keydown", ({ key }) => key == "Escape" && this.free && this.close());
  }

  view(name, title, ...children) {
    const before = document.activeElement;
    if (before != this && before != document.body) this.opener = before;
    this.free = name != "ask"; // to be closed without an answer
    this.setAttribute("role", "region");
    this.setAttribute("aria-label", label("region"));
    this.lang = notice.notice.locale;
    this.dir = label("dir");
    // The page's own letters: to load others would be half of its layout.
    this.style.fontFamily = getComputedStyle(document.body).fontFamily;
    this.status = h("p", { role: "status" });
    this.heading = h("h2", { tabindex: -1 }, title);
    const words = h("div", {}, this.heading, ...children, this.status);
    const section = h("section", { class: name }, words, this.nav);
    this.shadowRoot.replaceChildren(section);
    new ResizeObserver(() => this.room()).observe(section);
  }

  buttons(...actions) {
    const button = (action) =>
      h("button", { type: "button", "data-ecrm-action": action }, label(action.split("_")[0]));
    this.nav = h("footer", {}, ...actions.map(button));
  }

  ask() {
    this.since ||= performance.now();
    this.buttons("accept_all", "refuse_all", "choose");
    this.view("ask", notice.notice.title, h("p", {}, notice.notice.text), gpc());
  }

  choose(purpose, choices) {
    this.opened = true;
    this.chosen = choices.said;
    this.buttons("accept_all", "refuse_all", "save");
    const details = h("a", { href: new URL("/preferences", here) }, label("details"));
    this.view("choose", notice.notice.title, choices.list(this.shadowRoot, notice, lent), details);
    (this.shadowRoot.getElementById(purpose)?.querySelector("input") || this.heading).focus();
  }

  done(taken) {
    this.undo = taken.undo;
    this.buttons(...(this.undo.length ? ["undo", "close"] : ["close"]));
    const receipt = h("a", { href: new URL("/receipts/" + taken.receipt_id, here) }, label("receipt"));
    this.view("done", label("saved"), receipt, gpc());
    this.heading.focus();
  }

  say(name) {
    this.status.textContent = label(name);
  }

  said(action) {
    if (action == "undo") return this.undo;
    if (action == "save") return this.chosen(this.shadowRoot);
    return notice.purposes
      .filter((purpose) => !purpose.required)
      .map(({ purpose }) => ({ purpose, answer: action == "accept_all" ? "given" : no(purpose + "//") }));
  }

  async act(action) {
    if (action == "choose") return open();
    if (action == "close") return this.close();
    const before = rows;
    const said = this.said(action);
    for (const button of this.nav.children) button.disabled = true;
    try {
      const taken = await answer(said, action);
      if (!taken.answer_due) await show("done", { ...taken, undo: action == "undo" ? [] : opposite(before) });
    } catch {
      await show("ask");
      this.say("failed");
    }
  }

  close() {
    this.remove();
    banner = null;
    this.room();
    this.opener?.focus();
  }

  // Neither focus nor the end of the page stays behind the banner.
  room() {
    const height = this.isConnected ? this.shadowRoot.firstChild.offsetHeight + 16 + "px" : "";
    const scrolls = height && root.scrollHeight > innerHeight;
    root.style.scrollPaddingBlockEnd = height;
    document.body.style.marginBlockEnd = scrolls ? height : "";
  }
}

const gpc = () => notice.gpc && h("small", {}, notice.notice.gpc_text);

// `<ecrm-slot name="for-you" limit="4">`: what is there stays until the new has come.
class Slot extends HTMLElement {
  connectedCallback() {
    if (!this.hasAttribute("data-rendered")) this.load();
  }

  async load() {
    const turn = (this.turn = {});
    const query = new URLSearchParams();
    for (const { name, value } of this.attributes)
      if (!/^(name|id|class|style)$|-/.test(name)) query.set(name, value);
    const path = `/v1/slots/${this.getAttribute("name")}?${query}`;
    const reply = await call(path, { headers: { Accept: "text/html" } }).catch(() => {});
    const html = reply?.ok && (await reply.text().catch(() => {}));
    if (html && this.turn == turn)
      this.replaceChildren(...new DOMParser().parseFromString(html, "text/html").body.childNodes);
  }

  // Its place stays as large as it was.
  clear() {
    const place = h("div");
    place.style.blockSize = this.getBoundingClientRect().height + "px";
    this.replaceChildren(place);
  }
}

// What the browser keeps of a page that is left may be permitted no longer when it is shown again.
function forget() {
  rows = [];
  loaded = gpp = null;
  if (banner?.free) banner.close();
  for (const slot of slots()) slot.clear();
}

function again() {
  announce();
  reload();
  return load();
}

const lent = { h, id, find, given, label, under, no, words, open, answer }; // to the parts
if (!window.ecrm) consentMode("default"); // else signals.js did
window.ecrm = {
  get permissions() {
    return rows;
  },
  allowed,
  open,
  answer,
  track,
};
document.addEventListener("click", (event) => {
  const opener = event.target.closest?.("[data-ecrm-open]");
  if (!opener || event.defaultPrevented || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  open(opener.dataset.ecrmOpen, opener.href);
});
addEventListener("pagehide", ({ persisted }) => {
  flush();
  if (persisted) forget();
});
addEventListener("pageshow", ({ persisted }) => persisted && again());
addEventListener("online", () => (loaded ? flush() : again()));
let last = Promise.resolve().then(load);
customElements.define("ecrm-banner", Banner);
customElements.define("ecrm-slot", Slot);
