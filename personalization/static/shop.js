// What the demo shop does with scripts on top of pages that work without: keep the gate panel true when an answer changes
// in place, order one. No storage and no identifier; ecrm.js asks the permissions before anything is sent.
const wide = matchMedia("(min-width: 68rem)");

// On wide screens the panel is a rail and always open: say so to those who do not see it.
function settle() {
  const drawer = document.querySelector(".gate-drawer");
  if (drawer && wide.matches) drawer.open = true;
}

// Parts marked data-live are what the server says about this visitor; fetch the page again and exchange just them.
let turn = 0;
async function refresh() {
  const mine = ++turn;
  const reply = await fetch(location.href, { headers: { Accept: "text/html" } }).catch(() => null);
  if (!reply?.ok) return;
  const page = new DOMParser().parseFromString(await reply.text(), "text/html");
  if (mine !== turn) return;
  for (const old of document.querySelectorAll("[data-live]")) {
    const fresh = page.querySelector(`[data-live="${old.dataset.live}"]`);
    if (!fresh) continue;
    const open = old.querySelector("details")?.open;
    old.replaceChildren(...fresh.childNodes);
    if (open) old.querySelector("details").open = true;
  }
  settle();
}

let loaded = false;
document.addEventListener("ecrm:permissions", () => {
  if (loaded) refresh();
  loaded = true;
});

document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-buy]");
  if (!button || !window.ecrm) return;
  window.ecrm.track({ type: "purchase", item_id: button.dataset.buy });
  button.parentElement.querySelector("[data-bought]").textContent = button.dataset.done;
});

// One "why this?" at a time, and Escape closes it.
document.addEventListener("keydown", (event) => {
  const open = event.key === "Escape" && document.querySelector(".ecrm-why[open]");
  if (!open) return;
  open.open = false;
  open.querySelector("summary").focus();
});

settle();
wide.addEventListener("change", settle);
for (const button of document.querySelectorAll("[data-buy]")) button.hidden = false;
