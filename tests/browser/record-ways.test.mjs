// Other ways back than the medical one, as people live them: after an exclusion to another school, whose lead signs beside the home school's
// and whose panel waits to be told; a direction off site that breaks down, and a plan for special needs that ends in a long-term place. Then
// the papers of a case as two of them take them out. Each test is named with the rows of the sources that it answers for (the table is in
// server/README.md), and the pages that are new on the way are looked at by axe.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { launch, person, shot, signedIn, until } from './lib/browser.mjs';
import { inspect } from './lib/inspect.mjs';
import { start } from './lib/product.mjs';
import { item, part, save, send, unfold } from './lib/sitting.mjs';

/** @typedef {import('playwright-core').Page} Page */
/** @type {import('./lib/product.mjs').Product} */
let product;
/** @type {import('playwright-core').Browser} */
let browser;
/** The key worker's page, and the coordinator's. @type {Page} */
let jo;
/** @type {Page} */
let coordinator;
/** The leads of the home school and of the receiving school, each with a browser profile of their own. @type {Page} */
let alder;
/** @type {Page} */
let marsh;
/** Path of the excluded pupil's record. */
let noor = '';

before(async () => {
  [product, browser] = await Promise.all([start(), launch()]);
  const as = (/** @type {string} */ role) => signedIn(browser, product, role);
  [jo, coordinator, alder] = [await as('key worker'), await as('coordinator'), await as('school lead')];
});

after(async () => {
  await browser?.close();
  assert.equal(await product?.stop(), 0);
});

/** Opens a page of the product. @param {Page} page @param {string} path */
async function open(page, path) {
  await page.goto('about:blank');
  const answer = await page.goto(`${product.url}${path}`);
  assert.equal(answer?.status(), 200, path);
}
const main = (/** @type {Page} */ page) => page.locator('main').innerText();
const TELL = 'Tell the panel\'s office that the return succeeded';

/**
 * The coordinator enters a pupil of Alder Road School with a placement; returns the path of the record.
 * @param {{name: string, route: string, goal: string}} pupil
 */
async function enter({ name, route, goal }) {
  await open(coordinator, '/pupils');
  await coordinator.getByRole('link', { name: 'Add a pupil' }).click();
  await coordinator.getByLabel('Home school').selectOption({ label: 'Alder Road School' });
  await coordinator.getByLabel('Name', { exact: true }).fill(name);
  await coordinator.getByLabel('School year').fill('8');
  await save(coordinator, coordinator.getByRole('button', { name: 'Go on to the placement' }));
  await coordinator.getByLabel('Looked after by').selectOption({ label: 'Larkfield Hospital School' });
  await coordinator.getByLabel('Key worker').selectOption({ label: 'Ms J.' });
  await coordinator.getByLabel('Last day, as planned').fill('2027-03-26');
  await coordinator.getByLabel('Policy').selectOption({ label: 'Havering 2020/21' });
  await coordinator.getByLabel('How the pupil came to be away').selectOption({ label: route });
  await coordinator.getByLabel('What it is to lead to').selectOption(goal);
  await save(coordinator, coordinator.getByRole('button', { name: 'Begin, with a draft of the plan' }));
  return new URL(coordinator.url()).pathname;
}

/** The key worker names a parent, who consents; the plan opens. @param {string} pupil @param {string} parent */
async function opens(pupil, parent) {
  await open(jo, `${pupil}/people`);
  await jo.getByLabel('Name', { exact: true }).fill(parent);
  await jo.locator('#p-party').selectOption({ label: 'A parent or carer' });
  await save(jo, jo.getByRole('button', { name: 'Name them' }));
  await open(jo, `${pupil}/plan`);
  await jo.getByLabel('Who consents').selectOption({ label: parent });
  await jo.getByLabel('When', { exact: true }).fill('2026-11-20');
  await jo.getByLabel('How they consented').fill('In person, and signed');
  await save(jo, jo.getByRole('button', { name: 'Write it down' }));
  await save(jo, jo.getByRole('button', { name: 'Open the plan' }));
}

/** The pupil begins at school; what is still open has its reason. @param {string} pupil @param {string} day */
async function begins(pupil, day) {
  await open(jo, `${pupil}/plan#s3`);
  await unfold(jo.locator('#s3'), 'The pupil begins at school');
  await jo.locator('#bg-on').fill(day);
  for (const field of await jo.locator('#begin input[type="text"]').all()) await field.fill('Settled with both schools by telephone');
  await save(jo, jo.getByRole('button', { name: 'Begin the return' }));
}

/** Sends the form with which a plan is closed. @param {Page} page @param {string} outcome @param {string} well */
async function close(page, outcome, well) {
  await unfold(page.locator('#end'), 'Close it');
  const form = page.locator('form[action$="/plan/close"]');
  await form.getByLabel('How it ended').selectOption({ label: outcome });
  await form.getByLabel('What went well').fill(well);
  await send(page, form.getByRole('button', { name: 'Close the plan' }));
}

test('H-6 H-7 H-20: after an exclusion a pupil begins at another school, by way of a panel whose days the authority enters', async () => {
  await open(coordinator, '/days');
  await coordinator.getByRole('navigation', { name: 'Whose days' }).getByRole('link', { name: 'Fennshire' }).click();
  for (const day of ['2026-12-10', '2027-01-14']) {
    await coordinator.getByLabel('The panel meets on').fill(day);
    await save(coordinator, coordinator.getByRole('button', { name: 'Add this day' }));
  }
  assert.match(await part(coordinator, 'When the panel meets').innerText(), /10 December 2026[\s\S]+14 January 2027/);
  noor = await enter({ name: 'Noor S.', route: 'Permanent exclusion', goal: 'new-school' });
  await opens(noor, 'Mr S.');
  assert.match(await jo.locator('.head').first().innerText(), /Permanent exclusion\. Policy: Havering 2020\/21/);
  await unfold(jo.locator('main'), 'Head of the form');
  await unfold(jo.locator('main'), 'Change the head of the form');
  await jo.getByLabel('Receiving school', { exact: true }).selectOption({ label: 'Marsh Lane Academy' });
  await save(jo, jo.getByRole('button', { name: 'Save the head' }));
  await open(jo, `${noor}/due`);
  await jo.getByLabel('Panel hearing', { exact: true }).fill('2026-11-12');
  await save(jo, jo.getByRole('button', { name: /^Save +Panel hearing$/ }));
  assert.match(await item(jo, 'Return begins').innerText(), /By Thursday 26 November 2026[\s\S]+school days of the receiving school \(Marsh Lane Academy\)/);
  assert.match(await item(jo, TELL).innerText(), /which has no day yet/, 'nobody has agreed success');
  await begins(noor, '2026-11-16');
});

test('A-5 A-13: over all cases a coordinator sees what nobody has been given yet, and who should take it, until somebody is named', async () => {
  const owed = (/** @type {boolean} */ isOwed) => until('what nobody has', async () => {
    await open(coordinator, '/due/cases');
    return (await part(coordinator, 'By day').getByRole('listitem').filter({ hasText: 'End of the first six weeks at school' }).filter({ hasText: 'Noor S.' }).allInnerTexts()).join();
  }, (seen) => (seen !== '') === isOwed);
  const words = await owed(true);
  assert.match(words, /Nobody has this yet\. To be taken by the receiving school or the provider's lead\./);
  assert.ok(!(await main(coordinator)).includes('..'), 'a name that ends in a stop ends its sentence');
  await inspect(coordinator, 'story-owed', { full: true });
  await coordinator.getByRole('link', { name: /^People around Noor S\.: End of the first six weeks/ }).click();
  await coordinator.getByLabel('Name', { exact: true }).fill('Jo P.');
  await coordinator.locator('#p-party').selectOption({ label: 'The provider\'s lead' });
  await save(coordinator, coordinator.getByRole('button', { name: 'Name them' }));
  await owed(false);
});

test('H-13 A-6: the lead of each school signs for that school and no other, and before the second signature the roll stays', async () => {
  // Somebody of the receiving school, with an account and a part in the case.
  await open(coordinator, '/staff');
  await coordinator.getByLabel('Name', { exact: true }).fill('Mrs B.');
  await coordinator.getByLabel('Work email').fill('b@marsh.example');
  await coordinator.getByLabel('Role', { exact: true }).selectOption({ label: 'School lead: answers for a school' });
  await coordinator.getByLabel('Where', { exact: true }).selectOption({ label: 'Marsh Lane Academy' });
  await save(coordinator, coordinator.getByRole('button', { name: 'Add them, and make a code' }));
  const code = await coordinator.locator('#code').innerText();
  ({ page: marsh } = await person(browser));
  await open(marsh, '/welcome');
  await marsh.getByLabel('Work email').fill('b@marsh.example');
  await marsh.getByLabel('Code').fill(code);
  await marsh.getByLabel('New password').fill('four words are enough');
  await save(marsh, marsh.getByRole('button', { name: 'Save and sign in' }));
  await open(jo, `${noor}/people`);
  const give = jo.locator('form', { has: jo.getByRole('button', { name: 'Give this part' }) });
  await give.getByLabel('Or the e-mail of an account at another school').fill('b@marsh.example');
  await give.getByLabel('Part', { exact: true }).selectOption({ label: 'The receiving school' });
  await save(jo, give.getByRole('button', { name: 'Give this part' }));
  await open(alder, `${noor}/people`);
  const take = alder.locator('form', { has: alder.getByRole('button', { name: 'Take this part' }) });
  await take.getByLabel('Part', { exact: true }).selectOption({ label: 'The home school' });
  await save(alder, take.getByRole('button', { name: 'Take this part' }));

  const roll = async (/** @type {Page} */ page) => {
    await open(page, `${noor}/plan#end`);
    return page.locator('#end').innerText();
  };
  const sign = (/** @type {Page} */ page) => page.getByRole('button', { name: /^I agree that the return holds/ });
  const stays = /The home school keeps the pupil on its roll until both sides have agreed success and the panel's office knows\./;
  // The key worker is neither school: the leads are asked, by name, to press it themselves.
  const asked = await roll(jo);
  assert.match(asked, stays);
  for (const name of ['Mr A.', 'Mrs B.']) assert.ok(asked.includes(`${name}: with an account of their own, they are asked to press it themselves`), asked);
  assert.equal(await sign(jo).count(), 0);
  assert.match(await roll(alder), /Still to agree: the home school and the receiving school\. The panel's office has not been told yet\./);
  assert.equal(await sign(alder).count(), 1, 'for the home school');
  await sign(alder).scrollIntoViewIfNeeded();
  await shot(alder, 'story-first-signature');
  await save(alder, sign(alder));
  const once = await roll(marsh);
  assert.match(once, /The home school, Alder Road School\s+Mr A\., on 24 November 2026/);
  assert.match(once, stays);
  assert.match(once, /Still to agree: the receiving school\. The panel's office has not been told yet\./);
  // One signature is no success, whoever tries.
  await open(jo, `${noor}/plan#end`);
  await close(jo, 'The return holds', 'Marsh Lane waited at the gate');
  await jo.getByRole('alert').getByText(/Success needs the word of the receiving school/).waitFor();
  assert.match(await jo.getByRole('complementary', { name: 'Beside the plan' }).innerText(), /Answers for the pupil\s+Alder Road School/);
  assert.equal(await sign(marsh).count(), 1, 'for the receiving school');
  await save(marsh, sign(marsh));
  const twice = await roll(marsh);
  assert.match(twice, /The receiving school, Marsh Lane Academy\s+Mrs B\., on 24 November 2026/);
  assert.ok(!twice.includes('written down by'), 'each pressed it themselves');
  assert.match(twice, stays);
  assert.match(twice, /The panel's office has not been told yet\./);
  assert.ok(!twice.includes('Still to agree'), twice);
  await inspect(marsh, 'story-both-signed', { at: marsh.locator('#end ul', { hasText: 'Mrs B., on' }) });
});

test('H-20: once success is agreed, the panel’s office is told before its next meeting, in the days of the right school, and then the roll may follow', async () => {
  await open(jo, `${noor}/due`);
  assert.match(await item(jo, TELL).innerText(), /By Wednesday 9 December 2026[\s\S]+the next panel is on Thursday 10 December 2026/);
  // It is the receiving school's to tell: on the lead's own list, which is counted anew within seconds.
  const listed = (/** @type {RegExp} */ words) => until('what is due to the receiving school', async () => {
    await open(marsh, '/due');
    return (await part(marsh, 'By day').getByRole('listitem').filter({ hasText: TELL }).allInnerTexts()).join();
  }, (seen) => words.test(seen));
  await listed(/Noor S\. · By Wednesday 9 December 2026/);
  // The receiving school closes that day: its lead enters it, and on the page of the case the word is due a day earlier.
  await open(marsh, '/days');
  await marsh.getByLabel('First day').fill('2026-12-09');
  await marsh.getByLabel('Why').fill('INSET');
  await save(marsh, marsh.getByRole('button', { name: 'Close these days' }));
  await open(jo, `${noor}/plan#end`);
  await close(jo, 'The return holds', 'Marsh Lane waited at the gate');
  assert.equal(await jo.getByText('Not saved.').count(), 0);
  assert.match(await main(jo), /Closed on 24 November 2026/);
  assert.match(await jo.locator('#end').innerText(), /keeps the pupil on its roll[\s\S]+The panel's office has not been told yet\./, 'closed, and the office does not know yet');
  // What is owed outlives the plan, until somebody says that it was done.
  await open(marsh, `${noor}/due`);
  const tell = item(marsh, TELL);
  assert.match(await tell.innerText(), /By Tuesday 8 December 2026/);
  await inspect(marsh, 'story-tell-panel', { at: tell });
  await open(marsh, `${noor}/due`);
  await unfold(tell, 'It was done, or something else holds');
  await tell.getByRole('radio', { name: 'It was done' }).check();
  await tell.getByLabel('Day', { exact: true }).fill('2026-11-24');
  await save(marsh, tell.getByRole('button', { name: /^Save/ }));
  assert.match(await part(marsh, 'Done').innerText(), /Tell the panel's office that the return succeeded[\s\S]+Done on Tuesday 24 November 2026/);
  assert.equal(await part(marsh, 'To do').getByText(TELL, { exact: true }).count(), 0);
  await listed(/^$/);
  await open(jo, `${noor}/plan#end`);
  assert.match(await jo.locator('#end').innerText(), /Success is agreed and reported: the roll may follow\./);
  assert.match(await jo.getByRole('complementary', { name: 'Beside the plan' }).innerText(), /Answers for the pupil\s+Marsh Lane Academy/);
  await jo.locator('#end').scrollIntoViewIfNeeded();
  await shot(jo, 'story-roll-follows');
});

test('H-6 H-19 H-21 L-1: a direction off site that breaks down ends without a signature, and the pupil comes back to the home school as is their right', async () => {
  const finn = await enter({ name: 'Finn O.', route: 'Direction off-site', goal: 'home-school' });
  await opens(finn, 'Mrs O.');
  await begins(finn, '2026-11-16');
  await open(jo, `${finn}/breakdown`);
  const form = part(jo, 'Write one down');
  await form.getByLabel('Day', { exact: true }).fill('2026-11-23');
  await form.getByRole('checkbox', { name: 'Threats of violence' }).check();
  await form.getByLabel('What happened').fill('Threatened a boy at the bus');
  await save(jo, form.getByRole('button', { name: 'Write it down' }));
  const kept = part(jo, '23 November 2026');
  await unfold(kept, 'End the plan after it');
  const ends = kept.getByLabel('How it ended');
  assert.ok(!(await ends.locator('option').allInnerTexts()).includes('The return holds'), 'a breakdown is no success');
  await ends.selectOption({ label: 'Back to the home school, as is the pupil\'s right' });
  await kept.getByLabel('What went well').fill('Six days without a late bus');
  assert.match(await kept.innerText(), /In every case the pupil may return to the home school\./);
  await inspect(jo, 'story-breakdown-ends', { at: kept });
  await save(jo, kept.getByRole('button', { name: 'End the plan' }));
  await open(jo, `${finn}/plan#end`);
  const end = await jo.locator('#end').innerText();
  assert.match(end, /Closed\s+24 November 2026\s+How it ended\s+Back to the home school, as is the pupil's right\s+What went well\s+Six days without a late bus/);
  assert.match(end, /The home school keeps the pupil on its roll/, 'nothing moves the roll');
  assert.ok(!/Still to agree|Has not said yet/.test(end), `nobody is asked any more: ${end}`);
  assert.match(await jo.getByRole('complementary', { name: 'Beside the plan' }).innerText(), /Answers for the pupil\s+Alder Road School/);
  // Three are owed a word of the breakdown, the plan's end or not; of a success nobody is.
  await open(jo, `${finn}/due`);
  assert.equal(await jo.locator('main li').filter({ hasText: 'A word is owed to' }).count(), 3, await main(jo));
  assert.equal(await jo.getByText(TELL, { exact: true }).count(), 0);
  await open(jo, '/plans');
  assert.match(await jo.getByRole('row', { name: /Finn O\./ }).innerText(), /Closed on 24 November 2026 Direction off-site\.\s+Back to the home school, as is the pupil's right/);
});

test('H-6 L-1: a transition with an education, health and care plan ends in a long-term place, and no panel is waited for', async () => {
  const ola = await enter({ name: 'Ola T.', route: 'Transition with an education, health and care plan', goal: 'long-term-place' });
  await opens(ola, 'Mrs T.');
  assert.match(await jo.locator('.head').first().innerText(), /Transition with an education, health and care plan\. Policy/);
  assert.match(await jo.locator('#end').innerText(), /On this route no panel decides, so nobody waits for its office\./);
  await close(jo, 'A long-term place elsewhere', 'Ola chose the school herself');
  assert.equal(await jo.getByText('Not saved.').count(), 0);
  await open(jo, `${ola}/plan#end`);
  assert.match(await jo.locator('#end').innerText(), /How it ended\s+A long-term place elsewhere\s+What went well\s+Ola chose the school herself/);
  await inspect(jo, 'story-long-term-place', { at: jo.locator('#end') });
  await open(jo, `${ola}/due`);
  assert.equal(await jo.getByText(TELL, { exact: true }).count(), 0);
});

test('A-6 H-10 H-23: the plan and the pack for a review as PDF, as a key worker and the receiving school’s lead take them out, each with what is theirs', async () => {
  await open(jo, '/pupils');
  await jo.getByRole('link', { name: 'Ada Q.' }).click();
  await jo.getByRole('heading', { name: 'Today’s lessons' }).waitFor();
  const ada = new URL(jo.url()).pathname;
  await open(jo, `${ada}/people`);
  const give = jo.locator('form', { has: jo.getByRole('button', { name: 'Give this part' }) });
  await give.getByLabel('Or the e-mail of an account at another school').fill('b@marsh.example');
  await give.getByLabel('Part', { exact: true }).selectOption({ label: 'The receiving school' });
  await save(jo, give.getByRole('button', { name: 'Give this part' }));
  /** What a PDF says and what it tells of itself, by poppler's programs. @param {Page} page @param {string} title */
  const read = async (page, title) => {
    await open(page, `${ada}/documents`);
    const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: new RegExp(`PDF ?: ${title}`) }).click()]);
    const input = await readFile(await file.path());
    const told = (/** @type {string} */ program, /** @type {string[]} */ ...args) => execFileSync(program, [...args, '-'], { input, encoding: 'utf8', stdio: ['pipe', 'pipe', 'ignore'] });
    return { words: told('pdftotext', '-layout', '-enc', 'UTF-8', '-').replaceAll(/\s+/g, ' '), about: told('pdfinfo') };
  };
  const papers = async (/** @type {Page} */ page) => ({ plan: await read(page, 'The plan'), pack: await read(page, 'The pack for a review') });
  const [hers, theirs] = [await papers(jo), await papers(marsh)];
  for (const { words, about } of [hers.plan, hers.pack, theirs.plan, theirs.pack]) {
    for (const line of [/^Tagged: +yes$/m, /^Title: +.*Ada Q\./m, /^Encrypted: +no$/m]) assert.match(about, line);
    assert.match(words, /Engagement record, not the register/);
    assert.match(words, /Ada Q\./);
  }
  const targets = 'Science topic 3, with the class';
  for (const { plan } of [hers, theirs]) assert.ok(plan.words.includes(targets), plan.words);
  for (const { pack } of [hers, theirs]) for (const heading of ['Weekly look-back', 'What is due', 'From away to on site']) assert.ok(pack.words.includes(heading), heading);
  // Consents and the log of contacts are not the receiving school's.
  assert.match(hers.plan.words, /Consents/);
  assert.match(hers.pack.words, /Contacts and checks/);
  assert.ok(!/ Consents /.test(theirs.plan.words), theirs.plan.words);
  assert.ok(!/Contacts and checks/.test(theirs.pack.words), theirs.pack.words);
  await open(marsh, `${ada}/documents`);
  await inspect(marsh, 'story-own-papers');
});
