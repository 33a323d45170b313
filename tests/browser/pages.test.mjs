// Every page at three sizes in light and dark: axe finds nothing serious, nothing is wider than the screen, and a picture is kept.
// Then the whole way of a pupil by keyboard alone, wrong keywords, and the same pages by HTTPS.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { AxeBuilder } from '@axe-core/playwright';
import { SIZES, launch, pair, person, shot, signIn } from './lib/browser.mjs';
import { start } from './lib/product.mjs';

const RULES = ['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa'];
const GRAVE = ['serious', 'critical'];

/** @type {import('./lib/product.mjs').Product} */
let product;
/** @type {import('playwright-core').Browser} */
let browser;

before(async () => {
  [product, browser] = await Promise.all([start(), launch()]);
});

after(async () => {
  await browser?.close();
  await product?.stop();
});

/**
 * Looks at the page that is open, in every size and light.
 * @param {import('playwright-core').Page} page
 * @param {string} name
 */
async function inspect(page, name) {
  const faults = [];
  for (const colorScheme of /** @type {const} */ (['light', 'dark'])) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    for (const [size, viewport] of Object.entries(SIZES)) {
      const where = `${name}-${size}-${colorScheme}`;
      await page.setViewportSize(viewport);
      const { violations } = await new AxeBuilder({ page }).withTags(RULES).analyze();
      for (const v of violations.filter((v) => GRAVE.includes(v.impact))) {
        faults.push(`${where}: ${v.id}: ${v.nodes.map((n) => `${n.target} ${n.any.map((a) => a.message).join('; ')}`).join(' | ')}`);
      }
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      if (wide > 0) faults.push(`${where}: wider than the screen by ${wide} px`);
      await shot(page, where);
    }
  }
  assert.deepEqual(faults, []);
}

/** A member of staff signed in. @param {string} role */
async function staff(role) {
  const who = await person(browser);
  const account = product.staff[role];
  assert.ok(account, `no sign-in for ${role} in ${Object.keys(product.staff)}`);
  await signIn(who.page, product.url, account);
  return who;
}

/** A fresh joining code from the key worker's page, as a link. */
async function newLink() {
  const { page, context } = await staff('key worker');
  await page.goto(`${product.url}/pupils`);
  await page.getByRole('link', { name: 'Ada Q.' }).click();
  await page.getByRole('link', { name: 'Join a tablet' }).click();
  await page.getByRole('button', { name: 'Make a joining code' }).click();
  const code = await page.locator('#code').innerText();
  await inspect(page, 'tablet-code');
  await context.close();
  return `${product.url}/pair#${code.replace(/\s/g, '')}`;
}

describe('every page at every size, light and dark', () => {
  test('sign-in, and what it says to a wrong password', async () => {
    const { page, context } = await person(browser);
    await page.goto(`${product.url}/sign-in`);
    await inspect(page, 'sign-in');
    await page.getByLabel('Work email').fill('nobody@example.org');
    await page.getByLabel('Password', { exact: true }).fill('not this one at all');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('alert').waitFor();
    await inspect(page, 'sign-in-refused');
    await context.close();
  });

  for (const [role, pages] of Object.entries({
    coordinator: ['/', '/robots', '/pupils', '/plans', '/schools', '/days', '/scales', '/costs', '/system'],
    'key worker': ['/', '/pupils', '/plans', '/due'],
    'school lead': ['/', '/robots', '/pupils', '/register', '/days', '/scales'],
    'classroom staff': ['/', '/moves', '/robots'],
    auditor: ['/', '/plans', '/audit'],
  })) {
    test(`the pages of a ${role}`, async () => {
      const { page, context, errors } = await staff(role);
      for (const path of pages) {
        const answer = await page.goto(`${product.url}${path}`);
        assert.equal(answer?.status(), 200, path);
        await inspect(page, `${role.replace(' ', '-')}${path.replaceAll('/', '-').replace(/-$/, '-home')}`);
      }
      assert.deepEqual(errors, []);
      await context.close();
    });
  }

  test('one robot, and connecting a camera', async () => {
    const { page, context } = await staff('coordinator');
    await page.goto(`${product.url}/robots`);
    await page.getByRole('link', { name: 'Robin' }).first().click();
    await page.getByRole('heading', { level: 1 }).waitFor();
    await inspect(page, 'robot');
    await page.getByRole('button', { name: /camera/i }).click();
    await page.locator('#whip-url').waitFor();
    await inspect(page, 'camera');
    await context.close();
  });

  test('the record around a plan', async () => {
    const { page, context, errors } = await staff('key worker');
    await page.goto(`${product.url}/pupils`);
    await page.getByRole('link', { name: 'Ada Q.' }).click();
    await page.getByRole('heading', { level: 1 }).waitFor();
    const record = page.url();
    for (const part of ['plan', 'plan/history', 'due', 'goals', 'glide', 'growth', 'growth/look', 'growth/profile', 'growth/shared', 'contacts', 'people', 'register', 'breakdown', 'part-time', 'documents', 'documents?for=receiving-school']) {
      const answer = await page.goto(`${record}/${part}`);
      assert.equal(answer?.status(), 200, part);
      await inspect(page, `record-${part.replaceAll(/[/?=]/g, '-')}`);
    }
    await page.goto(`${product.url}/due`);
    await page.getByRole('button', { name: 'Make an address' }).click();
    await page.getByLabel('Address of your feed').waitFor();
    await inspect(page, 'due-feed');
    assert.deepEqual(errors, []);
    await context.close();
  });

  test('a pupil’s record, and joining a tablet', async () => {
    const { page, context } = await staff('key worker');
    await page.goto(`${product.url}/pupils`);
    await page.getByRole('link', { name: 'Ada Q.' }).click();
    await page.getByRole('heading', { name: 'Today’s lessons' }).waitFor();
    await inspect(page, 'record');
    const record = page.url();
    await page.getByRole('link', { name: 'Correct minutes' }).click();
    await page.getByLabel('How many minutes it was').fill('12');
    await page.getByLabel('Why').fill(' ');
    await page.getByRole('button', { name: 'Save the correction' }).click();
    await page.getByRole('alert').waitFor();
    await inspect(page, 'correction-refused');
    assert.equal(await page.getByLabel('How many minutes it was').inputValue(), '12', 'what was typed is still there');
    await page.getByLabel('Why').fill('The robot faced the wall.');
    await page.getByRole('button', { name: 'Save the correction' }).click();
    await page.getByText('The robot faced the wall.').first().waitFor();
    await inspect(page, 'correction');
    await page.goto(record);
    await inspect(page, 'record-corrected');
    await page.getByRole('link', { name: 'Join a tablet' }).click();
    await inspect(page, 'tablet');
    await context.close();
  });

  test('the pupil’s pages, from the code to the class', async () => {
    const { page, context } = await person(browser, { permissions: ['microphone'] });
    await page.goto(`${product.url}/pair`);
    await inspect(page, 'pair');
    const link = await newLink();
    await page.goto('about:blank');
    await page.goto(link);
    await page.getByRole('button', { name: 'Join' }).click();
    await page.getByLabel('Your new PIN').waitFor();
    await inspect(page, 'pin');
    await page.getByLabel('Your new PIN').fill('2580');
    await page.getByLabel('The same again').fill('2580');
    await page.getByRole('button', { name: 'Use this PIN' }).click();
    await page.waitForURL('**/today');
    await inspect(page, 'today');
    await page.getByRole('link', { name: 'My plan' }).click();
    await page.getByRole('heading', { name: 'My plan' }).waitFor();
    await inspect(page, 'my-plan');
    await page.goto(`${product.url}/today`);
    await page.getByRole('link', { name: 'Go to class' }).click();
    await page.locator('#class[data-state="live"]').waitFor();
    await inspect(page, 'class-live');
    await page.getByRole('button', { name: 'Rest' }).click();
    await page.locator('#class[data-state="resting"]').waitFor();
    await inspect(page, 'class-resting');
    await page.getByRole('button', { name: 'Finish for today' }).click();
    await page.waitForURL('**/today*');
    await context.close();
  });
});

test('a page that is not there and a page that is not theirs say so plainly', async () => {
  const { page, context } = await staff('classroom staff');
  assert.equal((await page.goto(`${product.url}/nowhere`))?.status(), 404);
  assert.equal((await page.goto(`${product.url}/audit`))?.status(), 403);
  await page.getByRole('heading', { level: 1 }).waitFor();
  await inspect(page, 'not-allowed');
  await context.close();
});

test('the whole way by keyboard alone: join, choose a PIN, go in, look, raise a hand, talk, leave', async () => {
  const { page, context, errors } = await person(browser, { permissions: ['microphone'] });
  const focused = () => page.evaluate(() => document.activeElement?.textContent?.trim() || document.activeElement?.getAttribute('name') || '');
  // Tab until the focus is on what is wanted, as a person does; each stop must be visible.
  const tabTo = async (/** @type {RegExp} */ wanted) => {
    for (let steps = 0; steps < 40; steps += 1) {
      await page.keyboard.press('Tab');
      const seen = await page.evaluate(() => {
        const box = document.activeElement?.getBoundingClientRect();
        return Boolean(box && box.width > 0 && box.height > 0);
      });
      const text = await focused();
      if (!wanted.test(text)) continue;
      assert.ok(seen, `${text} has the focus and is visible`);
      return;
    }
    assert.fail(`no ${wanted} within 40 steps; the focus is on "${await focused()}"`);
  };
  await page.goto(await newLink());
  await tabTo(/^code$/);
  await tabTo(/^Join/);
  await page.keyboard.press('Enter');
  await page.waitForURL('**/pin');
  await tabTo(/^pin$/);
  await page.keyboard.type('2580');
  await tabTo(/^again$/);
  await page.keyboard.type('2580');
  await page.keyboard.press('Enter');
  await page.waitForURL('**/today');
  await tabTo(/^Go to class/);
  await page.keyboard.press('Enter');
  const visit = page.locator('#class');
  await page.locator('#class[data-state="live"]').waitFor();
  await page.keyboard.press('ArrowRight');
  await page.waitForFunction(() => Number(document.querySelector('#class')?.getAttribute('data-robot-pan')) > 5);
  await page.keyboard.press('h');
  await page.waitForFunction(() => document.querySelector('#class')?.getAttribute('data-robot-hand') === 'true');
  await page.locator('h1').focus();
  await page.locator('#class[data-state="live"]').waitFor();
  await page.keyboard.down('Space');
  await page.waitForFunction(() => document.querySelector('#class')?.getAttribute('data-mic') === 'talking');
  // Longer than a tap: a short press keeps the microphone open until the next one.
  await page.waitForTimeout(700);
  await page.keyboard.up('Space');
  await page.waitForFunction(() => document.querySelector('#class')?.getAttribute('data-mic') === 'listening');
  await tabTo(/^Leave/);
  await page.keyboard.press('Enter');
  await page.waitForURL('**/today*');
  assert.equal(await visit.count(), 0);
  assert.deepEqual(errors, []);
  await context.close();
});

test('a wrong keyword five times: a wait, in words for a child, and the right one waits too', async () => {
  const link = await newLink();
  const { page, context } = await person(browser);
  const attempt = async (/** @type {string} */ code) => {
    await page.goto(`${product.url}/pair`);
    await page.getByLabel('Joining code').fill(code);
    const [answer] = await Promise.all([page.waitForResponse((r) => r.request().method() === 'POST'), page.getByRole('button', { name: 'Join' }).click()]);
    return answer.status();
  };
  for (const code of ['AAAA AAAA', 'BBBB BBBB', 'short', 'CCCC CCCC', 'DDDD DDDD']) {
    assert.equal(await attempt(code), 422, code);
    assert.match(await page.getByRole('alert').innerText(), /did not fit/);
  }
  assert.equal(await attempt(link.split('#')[1]), 429);
  assert.match(await page.getByRole('alert').innerText(), /wait 5 minutes/);
  await inspect(page, 'pair-wait');
  await context.close();
});

test('the same by HTTPS with the generated certificate, where a tablet in the network may use its microphone', async () => {
  // The address that guessed wrong above must wait; a new product for a new beginning.
  const own = await start();
  try {
    const { page, context, errors } = await person(browser, { ignoreHTTPSErrors: true, permissions: ['microphone'] });
    await pair(page, `${own.https}${own.pairing}`);
    assert.equal(await page.evaluate(() => window.isSecureContext), true);
    await page.getByRole('link', { name: 'Go to class' }).click();
    await page.locator('#class[data-state="live"]').waitFor();
    await page.getByRole('button', { name: 'Leave' }).click();
    await page.waitForURL('**/today*');
    assert.deepEqual(errors, []);
    await context.close();
  } finally {
    assert.equal(await own.stop(), 0);
  }
});
