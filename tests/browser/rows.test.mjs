// Every row of the sources that the record must have is in the name of a story: the line between the marks in server/README.md against
// the tests of the five files of the record. It says nothing about how good a story is.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';

const text = (/** @type {string} */ path) => readFile(new URL(path, import.meta.url), 'utf8');

test('each row that the record must have is in the name of a story', async () => {
  const line = (await text('../../server/README.md')).match(/<!-- rows -->([\s\S]+?)<!-- \/rows -->/)?.[1] ?? '';
  const rows = line.split(/[\s,]+/).filter(Boolean);
  assert.ok(rows.length > 40, `${rows.length} rows are named`);
  const files = ['record.test.mjs', 'record-around.test.mjs', 'record-beside.test.mjs', 'record-later.test.mjs', 'record-ways.test.mjs'];
  const stories = (await Promise.all(files.map(text))).join('\n');
  const named = new Set([...stories.matchAll(/^test\('([^']+)'/gm)].flatMap(([, name]) => name.match(/\b[A-Z]-?\d+\b/g) ?? []));
  assert.deepEqual(rows.filter((row) => !named.has(row)), []);
});
