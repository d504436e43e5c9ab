// Shows the page anew when a file has changed, where the reader was. A server that is away is asked again.
const shown = document.body.dataset.stamp;

async function look() {
  const reply = await fetch("/stamp", { cache: "no-store" }).catch(() => {});
  if (reply?.ok && (await reply.text()) != shown) location.reload();
  else setTimeout(look, 1000);
}

look();
