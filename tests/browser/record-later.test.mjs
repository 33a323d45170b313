// What the second versions of the policies ask for beside the first, as people live it: the panel and the first weeks at school, a transition
// that is looked at while there is time, a short time from which no return is planned; and half-days that no mark tells of. Each test is named
// with the rows of the sources that it answers for (the table is in server/README.md), and each page on the way is looked at by axe.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { SIZES, launch, shot, signedIn } from './lib/browser.mjs';
import { inspect } from './lib/inspect.mjs';
import { start } from './lib/product.mjs';
import { item, part, save, send, unfold } from './lib/sitting.mjs';

/** @typedef {import('playwright-core').Page} Page */
/** @type {import('./lib/product.mjs').Product} */
let product;
/** @type {import('playwright-core').Browser} */
let browser;
/** The key worker's page. @type {Page} */
let jo;
/** Path of Ben's record, and of Ivy's. */
let ben = '';
let ivy = '';

before(async () => {
  [product, browser] = await Promise.all([start(), launch()]);
  jo = await signedIn(browser, product, 'key worker');
});

after(async () => {
  await browser?.close();
  assert.equal(await product?.stop(), 0);
});

/** Opens a page of a record. @param {Page} page @param {string} path */
async function open(page, path) {
  await page.goto('about:blank');
  const answer = await page.goto(`${product.url}${path}`);
  assert.equal(answer?.status(), 200, path);
}
/** Pictures from there on, as a telephone and a computer show it. @param {string} name @param {import('playwright-core').Locator} at */
async function pictures(name, at) {
  await jo.emulateMedia({ colorScheme: 'light' });
  for (const size of /** @type {const} */ (['phone', 'desktop'])) {
    await jo.setViewportSize(SIZES[size]);
    await at.evaluate((element) => element.scrollIntoView({ block: 'start', behavior: 'instant' }));
    await shot(jo, `${name}-${size}-light`);
  }
}
const pathOf = (/** @type {Page} */ page) => new URL(page.url()).pathname;
const button = (/** @type {string|RegExp} */ name) => jo.getByRole('button', { name });
const stage = () => jo.locator('form[action$="/plan/aims"]');
/** Says one of the days that limits are counted from. @param {string} what @param {string} day */
async function happened(what, day) {
  await jo.getByLabel(what, { exact: true }).fill(day);
  await save(jo, button(new RegExp(`^Save +${what}$`)));
}

test('H-7: who was directed off site goes back by way of the panel, and the day of its hearing starts the limits', async () => {
  await jo.goto(`${product.url}/pupils`);
  await jo.getByRole('link', { name: 'Ben M.' }).click();
  await jo.getByRole('heading', { name: 'Today’s lessons' }).waitFor();
  ben = pathOf(jo);
  await open(jo, `${ben}/plan`);
  await jo.getByLabel('Policy').selectOption({ label: 'Havering 2020/21' });
  await jo.getByLabel('How the pupil came to be away').selectOption({ label: 'Direction off-site' });
  await jo.getByLabel('Planned length').selectOption({ label: 'Six weeks in the first instance' });
  await jo.getByLabel('What it is to lead to').selectOption({ label: 'Back to the home school' });
  await save(jo, button('Begin as a draft'));
  assert.match(await jo.locator('.head').first().innerText(), /Direction off-site\. Policy: Havering 2020\/21/);
  await open(jo, `${ben}/due`);
  const waiting = await part(jo, 'Without a day yet').innerText();
  for (const title of ['Planning meeting held', 'Return begins']) {
    assert.match(waiting, new RegExp(`${title}\\s+It is counted from “Panel hearing”, which has no day yet\\.`));
  }
  await happened('Panel hearing', '2026-11-12');
  assert.match(await item(jo, 'Planning meeting held').innerText(), /By Thursday 26 November 2026[\s\S]+Panel hearing on Thursday 12 November 2026, plus 10 school days/);
  assert.match(await item(jo, 'Return begins').innerText(), /By Thursday 26 November 2026/);
  await inspect(jo, 'story-panel-hearing', { at: item(jo, 'Planning meeting held') });
  // A slip is put right by the day as it was, and who said which stays.
  await open(jo, `${ben}/due`);
  await happened('Panel hearing', '2026-11-17');
  assert.match(await item(jo, 'Return begins').innerText(), /By Tuesday 1 December 2026/);
  await open(jo, `${ben}/changes`);
  assert.match(await jo.locator('main').innerText(), /Panel hearing[\s\S]+12 November 2026[\s\S]+17 November 2026/);
});

test('A-10: that provider staff work with the pupil at school as the placement begins is owed once, until all three were there', async () => {
  const title = 'Provider staff work with the pupil at school as the placement begins';
  await open(jo, `${ben}/contacts`);
  assert.match(await item(jo, title).innerText(), /By \w+ \d+ \w+ 2026/);
  const write = async (/** @type {string} */ day, /** @type {string[]} */ with_, /** @type {string} */ notes) => {
    const form = jo.locator('form', { has: button('Write it down') });
    await form.getByLabel('Day', { exact: true }).fill(day);
    await form.getByLabel('How', { exact: true }).selectOption({ label: 'In person' });
    for (const name of with_) await form.getByRole('checkbox', { name, exact: true }).check();
    await form.getByLabel('What was said').fill(notes);
    await save(jo, form.getByRole('button', { name: 'Write it down' }));
    return part(jo, 'Log').locator('ol > li').filter({ hasText: notes }).innerText();
  };
  const without = await write('2026-10-28', ['The pupil', 'The home school'], 'A first hour in room 12');
  assert.ok(!without.includes(`Counts: ${title}`), without);
  assert.match(await item(jo, title).innerText(), /\bBy \w+day/, 'without provider staff it is still owed');
  const whole = await write('2026-11-03', ['The pupil', 'The home school', 'The provider\'s lead'], 'Jo P. sat beside Ben in maths');
  assert.match(whole, new RegExp(`Counts: ${title}`));
  const kept = await item(jo, title).innerText();
  assert.match(kept, /Done on Tuesday 3 November 2026/);
  assert.ok(!/\bBy \w+day/.test(kept), `nothing more is owed: ${kept}`);
  await inspect(jo, 'story-start-at-school', { full: true });
  await open(jo, `${ben}/due`);
  assert.equal(await part(jo, 'To do').getByText(title, { exact: true }).count(), 0, 'once is enough');
});

test('R-3: a pupil who seeks the way back to the provider is told in a neutral word, with what is needed', async () => {
  await open(jo, `${ben}/plan#bar`);
  const what = jo.getByLabel('What', { exact: true }).first();
  const words = await what.locator('option').allInnerTexts();
  assert.ok(!words.some((one) => /sabotage|refus|poor choice|fault/i.test(one)), words.join('; '));
  const neutral = words.find((one) => one.startsWith('The pupil seeks to come back to the provider'));
  assert.ok(neutral, words.join('; '));
  await what.selectOption({ label: neutral });
  await jo.getByLabel('Why', { exact: true }).first().fill('The lunch table there is the only one where Ben knows everybody');
  await jo.getByLabel('What is needed').first().fill('A table with two friends from 8M, from the first day on');
  await jo.getByLabel('Weeks', { exact: true }).first().fill('2');
  await save(jo, button('Save what stands in the way'));
  await jo.getByText('The longest is thought to take 2 weeks.').waitFor();
  assert.match(await part(jo, 'Who changed what').innerText(), /Ms J\./);
  await open(jo, `${ben}/plan#bar`);
  assert.equal(await jo.getByLabel('What', { exact: true }).first().locator('option:checked').innerText(), neutral);
  await inspect(jo, 'story-seeks-provider', { at: jo.locator('#bar') });
});

test('L-9 L-4 L-6: in Year 11 no return may be planned; everybody was told for how long, the first step is small, and reviews go on', async () => {
  const coordinator = await signedIn(browser, product, 'coordinator');
  await coordinator.goto(`${product.url}/pupils/new`);
  await coordinator.getByLabel('Home school').selectOption({ label: 'Alder Road School' });
  await coordinator.getByLabel('Name', { exact: true }).fill('Ivy K.');
  await coordinator.getByLabel('School year').fill('11');
  await save(coordinator, coordinator.getByRole('button', { name: 'Go on to the placement' }));
  await coordinator.getByLabel('Looked after by').selectOption({ label: 'Larkfield Hospital School' });
  await coordinator.getByLabel('Key worker').selectOption({ label: 'Ms J.' });
  await coordinator.getByLabel('Last day, as planned').fill('2027-06-25');
  await coordinator.getByLabel('Policy').selectOption({ label: 'Plain' });
  await coordinator.getByLabel('How the pupil came to be away').selectOption('medical');
  await coordinator.getByLabel('Planned length').selectOption({ label: 'One half-term' });
  await coordinator.getByLabel('What it is to lead to').selectOption({ label: 'No return is planned; reviews go on' });
  await coordinator.getByLabel('In the pupil’s own words').fill('I want to sit my exams with my class');
  await save(coordinator, coordinator.getByRole('button', { name: 'Begin, with a draft of the plan' }));
  ivy = pathOf(coordinator);
  await coordinator.context().close();

  // L-4: the key worker writes down who was told that it is for a short time, and when; a day that is missing is missing.
  await open(jo, `${ivy}/people`);
  await jo.getByLabel('Name', { exact: true }).fill('Mr K.');
  await jo.locator('#p-party').selectOption({ label: 'A parent or carer' });
  await save(jo, button('Name them'));
  await open(jo, `${ivy}/plan`);
  assert.match(await jo.locator('main').innerText(), /No return is planned; reviews go on/);
  const tell = async (/** @type {Record<string, string>} */ told) => {
    await unfold(jo.locator('main'), 'Head of the form');
    await unfold(jo.locator('main'), 'Change the head of the form');
    for (const [label, day] of Object.entries(told)) await jo.getByLabel(label, { exact: true }).fill(day);
    await save(jo, button('Save the head'));
    await unfold(jo.locator('main'), 'Head of the form');
    return jo.locator('#s0').innerText();
  };
  const first = await tell({ 'Parents know from the start that it is for a short time (told on)': '2026-11-23', 'The pupil knows it (told on)': '2026-11-23' });
  assert.match(first, /Parents know from the start that it is for a short time \(told on\)\s+23 November 2026/);
  assert.match(first, /Staff know it \(told on\)\s+Not answered/);
  assert.match(await tell({ 'Staff know it (told on)': '2026-11-24' }), /Staff know it \(told on\)\s+24 November 2026/);
  assert.match(await part(jo, 'Who changed what').innerText(), /Staff know it \(told on\): “24 November 2026”\s+Ms J\., Today/);

  // L-6: a first step so small that it works.
  await stage().getByLabel('What the pupil wants from this').fill('Sit the exams with the class');
  await stage().getByLabel('The smallest first step that is sure to work').fill('Says hello by robot on Monday, and may leave at once');
  await save(jo, button('Save stage 1'));
  assert.equal(await stage().getByLabel('The smallest first step that is sure to work').inputValue(), 'Says hello by robot on Monday, and may leave at once');
  await jo.getByLabel('Who consents').selectOption({ label: 'Mr K.' });
  await jo.getByLabel('When', { exact: true }).fill('2026-11-23');
  await jo.getByLabel('How they consented').fill('On paper');
  await save(jo, button('Write it down'));
  await save(jo, button('Open the plan'));
  await inspect(jo, 'story-no-return', { at: jo.locator('#s0') });

  // L-9: reviews are due all the same. One that is held asks for the next, and nothing is closed by it.
  await open(jo, `${ivy}/due`);
  await happened('Start at the provider', '2026-11-16');
  assert.match(await item(jo, 'First review').innerText(), /By Monday 30 November 2026/);
  await open(jo, `${ivy}/plan#end`);
  await unfold(jo.locator('#end'), 'Write a review down');
  const review = jo.locator('form[action$="/plan/review"]');
  await review.getByLabel('Which one is it').selectOption({ label: 'First review' });
  await review.getByLabel('Day of the review').fill('2026-11-24');
  await review.getByLabel('The pupil', { exact: true }).selectOption({ label: 'By robot' });
  await review.getByLabel('A parent or carer', { exact: true }).selectOption({ label: 'In the room' });
  await review.getByLabel('What the pupil says', { exact: true }).fill('Mornings are fine');
  await review.getByRole('radio', { name: /as it is/i }).check();
  await review.getByLabel('Next review').fill('2027-01-12');
  await save(jo, button('Write the review down'));
  const held = await jo.locator('#end').innerText();
  assert.match(held, /First review, 24 November 2026[\s\S]+The pupil says: Mornings are fine\s+Next: 12 January 2027\./);
  await pictures('story-no-return-review', jo.locator('#reviews'));
  await open(jo, `${ivy}/due`);
  assert.match(await part(jo, 'Done').innerText(), /First review[\s\S]+Done on Tuesday 24 November 2026/);
  await open(jo, '/plans');
  assert.match(await jo.getByRole('row', { name: /Ivy K\./ }).innerText(), /Open[\s\S]+12 Jan/, 'and the next look has a day');
});

test('X7 H-29: where no mark tells, somebody says whether the pupil was at school, with their name, and it is no mark', async () => {
  await jo.goto(`${product.url}/pupils`);
  await jo.getByRole('link', { name: 'Ada Q.' }).click();
  await jo.getByRole('heading', { name: 'Today’s lessons' }).waitFor();
  const ada = pathOf(jo);
  await open(jo, `${ada}/glide`);
  const row = () => jo.getByRole('row', { name: /\bthis week\b/ }).innerText();
  const before = await row();
  const said = part(jo, 'Was Ada Q. at school?');
  const say = async (/** @type {string} */ day) => {
    await said.getByLabel('Day', { exact: true }).fill(day);
    await said.getByLabel('Who says so').selectOption({ label: 'Mr Q.' });
    await said.getByRole('group', { name: 'Morning' }).getByRole('radio', { name: 'Was there', exact: true }).check();
    await said.getByRole('group', { name: 'Afternoon' }).getByRole('radio', { name: 'Was not', exact: true }).check();
  };
  await say('2026-11-22');
  await send(jo, said.getByRole('button', { name: 'Write it down' }));
  await jo.getByRole('alert').getByText('Day: it is a Saturday or a Sunday').waitFor();
  assert.ok(await said.getByRole('group', { name: 'Morning' }).getByRole('radio', { name: 'Was there', exact: true }).isChecked(), 'what was chosen is still there');
  await say('2026-11-23');
  await save(jo, said.getByRole('button', { name: 'Write it down' }));
  assert.match(await said.innerText(), /Monday 23 November, morning: was there\s+Said by Mr Q\., written down by Ms J\./);
  assert.match(await said.innerText(), /Monday 23 November, afternoon: was not/);
  const after = await row();
  assert.ok(after !== before && after.includes('2, 2 of them by people'), `${before} became ${after}`);
  await inspect(jo, 'story-said', { at: said });
  await open(jo, `${ada}/register`);
  assert.equal(await jo.getByText('Mr Q.').count(), 0, 'the register knows nothing of it');
});

test('F-7: at the transition the page says what is worth a look, and the eighteen areas are due to be looked at twice', async () => {
  const looks = ['Look at the eighteen areas as school begins, for the new teachers', 'Look at the eighteen areas again: does it hold?'];
  await open(jo, `${ben}/due`);
  const waiting = await part(jo, 'Without a day yet').innerText();
  for (const title of looks) assert.ok(waiting.includes(`${title}\n`), `it waits for the first day: ${waiting}`);
  // Ben begins at school; what is still open has its reason.
  await open(jo, `${ben}/people`);
  await jo.getByLabel('Name', { exact: true }).fill('Mrs M.');
  await jo.locator('#p-party').selectOption({ label: 'A parent or carer' });
  await save(jo, button('Name them'));
  await open(jo, `${ben}/plan`);
  await jo.getByLabel('Who consents').selectOption({ label: 'Mrs M.' });
  await jo.getByLabel('When', { exact: true }).fill('2026-11-20');
  await jo.getByLabel('How they consented').fill('At the panel, and signed there');
  await save(jo, button('Write it down'));
  await save(jo, button('Open the plan'));
  const prompts = part(jo, 'At the transition');
  assert.equal(await prompts.getByRole('checkbox').count(), 4);
  for (const name of [/looked at the eighteen areas again, with the pupil/, /asked what they would like to be known, and by whom/]) await prompts.getByRole('checkbox', { name }).check();
  await save(jo, prompts.getByRole('button', { name: /^Save/ }));
  assert.deepEqual(await prompts.getByRole('checkbox').evaluateAll((boxes) => boxes.map((box) => /** @type {HTMLInputElement} */ (box).checked)), [true, false, false, true]);
  await inspect(jo, 'story-transition', { at: prompts });
  await open(jo, `${ben}/plan`);
  await unfold(jo.locator('#s3'), 'The pupil begins at school');
  await jo.locator('#bg-on').fill('2026-11-23');
  await send(jo, button('Begin the return'));
  await unfold(jo.locator('#s3'), 'The pupil begins at school');
  await jo.locator('#bg-on').fill('2026-11-23');
  for (const field of await jo.locator('#begin input[type="text"]').all()) await field.fill('Settled at the meeting of the panel');
  await save(jo, button('Begin the return'));
  // Each look has a day of its own, which it is said done on; the second one stays.
  await open(jo, `${ben}/due`);
  const [early, late] = looks.map((title) => item(jo, title));
  assert.match(await early.innerText(), /By Friday 27 November 2026[\s\S]+Start at the school on Monday 23 November 2026/);
  assert.match(await late.innerText(), /By Friday 29 January 2027/);
  await pictures('story-look-before', early);
  await unfold(early, 'It was done, or something else holds');
  await early.getByRole('radio', { name: 'It was done' }).check();
  await early.getByLabel('Day', { exact: true }).fill('2026-11-24');
  await save(jo, early.getByRole('button', { name: /^Save/ }));
  assert.match(await part(jo, 'Done').innerText(), /Look at the eighteen areas as school begins, for the new teachers[\s\S]+Done on Tuesday 24 November 2026/);
  assert.equal(await part(jo, 'To do').getByText(looks[1], { exact: true }).count(), 1, 'whether it holds is still to be looked at');
});

test('R-2: in the sixth week at school each gap that returns have failed for is asked about, and a “not yet” says why and what is done', async () => {
  // Seven weeks later, two of them holidays, with everything as it was left.
  product = await start({ left: await product.kill(), at: '2027-01-12T09:20' });
  jo = await signedIn(browser, product, 'key worker');
  await open(jo, `${ben}/plan?look=school.05#s4`);
  const week = jo.locator('#s4');
  assert.equal(await week.getByRole('group', { name: /trust somebody to speak for them/ }).count(), 0, 'not asked in the fifth week');
  await open(jo, `${ben}/plan?look=school.06#s4`);
  await week.getByRole('heading', { name: 'School week 6' }).waitFor();
  const gaps = {
    'Does the pupil trust somebody to speak for them?': 'Yes',
    'Has everything that helps the pupil been handed over?': 'Yes',
    'Is it agreed who supports the pupil after the return?': 'Not this time',
    'Have the worries of the parents been answered?': 'Yes',
  };
  for (const [ask, reply] of Object.entries(gaps)) await week.getByRole('group', { name: ask }).getByRole('radio', { name: reply, exact: true }).check();
  await send(jo, week.getByRole('button', { name: 'Save this look-back' }));
  await jo.getByRole('alert').getByText(/say what got in the way/).waitFor();
  assert.ok(await week.getByRole('group', { name: /who supports the pupil/ }).getByRole('radio', { name: 'Not this time', exact: true }).isChecked(), 'what was chosen is still there');
  await week.getByLabel('If not: Who does, and until when?').fill('Nobody after March');
  await week.getByLabel('What is to be done', { exact: true }).nth(2).fill('Ms V. until July; the home school asks her by Friday');
  await inspect(jo, 'story-gaps', { at: jo.locator('#s4') });
  await save(jo, week.getByRole('button', { name: 'Save this look-back' }));
  const told = await week.locator('ul.list > li').filter({ hasText: 'School week 6' }).innerText();
  assert.ok(told.includes('Is it agreed who supports the pupil after the return? Not this time. Nobody after March. To do: Ms V. until July; the home school asks her by Friday'), told);
  await pictures('story-gaps-told', week.getByRole('heading', { name: 'Weeks looked back upon' }));
});
