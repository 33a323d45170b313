// Buttons that narrow a table: aria-pressed says which rows are shown, data-kind on a row says what it is.
for (const group of document.querySelectorAll("[data-filter]")) {
  const table = document.getElementById(group.getAttribute("data-filter") ?? "");
  const buttons = [...group.querySelectorAll("button")];
  const apply = () => {
    const kind = buttons.find((b) => b.getAttribute("aria-pressed") === "true")?.dataset.show ?? "";
    for (const row of table?.querySelectorAll("tbody tr") ?? []) {
      if (row instanceof HTMLElement) row.hidden = kind !== "" && row.dataset.kind !== kind;
    }
  };
  for (const button of buttons) button.addEventListener("click", () => {
    for (const other of buttons) other.setAttribute("aria-pressed", String(other === button));
    apply();
  });
  if (table) new MutationObserver(apply).observe(table, { childList: true, subtree: true });
  if (group instanceof HTMLElement) group.hidden = false;
}
