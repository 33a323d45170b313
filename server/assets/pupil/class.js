// One visit to a class: joins, keeps the connection up, and carries what the pupil wants to the robot.
// The words are in words.js, the rungs of reconnecting in ladder.js, the screen in page.js. Nothing is recorded: pictures and sound go
// from the connection to the elements that play them, and nowhere else.

import { ControlLink } from "./control.js";
import { Fresh } from "./fresh.js";
import { Keys } from "./keys.js";
import { Ladder } from "./ladder.js";
import { calmly, lookByTouch } from "./look.js";
import { Mic } from "./mic.js";
import { Page } from "./page.js";
import { Watch } from "./watch.js";
import { WhepClient, WhepError, sentenceOf } from "./whep.js";
import { sceneOf, talkKeyOf } from "./words.js";

/** @typedef {import("./words.js").Facts} Facts */
/** @typedef {import("./whep.js").Permit} Permit */

const TICK_MS = 250;
/** How often a connection is looked after, and how long nothing is heard before its statistics are asked out of turn. */
const TEND_MS = 100;
const QUIET_MS = 150;
/** How often the bridge is told how the picture ran, if that changed. */
const TELL_MS = 2000;
const JOIN_WITHIN_MS = 8000;
/** A frame that does not come does not keep the new connection from taking over; sound may be all there is. */
const FIRST_FRAME_WITHIN_MS = 3000;

/** The server said no, in a sentence for the pupil. */
class Refused extends Error {}
/** The server said not yet; the page tries again by itself. */
class NotYet extends Error {}

const MISFIT = "This tablet and the school’s side do not understand each other. Please tell your key worker.";

export class Visit {
  #page;
  #mic = new Mic();
  /** Until it is known whether there is a microphone. @type {Promise<void>|null} */
  #asking = null;
  #watch = new Watch();
  #ladder = new Ladder();
  #control = new ControlLink((control) => this.#hear(control));
  /** @type {WhepClient|null} */
  #client = null;
  #connecting = false;
  #mending = false;
  /** Some browser may not like connections in a window of their own: one that never stood is the last. */
  #freshFailed = false;
  /** What the bridge was told of freezes, and when. */
  #seen = { said: "", at: -Infinity };
  #clockOffset = 0;
  #zone;
  #until = Infinity;
  /** @type {WakeLockSentinel|null} */
  #wake = null;
  #robotHeardAt = -Infinity;
  #adopted = false;
  #ticks = 0;
  /** @type {Facts} */
  #facts;
  #where;
  /** Where the head was last asked to point; null until it was asked. @type {import("./look.js").Place|null} */
  #asked = null;
  #look = calmly((place) => this.#control.say({ type: "look", ...place }));

  /** @param {HTMLElement} root the class page */
  constructor(root) {
    this.#page = new Page(root);
    this.#zone = root.dataset.zone || undefined;
    this.#where = { lesson: this.#page.part("lesson").textContent ?? "", room: this.#page.part("room").textContent ?? "" };
    this.#facts = {
      robot: root.dataset.robot ?? "The robot", stage: "start", refusal: "", reason: "", broken: false, path: "good", robotHere: null, robotState: null,
      robotAge: null, frameAge: null, soundAge: null, pictureTime: "", tier: "", small: false, trouble: "", wantsRest: false, handUp: false, talking: false, mic: "none",
    };
    this.#mic.onLost = () => this.setTalking(false);
    const allowed = () => sceneOf(this.#facts).head;
    lookByTouch(this.#page.part("view"), { video: () => this.#page.video, allowed, from: () => this.place, look: (place) => this.look(place) });
    new Keys(this, this.#page, allowed);
    this.#page.videos.forEach((video) => this.#watch.frame(video, () => video === this.#page.video));
    this.#show();
  }

  /** The page that shows this visit. */
  get facts() {
    return this.#facts;
  }

  /** Where the head points, as it was asked to; before that, ahead, in the direction that the robot tells. Its tilt counts only as a
   * wish of ours: a robot that wakes up still has its head down. */
  get place() {
    return this.#asked ?? { pan_deg: this.#facts.robotState?.pan_deg ?? 0, tilt_deg: 0 };
  }

  /** Goes to class. Call it inside the tap: microphone, sound and wake lock all need one. */
  async enter() {
    if (this.#facts.stage !== "start" && this.#facts.stage !== "refused") return;
    const first = this.#facts.stage === "start";
    this.#facts.stage = "asking";
    this.#show();
    this.#asking = this.#askForMicrophone();
    this.#page.videos.forEach((video) => void video.play().catch(() => undefined));
    this.playSound();
    void this.#stayAwake();
    // A question stands before the class until it is answered: nobody is in class who cannot see it.
    if (!(await this.#mic.mayAlready())) await this.#asking;
    this.#facts.stage = "joining";
    this.#control.say({ type: "talk", on: false });
    this.#control.say({ type: "rest", resting: false });
    if (first) {
      setInterval(() => this.#tick(), TICK_MS);
      setInterval(() => void this.#tend(), TEND_MS);
      addEventListener("pagehide", () => this.#client?.leave());
      addEventListener("pageshow", (event) => event.persisted && location.reload());
      // Another network: each browser says so in its own way, and some say nothing.
      addEventListener("online", () => this.#hurry());
      /** @type {EventTarget|undefined} */ (/** @type {any} */ (navigator).connection)?.addEventListener("change", () => this.#hurry());
      // Nobody sees the sign of an open microphone on a hidden page: it closes.
      document.addEventListener("visibilitychange", () => (document.visibilityState === "visible" ? this.#wakeUp() : this.setTalking(false)));
    }
    await this.#connect();
  }

  async #askForMicrophone() {
    await this.#mic.ask();
    this.#asking = null;
    // Refused or left meanwhile: nobody needs it.
    if (this.#facts.stage === "refused" || this.#facts.stage === "ended") this.#mic.stop();
    this.#facts.mic = this.#mic.kind;
    this.#show();
  }

  /** Leaves the class; the form that called goes on to the pupil's day. */
  leave() {
    this.setTalking(false);
    this.#client?.leave();
    this.#client = null;
    this.#mic.stop();
    void this.#wake?.release().catch(() => undefined);
    this.#facts.stage = "ended";
  }

  /** @param {boolean} on */
  setTalking(on) {
    const may = on && this.#mic.kind === "ready" && sceneOf(this.#facts).voice;
    if (may === this.#facts.talking) return;
    // Closed before the robot is told, opened after: nobody hears what the page does not show.
    if (!may) this.#mic.open = false;
    this.#facts.talking = may;
    this.#control.say({ type: "talk", on: may });
    if (may) this.#mic.open = true;
    this.#page.announce(may ? "Talking. The class can hear you." : "Now only listening.");
    this.#show();
  }

  /** @param {boolean} up */
  setHand(up) {
    this.#facts.handUp = up;
    this.#control.say({ type: "hand", up });
    this.#page.announce(up ? "Your hand is up." : "Your hand is down.");
    this.#show();
  }

  /** @param {string} feeling */
  setFeeling(feeling) {
    this.#control.say({ type: "feeling", feeling });
    this.#page.press("feeling", feeling);
  }

  /** @param {string} level */
  setLevel(level) {
    this.#control.say({ type: "voice", level });
    this.#page.press("level", level);
  }

  /** @param {boolean} resting */
  setResting(resting) {
    if (resting) this.setTalking(false);
    this.#facts.wantsRest = resting;
    this.#control.say({ type: "rest", resting });
    if (!resting) this.#page.sound.muted = false;
    this.#show();
  }

  /** @param {import("./look.js").Place} place */
  look(place) {
    this.#asked = place;
    this.#look(place);
    Object.assign(this.#page.root.dataset, { pan: String(place.pan_deg), tilt: String(place.tilt_deg) });
  }

  /** Plays the classroom's sound, or shows the key that asks for a tap. */
  playSound() {
    const key = this.#page.part("sound-key");
    this.#page.sound.play().then(
      () => { key.hidden = true; },
      (error) => { key.hidden = !(error instanceof DOMException && error.name === "NotAllowedError"); },
    );
  }

  /** @param {Fresh|null} [fresh] the window for the connection, where it is not to be this one */
  async #connect(fresh = null) {
    if (this.#connecting) {
      fresh?.close();
      return;
    }
    this.#connecting = true;
    const old = this.#client;
    /** @type {WhepClient|null} */
    let next = null;
    let permit = null;
    try {
      permit = await this.#join();
      next = new WhepClient(permit, this.#mic.track ?? (this.#asking && "soon"), fresh);
      const client = next;
      void this.#asking?.then(() => client.speak(this.#mic.track));
      // The new picture waits behind the last one until it has a frame.
      const spare = this.#page.spare;
      spare.srcObject = client.stream;
      void spare.play().catch(() => undefined);
      client.peer.addEventListener("connectionstatechange", () => this.#tick());
      await client.connect(this.#ladder.attempts);
      this.#client = client;
      this.#watch.fresh();
      this.#seen.said = "";
      Object.assign(this.#facts, { robotHere: null, tier: "", trouble: "" });
      this.#control.attach(client.channel);
      this.#page.sound.srcObject = new MediaStream([client.audioReceiver.track]);
      this.playSound();
      this.#facts.stage = "in";
      this.#facts.reason = "";
      await firstFrame(spare);
      if (this.#client === client) this.#page.swap();
      old?.close();
    } catch (error) {
      next?.close();
      fresh?.close();
      this.#freshFailed ||= fresh !== null && permit !== null && !(error instanceof WhepError);
      if (error instanceof Refused) this.#refuse(error.message);
      else if (error instanceof NotYet) this.#facts.reason = error.message;
      else if (error instanceof WhepError && error.status === 0) this.#ladder.unheard(performance.now());
      else if (error instanceof WhepError && error.final) this.#refuse(error.status === 409 ? `${this.#facts.robot} is busy with another visit just now.` : MISFIT);
    } finally {
      this.#connecting = false;
      this.#show();
    }
  }

  /**
   * Asks the server for permission; a new one each time, so that it is never stale.
   * @returns {Promise<Permit>}
   */
  async #join() {
    const response = await fetch("/class/join", {
      method: "POST", headers: { "x-windowseat": "1", accept: "application/json" }, signal: AbortSignal.timeout(JOIN_WITHIN_MS),
    });
    if (response.status === 401) {
      location.assign("/today"); // The server says there what is needed: the PIN, or a new code.
      throw new Refused("This tablet needs opening again.");
    }
    if (response.status >= 400 && response.status < 500 && response.status !== 429) throw new Refused(await sentenceOf(response));
    if (!response.ok) throw new NotYet(await sentenceOf(response));
    /** @type {Permit & {now: string, lesson: string, room: string}} */
    const permit = await response.json();
    this.#clockOffset = Date.parse(permit.now) - Date.now();
    this.#until = Date.parse(permit.session_until);
    this.#where = { lesson: permit.lesson, room: permit.room };
    return permit;
  }

  /** @param {string} why */
  #refuse(why) {
    this.setTalking(false);
    this.#mic.stop();
    this.#client?.close();
    this.#client = null;
    this.#facts.stage = "refused";
    this.#facts.refusal = why;
  }

  #tick() {
    const now = performance.now();
    const facts = this.#facts;
    if (facts.stage === "joining" || facts.stage === "in") {
      if (this.#ticks++ % 2 === 0 && this.#client) void this.#watch.look(this.#client.peer);
      facts.broken = this.#ladder.shown;
      if (Date.now() + this.#clockOffset >= this.#until) {
        facts.refusal = "Your time with the robot is over for now.";
        this.leave();
      }
    }
    facts.frameAge = this.#watch.frameAt === null ? null : now - this.#watch.frameAt;
    facts.soundAge = this.#watch.soundAt === null ? null : now - this.#watch.soundAt;
    facts.robotAge = this.#robotHeardAt === -Infinity ? null : now - this.#robotHeardAt;
    facts.path = this.#watch.path;
    facts.small = this.#watch.small;
    facts.mic = facts.mic === "refused" ? "refused" : this.#mic.kind;
    if (facts.frameAge !== null) facts.pictureTime = this.#clock(facts.frameAge);
    // On a new connection nothing is known for a moment, and what was expected before still is.
    if (facts.robotHere !== null && facts.tier !== "") {
      this.#watch.expect(facts.robotHere && facts.robotState?.camera_on === true && facts.tier === "video" && !facts.wantsRest);
    }
    this.#control.tick();
    this.#tellSeen(now);
    this.#show();
  }

  /** Tells the bridge how often the picture stood still. @param {number} now */
  #tellSeen(now) {
    const { frozen } = this.#watch;
    const said = JSON.stringify(frozen);
    if (!frozen || said === this.#seen.said || now - this.#seen.at < TELL_MS) return;
    if (this.#control.tell({ type: "seen", ...frozen })) this.#seen = { said, at: now };
  }

  /** Looks after the connection: what arrives, and what to do when nothing does. */
  async #tend() {
    if (this.#facts.stage !== "joining" && this.#facts.stage !== "in") return;
    const client = this.#client;
    if (client && performance.now() - this.#watch.heardAt > QUIET_MS) await this.#watch.look(client.peer);
    this.#climb();
  }

  #climb() {
    const now = performance.now();
    const client = this.#client;
    // A connection that is being made gets its time; "new" and "connecting" count from the moment the answer came.
    if (this.#connecting && !client) return;
    const { heardAt, steady } = this.#watch;
    const rung = this.#ladder.look(now, { state: client?.peer.connectionState ?? "closed", heardAt, steady, hasRestart: client?.hasRestart ?? false });
    if (rung === "restart") void this.#mend();
    if (rung === "renew" && !this.#connecting) this.#renew(this.#fresh());
  }

  /** A fresh window, where it is worth a try. */
  #fresh() {
    this.#freshFailed ||= this.#client !== null && this.#client.isFresh && !this.#client.stood;
    return this.#freshFailed ? null : new Fresh();
  }

  /** @param {Fresh|null} fresh */
  #renew(fresh) {
    if (this.#connecting) {
      fresh?.close();
      return;
    }
    this.#ladder.renewing(performance.now(), Math.random());
    void this.#connect(fresh);
  }

  /**
   * Finds a way again: on another network by a new connection, on the same one by a restart.
   * @param {{anew?: boolean}} [options] whether to ask again what is being asked
   */
  async #mend(options) {
    const client = this.#client;
    if (!client || this.#mending) return;
    this.#mending = true;
    const fresh = client.tellsAddresses ? this.#fresh() : null;
    const isElsewhere = (await fresh?.hasOther(client.addresses)) ?? false;
    this.#mending = false;
    if (isElsewhere) {
      this.#renew(fresh);
      return;
    }
    fresh?.close();
    if (!(await client.restart(options)) && navigator.onLine) this.#ladder.unanswered(performance.now());
  }

  /** The network may be another one: what was asked through the old one is asked again. */
  #hurry() {
    this.#ladder.hurry();
    if (this.#ladder.broken) void this.#mend({ anew: true });
    else void this.#tend();
  }

  /** @param {import("./control.js").Control} control */
  #hear(control) {
    if (control.type === "seat") this.#facts.robotHere = control["robot_here"] === true;
    if (control.type === "link") this.#hearLink(control);
    if (control.type !== "state") return;
    const state = /** @type {import("./words.js").RobotState} */ (/** @type {unknown} */ (control));
    this.#facts.robotState = state;
    this.#robotHeardAt = performance.now();
    if (!this.#adopted) {
      // What the robot still shows from before (this page was reloaded, a raised hand is kept).
      this.#adopted = true;
      this.#facts.handUp ||= state.hand_up === true;
      this.#page.press("feeling", String(state.feeling));
      this.#page.press("level", String(state.level));
    }
    const hears = typeof state.hears_dbfs === "number" ? String(Math.round(state.hears_dbfs)) : "";
    Object.assign(this.#page.root.dataset, { robotPan: String(state.pan_deg), robotHand: String(state.hand_up), robotHears: hears });
    this.#show();
  }

  /** @param {import("./control.js").Control} control */
  #hearLink({ tier, trouble }) {
    this.#facts.tier = tier === "video" || tier === "stills" || tier === "audio" ? tier : "";
    this.#facts.trouble = trouble === "pupil" || trouble === "school" || trouble === "robot" ? trouble : "";
    Object.assign(this.#page.root.dataset, { tier: this.#facts.tier, trouble: this.#facts.trouble });
    this.#show();
  }

  #show() {
    const scene = sceneOf(this.#facts);
    // A state without a voice closes the microphone for good: it opens again only by the pupil's own hand.
    if (!scene.voice && this.#facts.talking) {
      this.setTalking(false);
      return;
    }
    this.#page.show(scene, this.#where);
    this.#page.showTalk(talkKeyOf(this.#facts, scene));
    this.#page.showHand(this.#facts.handUp);
    this.#page.showLevel(this.#mic.level());
    Object.assign(this.#page.root.dataset, {
      frames: String(this.#watch.frames), energy: this.#watch.soundEnergy.toFixed(6), waiting: String(this.#control.waiting),
      resting: String(this.#facts.wantsRest),
    });
  }

  /** @param {number} ago in milliseconds */
  #clock(ago) {
    const at = new Date(Date.now() + this.#clockOffset - ago);
    return at.toLocaleTimeString("en-GB", { hour: "numeric", minute: "2-digit", hour12: true, ...(this.#zone ? { timeZone: this.#zone } : {}) }).replace(/\s*[ap]m$/i, "");
  }

  async #stayAwake() {
    try {
      this.#wake = (await navigator.wakeLock?.request("screen")) ?? null;
    } catch {
      this.#wake = null; // Low battery, or not allowed: the screen may go dark, the visit goes on.
    }
  }

  #wakeUp() {
    this.#hurry();
    this.playSound();
    void this.#stayAwake();
    this.#tick();
  }
}

/**
 * Waits for a first frame, or not too long.
 * @param {HTMLVideoElement} video
 */
function firstFrame(video) {
  return new Promise((resolve) => {
    const done = () => {
      video.removeEventListener("resize", done);
      resolve(undefined);
    };
    if (video.videoWidth > 0 && video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA) done();
    else {
      video.addEventListener("resize", done);
      setTimeout(done, FIRST_FRAME_WITHIN_MS);
    }
  });
}

/**
 * Wires a class page that is in the document.
 * @param {HTMLElement} root
 * @returns {Visit}
 */
export function openClass(root) {
  const visit = new Visit(root);
  root.querySelector('[data-part="enter"]')?.addEventListener("click", () => void visit.enter());
  root.querySelector('[data-part="again"]')?.addEventListener("click", () => void visit.enter());
  return visit;
}
