// Networks that are far away in other ways: a ward that has IPv6 and nothing else, one that knows the bridge by another address than it has
// itself (NAT on both sides), and one in which every tenth packet is lost.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { launch, pair, person, received, selected, until } from './lib/browser.mjs';
import { start } from './lib/product.mjs';
import { build, impossible } from './lib/ward.mjs';

/** For tests of networks (RFC 2544), and nobody's here. */
const SHOWN = '198.19.255.1';

/**
 * A pupil in a ward goes to class, and `sees` it.
 * @param {import('./lib/ward.mjs').Ward} ward
 * @param {{listens: string, knows: string}} address where the product listens, and as what the ward knows it, both as a URL has them
 * @param {(page: import('playwright-core').Page) => Promise<void>} sees
 */
async function inClass(ward, { listens, knows }, sees) {
  const ends = [() => ward.tearDown()];
  try {
    const product = await start({ https: `${listens}:0`, extra: ['--lan', knows.replace(/[[\]]/g, '')] });
    ends.unshift(async () => assert.equal(await product.stop(), 0, 'Ctrl-C stops it in order'));
    const browser = await launch({ executablePath: ward.chromium });
    ends.unshift(() => browser.close());
    const { page, errors } = await person(browser, { permissions: ['microphone'], ignoreHTTPSErrors: true });
    await pair(page, `https://${knows}:${new URL(product.https).port}${product.pairing}`);
    await enters(page);
    await sees(page);
    await leaves(page);
    assert.deepEqual(errors, []);
  } finally {
    for (const end of ends) await end();
  }
}

async function enters(/** @type {import('playwright-core').Page} */ page) {
  await page.getByRole('link', { name: 'Go to class' }).click();
  await page.locator('#class[data-state="live"]').waitFor();
}

async function leaves(/** @type {import('playwright-core').Page} */ page) {
  await page.getByRole('button', { name: 'Leave' }).click();
  await page.waitForURL('**/today*');
}

const frames = async (/** @type {import('playwright-core').Page} */ page) => (await received(page)).video?.framesDecoded ?? 0;

/** Moving pictures and sound. */
async function runs(/** @type {import('playwright-core').Page} */ page) {
  const before = await frames(page);
  await until('moving pictures', () => frames(page), (seen) => seen > before + 45);
  await until('sound', async () => (await received(page)).audio?.packetsReceived ?? 0, (packets) => packets > 50);
}

/** Both ends of the connection as the browser knows them. */
async function ends(/** @type {import('playwright-core').Page} */ page) {
  const { protocol, address } = await selected(page);
  return { protocol, remote: address };
}

test('where there is IPv6 alone, pages and class come by it', { skip: impossible }, async () => {
  const ward = build({ six: true });
  ward.letThrough('everything');
  await inClass(ward, { listens: '[::]', knows: ward.inUrl }, async (page) => {
    await runs(page);
    assert.deepEqual(await ends(page), { protocol: 'udp', remote: ward.outside });
    await leaves(page);
    ward.letThrough('any tcp');
    await enters(page);
    await runs(page);
    assert.deepEqual(await ends(page), { protocol: 'tcp', remote: ward.outside });
  });
});

test('behind NAT on both sides the bridge is found by the address that it was told to show', { skip: impossible }, async () => {
  const ward = build();
  ward.letThrough('everything');
  ward.translate(SHOWN);
  await inClass(ward, { listens: '0.0.0.0', knows: SHOWN }, async (page) => {
    await runs(page);
    assert.deepEqual(await ends(page), { protocol: 'udp', remote: SHOWN });
  });
});

test('where every tenth packet is lost each way, the picture moves, what is said is heard, and the page says whose side it is', { skip: impossible }, async (t) => {
  const ward = build();
  ward.letThrough('everything');
  await inClass(ward, { listens: '0.0.0.0', knows: ward.outside }, async (page) => {
    await runs(page);
    ward.lose(10);
    await until('the cause', () => page.locator('#class').getAttribute('data-trouble'), (trouble) => trouble === 'pupil', 30_000);
    const before = await received(page);
    await new Promise((resolve) => setTimeout(resolve, 20_000));
    const now = await received(page);
    const [frozen, seen] = [now.video.totalFreezesDuration - before.video.totalFreezesDuration, now.video.framesDecoded - before.video.framesDecoded];
    const samples = (now.audio.totalSamplesDuration - before.audio.totalSamplesDuration) * 48_000;
    const concealed = (now.audio.concealedSamples - before.audio.concealedSamples) / samples;
    t.diagnostic(`in 20 s: ${seen} pictures, frozen for ${(frozen * 1000).toFixed(0)} ms; ${(concealed * 100).toFixed(1)} % of the sound made up`);
    assert.ok(now.video.packetsReceived > before.video.packetsReceived + 100, 'packets came');
    assert.ok(seen > 100 && frozen < 4, `the picture moves: ${seen} pictures, frozen for ${frozen} s`);
    assert.ok(concealed < 0.05, `${concealed} of the sound made up`);
  });
});
