// What an iframe shows while it waits for a yes: who would receive what, one button for exactly this purpose and one for
// all choices. Loaded by ecrm.js where a page has such a frame. It is written into the frame's own empty document: so
// nothing on the page moves, no sheet of the page meets it, and it has the place of what it stands for.

const CSS = `
:root { font: 1rem/1.5 var(--ecrm-sans, system-ui, sans-serif); color: var(--ecrm-ink, CanvasText);
  background: var(--ecrm-sunken, Canvas); }
* { box-sizing: border-box; margin: 0; font: inherit; }
main { display: grid; align-content: safe center; justify-items: center; gap: .5rem; min-block-size: 100vh;
  padding: 1rem; text-align: center; overflow-wrap: anywhere; }
h1 { font: 500 1.125rem/1.3 var(--ecrm-serif, serif); }
p, div { max-inline-size: 34rem; }
small { display: block; color: var(--ecrm-muted, CanvasText); font-size: .9rem; }
div { position: sticky; inset-block-end: 0; display: flex; flex-wrap: wrap; gap: .5rem; inline-size: 100%;
  padding-block: .25rem; background: var(--ecrm-sunken, Canvas); }
button { flex: 1 1 7rem; min-block-size: 2.75rem; padding: .25rem .5rem; border: 1px solid var(--ecrm-edge, GrayText);
  border-radius: var(--ecrm-radius, 4px); background: var(--ecrm-surface, Canvas); color: inherit; font-weight: 600;
  cursor: pointer; }
button:hover { border-color: currentColor; }
button:disabled { opacity: .6; }
:focus-visible { outline: 2px solid var(--ecrm-accent, CanvasText); outline-offset: 2px; }
p:empty { display: none; }`;
const TOKENS = ["sans", "serif", "ink", "sunken", "surface", "muted", "edge", "accent", "radius"];

const isolated = (name) => `\u2068${name}\u2069`; // a name keeps its direction among others
const met = new WeakSet();
let page; // what ecrm.js lends: words(), find(), open(), answer()
let notice;

/** Write into every frame that waits; those that are written already stay as they are. */
export async function fill(lent) {
  page = lent;
  notice = await page.words();
  for (const frame of document.querySelectorAll("iframe[data-ecrm-src]")) {
    if (!met.has(frame)) frame.addEventListener("load", () => write(frame));
    met.add(frame);
    write(frame);
  }
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  for (const frame of document.querySelectorAll("iframe[data-ecrm-src]")) write(frame, true);
});

function write(frame, again) {
  const purpose = notice.purposes.find((each) => each.purpose == frame.dataset.ecrmPurpose);
  const row = purpose && page.find(purpose.purpose + "//");
  const own = frame.contentDocument; // none where the frame is shut to us (`sandbox`) or shows something
  if (!row || row.allowed || own?.URL != "about:blank") return;
  const state = row.because + notice.notice.hash;
  if (own.body.dataset.state == state && !again) return;

  const h = (tag, ...children) => {
    const element = own.createElement(tag);
    element.append(...children);
    return element;
  };
  const { host } = new URL(frame.dataset.ecrmSrc, location);
  const say = (name) => notice.labels[name].replace("{host}", host).replace("{purpose}", () => purpose.name);
  const line = (name, list) => h("small", say(name) + ": " + list.map(isolated).join(say("comma") + " "));
  const names = (list) => list.map((each) => each.name);
  const status = h("p");
  status.setAttribute("role", "status");
  const button = (name, act) => {
    const element = h("button", say(name));
    element.type = "button";
    element.addEventListener("click", act);
    return element;
  };
  const yes = button("frame_yes", async () => {
    yes.disabled = true;
    const pending = () => (status.textContent = say("pending"));
    document.addEventListener("ecrm:pending", pending);
    try {
      await page.answer([{ purpose: purpose.purpose, answer: "given" }]);
    } catch {
      status.textContent = say("failed");
    }
    document.removeEventListener("ecrm:pending", pending);
    yes.disabled = false;
  });
  const choices = button("frame_more", () => page.open(purpose.purpose));
  const shut = /^(gpc|restricted|under_age)$/.test(row.because); // a yes would not open it

  dress(frame, own);
  frame.title ||= purpose.name;
  own.title = frame.title;
  own.body.dataset.state = state;
  const main = h(
    "main",
    h("h1", frame.title),
    h("p", say("frame_waits")),
    h("p", line("recipients", [host, ...names(purpose.recipients)]), line("uses", names(purpose.categories))),
    ...(row.because == "gpc" ? [h("p", notice.notice.gpc_text)] : []),
    h("div", ...(shut ? [choices] : [yes, choices])),
    status,
  );
  own.body.replaceChildren(main);
}

function dress(frame, own) {
  const sheet = new own.defaultView.CSSStyleSheet();
  sheet.replaceSync(CSS);
  own.adoptedStyleSheets = [sheet];
  const root = own.documentElement;
  const of = getComputedStyle(frame);
  root.lang = notice.notice.locale;
  root.dir = notice.labels.dir;
  root.style.colorScheme = of.colorScheme;
  for (const token of TOKENS) {
    const value = of.getPropertyValue("--ecrm-" + token);
    if (value) root.style.setProperty("--ecrm-" + token, value);
  }
}
