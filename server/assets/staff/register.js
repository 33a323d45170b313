// Choosing a file fills the field that the form sends. Without this module people paste the file's contents instead.
const choose = /** @type {HTMLElement | null} */ (document.querySelector("[data-choose]"));
const input = choose?.querySelector("input");
const file = /** @type {HTMLTextAreaElement | null} */ (document.querySelector("#r-file"));
const told = /** @type {HTMLElement | null} */ (document.querySelector("[data-chosen]"));

/** A file's text: Unicode as its first bytes or its own order say it, and what older programs wrote on Windows. @param {Uint8Array} bytes */
function textOf(bytes) {
  const begins = (/** @type {number} */ first, /** @type {number} */ second) => bytes[0] === first && bytes[1] === second;
  const unicode = begins(0xff, 0xfe) ? "utf-16le" : begins(0xfe, 0xff) ? "utf-16be" : "utf-8";
  try {
    return new TextDecoder(unicode, { fatal: true }).decode(bytes);
  } catch {
    return unicode === "utf-8" ? new TextDecoder("windows-1252").decode(bytes) : null;
  }
}

if (choose && input && file && told) {
  choose.hidden = false;
  input.addEventListener("change", async () => {
    const chosen = input.files?.[0];
    if (!chosen) return;
    const bytes = await chosen.arrayBuffer().then((buffer) => new Uint8Array(buffer), () => null);
    const read = (bytes && textOf(bytes)) ?? "";
    // A page of zeros or of a workbook's bytes is no text.
    const text = read.includes("\0") ? "" : read;
    file.value = text;
    told.textContent = text
      ? `${chosen.name} is in the field below. Look at it, then bring it in.`
      : `${chosen.name} could not be read as text. Save it as CSV, or open it and paste its contents.`;
  });
}
