// Headless Chromium as the tests use it: a tablet of a pupil, a computer of staff, and what a page tells about its media.

import { mkdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { readMark } from './mark.mjs';

/** Nothing here lets sound start without a tap: the product has to manage with the one the pupil makes. */
const FLAGS = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync',
  '--allow-loopback-in-peer-connection', '--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream',
];
export const SIZES = { phone: { width: 390, height: 844 }, tablet: { width: 1024, height: 768 }, desktop: { width: 1440, height: 900 } };
const SHOTS = fileURLToPath(new URL('../shots/', import.meta.url));
const WITHIN_MS = 20_000;

/** @param {{executablePath?: string, args?: string[]}} [options] another way to start it, and more arguments */
export async function launch({ executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium', args = [] } = {}) {
  return chromium.launch({ executablePath, args: [...FLAGS, ...args], headless: true });
}

/**
 * A browser profile of one person. Every error of a page is kept in `errors`.
 * @param {import('playwright-core').Browser} browser
 * @param {import('playwright-core').BrowserContextOptions} [options]
 */
export async function person(browser, options = {}) {
  const context = await browser.newContext({ viewport: SIZES.tablet, locale: 'en-GB', ...options });
  context.setDefaultTimeout(WITHIN_MS);
  // Keeps every peer connection of the page, so that a test can ask it what arrived.
  await context.addInitScript(() => {
    const Real = window.RTCPeerConnection;
    // Those of frames are kept with the page.
    const peers = window.top.testPeers ?? [];
    Object.assign(window, { testPeers: peers });
    window.RTCPeerConnection = class extends Real {
      constructor(...args) {
        super(...args);
        peers.push(this);
      }
    };
  });
  const page = await context.newPage();
  /** @type {string[]} */
  const errors = [];
  page.on('pageerror', (error) => errors.push(String(error)));
  page.on('console', (message) => message.type() === 'error' && errors.push(`${message.text()} (${message.location().url})`));
  return { context, page, errors };
}

/** What the newest open connection of the page has received so far. */
export async function received(page) {
  return page.evaluate(async () => {
    const peer = window.testPeers.filter((p) => p.connectionState === 'connected').at(-1);
    const result = { video: null, audio: null };
    for (const entry of (await peer?.getStats())?.values() ?? []) {
      if (entry.type !== 'inbound-rtp') continue;
      const { framesDecoded, freezeCount, totalFreezesDuration, frameWidth, frameHeight, packetsLost, packetsReceived } = entry;
      const { totalAudioEnergy, totalSamplesDuration, concealedSamples } = entry;
      result[entry.kind] = { framesDecoded, freezeCount, totalFreezesDuration, frameWidth, frameHeight, packetsLost, packetsReceived, totalAudioEnergy, totalSamplesDuration, concealedSamples };
    }
    return result;
  });
}

/** What the newest open connection of the page is made of: its own end, and the bridge's. */
export async function selected(page) {
  return page.evaluate(async () => {
    const peer = window.testPeers.filter((p) => p.connectionState === 'connected').at(-1);
    const stats = await peer.getStats();
    const transport = [...stats.values()].find((entry) => entry.type === 'transport');
    const { localCandidateId, remoteCandidateId } = stats.get(transport.selectedCandidatePairId);
    const [local, remote] = [stats.get(localCandidateId), stats.get(remoteCandidateId)];
    const end = `${remote.protocol} ${remote.tcpType ?? ''}`.trim();
    return { type: local.candidateType, protocol: local.protocol, relay: local.relayProtocol, remote: end, address: remote.address };
  });
}

/** Notes from now on when each picture is shown by the page, for `shownAfter`. */
export async function watchPictures(page) {
  await page.evaluate(() => {
    const shown = [];
    Object.assign(window, { testShown: shown });
    for (const video of document.querySelectorAll('video')) {
      const note = () => {
        if (!video.hidden) shown.push(performance.timeOrigin + performance.now());
        video.requestVideoFrameCallback(note);
      };
      video.requestVideoFrameCallback(note);
    }
  });
}

/** When pictures were shown after `moment` (as by Date.now()). */
export async function shownAfter(page, moment) {
  return page.evaluate((from) => window.testShown.filter((at) => at > from), moment);
}

/** Reads the strip of blocks in the picture that the page shows now. `null` while there is none. */
export async function seenMark(page) {
  return readMark(await page.evaluate(() => {
    const video = [...document.querySelectorAll('video')].find((v) => !v.hidden && v.videoWidth > 0);
    if (!video) return null;
    const canvas = new OffscreenCanvas(video.videoWidth, video.videoHeight);
    const paint = canvas.getContext('2d');
    paint.drawImage(video, 0, 0);
    const rise = Math.min(24, canvas.height);
    const { data } = paint.getImageData(0, canvas.height - rise, canvas.width, rise);
    return { width: canvas.width, luma: Array.from({ length: data.length / 4 }, (_, i) => data[i * 4 + 1]) };
  }));
}

/**
 * Waits until `look` answers with something that `fits`, and returns it. For what a locator cannot wait for.
 * @template T
 * @param {string} what
 * @param {() => Promise<T>} look
 * @param {(seen: T) => boolean} [fits]
 * @param {number} [withinMs]
 */
export async function until(what, look, fits = Boolean, withinMs = WITHIN_MS) {
  const end = Date.now() + withinMs;
  for (;;) {
    const seen = await look();
    if (fits(seen)) return seen;
    if (Date.now() > end) throw new Error(`${what}: not within ${withinMs / 1000} s; last seen ${JSON.stringify(seen)}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/**
 * Signs a member of staff in.
 * @param {import('playwright-core').Page} page
 * @param {string} url
 * @param {{email: string, password: string}} who
 */
export async function signIn(page, url, who) {
  await page.goto(`${url}/sign-in`);
  await page.getByLabel('Work email').fill(who.email);
  await page.getByLabel('Password', { exact: true }).fill(who.password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.waitForURL((at) => !at.pathname.startsWith('/sign-in'));
}

/**
 * A member of staff with a browser profile of their own, signed in.
 * @param {import('playwright-core').Browser} browser
 * @param {{url: string, staff: Record<string, {email: string, password: string}>}} product
 * @param {string} role
 */
export async function signedIn(browser, product, role) {
  const { page } = await person(browser);
  await signIn(page, product.url, product.staff[role]);
  return page;
}

/**
 * Joins a tablet by a pairing link, chooses a PIN, and stands on the pupil's day.
 * @param {import('playwright-core').Page} page
 * @param {string} link
 * @param {string} [pin]
 */
export async function pair(page, link, pin = '2580') {
  await page.goto(link);
  await page.getByRole('button', { name: 'Join' }).click();
  await page.getByLabel('Your new PIN').fill(pin);
  await page.getByLabel('The same again').fill(pin);
  await page.getByRole('button', { name: 'Use this PIN' }).click();
  await page.waitForURL('**/today');
}

/**
 * Keeps a picture of the page in `shots/latest/`. The two of the README are renewed in `shots/` when UPDATE_SHOTS is set.
 * @param {import('playwright-core').Page} page
 * @param {string} name
 * @param {{readme?: boolean, full?: boolean}} [options] full: of the whole page
 */
export async function shot(page, name, { readme = false, full = false } = {}) {
  const folder = readme && process.env.UPDATE_SHOTS ? SHOTS : `${SHOTS}latest/`;
  await mkdir(folder, { recursive: true });
  await page.screenshot({ path: `${folder}${name}.png`, animations: 'disabled', fullPage: full });
}
