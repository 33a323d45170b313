// Live parts of a page: an element with data-live names an event stream; each event replaces the content of the element
// whose data-part has the event's name. What arrives is the same server-rendered HTML as the page's own.

/**
 * @param {HTMLElement} root
 * @param {string} name
 * @param {string} html
 */
function replace(root, name, html) {
  const part = root.querySelector(`[data-part="${name}"]`);
  if (!part) return;
  const fresh = document.createElement(part.tagName === "TBODY" ? "tbody" : "div");
  fresh.innerHTML = html;
  const open = new Set([...part.querySelectorAll("details[open]")].map((d) => d.id));
  part.replaceChildren(...fresh.childNodes);
  for (const details of part.querySelectorAll("details")) if (open.has(details.id)) details.open = true;
}

for (const root of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-live]"))) {
  const source = new EventSource(root.dataset.live ?? "");
  const stale = root.querySelector("[data-stale]");
  for (const part of /** @type {NodeListOf<HTMLElement>} */ (root.querySelectorAll("[data-part]"))) {
    const name = part.dataset.part ?? "";
    const busy = () => part.contains(document.activeElement) && document.activeElement !== part;
    /** @type {string|null} */
    let waiting = null;
    // Somebody who types or tabs inside keeps their place; the change comes when they leave.
    const bring = () => {
      if (waiting === null || busy()) return;
      replace(root, name, waiting);
      waiting = null;
    };
    source.addEventListener(name, (event) => {
      waiting = /** @type {MessageEvent<string>} */ (event).data;
      bring();
    });
    part.addEventListener("focusout", () => setTimeout(bring));
  }
  source.addEventListener("open", () => { if (stale instanceof HTMLElement) stale.hidden = true; });
  source.addEventListener("error", () => { if (stale instanceof HTMLElement) stale.hidden = false; });
  // The server says goodbye when the person is signed out.
  source.addEventListener("bye", () => { source.close(); location.reload(); });
}
