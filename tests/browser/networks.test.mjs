// Through networks that let almost nothing out: a class comes by ICE-TCP where UDP is dropped, and by an existing TURN server where only
// that server is reached, over UDP, TCP and TLS. The firewall is real and silent; the robot stands in school, where UDP works.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch, pair, person, received, until } from './lib/browser.mjs';
import { startCoturn } from './lib/coturn.mjs';
import { start } from './lib/product.mjs';
import { build, impossible } from './lib/ward.mjs';

/** @type {import('./lib/ward.mjs').Ward} */
let ward;
/** @type {Awaited<ReturnType<typeof startCoturn>>} */
let coturn;
/** @type {import('./lib/product.mjs').Product} */
let product;
/** @type {import('playwright-core').Browser} */
let browser;
/** @type {Awaited<ReturnType<typeof person>>} */
let pupil;
let https = 0;

before(async () => {
  if (impossible) return;
  ward = build();
  ward.letThrough('any tcp');
  coturn = await startCoturn(ward.outside);
  const turn = ['--turn-secret-file', coturn.secretFile, ...coturn.urls.flatMap((url) => ['--turn', url])];
  product = await start({ https: '0.0.0.0:0', extra: ['--lan', ward.outside, ...turn] });
  https = Number(new URL(product.https).port);
  browser = await launch({ executablePath: ward.chromium, args: [`--ignore-certificate-errors-spki-list=${coturn.spki}`] });
  pupil = await person(browser, { permissions: ['microphone'], ignoreHTTPSErrors: true });
  await pair(pupil.page, `https://${ward.outside}:${https}${product.pairing}`);
});

after(async () => {
  if (impossible) return;
  await browser?.close();
  const code = await product?.stop();
  await coturn?.stop();
  ward?.tearDown();
  assert.equal(code, 0, 'Ctrl-C stops it in order');
});

/** Goes to class, sees moving pictures, and returns what the connection is made of. */
async function visit() {
  const { page } = pupil;
  await page.getByRole('link', { name: 'Go to class' }).click();
  await page.locator('#class[data-state="live"]').waitFor();
  const before = (await received(page)).video?.framesDecoded ?? 0;
  await until('moving pictures', async () => (await received(page)).video?.framesDecoded ?? 0, (frames) => frames > before + 45);
  await until('sound', async () => (await received(page)).audio?.packetsReceived ?? 0, (packets) => packets > 50);
  const pair = await page.evaluate(async () => {
    const peer = window.testPeers.filter((p) => p.connectionState === 'connected').at(-1);
    const stats = await peer.getStats();
    const transport = [...stats.values()].find((entry) => entry.type === 'transport');
    const { localCandidateId, remoteCandidateId } = stats.get(transport.selectedCandidatePairId);
    const [local, remote] = [stats.get(localCandidateId), stats.get(remoteCandidateId)];
    return { type: local.candidateType, protocol: local.protocol, relay: local.relayProtocol, remote: `${remote.protocol} ${remote.tcpType ?? ''}`.trim() };
  });
  await page.getByRole('button', { name: 'Leave' }).click();
  await page.waitForURL('**/today*');
  return pair;
}

test('where UDP is dropped, class comes by TCP straight from the bridge', { skip: impossible }, async () => {
  ward.letThrough('any tcp');
  const found = await visit();
  // The end of a TCP connection that a browser opens is known to nobody before it is open: "peer-reflexive".
  assert.deepEqual(found, { type: 'prflx', protocol: 'tcp', relay: undefined, remote: 'tcp passive' });
  assert.ok(ward.dropped().udp > 0, 'UDP was tried, and the firewall dropped it');
});

test('where only the hospital’s TURN server is reached, class comes over TLS', { skip: impossible }, async () => {
  ward.letThrough('one tcp port beside the pages', { https, port: coturn.tlsPort });
  const found = await visit();
  assert.deepEqual([found.type, found.relay, found.remote], ['relay', 'tls', 'udp']);
  assert.ok(ward.dropped().tcp > 0, 'the bridge’s own port was tried, and the firewall dropped it');
});

test('… over TCP', { skip: impossible }, async () => {
  ward.letThrough('one tcp port beside the pages', { https, port: coturn.port });
  const found = await visit();
  assert.deepEqual([found.type, found.relay, found.remote], ['relay', 'tcp', 'udp']);
});

test('… and over UDP', { skip: impossible }, async () => {
  ward.letThrough('one udp port beside the pages', { https, port: coturn.port });
  const found = await visit();
  assert.deepEqual([found.type, found.relay, found.remote], ['relay', 'udp', 'udp']);
});

test('what the TURN server saw names nobody', { skip: impossible }, async () => {
  const users = [...coturn.log().matchAll(/user <([^>]*)>/g)].map(([, user]) => user).filter(Boolean);
  assert.ok(users.length > 0, coturn.log());
  for (const user of users) assert.match(user, /^\d{10}:[0-9a-f-]{36}$/, 'until when, and which robot');
  // Networks that come and go are the point here: Chromium says so of whatever it was loading, and loads it again.
  assert.deepEqual(pupil.errors.filter((error) => !error.includes('ERR_NETWORK_CHANGED')), [], 'no error on the pupil’s pages');
});
