// Debian's Firefox as a pupil's tablet, driven by the W3C's WebDriver BiDi. Playwright knows only a Firefox of its own.

import puppeteer from 'puppeteer-core';

/** Firefox draws without a graphics card here: it is slower than the others on a busy machine. */
const WITHIN_MS = 60_000;
/** A made microphone that nobody is asked for. Everything else is as Firefox comes; sound, too, starts only by the pupil's tap. */
const PREFERENCES = {
  'media.navigator.streams.fake': true,
  'media.navigator.permission.disabled': true,
  // Robot, bridge and tablet are one machine here.
  'media.peerconnection.ice.loopback': true,
  'network.proxy.type': 0,
};

/** A Firefox with one page, which keeps its peer connections for a test to ask. */
export async function launchFirefox() {
  const browser = await puppeteer.launch({
    browser: 'firefox',
    executablePath: process.env.FIREFOX ?? '/usr/bin/firefox-esr',
    headless: true,
    acceptInsecureCerts: true,
    extraPrefsFirefox: PREFERENCES,
  });
  const page = await browser.newPage();
  page.setDefaultTimeout(WITHIN_MS);
  /** @type {string[]} */
  const errors = [];
  page.on('pageerror', (error) => errors.push(String(error)));
  await page.evaluateOnNewDocument(() => {
    const Real = window.RTCPeerConnection;
    const peers = [];
    Object.assign(window, { testPeers: peers });
    window.RTCPeerConnection = class extends Real {
      constructor(...args) {
        super(...args);
        peers.push(this);
      }
    };
  });
  return { browser, page, errors };
}

/**
 * Presses what a person would find by this name.
 * @param {import('puppeteer-core').Page} page
 * @param {string} name
 */
export async function press(page, name) {
  await (await page.waitForSelector(`::-p-aria([name="${name}"])`)).click();
}

/**
 * Joins by a pairing link, chooses a PIN, and stands on the pupil's day.
 * @param {import('puppeteer-core').Page} page
 * @param {string} link
 * @param {string} [pin]
 */
export async function pairFirefox(page, link, pin = '2580') {
  await page.goto(link);
  await press(page, 'Join');
  for (const name of ['pin', 'again']) await (await page.waitForSelector(`input[name="${name}"]`)).type(pin);
  await press(page, 'Use this PIN');
  await page.waitForFunction(() => location.pathname === '/today');
}
