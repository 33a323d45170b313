// Choosing a file fills the field that the form sends. Without this module people paste the file's contents instead.
const choose = document.querySelector("[data-choose]");
const file = document.querySelector("#r-file");
if (choose && file) {
  choose.hidden = false;
  choose.querySelector("input").addEventListener("change", async (event) => {
    const chosen = event.target.files[0];
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
