// The class page as elements: puts a scene, the keys and the counters on the screen. Decides nothing.
// Invariants: focus never moves by itself; the order of the keys never changes; what is said is said once.

/** @typedef {import("./words.js").Scene} Scene */

/** Spoken changes of state wait this long, so that a short stumble is not read out. */
const SPEAK_AFTER_MS = 600;

export class Page {
  root;
  /** @type {[HTMLVideoElement, HTMLVideoElement]} */
  videos;
  /** @type {HTMLAudioElement} */
  sound;
  #shown = 0;
  #scene = "";
  #spoken = "";
  #speaking = 0;

  /** @param {HTMLElement} root */
  constructor(root) {
    this.root = root;
    const [first, second] = root.querySelectorAll("video");
    const sound = root.querySelector("audio");
    if (!first || !second || !sound) throw new Error("the class page has two pictures and one sound");
    this.videos = [first, second];
    this.sound = sound;
  }

  /** The picture that is shown. */
  get video() {
    return /** @type {HTMLVideoElement} */ (this.videos[this.#shown]);
  }

  /** The picture that waits for its first frame. */
  get spare() {
    return /** @type {HTMLVideoElement} */ (this.videos[1 - this.#shown]);
  }

  /** Shows the spare picture instead; the old one is emptied, so that the last picture is gone from memory. */
  swap() {
    const old = this.video;
    this.#shown = 1 - this.#shown;
    this.video.hidden = false;
    old.hidden = true;
    old.srcObject = null;
  }

  /**
   * A part by its name.
   * @param {string} name
   * @returns {HTMLElement}
   */
  part(name) {
    const part = this.root.querySelector(`[data-part="${name}"]`);
    if (!(part instanceof HTMLElement)) throw new Error(`the class page has no part ${name}`);
    return part;
  }

  /** @param {string} name @returns {HTMLButtonElement[]} */
  keys(name) {
    return Array.from(this.root.querySelectorAll(`button[data-${name}]`)).filter((key) => key instanceof HTMLButtonElement);
  }

  /** @param {Scene} scene @param {{lesson: string, room: string}} where */
  show(scene, where) {
    this.root.dataset.state = scene.state;
    text(this.part("lesson"), where.lesson);
    text(this.part("room"), where.room);
    const key = JSON.stringify(scene);
    if (key === this.#scene) return;
    this.#scene = key;

    const chip = this.part("chip");
    chip.className = `chip ${scene.chip.kind}`;
    icon(chip, scene.chip.icon, scene.chip.beats);
    text(this.part("chip-text"), scene.chip.text);

    const say = this.part("say");
    say.hidden = scene.say === null;
    if (scene.say) {
      icon(say, scene.say.icon, scene.chip.beats);
      text(this.part("say-title"), scene.say.title);
      text(this.part("say-text"), scene.say.lines.join(" "));
      text(this.part("say-strong"), scene.say.strong);
    }
    const tag = this.part("tag");
    tag.hidden = scene.tag === "";
    text(this.part("tag-text"), scene.tag);

    for (const key of this.root.querySelectorAll("button[data-in-class]")) if (key instanceof HTMLButtonElement) key.disabled = !scene.inClass;
    scene.links.forEach((link, at) => {
      const item = this.part(`link-${at}`);
      item.classList.toggle("weak", link.weak);
      icon(item, link.icon, false);
      text(this.part(`link-${at}-text`), link.text);
    });
    this.#speak(scene.say ? `${scene.say.title}. ${scene.say.lines.join(" ")} ${scene.say.strong}` : scene.tag || scene.chip.text);
  }

  /**
   * Says something once, politely, to those who listen to the page.
   * @param {string} words
   */
  announce(words) {
    clearTimeout(this.#speaking);
    this.part("announce").textContent = words;
  }

  /** @param {string} words */
  #speak(words) {
    if (words === this.#spoken) return;
    this.#spoken = words;
    clearTimeout(this.#speaking);
    this.#speaking = setTimeout(() => {
      this.part("announce").textContent = words;
    }, SPEAK_AFTER_MS);
  }

  /** @param {typeof import("./words.js").talkKeyOf extends (...a: any) => infer K ? K : never} key */
  showTalk(key) {
    const talk = this.part("talk");
    if (talk instanceof HTMLButtonElement && talk.disabled !== key.disabled) talk.disabled = key.disabled;
    set(talk, "aria-pressed", String(key.pressed));
    icon(talk, key.icon, false);
    text(this.part("talk-title"), key.title);
    text(this.part("talk-small"), key.small);
    this.root.dataset.mic = key.mic;
  }

  /** @param {number} level from 0 to 1 */
  showLevel(level) {
    const meter = this.part("meter");
    if (meter instanceof HTMLMeterElement) meter.value = Math.round(level * 20) / 20;
  }

  /**
   * Presses one key of a group and releases the others.
   * @param {string} name @param {string} value
   */
  press(name, value) {
    for (const key of this.keys(name)) set(key, "aria-pressed", String(key.dataset[name] === value));
    this.root.dataset[`${name}Now`] = value;
  }

  /** @param {boolean} up */
  showHand(up) {
    const hand = this.part("hand");
    set(hand, "aria-pressed", String(up));
    text(this.part("hand-text"), up ? "Your hand is up" : "Raise hand");
    this.root.dataset.hand = up ? "up" : "down";
  }
}

/** @param {Element} element @param {string} words */
function text(element, words) {
  if (element.textContent !== words) element.textContent = words;
}

/** @param {Element} element @param {string} name @param {string} value */
function set(element, name, value) {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

/** @param {Element} element @param {string} name @param {boolean} beats */
function icon(element, name, beats) {
  const svg = element.querySelector("svg.ic");
  svg?.classList.toggle("beat", beats);
  const use = svg?.querySelector("use");
  if (use) set(use, "href", `/assets/icons.svg#i-${name}`);
}
