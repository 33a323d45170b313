// Fills the joining code from the part of a link behind "#", which no server and no log ever sees, and takes it out of the address.

const field = document.getElementById("code");
const code = decodeURIComponent(location.hash.slice(1)).replace(/[^0-9a-z]/gi, "").slice(0, 8).toUpperCase();
if (field instanceof HTMLInputElement && code !== "") {
  field.value = `${code.slice(0, 4)} ${code.slice(4)}`;
  history.replaceState(null, "", location.pathname);
}
