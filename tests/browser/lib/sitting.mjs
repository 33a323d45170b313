// What the stories of the record do again and again: open a fold, press a button, and see that the page that comes does not refuse it.

import assert from 'node:assert/strict';

/** @typedef {import('playwright-core').Page} Page */

/** The item of a list that has this title. @param {Page} page @param {string} title */
export const item = (page, title) => page.locator('main li', { has: page.getByText(title, { exact: true }) }).first();
/** The part of a page under a heading. @param {Page} page @param {string|RegExp} name */
export const part = (page, name) => page.locator('main section', { has: page.getByRole('heading', { name, exact: typeof name === 'string' }) }).last();

/** Opens a fold, if it is closed. @param {import('playwright-core').Locator} within @param {string} summary */
export async function unfold(within, summary) {
  const fold = within.locator('details', { has: within.page().locator('summary', { hasText: new RegExp(`^\\s*${summary}`) }) }).last();
  if (!(await fold.evaluate((element) => element.hasAttribute('open')))) await fold.locator('summary').first().click();
}
/** Presses a button and waits for the page that comes. @param {Page} page @param {import('playwright-core').Locator} pressed */
export async function send(page, pressed) {
  const loaded = page.waitForEvent('load');
  // Whatever keeps the button from being pressed is the message, not the page that does not come.
  loaded.catch(() => {});
  await pressed.click({ timeout: 10_000 });
  await loaded;
}
/** Presses a button, and the page that comes does not refuse it. @param {Page} page @param {import('playwright-core').Locator} button */
export async function save(page, button) {
  await send(page, button);
  const refused = page.getByText(/^(Not (saved|made)|Nothing was taken)\.$/);
  assert.equal(await refused.count(), 0, await page.locator('main').innerText());
}
