// The program is killed, as by a power cut, while a pupil is in class: at most five seconds of the visit are lost, and the record says
// that it was interrupted. With a picture, and with sound alone, which browsers confirm in another way.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch, pair, person, received, signIn, until } from './lib/browser.mjs';
import { listen } from './lib/listen.mjs';
import { start } from './lib/product.mjs';

const LOST_AT_MOST_MS = 5_000;
/** In class this long before the kill. */
const WATCHED_MS = 8_000;
/** A picture that stopped counts as a still for ten seconds; then the tier is sound alone. */
const SOUND_ALONE_WITHIN_MS = 30_000;

/** @type {import('./lib/product.mjs').Product} */
let product;
/** @type {import('playwright-core').Browser} */
let browser;
/** @type {Awaited<ReturnType<typeof person>>} */
let pupil;

before(async () => {
  [product, browser] = await Promise.all([start(), launch()]);
  pupil = await person(browser, { permissions: ['microphone'] });
  await pair(pupil.page, `${product.url}${product.pairing}`);
});

after(async () => {
  await browser?.close();
  assert.equal(await product?.stop(), 0, 'Ctrl-C stops it in order');
});

const facts = (/** @type {ReturnType<typeof listen>} */ heard) =>
  heard.messages.filter((m) => m.topic.endsWith('/up/presence')).map((m) => m.payload.body);

async function goToClass() {
  await pupil.page.goto(`${product.url}/today`);
  await pupil.page.getByRole('link', { name: 'Go to class' }).click();
  await pupil.page.locator('#class[data-state="live"]').waitFor();
}

/**
 * Kills the program, starts it again from what it left, and waits for the end of the visit that it then reports.
 * @param {ReturnType<typeof listen>} heard
 */
async function killed(heard) {
  // How far the school's clock is from ours, by the newest message; the wire and two programs take a few milliseconds of it.
  const { payload, at } = heard.messages.at(-1) ?? assert.fail('the bridge said nothing');
  const at_kill = new Date(Date.parse(payload.sent_at) + Date.now() - at);
  const left = await product.kill();
  heard.stop();
  const later = new Date(at_kill.getTime() + 60_000).toISOString().slice(0, 16);
  product = await start({ left, at: later });
  const again = listen(product, 'ws/v1/+/up/presence');
  try {
    const closed = await until('the interval that the kill left open', async () =>
      facts(again).find((fact) => fact.fact === 'interval' && fact.closed_by === 'recovery'));
    const ended = await until('the end of the visit', async () => facts(again).find((fact) => fact.fact === 'ended'));
    assert.equal(ended.reason, 'recovery', 'the record says that the visit was cut off');
    return { closed, lost_ms: at_kill.getTime() - Date.parse(closed.until) };
  } finally {
    again.stop();
  }
}

test('a picture: five seconds at most', async (t) => {
  const heard = listen(product, 'ws/v1/+/up/#');
  await goToClass();
  await pupil.page.waitForTimeout(WATCHED_MS);
  const { closed, lost_ms } = await killed(heard);
  t.diagnostic(`lost ${lost_ms} ms of ${closed.span_ms + lost_ms}`);
  assert.equal(closed.tier, 'video');
  assert.ok(closed.span_ms > 0 && lost_ms <= LOST_AT_MOST_MS, `lost ${lost_ms} ms: ${JSON.stringify(closed)}`);
});

test('sound alone: five seconds at most', async (t) => {
  const heard = listen(product, 'ws/v1/+/up/#');
  await goToClass();
  await soundOnly();
  await until('sound alone', async () => facts(heard).find((fact) => fact.tier === 'audio'), Boolean, SOUND_ALONE_WITHIN_MS);
  await pupil.page.waitForTimeout(WATCHED_MS);
  const { audio, video } = await received(pupil.page);
  await until('more sound', async () => (await received(pupil.page)).audio, (a) => a.packetsReceived > audio.packetsReceived);
  assert.equal((await received(pupil.page)).video.packetsReceived, video.packetsReceived, 'no picture comes');
  const { closed, lost_ms } = await killed(heard);
  t.diagnostic(`lost ${lost_ms} ms of ${closed.span_ms + lost_ms}`);
  assert.equal(closed.tier, 'audio');
  assert.ok(closed.span_ms > 0 && lost_ms <= LOST_AT_MOST_MS, `lost ${lost_ms} ms: ${JSON.stringify(closed)}`);
});

/** The robot is switched off, and a microphone without a camera takes its place, as a coordinator can connect one. */
async function soundOnly() {
  const coordinator = await person(browser, { permissions: ['microphone'] });
  const { page } = coordinator;
  await signIn(page, product.url, product.staff.coordinator);
  await page.goto(`${product.url}/robots`);
  await page.getByRole('link', { name: 'Robin' }).first().click();
  await page.getByRole('button', { name: 'Connect a camera' }).click();
  const [address, token] = await Promise.all(['#whip-url', '#whip-token'].map((id) => page.locator(id).innerText()));
  await fetch(`${product.robots.Robin}fault/off`, { method: 'POST' });
  await until('Robin is off', async () => (await (await fetch(`${product.robots.Robin}state.json`)).json()).bridge_here === false);
  const status = await page.evaluate(async ([path, bearer]) => {
    const peer = new RTCPeerConnection();
    const [track] = (await navigator.mediaDevices.getUserMedia({ audio: true })).getTracks();
    peer.addTransceiver(track, { direction: 'sendonly' });
    await peer.setLocalDescription();
    const headers = { authorization: `Bearer ${bearer}`, 'content-type': 'application/sdp' };
    const answer = await fetch(path, { method: 'POST', headers, body: peer.localDescription.sdp });
    if (answer.ok) await peer.setRemoteDescription({ type: 'answer', sdp: await answer.text() });
    return answer.status;
  }, [new URL(address.trim()).pathname, token.trim()]);
  assert.equal(status, 201, 'the microphone is connected');
}
