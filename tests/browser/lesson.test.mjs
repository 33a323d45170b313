// The whole path, as a pupil and a key worker live it: join a tablet, go to class, see, hear, be heard, look around, raise a hand, rest,
// leave; and the minutes are on the record. One visit, told in order; each step needs the one before.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch, pair, person, received, seenMark, shot, signIn, until } from './lib/browser.mjs';
import { start } from './lib/product.mjs';

/** Decoded without a freeze for at least this long. */
const WATCHED_MS = 6_000;
/** Presence is counted in whole seconds at the bridge; joining and leaving are not instants. */
const TOLERANCE_S = 4;

/** @type {import('./lib/product.mjs').Product} */
let product;
/** @type {import('playwright-core').Browser} */
let browser;
/** @type {Awaited<ReturnType<typeof person>>} */
let pupil;
/** @type {Awaited<ReturnType<typeof person>>} */
let worker;
/** When the first picture was seen, and when the pupil pressed Leave. */
let [wentIn, wentOut] = [0, 0];
/** Address of the pupil's attendance for programs. */
let attendance = '';

before(async () => {
  [product, browser] = await Promise.all([start(), launch()]);
  [pupil, worker] = [await person(browser, { permissions: ['microphone'] }), await person(browser)];
});

after(async () => {
  await browser?.close();
  assert.equal(await product?.stop(), 0, 'Ctrl-C stops it in order');
});

const live = () => pupil.page.locator('#class[data-state="live"]').waitFor();
const button = (/** @type {string|RegExp} */ name) => pupil.page.getByRole('button', { name });
const fromRobot = async () => (await fetch(`${product.robots.Robin}state.json`)).json();
const pan = async () => (await seenMark(pupil.page))?.pan;

test('a tablet joins by the keyword and a PIN, and sees what is on now', async () => {
  await pair(pupil.page, `${product.url}${product.pairing}`);
  assert.equal(new URL(pupil.page.url()).hash, '', 'the keyword is no longer in the address');
  const now = pupil.page.locator('#now');
  await now.getByRole('link', { name: 'Go to class' }).waitFor();
  assert.match(await now.innerText(), /Robin/);
});

test('a key worker opens the record of that pupil', async () => {
  await signIn(worker.page, product.url, product.staff['key worker']);
  await worker.page.goto(`${product.url}/pupils`);
  await worker.page.getByRole('link', { name: 'Ada Q.' }).click();
  await worker.page.getByRole('heading', { name: 'Today’s lessons' }).waitFor();
  attendance = `${product.url}/api${new URL(worker.page.url()).pathname}/attendance`;
});

test('one tap goes to class: a picture, without a freeze', async () => {
  await pupil.page.getByRole('link', { name: 'Go to class' }).click();
  await live();
  wentIn = Date.now();
  const first = (await received(pupil.page)).video;
  const firstMark = await until('the mark in the picture', () => seenMark(pupil.page));
  await pupil.page.waitForTimeout(WATCHED_MS);
  const { video } = await received(pupil.page);
  const mark = await until('the mark in the picture', () => seenMark(pupil.page));
  assert.deepEqual([video.frameWidth, video.frameHeight], [640, 360]);
  assert.ok(video.framesDecoded - first.framesDecoded >= (WATCHED_MS / 1000) * 12, `${video.framesDecoded - first.framesDecoded} frames`);
  assert.equal(video.freezeCount, 0, `frozen for ${video.totalFreezesDuration} s`);
  assert.ok(mark.frame > firstMark.frame, 'the robot drew these pictures one after the other');
  await pupil.page.getByText('Live', { exact: true }).first().waitFor();
});

test('the class is heard', async () => {
  const before = (await received(pupil.page)).audio;
  const after = await until('sound above silence', async () => (await received(pupil.page)).audio, (a) => a.totalAudioEnergy - before.totalAudioEnergy > 1e-4);
  assert.ok(after.totalSamplesDuration > before.totalSamplesDuration);
  // Playing, not only arriving: the element that holds the sound runs and is not muted.
  const plays = await pupil.page.locator('#class audio').evaluate((a) => !a.paused && !a.muted && a.volume > 0);
  assert.ok(plays);
});

test('the pupil is heard by the robot, and only while Talk is on', async () => {
  const talk = pupil.page.locator('[data-part="talk"]');
  assert.equal(await talk.getAttribute('aria-pressed'), 'false', 'nobody talks by accident');
  assert.equal((await fromRobot()).hears_dbfs ?? null, null, 'a closed microphone sends nothing to hear');
  await talk.click();
  await until('Talk says so', () => talk.getAttribute('aria-pressed'), (pressed) => pressed === 'true');
  const heard = await until('the robot hears the pupil', async () => (await fromRobot()).hears_dbfs, (dbfs) => dbfs > -60);
  assert.ok(heard < 0, `${heard} dBFS`);
  await until('the page shows that it is heard', () => pupil.page.locator('#class').getAttribute('data-robot-hears'), (text) => Number(text) < 0 && text !== '');
  await talk.click();
  await until('silence again', async () => (await fromRobot()).hears_dbfs ?? null, (dbfs) => dbfs === null);
});

test('the head turns by button, by drag and by key, and the view turns with it', async () => {
  const ahead = await until('looking ahead', pan, (p) => p === 0);
  await button('Look right').click();
  const right = await until('the view turned right', pan, (p) => p > 10);
  const box = await pupil.page.locator('[data-part="view"]').boundingBox();
  const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
  await pupil.page.mouse.move(x, y);
  await pupil.page.mouse.down();
  await pupil.page.mouse.move(x + box.width / 3, y, { steps: 8 });
  await pupil.page.mouse.up();
  const dragged = await until('the view follows the finger', pan, (p) => p < right - 10);
  await pupil.page.keyboard.press('ArrowRight');
  await until('the view follows the arrow key', pan, (p) => p > dragged + 5);
  await button('Look up').click();
  await until('the view tilts', async () => (await seenMark(pupil.page))?.tilt, (tilt) => tilt > 2);
  await button('Look straight ahead').click();
  await until('ahead again', pan, (p) => p === ahead);
});

test('a raised hand, a feeling and the loudness of the voice are seen in class', async () => {
  await button('Raise hand').click();
  await until('the hand light is on', async () => (await fromRobot()).hand_up);
  await button('Tired').click();
  await until('the eyes show it', async () => (await fromRobot()).feeling, (feeling) => feeling === 'tired');
  await button('Whisper').click();
  await until('the speaker is low', async () => (await fromRobot()).level, (level) => level === 'whisper');
  await shot(pupil.page, 'pupil-live', { readme: true });
  await pupil.page.locator('[data-part="hand"]').click();
  await until('the hand light is off', async () => (await fromRobot()).hand_up, (up) => up === false);
});

test('the record shows the minutes while the pupil is in class', async () => {
  const today = worker.page.locator('[data-part="today"]');
  await until('the first live minute', () => today.innerText(), (text) => /\b1 min/.test(text), 120_000);
  assert.equal(await pupil.page.locator('#class').getAttribute('data-state'), 'live', 'and the visit goes on');
});

test('resting closes the eyes and keeps the seat; coming back brings the picture', async () => {
  await button('Rest').click();
  await pupil.page.locator('#class[data-state="resting"]').waitFor();
  await until('the eyes are closed', async () => (await fromRobot()).resting);
  await until('the camera is off', async () => (await fromRobot()).camera_on, (on) => on === false);
  await button('Back to class').click();
  await live();
  const { video } = await received(pupil.page);
  await until('new pictures', async () => (await received(pupil.page)).video.framesDecoded, (n) => n > video.framesDecoded + 15);
});

test('leaving goes back to the day, and the robot sleeps', async () => {
  await button('Leave').click();
  wentOut = Date.now();
  await pupil.page.waitForURL('**/today*');
  await until('camera off', async () => (await fromRobot()).camera_on, (on) => on === false);
  assert.deepEqual(pupil.errors, [], 'no error on the pupil’s pages');
});

test('the record has the right minutes', async () => {
  const stopwatch = (wentOut - wentIn) / 1000;
  // Seconds of the whole visit, wherever the timetable put them.
  const seconds = async () => {
    const answer = await worker.context.request.get(attendance, { headers: { accept: 'application/json' } });
    assert.equal(answer.status(), 200, await answer.text());
    const { today } = await answer.json();
    return today.lessons.reduce((sum, lesson) => sum + lesson.attended_seconds, today.social_seconds);
  };
  const counted = await until('the whole visit is counted', seconds, (s) => Math.abs(s - stopwatch) <= TOLERANCE_S);
  await worker.page.reload();
  const text = await worker.page.locator('[data-part="today"]').innerText();
  const shown = [...text.matchAll(/\b(\d+) min of/g)].reduce((sum, [, minutes]) => sum + Number(minutes), 0);
  assert.equal(shown, Math.floor(counted / 60), `counted ${counted} s, by stopwatch ${stopwatch.toFixed(1)} s:\n${text}`);
  await shot(worker.page, 'record', { readme: true });
  assert.deepEqual(worker.errors, [], 'no error on the key worker’s pages');
});
