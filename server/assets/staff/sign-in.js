// Shows the password on request. Without this module the box stays hidden and the form works as it is.
const password = /** @type {HTMLInputElement | null} */ (document.getElementById("pw"));
const show = document.getElementById("show");
const tick = show?.querySelector("input");
if (password && show && tick) {
  show.hidden = false;
  tick.addEventListener("change", () => { password.type = tick.checked ? "text" : "password"; });
  password.form?.addEventListener("submit", () => { password.type = "password"; });
}
