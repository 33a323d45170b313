// A page is looked at in every size and light: what axe finds against the rules of WCAG 2.2 AA, what is wider than the screen, and whether
// the link to the page that is open is seen.

import assert from 'node:assert/strict';
import { AxeBuilder } from '@axe-core/playwright';
import { SIZES, shot } from './browser.mjs';

const RULES = ['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa'];

/**
 * Looks at the page that is open, in every size and light. A tablet's layout lies between the phone's and the desktop's, which axe looks at;
 * only colours differ in the dark, and they are the same at every size: there axe looks at them once, and one picture is enough.
 * @param {import('playwright-core').Page} page
 * @param {string} name
 * @param {{full?: boolean, at?: import('playwright-core').Locator}} [options] the picture is of the whole page, not of a screen of it; the
 *   screen begins there
 */
export async function inspect(page, name, { full = false, at } = {}) {
  const faults = [];
  if (full) {
    // As people find it; what follows is with everything unfolded.
    await page.emulateMedia({ colorScheme: 'light', reducedMotion: 'reduce' });
    for (const [size, viewport] of Object.entries(SIZES)) {
      await page.setViewportSize(viewport);
      await shot(page, `${name}-${size}-as-opened`, { full });
    }
  }
  await page.evaluate(() => {
    for (const fold of document.querySelectorAll('details')) fold.open = true;
  });
  for (const colorScheme of /** @type {const} */ (['light', 'dark'])) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    for (const [size, viewport] of Object.entries(SIZES)) {
      const where = `${name}-${size}-${colorScheme}`;
      await page.setViewportSize(viewport);
      // What a page does about its new size, it has done by the second picture.
      await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
      const axe = new AxeBuilder({ page });
      const rules = colorScheme === 'light' ? axe.withTags(RULES) : axe.withRules(['color-contrast']);
      const isFor = colorScheme === 'light' ? ['phone', 'desktop'] : ['desktop'];
      const { violations } = isFor.includes(size) ? await rules.analyze() : { violations: [] };
      for (const v of violations) {
        faults.push(`${where}: ${v.id} (${v.impact}): ${v.nodes.map((n) => `${n.target} ${n.any.map((a) => a.message).join('; ')}`).join(' | ')}`);
      }
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      if (wide > 0) faults.push(`${where}: wider than the screen by ${wide} px`);
      const beyond = await page.locator('.nav [aria-current], .tabs [aria-current]').evaluateAll((links) => links.filter((link) => {
        const [at, strip] = [link.getBoundingClientRect(), /** @type {Element} */ (link.parentElement).getBoundingClientRect()];
        return at.left < strip.left - 1 || at.right > strip.right + 1;
      }).map((link) => link.textContent));
      if (beyond.length > 0) faults.push(`${where}: beyond the edge of its strip: ${beyond}`);
      await at?.evaluate((element) => element.scrollIntoView({ block: 'start', behavior: 'instant' }));
      if (colorScheme === 'light' || size === 'phone') await shot(page, where, { full: full && colorScheme === 'light' });
    }
  }
  assert.deepEqual(faults, []);
}
