// A tablet's network that takes less and less: the picture becomes smaller, then still, then there is only sound; and back again. Each
// step is said on the pupil's page, and what was really received is what the ledger counts. The network is shaped, nothing is faked.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch, pair, person, received, shot, until } from './lib/browser.mjs';
import { listen } from './lib/listen.mjs';
import { PROGRAM, start } from './lib/product.mjs';
import { standIn } from './lib/robot.mjs';
import { build, impossible } from './lib/ward.mjs';

/** The estimate of a network takes some seconds, and a robot climbs one rung at a time. */
const WITHIN_MS = 60_000;
const BACK_WITHIN_MS = 150_000;
/** Less than climbing takes: five seconds a rung. */
const AT_ONCE_MS = 8_000;

/** @type {import('./lib/ward.mjs').Ward} */
let ward;
/** @type {import('./lib/product.mjs').Product} */
let product;
/** @type {import('playwright-core').Browser} */
let browser;
/** @type {import('playwright-core').Page} */
let page;
/** @type {string[]} */
let errors;
/** @type {ReturnType<typeof listen>} */
let presence;

before(async () => {
  if (impossible) return;
  ward = build();
  ward.letThrough('everything');
  product = await start({ here: ward.outside, https: '0.0.0.0:0', extra: ['--lan', ward.outside] });
  presence = listen(product, 'ws/v1/+/up/presence');
  browser = await launch({ executablePath: ward.chromium });
  ({ page, errors } = await person(browser, { permissions: ['microphone'], ignoreHTTPSErrors: true }));
  await pair(page, `https://${ward.outside}:${new URL(product.https).port}${product.pairing}`);
  await page.getByRole('link', { name: 'Go to class' }).click();
  await page.locator('#class[data-state="live"]').waitFor();
});

after(async () => {
  if (impossible) return;
  presence?.stop();
  await browser?.close();
  const code = await product?.stop();
  ward?.tearDown();
  assert.equal(code, 0, 'Ctrl-C stops it in order');
});

const height = async () => (await received(page)).video?.frameHeight;
const told = (/** @type {string} */ what) => page.locator('#class').getAttribute(`data-${what}`);
const seen = () => page.locator('#class').innerText();

test('on a good network the picture is whole, and nothing is said', { skip: impossible }, async () => {
  await until('the whole picture', height, (h) => h === 360);
  await until('the tier', () => told('tier'), (tier) => tier === 'video');
  assert.equal((await told('trouble')) ?? '', '');
});

test('where less comes through, the picture is smaller and moves on, and the page says whose side it is', { skip: impossible }, async () => {
  ward.narrow('250kbit');
  await until('a smaller picture', height, (h) => h === 180, WITHIN_MS);
  const { framesDecoded } = (await received(page)).video;
  await until('moving pictures', async () => (await received(page)).video.framesDecoded, (frames) => frames > framesDecoded + 20);
  await until('the cause', () => told('trouble'), (trouble) => trouble === 'pupil', WITHIN_MS);
  await until('the words', seen, (text) => /The internet where you are is slow just now\./.test(text) && /You: weak/.test(text));
  // The small picture fits; that it is small still has the same cause.
  for (const end = Date.now() + 10_000; Date.now() < end; await new Promise((resolve) => setTimeout(resolve, 500))) {
    assert.equal(await told('trouble'), 'pupil');
  }
  assert.equal(await told('tier'), 'video');
});

test('where still less does, there is a picture now and then', { skip: impossible }, async () => {
  ward.narrow('110kbit');
  await until('stills', () => told('tier'), (tier) => tier === 'stills', WITHIN_MS);
  await until('the words', seen, (text) => /Still pictures/.test(text));
  await shot(page, 'pupil-stills');
});

test('at last only sound, which goes on', { skip: impossible }, async () => {
  ward.narrow('75kbit');
  await until('sound only', () => told('tier'), (tier) => tier === 'audio', WITHIN_MS);
  await until('the words', seen, (text) => /Sound only/.test(text));
  const before = (await received(page)).audio.packetsReceived;
  await until('three seconds of sound', async () => (await received(page)).audio.packetsReceived, (packets) => packets > before + 150);
});

test('on a good network again the picture comes back whole, by itself', { skip: impossible }, async () => {
  ward.narrow(null);
  await until('the whole picture', height, (h) => h === 360, BACK_WITHIN_MS);
  await until('the tier', () => told('tier'), (tier) => tier === 'video', WITHIN_MS);
  await until('no trouble', () => told('trouble'), (trouble) => trouble === '', WITHIN_MS);
});

test('the ledger counted each tier as it was received', { skip: impossible }, async () => {
  await page.getByRole('button', { name: 'Leave' }).click();
  await page.waitForURL('**/today*');
  const facts = await until('the end', async () => presence.messages.map((m) => m.payload.body), (all) => all.some((f) => f.fact === 'ended'));
  const newest = new Map(facts.filter((f) => f.fact === 'interval').map((f) => [f.n, f]));
  const intervals = [...newest.values()].sort((a, b) => a.n - b.n);
  const tiers = intervals.map((interval) => interval.tier).filter((tier, i, all) => tier !== all[i - 1]);
  for (const tier of ['video', 'stills', 'audio']) assert.ok(tiers.includes(tier), `${tier} is not in ${tiers}`);
  // Sound, and the first of the pictures, may be there some moments before the picture moves: a second is called by what was in it.
  const moves = intervals.findIndex((interval) => interval.tier === 'video');
  const before = intervals.slice(0, moves).reduce((sum, interval) => sum + interval.span_ms, 0);
  assert.ok(before <= 3_000, `the picture moves after ${before} ms`);
  assert.equal(tiers.at(-1), 'video');
  const end = facts.find((f) => f.fact === 'ended');
  assert.equal(intervals.reduce((sum, interval) => sum + interval.span_ms, 0), end.total_ms, 'the intervals add up');
  assert.deepEqual(errors, [], 'no error on the pupil’s pages');
});

test('who comes after a pupil that left out of a narrow network has the whole picture at once', { skip: impossible }, async () => {
  const goIn = async () => {
    await page.getByRole('link', { name: 'Go to class' }).click();
    await page.locator('#class[data-state="live"]').waitFor();
  };
  await goIn();
  await until('the whole picture', height, (h) => h === 360);
  ward.narrow('75kbit');
  await until('sound only', () => told('tier'), (tier) => tier === 'audio', WITHIN_MS);
  await page.getByRole('button', { name: 'Leave' }).click();
  await page.waitForURL('**/today*');
  ward.narrow(null);
  await goIn();
  await until('the whole picture', height, (h) => h === 360, AT_ONCE_MS);
  await until('the tier', () => told('tier'), (tier) => tier === 'video');
  await page.getByRole('button', { name: 'Leave' }).click();
  await page.waitForURL('**/today*');
});

test('a robot whose own network takes less finds that out by itself, shows what fits, and the page says that it is the school’s side', { skip: impossible }, async () => {
  const whep = await page.evaluate(async () => {
    const answer = await fetch('/class/join', { method: 'POST', headers: { 'x-windowseat': '1', accept: 'application/json' } });
    return (await answer.json()).whep_url;
  });
  const id = new URL(whep, product.url).pathname.split('/').at(-1) ?? '';
  const robot = await standIn(product, { id, name: 'Robin', program: ward.inside('robot', PROGRAM), said: 'connected to the bridge' });
  try {
    await page.goto(`https://${ward.outside}:${new URL(product.https).port}/today`);
    await page.getByRole('link', { name: 'Go to class' }).click();
    await page.locator('#class[data-state="live"]').waitFor();
    await until('the whole picture', height, (h) => h === 360, WITHIN_MS);
    // What the pupil receives is not held back: only the way out of the robot's building is narrow.
    ward.narrow('250kbit', 'out');
    await until('a smaller picture', height, (h) => h === 180, WITHIN_MS);
    const { framesDecoded } = (await received(page)).video;
    await until('moving pictures', async () => (await received(page)).video.framesDecoded, (frames) => frames > framesDecoded + 20);
    await until('the words', seen, (text) => /The internet at school is slow just now\./.test(text) && /School: weak/.test(text), WITHIN_MS);
    ward.narrow(null, 'out');
    await until('the whole picture again', height, (h) => h === 360, BACK_WITHIN_MS);
    await until('no trouble', () => told('trouble'), (trouble) => trouble === '', WITHIN_MS);
    await page.getByRole('button', { name: 'Leave' }).click();
    await page.waitForURL('**/today*');
  } finally {
    assert.equal(await robot.stop(), 0, 'it stops in order');
  }
});
