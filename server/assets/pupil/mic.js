// The pupil's own microphone: asked for once, closed until Talk, and a level to show while it is open.
// Closed means that the track is disabled: only silence is sent, and the robot is told by `talk`. The capture itself goes on, because
// iPads let the classroom's sound play only while it does. Nothing is stored.

/** @typedef {"soon"|"ready"|"refused"|"none"} MicKind */

/** A microphone question that nobody answers does not keep a child out of class. */
const ASK_FOR_MS = 45_000;

export class Mic {
  /** @type {MicKind} */
  kind = "none";
  /** @type {MediaStreamTrack|null} */
  track = null;
  /** Called when the microphone stopped by itself (unplugged, taken back in the settings). */
  onLost = () => {};
  /** @type {AudioContext|null} */
  #context = null;
  /** @type {AnalyserNode|null} */
  #analyser = null;
  #samples = new Float32Array(512);

  /**
   * Whether the microphone may be used without a question. A browser that does not say so has one.
   * @returns {Promise<boolean>}
   */
  async mayAlready() {
    try {
      const permission = await navigator.permissions.query({ name: /** @type {PermissionName} */ ("microphone") });
      return permission.state === "granted";
    } catch {
      return false;
    }
  }

  /** Asks for the microphone; must begin inside a tap. Never throws: without it the pupil listens. */
  async ask() {
    this.stop();
    if (!navigator.mediaDevices?.getUserMedia) return;
    this.kind = "soon";
    // iPads: keep the voice-chat level and the loudspeaker while both directions are on (iOS 16.4).
    const session = /** @type {{audioSession?: {type: string}}} */ (/** @type {unknown} */ (navigator)).audioSession;
    if (session) session.type = "play-and-record";
    try {
      const asked = navigator.mediaDevices.getUserMedia({ audio: { echoCancellation: true, noiseSuppression: true, autoGainControl: true } });
      const stream = await Promise.race([asked, new Promise((resolve) => setTimeout(resolve, ASK_FOR_MS, null))]);
      if (!(stream instanceof MediaStream)) {
        // Answered after we stopped waiting: let go of it.
        asked.then((late) => late.getTracks().forEach((track) => track.stop()), () => undefined);
        this.kind = "refused";
        return;
      }
      const track = stream.getAudioTracks()[0] ?? null;
      this.track = track;
      this.kind = track ? "ready" : "none";
      if (!track) return;
      track.enabled = false;
      track.addEventListener("ended", () => {
        if (this.track !== track) return;
        this.kind = "none";
        this.track = null;
        this.onLost();
      });
    } catch (error) {
      this.kind = error instanceof DOMException && error.name === "NotAllowedError" ? "refused" : "none";
    }
  }

  /** Whether the class can hear. */
  get open() {
    return this.track?.enabled === true;
  }

  /** @param {boolean} open */
  set open(open) {
    if (this.track) this.track.enabled = open;
    if (open) this.#listen();
  }

  /** How loud the open microphone is, from 0 to 1. */
  level() {
    if (!this.open || !this.#analyser) return 0;
    this.#analyser.getFloatTimeDomainData(this.#samples);
    let sum = 0;
    for (const sample of this.#samples) sum += sample * sample;
    const dbfs = 10 * Math.log10(sum / this.#samples.length + 1e-9);
    return Math.max(0, Math.min(1, (dbfs + 60) / 50));
  }

  /** Lets go of the microphone. */
  stop() {
    this.track?.stop();
    this.track = null;
    this.kind = "none";
    this.#context?.close().catch(() => undefined);
    this.#context = null;
    this.#analyser = null;
  }

  #listen() {
    if (!this.track) return;
    if (this.#analyser) {
      this.#context?.resume().catch(() => undefined);
      return;
    }
    try {
      // Measures only; it is connected to no loudspeaker.
      this.#context = new AudioContext();
      this.#analyser = this.#context.createAnalyser();
      this.#analyser.fftSize = this.#samples.length;
      this.#context.createMediaStreamSource(new MediaStream([this.track])).connect(this.#analyser);
    } catch {
      this.#analyser = null; // No meter; the Talk key still says everything in words.
    }
  }
}
