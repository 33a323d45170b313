// Whatever a robot's camera makes, the bridge passes on: H.264, VP8, VP9 and AV1 from and to Chromium, and VP8 to Debian's Firefox as a
// pupil's tablet. A tablet that knows none of it is told so at once.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { launch, person, signIn, until } from './lib/browser.mjs';
import { launchFirefox, pairFirefox, press } from './lib/firefox.mjs';
import { start } from './lib/product.mjs';
import { standIn } from './lib/robot.mjs';

/** @type {import('./lib/product.mjs').Product} */
let product;
/** @type {Awaited<ReturnType<typeof launchFirefox>>} */
let firefox;
/** @type {import('playwright-core').Browser} */
let chromium;
/** @type {Awaited<ReturnType<typeof standIn>>} */
let robot;
const folder = mkdtempSync(join(tmpdir(), 'windowseat-codecs-'));
/** What the server gives to Firefox's pupil. @type {any} */
let permit;

before(async () => {
  [product, firefox, chromium] = await Promise.all([start(), launchFirefox(), launch()]);
});

after(async () => {
  await firefox?.browser.close();
  await chromium?.close();
  await robot?.stop();
  rmSync(folder, { recursive: true, force: true });
  assert.equal(await product?.stop(), 0, 'Ctrl-C stops it in order');
});

/** What Firefox has received so far on its newest connection. */
const received = () =>
  firefox.page.evaluate(async () => {
    const found = { video: null, audio: null };
    for (const entry of (await window.testPeers?.at(-1)?.getStats())?.values() ?? []) {
      if (entry.type !== 'inbound-rtp') continue;
      const { framesDecoded, frameWidth, packetsReceived, packetsLost, totalAudioEnergy, codecId } = entry;
      found[entry.kind] = { framesDecoded, frameWidth, packetsReceived, packetsLost, totalAudioEnergy, codecId };
    }
    return found;
  });
const state = () => firefox.page.evaluate(() => document.querySelector('#class')?.getAttribute('data-state') ?? location.pathname);
const asked = () =>
  firefox.page.evaluate(async () => {
    const answer = await fetch('/class/join', { method: 'POST', headers: { 'x-windowseat': '1', accept: 'application/json' } });
    return answer.ok ? answer.json() : null;
  });

test('Firefox joins as a tablet, and is told clearly where it knows nothing that the robot sends', async (t) => {
  const { page } = firefox;
  await pairFirefox(page, `${product.url}${product.pairing}`);
  const codecs = await page.evaluate(() => RTCRtpReceiver.getCapabilities('video').codecs.map((codec) => codec.mimeType));
  t.diagnostic(`${await firefox.browser.version()} receives ${[...new Set(codecs)].join(', ')}`);
  permit = await until('a permission', asked);
  await press(page, 'Go to class');
  if (codecs.includes('video/H264')) {
    await until('live', state, (seen) => seen === 'live');
    await press(page, 'Leave');
  } else {
    // Debian's Firefox gets H.264 as a download of Cisco's, which there is none of here.
    await until('a refusal', state, (seen) => seen === 'refused');
    assert.match(await page.evaluate(() => document.querySelector('#class').innerText), /This tablet and the school’s side do not understand each other\. Please tell your key worker\./);
    await page.goto(`${product.url}/today`);
  }
  await page.waitForFunction(() => location.pathname === '/today');
});

test('in Firefox a class in VP8 is seen moving and heard', async () => {
  const video = join(folder, 'class.ivf');
  const picture = ['-f', 'lavfi', '-i', 'testsrc=size=640x360:rate=15', '-t', '4', '-c:v', 'libvpx', '-b:v', '500k', '-g', '15'];
  execFileSync('ffmpeg', ['-v', 'error', ...picture, '-deadline', 'realtime', video]);
  robot = await standIn(product, { id: new URL(permit.whep_url, product.url).pathname.split('/').at(-1), name: 'Robin', video });
  const { page } = firefox;
  await until('the server knows that it is there', asked);
  await page.goto(`${product.url}/today`);
  await press(page, 'Go to class');
  await until('live', state, (seen) => seen === 'live');
  const first = await received();
  const seen = await until('moving pictures', received, ({ video: v }) => v?.framesDecoded > (first.video?.framesDecoded ?? 0) + 45);
  assert.equal(seen.video.frameWidth, 640);
  await until('sound', received, ({ audio }) => audio?.packetsReceived > 100 && audio.totalAudioEnergy > 1e-4);
  const plays = await page.evaluate(() => {
    const sound = document.querySelector('#class audio');
    const shown = [...document.querySelectorAll('#class video')].find((v) => !v.hidden);
    return !sound.paused && !sound.muted && shown.videoWidth === 640 && shown.currentTime > 1;
  });
  assert.ok(plays, 'shown and played, not only received');
  await (await page.waitForSelector('[data-part="talk"]')).click();
  await until('the robot hears Firefox', async () => (await robot.state()).hears_dbfs, (dbfs) => dbfs > -60);
  permit = await until('a permission', asked);
  await press(page, 'Leave');
  await page.waitForFunction(() => location.pathname.startsWith('/today'));
  assert.deepEqual(firefox.errors, []);
});

test('H.264, VP8, VP9 and AV1 go from a camera in Chromium to a tablet in Chromium', async (t) => {
  await robot.stop();
  const staff = await person(chromium, { permissions: ['microphone'] });
  await signIn(staff.page, product.url, product.staff.coordinator);
  await staff.page.goto(`${product.url}/robots`);
  await staff.page.getByRole('link', { name: 'Robin' }).first().click();
  await staff.page.getByRole('button', { name: 'Connect a camera' }).click();
  const camera = { url: await staff.page.locator('#whip-url').innerText(), token: await staff.page.locator('#whip-token').innerText() };
  const tablet = await person(chromium);
  await tablet.page.goto(`${product.url}/pair`);
  const made = await staff.page.evaluate(() => RTCRtpSender.getCapabilities('video').codecs.map((codec) => codec.mimeType));
  const codecs = ['H264', 'VP8', 'VP9', 'AV1'];
  assert.deepEqual(codecs.filter((codec) => !made.includes(`video/${codec}`)), [], `Chromium makes ${[...new Set(made)]}`);
  for (const codec of codecs) {
    await staff.page.evaluate(publish, { ...camera, codec });
    await until('the camera is connected', () => staff.page.evaluate(() => window.testPeers.at(-1).connectionState), (s) => s === 'connected');
    assert.equal(await tablet.page.evaluate(watch, { permit, only: null }), 'answered');
    const seen = await until(`moving pictures in ${codec}`, () => tablet.page.evaluate(watched), (found) => found.framesDecoded > 30);
    assert.equal(seen.mimeType, `video/${codec}`);
    t.diagnostic(`${codec}: ${seen.framesDecoded} pictures, ${seen.packetsLost} packets lost`);
  }
  const [sent, known] = [codecs.at(-1), 'VP8'];
  assert.notEqual(sent, known);
  assert.equal(await tablet.page.evaluate(watch, { permit, only: known }), 'refused for good: 422', `a tablet that knows only ${known}, and a camera that sends ${sent}`);
});

/** In the page: a camera that makes this codec, by WHIP. */
async function publish({ url, token, codec }) {
  const peer = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
  const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
  // Staff pages may not use a camera; a canvas is one as well.
  const canvas = Object.assign(document.createElement('canvas'), { width: 640, height: 360 });
  const paint = canvas.getContext('2d');
  clearInterval(window.testPaints);
  window.testPaints = setInterval(() => {
    paint.fillStyle = `hsl(${(Date.now() / 10) % 360} 80% 50%)`;
    paint.fillRect((Date.now() / 5) % 640, 0, 160, 360);
  }, 66);
  stream.addTrack(canvas.captureStream(15).getVideoTracks()[0]);
  for (const track of stream.getTracks()) {
    const transceiver = peer.addTransceiver(track, { direction: 'sendonly' });
    const { codecs } = RTCRtpSender.getCapabilities(track.kind);
    // Of several profiles the first.
    const wanted = codecs.find((entry) => entry.mimeType === `video/${codec}` && /packetization-mode=1|^(?!.*packetization-mode)/.test(entry.sdpFmtpLine ?? ''));
    if (track.kind === 'video') transceiver.setCodecPreferences([wanted, ...codecs.filter((entry) => entry.mimeType === 'video/rtx')]);
  }
  await peer.setLocalDescription(await peer.createOffer());
  const headers = { authorization: `Bearer ${token.trim()}`, 'content-type': 'application/sdp' };
  const answer = await fetch(new URL(url.trim()).pathname, { method: 'POST', headers, body: peer.localDescription.sdp });
  if (answer.status !== 201) throw new Error(`${answer.status} ${await answer.text()}`);
  await peer.setRemoteDescription({ type: 'answer', sdp: await answer.text() });
}

/** In the page: the connection of the pupil's own page, with all codecs or one. */
async function watch({ permit, only }) {
  const { WhepClient } = await import('/assets/pupil/whep.js');
  window.testClient?.close();
  const client = (window.testClient = new WhepClient(permit, null));
  const video = client.peer.getTransceivers()[0];
  if (only) video.setCodecPreferences(RTCRtpReceiver.getCapabilities('video').codecs.filter((codec) => codec.mimeType === `video/${only}`));
  try {
    await client.connect();
    return 'answered';
  } catch (error) {
    return `${error.final ? 'refused for good' : 'not now'}: ${error.status}`;
  }
}

/** In the page: what that connection shows. */
async function watched() {
  const stats = await window.testClient.peer.getStats();
  const video = [...stats.values()].find((entry) => entry.type === 'inbound-rtp' && entry.kind === 'video');
  return { framesDecoded: video?.framesDecoded ?? 0, packetsLost: video?.packetsLost, mimeType: stats.get(video?.codecId)?.mimeType };
}
