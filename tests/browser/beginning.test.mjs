// An authority of its own: it begins with an empty database, and by pages alone comes to a pupil with a robot who is expected in a lesson.
// Each page that is new on the way is looked at by axe, at phone and desktop.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch, person } from './lib/browser.mjs';
import { startEmpty } from './lib/empty.mjs';
import { inspect } from './lib/inspect.mjs';
import { save, send, unfold } from './lib/sitting.mjs';

/** @type {Awaited<ReturnType<typeof startEmpty>>} */
let empty;
/** @type {import('playwright-core').Browser} */
let browser;

before(async () => {
  [empty, browser] = await Promise.all([startEmpty(), launch()]);
});

after(async () => {
  await browser?.close();
  assert.equal(await empty?.stop(), 0);
});

test('an authority begins with nothing, and a pupil with a robot is expected in a lesson, by the pages alone', async () => {
  const { page, errors } = await person(browser);
  const press = (/** @type {string} */ name) => save(page, page.getByRole('button', { name, exact: true }));
  const fill = async (/** @type {Record<string, string>} */ fields) => {
    for (const [label, value] of Object.entries(fields)) await page.getByLabel(label, { exact: true }).fill(value);
  };
  const main = page.locator('main');
  await page.goto(`${empty.url}/sign-in`);
  await fill({ 'Name of the authority': 'Fennshire', 'Your name': 'Mrs C.', 'Work email': 'c@fennshire.example' });
  await page.locator('[name="code"]').fill(empty.code);
  await page.locator('[name="password"]').fill('four words are enough');
  await send(page, page.locator('main button[type="submit"]'));
  await page.getByRole('heading', { name: 'Organisations' }).waitFor();

  // Before there is a school, no robot can stand anywhere, and the page says where to begin.
  await page.goto(`${empty.url}/robots`);
  await page.getByRole('link', { name: 'Add a robot' }).click();
  await page.getByRole('link', { name: 'Add one first.' }).click();
  await page.getByLabel('Name', { exact: true }).fill('Alder Road School');
  await page.getByLabel('Kind').selectOption('school');
  await press('Add this organisation');

  // Its rooms, classes and lessons.
  await page.getByRole('link', { name: 'Lessons of Alder Road School' }).click();
  await page.getByRole('link', { name: 'Add the rooms first.' }).click();
  await fill({ Name: 'Room 12' });
  await press('Add this room');
  await fill({ Name: 'room 12' });
  await send(page, page.getByRole('button', { name: 'Add this room' }));
  await page.getByRole('alert').getByText('there is a room of this name already').waitFor();
  await inspect(page, 'beginning-rooms', { full: true });
  await page.getByRole('link', { name: 'Lessons', exact: true }).click();
  await fill({ 'Name of the class': '9A' });
  await press('Add this class');
  const today = new Intl.DateTimeFormat('en-GB', { weekday: 'long', timeZone: 'Europe/London' }).format(new Date());
  const lesson = async (/** @type {string} */ subject, /** @type {string} */ start, /** @type {string} */ end) => {
    await page.getByLabel('Day', { exact: true }).selectOption(today);
    await fill({ Start: start, End: end, Subject: subject, 'Teacher, if you like': 'Ms N.' });
    await send(page, page.getByRole('button', { name: 'Add this lesson' }));
  };
  await lesson('Maths', '09:50', '08:50');
  await page.getByRole('alert').getByText('End: 08:50 is not after the start at 09:50.').waitFor();
  assert.equal(await page.getByLabel('Subject', { exact: true }).inputValue(), 'Maths', 'what was typed is still there');
  await lesson('Maths', '08:50', '09:50');
  await lesson('English', '09:30', '10:30');
  await page.getByRole('alert').getByText(`The class has Maths on ${today} from 08:50 to 09:50.`).waitFor();
  await lesson('English', '09:50', '10:50');
  assert.equal(await page.getByRole('alert').count(), 0);
  await inspect(page, 'beginning-lessons', { full: true });

  // Another class from a file: a wrong line is told and nothing is taken; a right file is shown before it is added.
  await page.getByRole('link', { name: 'Lessons from a file' }).click();
  const table = (/** @type {string} */ end) => `class,day,start,end,subject,room,teacher\n9B,${today},08:50,09:50,Science,Lab 2,Mr O.\n9B,${today},10:10,${end},History,Room 12,\n`;
  await fill({ 'Contents of the file': table('09:10') });
  await send(page, page.getByRole('button', { name: 'Look at it first' }));
  await page.getByRole('alert').getByText(/09:10 is not after the start at 10:10/).waitFor();
  assert.equal(await page.getByLabel('Contents of the file', { exact: true }).inputValue(), table('09:10'), 'what was pasted is still there');
  await inspect(page, 'beginning-file-refused', { full: true });
  await fill({ 'Contents of the file': table('11:10') });
  await press('Look at it first');
  const preview = page.getByRole('status').filter({ hasText: 'What will be added' });
  await unfold(preview, '9B');
  for (const words of [/New classes:\s+9B/, /New rooms:\s+Lab 2/, /Science, 08:50 to 09:50/]) assert.match(await preview.innerText(), words);
  await inspect(page, 'beginning-file', { full: true });
  await press('Add these');
  await page.getByRole('navigation', { name: 'Which class' }).getByRole('link', { name: '9B' }).click();
  await page.getByText('Lab 2, Mr O.').waitFor();

  // A robot, and what its own settings have to be told.
  await page.goto(`${empty.url}/robots`);
  await page.getByRole('link', { name: 'Add a robot' }).click();
  await inspect(page, 'beginning-robot');
  await fill({ Name: 'Wren' });
  await press('Add this robot');
  assert.match(await page.locator('#robot-id').innerText(), /^[0-9a-f]{8}-[0-9a-f-]{27}$/);
  assert.equal(await page.locator('#broker-url').innerText(), 'mqtt://127.0.0.1:9');
  await inspect(page, 'beginning-settings', { full: true });
  await page.getByLabel('Room', { exact: true }).selectOption('Room 12');
  await press('It stands there');

  // The pupil, the placement, the robot, and the lessons.
  await page.goto(`${empty.url}/pupils`);
  await page.getByRole('link', { name: 'Add a pupil' }).click();
  await fill({ Name: 'Eli W.', 'School year': '9' });
  await press('Go on to the placement');
  await fill({ 'Last day, as planned': new Date(Date.now() + 60 * 86_400_000).toISOString().slice(0, 10) });
  await page.getByLabel('How the pupil came to be away').selectOption('medical');
  await press('Begin, with a draft of the plan');
  const record = page.url();
  await page.getByRole('link', { name: 'Placement and robot' }).click();
  await page.getByLabel('Give a robot').selectOption('Wren');
  await press('Give this robot');
  await page.getByText('Wren is given to Eli W.').waitFor();
  await page.getByRole('link', { name: 'Expected lessons' }).click();
  await page.getByRole('navigation', { name: 'Which class' }).getByRole('link', { name: '9A' }).click();
  await page.getByLabel(/^Maths, 08:50 to 09:50/).check();
  await press('Save what is ticked');
  assert.ok(await page.getByLabel(/^Maths, 08:50 to 09:50/).isChecked());
  assert.ok(!(await page.getByLabel(/^English/).isChecked()));
  await inspect(page, 'beginning-expected', { full: true });
  await page.goto(record);
  assert.match(await main.innerText(), /Maths/, 'today’s lesson is on the record');
  await page.goto(`${empty.url}/moves`);
  assert.match(await main.innerText(), /Wren/);

  // A lesson that is changed from a day on, and a robot that is no longer used.
  await page.goto(`${empty.url}/lessons`);
  await page.getByRole('navigation', { name: 'Which class' }).getByRole('link', { name: '9A' }).click();
  await page.getByRole('link', { name: /^Change English/ }).click();
  await inspect(page, 'beginning-lesson', { full: true });
  await fill({ Subject: 'Drama' });
  await press('Change this lesson');
  assert.match(await main.innerText(), /Drama/);
  await page.goto(`${empty.url}/robots`);
  await page.getByRole('link', { name: 'Wren' }).click();
  await page.getByRole('link', { name: 'Settings' }).click();
  await send(page, page.getByRole('button', { name: 'Wren is no longer used' }));
  await page.getByRole('alert').getByText('A placement that has not ended has this robot.').waitFor();
  // Only refused forms answer with an error.
  assert.deepEqual(errors.filter((error) => !/422/.test(error)), []);
});
