// What stands beside the record, as people live it: the school's register, a serious breakdown, costs, a part-time arrangement that is
// changed, one's own list of what is due in one's own calendar, a second policy, and what was changed, by whom. Each test is named with
// the rows of the sources that it answers for (the table is in server/README.md).

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch, shot, signedIn } from './lib/browser.mjs';
import { start } from './lib/product.mjs';
import { item, part, save, send, unfold } from './lib/sitting.mjs';

/** @typedef {import('playwright-core').Page} Page */
/** @type {import('./lib/product.mjs').Product} */
let product;
/** @type {import('playwright-core').Browser} */
let browser;
/** The key worker's page, the school lead's, and the coordinator's. @type {Page} */
let jo;
/** @type {Page} */
let lead;
/** @type {Page} */
let coordinator;
/** Address of Ada's record. */
let ada = '';

before(async () => {
  [product, browser] = await Promise.all([start(), launch()]);
  const as = (/** @type {string} */ role) => signedIn(browser, product, role);
  [jo, lead, coordinator] = [await as('key worker'), await as('school lead'), await as('coordinator')];
  await jo.goto(`${product.url}/pupils`);
  await jo.getByRole('link', { name: 'Ada Q.' }).click();
  await jo.getByRole('heading', { name: 'Today’s lessons' }).waitFor();
  ada = jo.url();
});

after(async () => {
  await browser?.close();
  assert.equal(await product?.stop(), 0);
});

/** Opens a page of a record. @param {Page} page @param {string} address */
async function open(page, address) {
  await page.goto('about:blank');
  const answer = await page.goto(address);
  assert.equal(answer?.status(), 200, address);
}
/** A row of what was changed: who, from, to. @param {Page} page @param {string} what */
async function changed(page, what) {
  const row = page.locator('tbody tr', { has: page.locator('td[data-l="What"]', { hasText: new RegExp(`^${what}$`) }) }).first();
  await row.waitFor();
  const [, who, , from, to] = await row.locator('td').allInnerTexts();
  return [who, from, to];
}

/** A fortnight of marks as if the pupil had been at school. The school's program writes names, which are not kept. */
const MARKS = ['UPN,Name,Date,AM,PM', ...Array.from({ length: 12 }, (_, n) => `M801226012001,Zoë Q.,${String(n + 9).padStart(2, '0')}/11/2026,/,\\`), ''].join('\r\n');
/** The bytes of a file, as programs write them. */
const WRITTEN = {
  'utf-8': Buffer.from(`\uFEFF${MARKS}`, 'utf8'),
  'utf-16le': Buffer.from(`\uFEFF${MARKS}`, 'utf16le'),
  'utf-16be': Buffer.from(`\uFEFF${MARKS}`, 'utf16le').swap16(),
  'windows-1252': Buffer.from(MARKS, 'latin1'),
};

test('X2 H-23 H-29: a school chooses the file of its register, marks are read back as they stand, and a visit from home beside one is a question', async () => {
  const choose = (/** @type {string} */ name, /** @type {Buffer} */ buffer) =>
    lead.getByLabel('File', { exact: true }).setInputFiles({ name, mimeType: 'text/csv', buffer });
  const contents = lead.getByLabel('Contents of the file');
  await lead.goto(`${product.url}/register`);
  for (const [encoding, bytes] of Object.entries(WRITTEN)) {
    await choose(`${encoding}.csv`, bytes);
    await lead.getByText(`${encoding}.csv is in the field below.`).waitFor();
    assert.equal(await contents.inputValue(), MARKS.replaceAll('\r\n', '\n'), encoding);
  }
  await choose('register.xlsx', Buffer.from('PK\x03\x04\x14\x00\x06\x00\x08\x00\x00\x00', 'latin1'));
  await lead.getByText('register.xlsx could not be read as text. Save it as CSV').waitFor();
  assert.equal(await contents.inputValue(), '');
  await choose('register.csv', WRITTEN['utf-16be']);
  await lead.getByText('register.csv is in the field below.').waitFor();
  await lead.getByLabel('From which system').selectOption({ label: 'Arbor' });
  await shot(lead, 'story-register-choose');
  await save(lead, lead.getByRole('button', { name: 'Bring it in' }));
  await lead.getByText(/^\d\d marks are here now\./).waitFor();
  assert.equal(await lead.getByText('A mark and a visit from home').count(), 0, 'nobody has said where the pupil is');
  // The marks, with their source; no name of the file is kept.
  await open(jo, `${ada}/register`);
  const marks = part(jo, 'Marks');
  assert.match(await marks.getByRole('row', { name: /Mon 16 Nov/ }).innerText(), /\/\s+\\\s+Arbor, Today/);
  assert.ok(!(await jo.locator('main').innerText()).includes('Zoë'));
  assert.equal(await jo.getByRole('heading', { name: 'A question to the school' }).count(), 0);
  // A named adult says where the pupil is; a connection does not tell.
  await jo.getByText('Nobody has said. A connection does not tell.').waitFor();
  await jo.getByLabel('Place', { exact: true }).selectOption({ label: 'At home' });
  await jo.getByLabel('From', { exact: true }).fill('2026-11-02');
  await save(jo, jo.getByRole('button', { name: 'Say so' }));
  const question = await part(jo, 'A question to the school').innerText();
  assert.match(question, /The register has “[/\\]” \(.+\) for the (morning|afternoon) of .+ and the pupil was live by robot from home from \d\d:\d\d to \d\d:\d\d\./i);
  assert.match(question, /Is the mark as the school wants it\? Windowseat suggests none\./);
  await shot(jo, 'story-register');
  // Whoever brings the next file in is led there at once.
  await lead.goto(`${product.url}/register`);
  await choose('register.csv', WRITTEN['utf-8']);
  await lead.getByText('register.csv is in the field below.').waitFor();
  await save(lead, lead.getByRole('button', { name: 'Bring it in' }));
  await shot(lead, 'story-register-asked');
  await part(lead, 'The file was read').getByRole('link', { name: 'Ada Q.' }).click();
  await lead.getByRole('heading', { name: 'A question to the school' }).waitFor();
});

test('H-29 H-23: the week that is looked back upon asks the policy’s own question, with the figure of the school’s file beside the minutes', async () => {
  await open(jo, `${ada}/plan?look=provider.04#s4`);
  const week = jo.locator('#s4');
  await week.getByRole('group', { name: 'Did the planning meeting do its work?' }).waitFor();
  await week.getByLabel('If not: What was missing?').waitFor();
  // Monday to Friday of that week were brought in as present: ten marks of ten.
  const figure = await week.getByLabel('Attendance, from the school').inputValue();
  assert.match(figure, /10; of 10 half-days$/);
  assert.match(await week.innerText(), /From the school’s own file, its marks counted as they stand\./);
  assert.match(await week.locator('.note').innerText(), /\d[\s\S]+Shown beside attendance\. Never added to it\./);
  await week.getByRole('group', { name: 'Did the planning meeting do its work?' }).getByRole('radio', { name: 'Yes' }).check();
  await shot(jo, 'story-look-back-imported');
  await save(jo, week.getByRole('button', { name: 'Save this look-back' }));
  const done = jo.locator('#s4 ul.list > li').filter({ hasText: 'Provider week 4' });
  const said = await done.innerText();
  assert.match(said, /Did the planning meeting do its work\? Yes/);
  assert.ok(said.includes(figure), said);
});

test('H-19 H-21: a serious breakdown ends nothing, and who is owed a word stays due until it was given', async () => {
  await open(jo, `${ada}/breakdown`);
  const form = part(jo, 'Write one down');
  await form.getByLabel('Day', { exact: true }).fill('2026-11-23');
  await form.getByLabel('What happened').fill('Hit a door, then a boy who held it');
  await send(jo, form.getByRole('button', { name: 'Write it down' }));
  await jo.getByRole('alert').getByText('Choose at least one kind of breakdown.').waitFor();
  assert.equal(await form.getByLabel('What happened').inputValue(), 'Hit a door, then a boy who held it', 'what was typed is still there');
  assert.equal(await form.getByRole('checkbox').count(), 11, 'the policy’s eleven kinds');
  await form.getByRole('checkbox', { name: 'Serious assault on a pupil, staff or the public' }).check();
  await save(jo, form.getByRole('button', { name: 'Write it down' }));
  const kept = part(jo, '23 November 2026');
  assert.match(await kept.innerText(), /Serious assault[\s\S]+Hit a door, then a boy who held it[\s\S]+Written down by Ms J\./);
  const owed = kept.getByRole('listitem').filter({ hasText: /Owed a word since 23 Nov/ });
  assert.equal(await owed.count(), 3, 'home school, parent and panel');
  await shot(jo, 'story-breakdown');
  // Each word is due, and the plan goes on.
  await open(jo, `${ada}/due`);
  assert.equal(await jo.locator('main li').filter({ hasText: 'A word is owed to' }).count(), 3, await jo.locator('main').innerText());
  await open(jo, `${ada}/breakdown`);
  for (let told = 0; told < 3; told += 1) await save(jo, kept.getByRole('button', { name: /^Told today/ }).first());
  assert.equal(await kept.getByText('Told on 24 Nov').count(), 3);
  await shot(jo, 'story-breakdown-told');
  await open(jo, `${ada}/plan`);
  assert.ok(!(await jo.locator('main').innerText()).includes('Closed on'), 'it ends nothing by itself');
  await open(jo, `${ada}/changes`);
  const told = await changed(jo, 'Serious breakdown of 23 November 2026: a parent or carer');
  assert.deepEqual(told, ['Ms J.', 'nothing', 'told by Ms J. on 24 November 2026']);
});

test('R-6 R-7 R-8: the paper’s table to the penny, a saving only “if sustained”, and who changed a figure', async () => {
  const page = coordinator;
  await page.goto(`${product.url}/costs`);
  const lines = [
    ['Burton', '£19,500', '1', '1', '£4,600'],
    ['Burton', '£19,500', '2', '2', '£4,600'],
    ['Burton', '£19,500', '2', '2', '£4,600'],
    ['Apricot', '£51,000', '1', '1', '£4,600'],
    ['OnTrack', '£51,000', '1', '1', '£3,300'],
    ['OnTrack', '£51,000', '1', '1', '£3,300'],
  ];
  await page.getByLabel('Weeks of the transition').fill('9');
  for (const [n, [setting, current, adults, pupils, mainstream]] of lines.entries()) {
    const fields = { 'Setting now': setting, 'A year there': current, Adults: adults, Pupils: pupils, Transition: '£3,645', 'A year in mainstream': mainstream };
    for (const [label, value] of Object.entries(fields)) await page.getByLabel(`${label}, line ${n + 1}`, { exact: true }).fill(value);
  }
  await save(page, page.getByRole('button', { name: 'Save the table' }));
  const together = await page.getByRole('row', { name: /^Together/ }).innerText();
  assert.match(together, /£211,500\s+£21,870\s+£25,000/);
  const group = await part(page, 'The group').innerText();
  assert.match(group, /£164,630 if sustained/);
  assert.match(group, /£405/);
  await shot(page, 'story-costs');
  await unfold(page.locator('main'), 'Change the table');
  await page.getByLabel('A year there, line 4', { exact: true }).fill('£51,000.50');
  await save(page, page.getByRole('button', { name: 'Save the table' }));
  assert.match(await page.getByRole('row', { name: /^Together/ }).innerText(), /£211,500\.50/);
  await page.getByRole('link', { name: 'What was changed' }).click();
  assert.deepEqual((await changed(page, 'Line 4, a year there')).slice(1), ['£51,000', '£51,000.50']);
  await shot(page, 'story-costs-changed');
});

test('D4 D5: a part-time arrangement that is changed says from what and to what, and its new last day is the limit', async () => {
  await open(jo, `${ada}/part-time`);
  await jo.getByLabel('First day').fill('2026-11-24');
  await jo.getByLabel('Last day').fill('2026-12-18');
  await jo.getByRole('checkbox', { name: 'Health', exact: true }).check();
  await jo.getByLabel('Agreed by').selectOption({ label: 'Mr Q.' });
  await jo.getByLabel('Day 1 on which it is looked at').fill('2026-12-08');
  await save(jo, jo.getByRole('button', { name: 'Save the arrangement' }));
  await jo.getByLabel('Last day').fill('2026-12-11');
  await save(jo, jo.getByRole('button', { name: 'Save the arrangement' }));
  assert.match(await part(jo, 'Arrangements').innerText(), /24 November 2026 to 11 December 2026[\s\S]+Runs now[\s\S]+Ms J\., changed once/);
  await shot(jo, 'story-part-time-changed');
  await jo.getByRole('link', { name: 'What was changed' }).click();
  assert.deepEqual(await changed(jo, 'Part-time arrangement: last day'), ['Ms J.', '18 December 2026', '11 December 2026']);
  await shot(jo, 'story-changes');
  await open(jo, `${ada}/due`);
  assert.match(await item(jo, 'The part-time arrangement ends').innerText(), /By Friday 11 December 2026/);
});

test('A-5 A-13 L-11: one’s own list of what is due, read by one’s own calendar, without a name', async () => {
  await jo.goto(`${product.url}/due`);
  const mine = part(jo, 'By day');
  const first = mine.getByRole('listitem').first();
  const title = (await first.locator('b').first().innerText()).trim();
  assert.match(await first.innerText(), /Ada Q\./);
  await send(jo, jo.getByRole('button', { name: 'Make an address' }));
  const address = new URL(await jo.getByLabel('Address of your feed').inputValue());
  await shot(jo, 'story-feed');
  // A calendar program has no sign-in and no cookie.
  const answer = await fetch(`${product.url}${address.pathname}`);
  assert.equal(answer.status, 200);
  assert.match(answer.headers.get('content-type') ?? '', /^text\/calendar/);
  const feed = (await answer.text()).replace(/\r\n /g, '');
  const events = feed.split('BEGIN:VEVENT').slice(1);
  const event = events.find((one) => one.includes(`SUMMARY:${title.replaceAll(',', '\\,')}`));
  assert.ok(event, `${title} in ${feed}`);
  assert.match(event, /DTSTART;VALUE=DATE:2026\d{4}|DTSTART;VALUE=DATE:2027\d{4}/);
  assert.match(event, /\b[0-9A-F]{4}-[0-9A-F]{4}\b/, 'a sign for the case');
  assert.ok(!/Ada|Mr Q|Ms J|Alder/.test(feed), 'and nobody’s name');
  await jo.goto(`${product.url}/due`);
  await send(jo, jo.getByRole('button', { name: 'Switch the feed off' }));
  assert.equal((await fetch(`${product.url}${address.pathname}`)).status, 404, 'switched off at once');
});

test('H-1: a plan by another policy has that policy’s fields, questions and limits, and nothing of the first one’s', async () => {
  await jo.goto(`${product.url}/pupils`);
  await jo.getByRole('link', { name: 'Ben M.' }).click();
  await jo.getByRole('heading', { name: 'Today’s lessons' }).waitFor();
  const ben = jo.url();
  await open(jo, `${ben}/plan`);
  await jo.getByLabel('Policy').selectOption({ label: 'Plain' });
  await jo.getByLabel('How the pupil came to be away').selectOption('medical');
  await jo.getByLabel('Planned length').selectOption({ label: 'One half-term' });
  await jo.getByLabel('What it is to lead to').selectOption({ label: 'Back to the home school' });
  await save(jo, jo.getByRole('button', { name: 'Begin as a draft' }));
  assert.match(await jo.locator('.head').first().innerText(), /Policy: Plain/);
  const plan = await jo.locator('main').innerText();
  for (const words of ['What the pupil wants from this', 'The class knows, as the pupil wishes', 'Everybody who teaches the pupil knows the adjustments']) {
    assert.ok(plan.includes(words), words);
  }
  for (const words of ['Attendance target', 'induction pack', 'Four-week review', 'Provider week']) assert.ok(!plan.includes(words), words);
  await shot(jo, 'story-second-policy');
  // Lists that rules depend on are the policy's too, in words and in what is offered.
  await open(jo, `${ben}/part-time`);
  const reasons = await jo.locator('main form').innerText();
  assert.ok(reasons.includes('A step of the return') && !reasons.includes('Behaviour'), reasons);
  await open(jo, `${ben}/contacts`);
  await jo.locator('#ct-fo').selectOption({ label: 'Not needed: back in class' });
  await open(jo, `${ben}/people`);
  await jo.getByLabel('Name', { exact: true }).fill('Mrs M.');
  await jo.locator('#p-party').selectOption({ label: 'A parent or carer' });
  await save(jo, jo.getByRole('button', { name: 'Name them' }));
  await open(jo, `${ben}/plan`);
  await jo.getByLabel('Who consents').selectOption({ label: 'Mrs M.' });
  await jo.getByLabel('When', { exact: true }).fill('2026-11-20');
  await jo.getByLabel('How they consented').fill('On paper');
  await save(jo, jo.getByRole('button', { name: 'Write it down' }));
  await save(jo, jo.getByRole('button', { name: 'Open the plan' }));
  await open(jo, `${ben}/due`);
  await jo.getByLabel('Start at the provider', { exact: true }).fill('2026-11-02');
  await save(jo, jo.getByRole('button', { name: /^Save +Start at the provider$/ }));
  assert.match(await item(jo, 'First review').innerText(), /By \w+ \d+ \w+ 202\d/);
  for (const words of ['Planning meeting held', 'Return begins']) assert.equal(await jo.getByText(words, { exact: true }).count(), 0, `${words} is the other policy’s`);
  await shot(jo, 'story-second-policy-due');
});
