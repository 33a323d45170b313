// Choosing a file fills the field that the form sends. Without this module people paste the file's contents instead.
const choose = /** @type {HTMLElement | null} */ (document.querySelector("[data-choose]"));
const input = choose?.querySelector("input");
const file = /** @type {HTMLTextAreaElement | null} */ (document.querySelector("#r-file"));
if (choose && input && file) {
  choose.hidden = false;
  input.addEventListener("change", async () => {
    const chosen = input.files?.[0];
    if (!chosen) return;
    const bytes = new Uint8Array(await chosen.arrayBuffer());
    const wide = bytes[0] === 0xff && bytes[1] === 0xfe;
    try {
      file.value = new TextDecoder(wide ? "utf-16le" : "utf-8", { fatal: true }).decode(bytes);
    } catch {
      file.value = new TextDecoder("windows-1252").decode(bytes);
    }
  });
}
