// What really arrives on a connection: frames, sound, anything at all. Ages only; it decides nothing and keeps no picture.

/** Round trip above which the pupil's way is called weak, in seconds. */
const SLOW_S = 0.4;
/** Share of packets lost above which it is called weak. */
const LOSSY = 0.06;

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

  /** A new connection: its counters start from nothing. */
  fresh() {
    this.#decoded = this.#rendered = this.#soundPackets = this.#answers = this.#received = this.#lost = this.#loss = this.#counted = 0;
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
   * Reads the statistics once. Call it twice a second.
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
    if (answers > this.#answers || received > this.#received) this.heardAt = now;
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
      this.frames += most - this.#counted;
      this.#counted = most;
    }
    this.frameAt = now;
    this.heardAt = now;
  }
}
