// Control messages on the data channel: numbered, acknowledged, sent again after 1 s until they are.
// State is absolute ("hand is up"), so the newest wish of a kind replaces the older one and at most one of each kind is under way;
// after a reconnect every wish is said again. See `protocol::control`.

/** The label of the one data channel. */
export const LABEL = "windowseat";
/** A message without an acknowledgement is sent again after this long. */
export const RESEND_MS = 1000;
/** Longer texts are not read. */
const MAX_TEXT = 4096;

/** @typedef {{type: string, [field: string]: unknown}} Control */
/** @typedef {{id: number, control: Control, sentAt: number}} Pending */

export class ControlLink {
  /** @type {RTCDataChannel|null} */
  #channel = null;
  #nextId = 1;
  /** @type {Map<string, Pending>} by type */
  #pending = new Map();
  /** @type {Map<string, Control>} the newest wish of each type, to be said again on a new channel */
  #wishes = new Map();
  /** @type {(control: Control) => void} */
  #onMessage;

  /** @param {(control: Control) => void} onMessage called with everything but acknowledgements */
  constructor(onMessage) {
    this.#onMessage = onMessage;
  }

  /** How many messages wait for an acknowledgement. */
  get waiting() {
    return this.#pending.size;
  }

  /**
   * Uses a channel from now on; what was wished before is said on it as soon as it opens.
   * @param {RTCDataChannel} channel
   */
  attach(channel) {
    this.#channel = channel;
    this.#pending.clear();
    const open = () => {
      if (this.#channel === channel) for (const control of this.#wishes.values()) this.#send(control);
    };
    if (channel.readyState === "open") open();
    else channel.addEventListener("open", open);
    channel.addEventListener("message", (event) => {
      if (this.#channel === channel) this.#read(event.data);
    });
  }

  /**
   * Says something; again and again until it is heard, or until a newer wish of the same kind replaces it.
   * @param {Control} control
   */
  say(control) {
    this.#wishes.set(control.type, control);
    this.#send(control);
  }

  /**
   * Says something once, without waiting for an answer.
   * @param {Control} control
   * @returns {boolean} whether it could be said
   */
  tell(control) {
    if (this.#channel?.readyState !== "open") return false;
    this.#channel.send(JSON.stringify({ v: 1, ...control }));
    return true;
  }

  /** Sends again what was not acknowledged in time. Call it about four times a second. */
  tick() {
    const now = performance.now();
    for (const pending of this.#pending.values()) {
      if (now - pending.sentAt >= RESEND_MS) this.#transmit(pending);
    }
  }

  /** @param {Control} control */
  #send(control) {
    const pending = { id: this.#nextId++, control, sentAt: 0 };
    this.#pending.set(control.type, pending);
    this.#transmit(pending);
  }

  /** @param {Pending} pending */
  #transmit(pending) {
    if (this.#channel?.readyState !== "open") return;
    pending.sentAt = performance.now();
    this.#channel.send(JSON.stringify({ v: 1, id: pending.id, ...pending.control }));
  }

  /** @param {unknown} text */
  #read(text) {
    if (typeof text !== "string" || text.length > MAX_TEXT) return;
    /** @type {unknown} */
    let message;
    try {
      message = JSON.parse(text);
    } catch {
      return; // Not ours to judge; the bridge counts what it cannot read.
    }
    if (typeof message !== "object" || message === null) return;
    const { v, id, type, of } = /** @type {{v?: unknown, id?: unknown, type?: unknown, of?: unknown}} */ (message);
    if (v !== 1 || typeof type !== "string") return;
    if (type === "ack") {
      for (const [kind, pending] of this.#pending) if (pending.id === of) this.#pending.delete(kind);
      return;
    }
    if (typeof id === "number" && this.#channel?.readyState === "open") {
      this.#channel.send(JSON.stringify({ v: 1, type: "ack", of: id }));
    }
    this.#onMessage(/** @type {Control} */ (message));
  }
}
