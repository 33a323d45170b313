// A window of its own for a peer connection, empty and unseen. A browser tells the networks of the machine to each window when that makes its
// first connection, and Chromium tells changes one to two seconds late, so that neither a restart nor a new connection in this window
// would find the mobile network that a tablet has just gone into. In a fresh window they are as they are now.

/** Host candidates come within some milliseconds; a machine without a network has none to wait for. */
const GATHER_WITHIN_MS = 150;

export class Fresh {
  #frame;

  constructor() {
    this.#frame = document.createElement("iframe");
    this.#frame.hidden = true;
    this.#frame.title = "";
    document.body.append(this.#frame);
  }

  /** @returns {typeof RTCPeerConnection} */
  get Peer() {
    const inside = /** @type {(Window & typeof globalThis)|null} */ (this.#frame.contentWindow);
    return inside?.RTCPeerConnection ?? RTCPeerConnection;
  }

  /**
   * Whether this machine now has an address that is not among these. Never throws.
   * @param {Set<string>} known
   * @returns {Promise<boolean>}
   */
  async hasOther(known) {
    const probe = new this.Peer();
    try {
      probe.createDataChannel("");
      const found = new Promise((resolve) => {
        probe.addEventListener("icecandidate", ({ candidate }) => {
          const address = addressOf(candidate);
          if (address && !known.has(address)) resolve(true);
          if (!candidate) resolve(false);
        });
        setTimeout(() => resolve(false), GATHER_WITHIN_MS);
      });
      await probe.setLocalDescription(await probe.createOffer());
      return Boolean(await found);
    } catch {
      return false;
    } finally {
      probe.close();
    }
  }

  /** Ends every connection made in it. */
  close() {
    this.#frame.remove();
  }
}

/**
 * The address of one of this machine's networks, if the candidate tells one. TCP candidates are told without being tried.
 * @param {RTCIceCandidate|null} candidate
 */
export function addressOf(candidate) {
  if (candidate?.type !== "host" || candidate.protocol !== "udp") return null;
  return candidate.address && !candidate.address.endsWith(".local") ? candidate.address : null;
}
