// The preferences page answers in place: the same forms, the same page from the server, without losing one's place.
// Without this file, or when anything fails, each form posts as forms do.

const place = "content";

document.addEventListener("submit", async (event) => {
  const form = event.target;
  const { submitter } = event;
  if (new URL(form.action).pathname !== "/preferences") return;
  event.preventDefault();
  const page = await answer(form, submitter).catch(() => null);
  if (page) show(page, submitter);
  else form.requestSubmit ? resubmit(form, submitter) : form.submit();
});

async function answer(form, submitter) {
  const main = document.getElementById(place);
  main.setAttribute("aria-busy", "true");
  try {
    const body = new URLSearchParams(new FormData(form, submitter));
    const reply = await fetch(form.action, { method: "POST", body, keepalive: true, headers: { Accept: "text/html" } });
    if (!reply.ok) return null;
    const page = new DOMParser().parseFromString(await reply.text(), "text/html");
    return page.getElementById("answers") && page.getElementById(place);
  } finally {
    main.removeAttribute("aria-busy");
  }
}

function show(page, submitter) {
  const main = document.getElementById(place);
  const flash = document.getElementById("flash");
  const said = page.querySelector("#flash");
  // What was unfolded stays so, but for what was just sent.
  const open = [...main.querySelectorAll("details")].map((each) => each.open && !each.contains(submitter));
  said.remove();
  // The live region stays, so that what changes in it is read out.
  for (const child of [...main.children]) if (child !== flash) child.remove();
  flash.before(...page.children);
  flash.replaceChildren(...said.childNodes);
  main.querySelectorAll("details").forEach((each, index) => (each.open = open[index] ?? false));
  const again = submitter.name && main.querySelector(`[name="${CSS.escape(submitter.name)}"][role="switch"]`);
  (again || flash.querySelector("a, button") || main).focus({ preventScroll: true });
}

// The same key makes the second try safe: what was taken is not taken twice.
function resubmit(form, submitter) {
  const copy = document.createElement("form");
  copy.method = "post";
  copy.action = form.action;
  copy.target = form.target;
  copy.hidden = true;
  for (const [name, value] of new FormData(form, submitter)) {
    const input = document.createElement("input");
    input.type = "hidden";
    Object.assign(input, { name, value });
    copy.append(input);
  }
  document.body.append(copy);
  copy.submit();
}
