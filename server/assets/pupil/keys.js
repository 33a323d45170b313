// The dock, the pad and the keyboard of the class page: which key asks the visit for what. Holds only how keys are held down.

import { placeOfStep } from "./look.js";

/** @typedef {import("./class.js").Visit} Visit */
/** @typedef {import("./page.js").Page} Page */
/** @typedef {import("./look.js").Turn} Turn */

/** Talk held longer than this is released by letting go; shorter, it stays on until the next tap. */
const HOLD_MS = 500;
/** @type {Record<string, Turn>} */
const ARROWS = { ArrowLeft: "left", ArrowRight: "right", ArrowUp: "up", ArrowDown: "down" };

export class Keys {
  #visit;
  #page;
  #mayLook;
  #heldSince = 0;
  #wasTalking = false;
  #pointer = false;

  /** @param {Visit} visit @param {Page} page @param {() => boolean} mayLook */
  constructor(visit, page, mayLook) {
    this.#visit = visit;
    this.#page = page;
    this.#mayLook = mayLook;
    this.#talk();
    this.#dock();
    this.#keyboard();
  }

  #talk() {
    const talk = this.#page.part("talk");
    talk.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      this.#pointer = true;
      this.#down();
    });
    // On the window: a key that was switched off meanwhile hears nothing of the finger going up.
    for (const end of ["pointerup", "pointercancel"]) addEventListener(end, () => this.#letGo());
    talk.addEventListener("pointerleave", () => this.#letGo());
    talk.addEventListener("click", () => {
      // A finger was handled above. A keyboard, a switch or a screen reader only clicks.
      if (!this.#pointer) this.#visit.setTalking(!this.#visit.facts.talking);
    });
  }

  #letGo() {
    if (!this.#pointer) return;
    if (this.#heldSince > 0) this.#up();
    setTimeout(() => { this.#pointer = false; }); // After the click that follows.
  }

  #down() {
    this.#heldSince = performance.now();
    this.#wasTalking = this.#visit.facts.talking;
    this.#visit.setTalking(true);
  }

  #up() {
    const held = performance.now() - this.#heldSince;
    this.#heldSince = 0;
    if (this.#wasTalking || held >= HOLD_MS) this.#visit.setTalking(false);
  }

  #dock() {
    const [visit, page] = [this.#visit, this.#page];
    page.part("hand").addEventListener("click", () => visit.setHand(!visit.facts.handUp));
    for (const key of page.keys("feeling")) {
      // Pressing the feeling that is shown takes it off the robot's face.
      key.addEventListener("click", () => visit.setFeeling(key.getAttribute("aria-pressed") === "true" ? "none" : key.dataset.feeling ?? "none"));
    }
    for (const key of page.keys("level")) key.addEventListener("click", () => visit.setLevel(key.dataset.level ?? "normal"));
    for (const key of page.keys("turn")) {
      key.addEventListener("click", () => this.#mayLook() && visit.look(placeOfStep(visit.place, /** @type {Turn} */ (key.dataset.turn))));
    }
    page.part("rest").addEventListener("click", () => {
      visit.setResting(true);
      page.part("back").focus();
    });
    page.part("back").addEventListener("click", () => {
      visit.setResting(false);
      page.part("rest").focus();
    });
    page.part("listen").addEventListener("click", (event) => {
      page.sound.muted = !page.sound.muted;
      toggle(event.currentTarget, !page.sound.muted);
    });
    page.part("dim").addEventListener("click", (event) => toggle(event.currentTarget, page.part("view").classList.toggle("dim")));
    page.part("sound-key").addEventListener("click", () => visit.playSound());
    for (const form of page.root.querySelectorAll("form[data-leave]")) form.addEventListener("submit", () => visit.leave());

    const room = page.part("room-of-keys");
    const swap = page.part("swap");
    room.classList.toggle("left", kept("side") === "left");
    swap.addEventListener("click", () => keep("side", room.classList.toggle("left") ? "left" : "right"));
    const shortcuts = page.part("shortcuts");
    const setShortcuts = (/** @type {boolean} */ on) => {
      toggle(shortcuts, on);
      page.part("shortcuts-text").textContent = on ? "Keys on" : "Keys off";
    };
    setShortcuts(kept("shortcuts") !== "off");
    shortcuts.addEventListener("click", () => {
      const on = shortcuts.getAttribute("aria-pressed") !== "true";
      setShortcuts(on);
      keep("shortcuts", on ? "on" : "off");
    });
  }

  #keyboard() {
    const on = () => this.#page.part("shortcuts").getAttribute("aria-pressed") === "true";
    const plain = (/** @type {KeyboardEvent} */ event) => on() && !event.altKey && !event.ctrlKey && !event.metaKey && event.target instanceof Element && !event.target.closest("input, select, textarea");
    // Space on a key presses that key; anywhere else, and on Talk, it talks while it is held.
    const talks = (/** @type {KeyboardEvent} */ event) => event.code === "Space" && event.target instanceof Element && (event.target.closest('[data-part="talk"]') !== null || event.target.closest("button, a, summary") === null);
    document.addEventListener("keydown", (event) => {
      if (!plain(event) || this.#visit.facts.stage !== "in") return;
      const turn = ARROWS[event.key];
      if (turn && this.#mayLook()) {
        event.preventDefault();
        this.#visit.look(placeOfStep(this.#visit.place, turn));
      } else if (talks(event)) {
        event.preventDefault();
        if (!event.repeat) this.#down();
      } else if (event.key.toLowerCase() === "h" && !event.repeat) {
        this.#visit.setHand(!this.#visit.facts.handUp);
      }
    });
    document.addEventListener("keyup", (event) => {
      if (event.code !== "Space" || this.#heldSince === 0 || this.#pointer) return;
      event.preventDefault();
      this.#up();
    });
    // A key that was down when the window lost the keyboard is let go.
    addEventListener("blur", () => this.#heldSince > 0 && this.#up());
  }
}

/** @param {EventTarget|null} key @param {boolean} on */
function toggle(key, on) {
  if (key instanceof HTMLElement) key.setAttribute("aria-pressed", String(on));
}

/** @param {string} name */
function kept(name) {
  try {
    return localStorage.getItem(`class-${name}`);
  } catch {
    return null; // Private mode: the choice lasts as long as the page.
  }
}

/** @param {string} name @param {string} value */
function keep(name, value) {
  try {
    localStorage.setItem(`class-${name}`, value);
  } catch {
    // Private mode.
  }
}
