// The whole path, as a pupil and a key worker live it: join a tablet, go to class, see, hear, be heard, look around, raise a hand, rest,
// leave; and the minutes are on the record. One visit, told in order; each step needs the one before.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch, pair, person, received, seenMark, shot, signIn, until } from './lib/browser.mjs';
import { listen } from './lib/listen.mjs';
import { start } from './lib/product.mjs';

/** Decoded without a freeze for at least this long. */
const WATCHED_MS = 6_000;
/** Presence is counted in whole seconds at the bridge; joining and leaving are not instants. */
const TOLERANCE_S = 4;
/** Rest, at 2 s for the camera to close and open again, may cost this much of the visit. */
const REST_S = 4;

/** @type {import('./lib/product.mjs').Product} */
let product;
/** @type {import('playwright-core').Browser} */
let browser;
/** @type {Awaited<ReturnType<typeof person>>} */
let pupil;
/** @type {Awaited<ReturnType<typeof person>>} */
let worker;
/** @type {ReturnType<typeof listen>} */
let presence;
/** When the first picture was seen, and when the pupil pressed Leave. */
let [wentIn, wentOut] = [0, 0];
/** Address of the pupil's attendance for programs, and what it said before the visit. */
let attendance = '';
/** @type {any[]} */
let lessonsBefore = [];

before(async () => {
  [product, browser] = await Promise.all([start(), launch()]);
  presence = listen(product, 'ws/v1/+/up/presence');
  [pupil, worker] = [await person(browser, { permissions: ['microphone'] }), await person(browser)];
});

after(async () => {
  presence?.stop();
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
  lessonsBefore = (await attended()).lessons;
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
  const before = lessonsBefore.reduce((sum, lesson) => sum + lesson.attended_min, 0);
  await until('the first live minute, without loading the page again', shownMinutes, (minutes) => minutes > before, 120_000);
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

test('the bridge told the whole visit, as long as it was by the stopwatch', async () => {
  const facts = await until('the end of the session', async () => presence.messages.map((m) => m.payload.body), (all) => all.some((f) => f.fact === 'ended'));
  const end = facts.find((f) => f.fact === 'ended');
  const stopwatch = (wentOut - wentIn) / 1000;
  assert.equal(end.reason, 'left');
  assert.ok(Math.abs(end.total_ms / 1000 - stopwatch) <= TOLERANCE_S + REST_S, `told ${end.total_ms} ms, by stopwatch ${stopwatch} s`);
  const sum = intervals().reduce((all, i) => all + i.span_ms, 0);
  assert.equal(sum, end.total_ms, 'the intervals add up to the total');
  assert.equal(intervals().length, end.intervals, 'and none is missing');
});

test('the record has the right minutes', async () => {
  // Counted here once more, from what the bridge told, for each lesson of the timetable: whole minutes, rounded down.
  const minutes = (/** @type {{start: string, end: string}} */ lesson) => {
    const [start, end] = [Date.parse(lesson.start), Date.parse(lesson.end)];
    const ms = intervals().reduce((sum, i) => {
      const from = Date.parse(i.from);
      return sum + Math.max(0, Math.min(end, from + i.span_ms) - Math.max(start, from));
    }, 0);
    return Math.floor(ms / 60_000);
  };
  const visit = (/** @type {any} */ a) => a.lessons.map((lesson, i) => lesson.attended_min - lessonsBefore[i].attended_min);
  const { lessons } = await until('the right minutes', attended, (a) => visit(a).every((m, i) => m === minutes(a.lessons[i])));
  const total = visit({ lessons }).reduce((sum, m) => sum + m, 0);
  assert.ok(total >= 1 && Math.abs(total * 60 - (wentOut - wentIn) / 1000) < 60 + TOLERANCE_S + REST_S, `${total} min`);
  await worker.page.reload();
  const all = lessons.reduce((sum, lesson) => sum + lesson.attended_min, 0);
  assert.equal(await shownMinutes(), all, await worker.page.locator('[data-part="today"]').innerText());
  await shot(worker.page, 'record', { readme: true });
  assert.deepEqual(worker.errors, [], 'no error on the key worker’s pages');
});

/** What the server answers to a program that asks for today's attendance. */
async function attended() {
  const answer = await worker.context.request.get(attendance);
  assert.equal(answer.status(), 200, await answer.text());
  return answer.json();
}

/** The sum of the minutes in today's table on the key worker's page. */
async function shownMinutes() {
  const cells = await worker.page.locator('[data-part="today"] td[data-l="Attended live"] b').allInnerTexts();
  return cells.reduce((sum, text) => sum + Number(text.match(/^(\d+) min/)?.[1] ?? 0), 0);
}

/** The newest fact of each interval, in order. */
function intervals() {
  const facts = presence.messages.map((m) => m.payload.body).filter((f) => f.fact === 'interval');
  return [...new Map(facts.map((f) => [`${f.session} ${f.n}`, f])).values()];
}
