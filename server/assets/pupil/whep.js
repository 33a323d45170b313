// One WHEP resource of the bridge and the peer connection behind it: POST an offer, PATCH to restart, DELETE to leave.
// The bridge is ICE-lite with its candidates in the answer, so nothing trickles. Holds no state of the page.

import { LABEL } from "./control.js";
import { addressOf } from "./fresh.js";

/** An answer to an offer that takes longer is given up: a bridge that hangs must not hold a pupil whom another one has a robot for. */
const ANSWER_WITHIN_MS = [3000, 3000, 3000, 8000];
/** One to a restart sooner, and the next time a little later: a request sent into a network that is gone is not answered at all. */
const RESTART_WITHIN_MS = [1500, 3000, 6000];

/** @typedef {{whep_url: string, token: string, session_until: string, ice_servers: RTCIceServer[]}} Permit */

/** Answers after which the same offer is of no use. What else is refused is worth another try, with a fresh permission. */
const FINAL = new Set([400, 406, 409, 413, 415, 422]);

/** The bridge said no, or nothing. Its sentences are for people who run it, so they are not shown to a pupil. */
export class WhepError extends Error {
  /** @param {number} status 0: no answer @param {boolean} final whether trying again is of no use */
  constructor(status, final) {
    super(`the bridge answered ${status}`);
    this.status = status;
    this.final = final;
  }
}

export class WhepClient {
  /** @type {RTCPeerConnection} */
  peer;
  /** @type {RTCDataChannel} */
  channel;
  /** Everything that arrives, picture and sound. */
  stream = new MediaStream();
  /** @type {RTCRtpReceiver} */
  videoReceiver;
  /** @type {RTCRtpReceiver} */
  audioReceiver;
  /** What carries the pupil's voice. */
  #voice;
  /** Addresses of this machine that it has a socket on, as far as they are told. */
  addresses = /** @type {Set<string>} */ (new Set());
  /** Whether the browser tells addresses. Where it does not, the system finds another network for each packet, and a restart is all it needs. */
  tellsAddresses = false;
  /** Whether it was ever connected. */
  stood = false;
  #fresh;
  #permit;
  /** @type {URL|null} */
  #resource = null;
  /** @type {string|null} */
  #etag = null;
  #left = false;
  /** @type {AbortController|null} the restart that is under way */
  #restarting = null;
  #unanswered = 0;

  /**
   * @param {Permit} permit
   * @param {MediaStreamTrack|null|"soon"} voice the microphone, if there is one; `speak` brings one that comes soon
   * @param {import("./fresh.js").Fresh|null} [fresh] a window of its own, which goes with it
   */
  constructor(permit, voice, fresh = null) {
    this.#permit = permit;
    this.#fresh = fresh;
    this.peer = new (fresh?.Peer ?? RTCPeerConnection)({ iceServers: permit.ice_servers, bundlePolicy: "max-bundle" });
    this.peer.addEventListener("connectionstatechange", () => {
      this.stood ||= this.peer.connectionState === "connected";
    });
    this.peer.addEventListener("icecandidate", ({ candidate }) => {
      const address = addressOf(candidate);
      if (!address) return;
      this.addresses.add(address);
      this.tellsAddresses = true;
    });
    const video = this.peer.addTransceiver("video", { direction: "recvonly" });
    const audio = this.peer.addTransceiver(voice instanceof MediaStreamTrack ? voice : "audio", { direction: voice ? "sendrecv" : "recvonly" });
    this.#voice = audio.sender;
    this.videoReceiver = video.receiver;
    this.audioReceiver = audio.receiver;
    for (const receiver of [video.receiver, audio.receiver]) {
      this.stream.addTrack(receiver.track);
      // Newest browsers only; 0 asks for as little waiting as the network allows.
      if ("jitterBufferTarget" in receiver) receiver.jitterBufferTarget = 0;
    }
    this.channel = this.peer.createDataChannel(LABEL, { ordered: true });
  }

  /** Whether it is in a window of its own. */
  get isFresh() {
    return this.#fresh !== null;
  }

  /** Whether the path can be restarted in place. */
  get hasRestart() {
    return this.#etag !== null && this.#resource !== null;
  }

  /**
   * Makes the connection. Resolves when the answer is in place; media follow.
   * @param {number} [attempts] how many were begun before it in vain
   * @throws {WhepError}
   */
  async connect(attempts = 0) {
    const offer = await this.#offer(await this.peer.createOffer());
    const signal = AbortSignal.timeout(ANSWER_WITHIN_MS[Math.min(attempts, ANSWER_WITHIN_MS.length - 1)] ?? 0);
    const response = await this.#fetch(this.#permit.whep_url, "POST", "application/sdp", offer, { signal });
    if (response.status !== 201) {
      throw new WhepError(response.status, FINAL.has(response.status) && !response.headers.has("retry-after"));
    }
    const location = response.headers.get("location");
    if (location) this.#resource = new URL(location, response.url);
    this.#etag = response.headers.get("etag");
    const answer = await response.text();
    if (this.#left) {
      this.#delete();
      throw new WhepError(0, false);
    }
    await this.peer.setRemoteDescription({ type: "answer", sdp: answer });
  }

  /**
   * Restarts ICE on the same session: the old path holds until a new one is found. `false`: nothing answered. Where the bridge knows this
   * session no more there is no `hasRestart` afterwards. A restart under way is not disturbed, unless `anew`.
   * @param {{anew?: boolean}} [options]
   * @returns {Promise<boolean>}
   */
  async restart({ anew = false } = {}) {
    if (this.#restarting && !anew) return true;
    this.#restarting?.abort();
    if (!this.#resource || !this.#etag) return false;
    const mine = (this.#restarting = new AbortController());
    const within = RESTART_WITHIN_MS[Math.min(this.#unanswered, RESTART_WITHIN_MS.length - 1)];
    const late = setTimeout(() => mine.abort(), within);
    try {
      const offer = await this.peer.createOffer({ iceRestart: true });
      if (mine.signal.aborted) return false;
      this.addresses.clear();
      const sdp = await this.#offer(offer);
      const response = await this.#fetch(this.#resource.href, "PATCH", "application/trickle-ice-sdpfrag", fragmentOf(sdp), { match: "*", signal: mine.signal });
      if (response.status !== 200) {
        // It knows this session no more: the next rung, a new connection, need not wait.
        if (FINAL.has(response.status) || response.status === 404) this.#etag = null;
        return true;
      }
      const etag = response.headers.get("etag");
      const answer = withNewCredentials(this.peer.currentRemoteDescription?.sdp ?? "", await response.text());
      if (mine.signal.aborted) return false;
      this.#etag = etag ?? this.#etag;
      await this.peer.setRemoteDescription({ type: "answer", sdp: answer });
      this.#unanswered = 0;
      return true;
    } catch {
      this.#unanswered += 1;
      return false;
    } finally {
      clearTimeout(late);
      if (this.#restarting === mine) this.#restarting = null;
    }
  }

  /** The microphone that was to come soon. @param {MediaStreamTrack|null} track */
  speak(track) {
    // Where the connection is closed meanwhile, nobody is left to hear it.
    this.#voice.replaceTrack(track).catch(() => undefined);
  }

  /** Leaves: tells the bridge, even while the page is closing, and closes the connection. */
  leave() {
    this.#left = true;
    this.#delete();
    this.close();
  }

  /** Closes the connection without a word; the session may go on by another one. */
  close() {
    this.#left = true;
    this.channel.close();
    this.peer.close();
    this.#fresh?.close();
  }

  /**
   * Makes the offer with lost sound asked for again, or as the browser made it if it takes no such change.
   * @param {RTCSessionDescriptionInit} offer
   * @returns {Promise<string>} its text
   */
  async #offer(offer) {
    const sdp = offer.sdp ?? "";
    const repaired = withSoundRepair(sdp);
    try {
      await this.peer.setLocalDescription({ type: "offer", sdp: repaired });
      return repaired;
    } catch {
      await this.peer.setLocalDescription(offer);
      return sdp;
    }
  }

  #delete() {
    if (!this.#resource) return;
    const url = this.#resource;
    this.#resource = null;
    // keepalive: the request outlives the page. Nobody is left to read the answer.
    fetch(url, { method: "DELETE", headers: { authorization: `Bearer ${this.#permit.token}` }, keepalive: true }).catch(() => undefined);
  }

  /**
   * @param {string} url @param {string} method @param {string} type @param {string} body
   * @param {{match?: string, signal: AbortSignal}} options
   * @returns {Promise<Response>}
   */
  async #fetch(url, method, type, body, { match, signal }) {
    /** @type {Record<string, string>} */
    const headers = { authorization: `Bearer ${this.#permit.token}`, "content-type": type };
    if (match) headers["if-match"] = match;
    try {
      return await fetch(url, { method, headers, body, signal });
    } catch {
      throw new WhepError(0, false);
    }
  }
}

/**
 * The plain sentence in a problem response, or a general one.
 * @param {Response} response
 */
export async function sentenceOf(response) {
  try {
    const problem = await response.json();
    if (typeof problem?.detail === "string") return problem.detail;
    if (typeof problem?.title === "string") return problem.title;
  } catch {
    // Not a problem document.
  }
  return "Something did not work. Please try again in a moment.";
}

/**
 * The part of an offer that a restart sends (RFC 9725 §4.3.3): credentials and candidates of the first medium; the rest is bundled.
 * @param {string} sdp
 */
export function fragmentOf(sdp) {
  const lines = sdp.split(/\r?\n/);
  const medium = lines.find((line) => line.startsWith("m="));
  const first = (/** @type {string} */ start) => lines.find((line) => line.startsWith(start));
  const fragment = [first("a=group:BUNDLE"), first("a=ice-options:"), medium, first("a=mid:"), first("a=ice-ufrag:"), first("a=ice-pwd:"), ...lines.filter((line) => line.startsWith("a=candidate:"))];
  return fragment.filter((line) => line !== undefined).join("\r\n") + "\r\n";
}

/**
 * The offer, with `nack` for Opus (RFC 4585 §4.2): the bridge keeps a second of sound for whoever asks. Chromium asks, and offers it only
 * for pictures.
 * @param {string} sdp
 */
export function withSoundRepair(sdp) {
  const number = sdp.match(/^a=rtpmap:(\d+) opus\/48000/im)?.[1];
  if (!number || new RegExp(`^a=rtcp-fb:${number} nack\\s*$`, "m").test(sdp)) return sdp;
  return sdp.replace(new RegExp(`^a=rtpmap:${number} .*$`, "m"), (line) => `${line.trimEnd()}\r\na=rtcp-fb:${number} nack${line.endsWith("\r") ? "\r" : ""}`);
}

/**
 * The answer in force, with the credentials and candidates of the bridge's fragment in every medium.
 * @param {string} sdp @param {string} fragment
 */
export function withNewCredentials(sdp, fragment) {
  const of = (/** @type {string} */ start) => fragment.split(/\r?\n/).find((line) => line.startsWith(start));
  const ufrag = of("a=ice-ufrag:");
  const password = of("a=ice-pwd:");
  const candidates = fragment.split(/\r?\n/).filter((line) => line.startsWith("a=candidate:"));
  if (!ufrag || !password) return sdp;
  /** @type {string[]} */
  const out = [];
  let placed = false;
  for (const line of sdp.split(/\r?\n/)) {
    if (line.startsWith("a=ice-ufrag:")) out.push(ufrag);
    else if (line.startsWith("a=ice-pwd:")) out.push(password);
    else if (line.startsWith("a=candidate:") && candidates.length > 0) {
      if (!placed) out.push(...candidates);
      placed = true;
    } else out.push(line);
  }
  return out.join("\r\n");
}
