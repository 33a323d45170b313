// What really arrives on a connection: frames, sound, anything at all. Ages only; it decides nothing and keeps no picture.

/** Round trip above which the pupil's way is called weak, in seconds. */
const SLOW_S = 0.4;
/** Share of packets lost above which it is called weak. */
const LOSSY = 0.06;

/** After so many looks in a row that found media, they are said to come steadily. */
const STEADY_LOOKS = 3;

/** Between two connections no browser counts: without a picture for so long, it stood still. */
const FREEZE_MS = 300;
/** A freeze counts if a picture was expected for so long before it. */
const EXPECTED_FOR_MS = 1000;

export class Watch {
  /** Frames shown or decoded so far, over all connections of this visit. */
  frames = 0;
  /** When the newest frame came (performance.now()), or null. */
  frameAt = /** @type {number|null} */ (null);
  /** When sound last came, or null. */
  soundAt = /** @type {number|null} */ (null);
  /** When anything last came on this connection. */
  heardAt = performance.now();
  /** Seconds of sound and its energy so far, for the page to show that sound is there. */
  soundEnergy = 0;
  /** @type {"good"|"weak"} */
  path = "good";

  /** The picture is smaller than it was at its largest. */
  small = false;

  /** Since when a moving picture is expected (performance.now()), or null while none is: a rest is no freeze. */
  expectedSince = /** @type {number|null} */ (null);
  /** How often the picture stood still on this connection although it should have moved, and for how long; null while the browser does not
   * count. The gap that led to this connection is one of its own. */
  frozen = /** @type {{freezes: number, frozen_ms: number}|null} */ (null);

  #largest = 0;
  #decoded = 0;
  #rendered = 0;
  #soundPackets = 0;
  #answers = 0;
  #received = 0;
  #lost = 0;
  #loss = 0;
  #counted = 0;
  #looking = false;
  #mediaLooks = 0;
  #told = { count: 0, ms: 0 };
  /** When the last picture of the connection before came, if this one has none yet. @type {number|null} */
  #gapSince = null;

  /** Whether pictures or sound came all the time until `heardAt`. */
  get steady() {
    return this.#mediaLooks >= STEADY_LOOKS;
  }

  /** A new connection: its counters start from nothing. */
  fresh() {
    this.#decoded = this.#rendered = this.#soundPackets = this.#answers = this.#received = this.#lost = this.#loss = this.#counted = this.#mediaLooks = 0;
    this.frozen = null;
    this.#told = { count: 0, ms: 0 };
    this.#gapSince = this.frameAt;
    this.heardAt = performance.now();
  }

  /**
   * Notes every frame that the element shows, where the browser can tell.
   * @param {HTMLVideoElement} video @param {() => boolean} current whether this element is the one in use
   */
  frame(video, current) {
    if (!("requestVideoFrameCallback" in video)) return;
    const shown = () => {
      if (current()) {
        this.#rendered += 1;
        this.#count(performance.now());
      }
      video.requestVideoFrameCallback(shown);
    };
    video.requestVideoFrameCallback(shown);
  }

  /**
   * Reads the statistics once. Call it twice a second, and more often while nothing is heard.
   * @param {RTCPeerConnection} peer
   */
  async look(peer) {
    if (this.#looking) return;
    this.#looking = true;
    try {
      this.#read(await peer.getStats());
    } catch {
      // The connection was closed meanwhile.
    } finally {
      this.#looking = false;
    }
  }

  /** A picture is expected or not, from now on. @param {boolean} is */
  expect(is) {
    this.expectedSince = is ? this.expectedSince ?? performance.now() : null;
  }

  /**
   * @param {number} freezes
   * @param {number} ms how long they lasted together
   * @param {number} now
   */
  #froze(freezes, ms, now) {
    const before = (this.frozen ??= { freezes: 0, frozen_ms: 0 });
    if (freezes <= 0 || this.expectedSince === null || this.expectedSince > now - ms - EXPECTED_FOR_MS) return;
    this.frozen = { freezes: before.freezes + freezes, frozen_ms: before.frozen_ms + Math.max(0, Math.round(ms)) };
  }

  /** @param {RTCStatsReport} report */
  #read(report) {
    const now = performance.now();
    let answers = 0;
    let received = 0;
    let lost = 0;
    let trip = 0;
    report.forEach((entry) => {
      if (entry.type === "inbound-rtp") {
        received += entry.packetsReceived ?? 0;
        lost += Math.max(0, entry.packetsLost ?? 0);
        if (entry.kind === "video" && entry.frameHeight) {
          this.#largest = Math.max(this.#largest, entry.frameHeight);
          this.small = entry.frameHeight < this.#largest;
        }
        if (entry.kind === "video" && entry.freezeCount !== undefined) {
          const [count, ms] = [entry.freezeCount, (entry.totalFreezesDuration ?? 0) * 1000];
          this.#froze(count - this.#told.count, ms - this.#told.ms, now);
          this.#told = { count, ms };
        }
        if (entry.kind === "video" && (entry.framesDecoded ?? 0) > this.#decoded) {
          this.#decoded = entry.framesDecoded;
          this.#count(now);
        }
        if (entry.kind === "audio") {
          if ((entry.packetsReceived ?? 0) > this.#soundPackets) {
            this.#soundPackets = entry.packetsReceived;
            this.soundAt = now;
          }
          this.soundEnergy = entry.totalAudioEnergy ?? this.soundEnergy;
        }
      } else if (entry.type === "candidate-pair" && entry.nominated) {
        answers += (entry.responsesReceived ?? 0) + (entry.bytesReceived ?? 0);
        trip = entry.currentRoundTripTime ?? 0;
      }
    });
    if (answers > this.#answers || received > this.#received) {
      // An answer to a check alone ends a silence, and is no stream.
      this.#mediaLooks = received > this.#received ? this.#mediaLooks + 1 : 0;
      this.heardAt = now;
    }
    const [came, missed] = [received - this.#received, lost - this.#lost];
    // Smoothed over a few looks, so that one bad moment is not a word on the screen.
    const share = came + missed > 0 ? missed / (came + missed) : 0;
    this.#loss = this.#loss * 0.8 + Math.max(0, share) * 0.2;
    this.path = trip > SLOW_S || this.#loss > LOSSY ? "weak" : "good";
    this.#answers = answers;
    this.#received = received;
    this.#lost = lost;
  }

  /** @param {number} now */
  #count(now) {
    // Both sources count the same frames; the larger count is nearer the truth in each browser.
    const most = Math.max(this.#decoded, this.#rendered);
    if (most > this.#counted) {
      if (this.#gapSince !== null && now - this.#gapSince > FREEZE_MS) this.#froze(1, now - this.#gapSince, now);
      this.#gapSince = null;
      this.frames += most - this.#counted;
      this.#counted = most;
    }
    this.frameAt = now;
    this.heardAt = now;
  }
}
