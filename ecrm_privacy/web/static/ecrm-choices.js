// The choices: a switch for each purpose, and under it for each channel and recipient that needs a yes of its own.
// Loaded by ecrm.js when somebody comes near the question, or opens them.

const CSS = `
ul { list-style: none; }
li { padding-block: .75rem; border-block-start: 1px solid var(--ecrm-line, #8884); }
li li { padding: 0; border: 0; }
p + small { margin-block-start: .25rem; }
.choose footer { border-block-start: 1px solid var(--ecrm-line, #8884); }
label { display: flex; align-items: center; justify-content: space-between; gap: 1rem; min-block-size: 2.75rem; }
input { appearance: none; position: relative; flex: none; inline-size: 3rem; block-size: 1.75rem;
  border: 1px solid var(--edge); border-radius: 1rem; background: var(--sunken); cursor: pointer; }
input::before { content: ""; position: absolute; inset-block: 3px; inset-inline-start: 3px; inline-size: 1.25rem;
  border: 1px solid var(--edge); border-radius: 50%; background: var(--surface); }
input:checked { background: var(--accent); }
input:checked::before { inset-inline-start: calc(100% - 1.25rem - 3px); }
@media (forced-colors: active) {
  input::before { background: ButtonText; }
  input:checked { background: Highlight; forced-color-adjust: none; }
  input:checked::before { background: HighlightText; }
}`;
const sheet = new CSSStyleSheet();
sheet.replaceSync(CSS);

let page; // what ecrm.js lends

/** Return the list of a notice's purposes, for the shadow tree `root`. */
export function list(root, notice, lent) {
  page = lent;
  root.adoptedStyleSheets = [root.adoptedStyleSheets[0], sheet];
  const made = page.h("ul", {}, ...notice.purposes.map(entry));
  made.addEventListener("change", follow);
  return made;
}

// Nothing is ticked that nobody said.
function entry(purpose) {
  const { h, id, label } = page;
  const row = (name, text) => {
    const checked = page.given(page.find(name)) ? "" : null;
    return h("label", {}, text, h("input", { type: "checkbox", role: "switch", name, checked }));
  };
  const names = (list) => list.map((each) => each.name).join(label("comma") + " ");
  const line = (name, text) => text && h("small", {}, label(name) + ": " + text);
  const title = h("h3", {}, purpose.name);
  const more = page.under(purpose).map((each) => h("li", {}, row(id(each), each.name)));
  return h(
    "li",
    { id: purpose.purpose },
    purpose.required ? h("label", {}, title, h("small", {}, label("required"))) : row(purpose.purpose + "//", title),
    h("p", {}, purpose.text + " " + purpose.benefit),
    line("uses", names(purpose.categories)),
    line("recipients", names(purpose.recipients)),
    line("kept", purpose.retention),
    more.length && h("ul", { "aria-label": purpose.name }, ...more),
  );
}

// What stands under a purpose needs its yes, and ends with it.
function follow({ target }) {
  const [own, ...under] = target.closest("li[id]").querySelectorAll("input");
  if (target != own) own.checked ||= target.checked;
  else if (!own.checked) for (const input of under) input.checked = false;
}

/** Return the answers that the switches in `root` stand for. */
export const said = (root) =>
  [...root.querySelectorAll("input")]
    .filter((input) => input.closest("li[id]").querySelector("input").checked || !/\/[^/]/.test(input.name))
    .map(({ name, checked }) => {
      const [purpose, ...rest] = name.split("/");
      const [channel, recipient] = rest.map((each) => each || undefined);
      return { purpose, channel, recipient, answer: checked ? "given" : page.no(name) };
    });
