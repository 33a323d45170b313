// Fills the joining code from the part of a link behind "#", which no server and no log ever sees, and takes it out of the address.

function fill() {
  const field = document.getElementById("code");
  const code = location.hash.replaceAll("%20", "").replace(/[^0-9a-z]/gi, "").slice(0, 8).toUpperCase();
  if (field instanceof HTMLInputElement && code !== "") {
    field.value = `${code.slice(0, 4)} ${code.slice(4)}`;
    history.replaceState(null, "", location.pathname);
  }
}

fill();
// A second link opened in the same tab changes nothing but the part behind "#".
addEventListener("hashchange", fill);
