// How long it takes to be in class: from the tap to the first picture, and from the offer to the connection. In Chromium, by real taps, on
// this machine alone and over a link with a round trip of 40 ms.
//
//   node tests/browser/bench/join.mjs [VISITS]
//
// Prints medians and the slowest; asserts nothing. The targets are 60 ms (offer to connected) and 100 ms (tap to picture) here, and 500 ms
// (tap to picture) at 40 ms.

import { launch, pair, person, until } from '../lib/browser.mjs';
import { start } from '../lib/product.mjs';
import { build, impossible } from '../lib/ward.mjs';

const VISITS = Number(process.argv[2] ?? 20);

/** Notes when what happens, in milliseconds since 1970. */
function watch() {
  const now = () => performance.timeOrigin + performance.now();
  const note = (/** @type {string} */ what) => {
    const all = JSON.parse(sessionStorage.getItem('noted') ?? '{}');
    sessionStorage.setItem('noted', JSON.stringify({ [what]: now(), ...all }));
  };
  document.addEventListener('click', (event) => {
    if (event.target instanceof Element && /Go to class/.test(event.target.textContent ?? '')) sessionStorage.setItem('noted', JSON.stringify({ tap: now() }));
  }, true);
  const fetched = window.fetch;
  window.fetch = (to, options) => {
    if (String(to instanceof Request ? to.url : to).includes('/whep/') && options?.method === 'POST') note('offer');
    return fetched(to, options);
  };
  const Real = window.RTCPeerConnection;
  window.RTCPeerConnection = class extends Real {
    constructor(/** @type {any[]} */ ...args) {
      super(...args);
      this.addEventListener('connectionstatechange', () => this.connectionState === 'connected' && note('connected'));
    }
  };
  document.addEventListener('loadedmetadata', ({ target }) => {
    if (target instanceof HTMLVideoElement) target.requestVideoFrameCallback(() => note('picture'));
  }, true);
}

/** @param {string} what @param {string} url where the tablet finds the product @param {import('playwright-core').Browser} browser */
async function measure(what, url, browser) {
  const { page, context } = await person(browser, { permissions: ['microphone'], ignoreHTTPSErrors: true });
  await context.addInitScript(watch);
  await pair(page, url);
  /** @type {Record<string, number[]>} */
  const took = { 'tap to picture': [], 'of that, tap to offer': [], 'offer to connected': [], 'connected to picture': [] };
  for (let visit = 0; visit < VISITS; visit += 1) {
    await page.getByRole('link', { name: 'Go to class' }).click();
    const noted = await until('a picture', () => page.evaluate(() => JSON.parse(sessionStorage.getItem('noted') ?? '{}')), (all) => all.tap && all.picture && all.connected);
    took['tap to picture'].push(noted.picture - noted.tap);
    took['of that, tap to offer'].push(noted.offer - noted.tap);
    took['offer to connected'].push(noted.connected - noted.offer);
    took['connected to picture'].push(noted.picture - noted.connected);
    await page.locator('#class[data-state="live"]').waitFor();
    await page.getByRole('button', { name: 'Leave' }).click();
    await page.waitForURL('**/today*');
  }
  await context.close();
  console.log(`${what}, ${VISITS} visits`);
  for (const [name, all] of Object.entries(took)) {
    all.sort((a, b) => a - b);
    const [median, slowest] = [all[Math.floor(all.length / 2)], all[all.length - 1]];
    console.log(`  ${name.padEnd(24)} median ${median.toFixed(0).padStart(5)} ms   slowest ${slowest.toFixed(0).padStart(5)} ms`);
  }
}

const here = await start();
const browser = await launch();
try {
  await measure('on this machine', `${here.https}${here.pairing}`, browser);
} finally {
  await browser.close();
  await here.stop();
}
if (impossible) {
  console.log(`over a slow link: not measured. ${impossible}`);
} else {
  const ward = build();
  const ends = [() => ward.tearDown()];
  try {
    ward.letThrough('everything');
    ends.unshift(await ward.slow(20));
    const product = await start({ https: '0.0.0.0:0', extra: ['--lan', ward.outside] });
    ends.unshift(async () => void (await product.stop()));
    const far = await launch({ executablePath: ward.chromium });
    ends.unshift(() => far.close());
    await measure('at a round trip of 40 ms', `https://${ward.outside}:${new URL(product.https).port}${product.pairing}`, far);
  } finally {
    for (const end of ends) await end();
  }
}
