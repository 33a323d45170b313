// The pupil's day: keeps it up to date, and goes to class within the tap, without loading another page: a page that is loaded has no
// tap of its own, and sound, microphone and wake lock need one. Without this module the link to `/class` does.

import { openClass } from "./class.js";

const EVERY_MS = 5000;
const main = document.getElementById("main");
const page = document.getElementById("class-page");

main?.addEventListener("click", (event) => {
  const link = event.target instanceof Element ? event.target.closest("a[data-enter]") : null;
  if (!link || !(page instanceof HTMLTemplateElement) || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  clearInterval(refreshing);
  const content = document.importNode(page.content, true);
  document.body.className = "pupil live-body";
  document.body.replaceChildren(content);
  const root = document.getElementById("class");
  if (!root) return;
  document.title = root.dataset.title ?? document.title;
  history.pushState(null, "", "/class");
  addEventListener("popstate", () => location.reload());
  void openClass(root).enter();
  // The button that was tapped is gone; the next in the order of the keys takes the focus.
  root.querySelector("h1")?.focus();
});

const refreshing = setInterval(() => void refresh(), EVERY_MS);

async function refresh() {
  if (document.visibilityState !== "visible") return;
  try {
    const response = await fetch("/today/parts", { headers: { accept: "text/html", "x-windowseat": "1" }, signal: AbortSignal.timeout(EVERY_MS) });
    if (response.status === 401) return location.reload();
    if (!response.ok) return;
    const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
    for (const part of fresh.querySelectorAll("[data-fresh]")) {
      const old = document.getElementById(part.id);
      // Only what changed; who was on a button stays on it.
      if (!old || old.outerHTML === part.outerHTML) continue;
      const focused = old.contains(document.activeElement) ? document.activeElement?.id : "";
      old.replaceWith(part);
      if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
    }
  } catch {
    // The next round tries again; the page stays as it was.
  }
}
