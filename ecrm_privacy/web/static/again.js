// A page about one person is not shown again as it was: Back and Forward show what the browser kept, whatever was said
// since. So it is hidden when it is left, and asked for anew when it comes back.

addEventListener("pagehide", ({ persisted }) => {
  if (persisted) document.documentElement.style.visibility = "hidden";
});
addEventListener("pageshow", ({ persisted }) => {
  if (persisted) location.reload();
});
