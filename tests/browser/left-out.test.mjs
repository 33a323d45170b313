// Stories that cannot be run here are named at the end of the run, with the reason.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const REPORTER = fileURLToPath(new URL('lib/left-out.mjs', import.meta.url));
let folder = '';

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'windowseat-left-out-'));
});
after(() => rmSync(folder, { recursive: true, force: true }));

/** Runs one file of tests and returns what the reporter says. */
function said(/** @type {string} */ tests) {
  const file = join(folder, 'some.test.mjs');
  writeFileSync(file, `import { test } from 'node:test';\n${tests}\n`);
  // A run within a run must not take itself for a part of it.
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const run = spawnSync(process.execPath, ['--test', `--test-reporter=${REPORTER}`, '--test-reporter-destination=stdout', file], { encoding: 'utf8', env });
  assert.equal(run.status, 0, run.stderr);
  return run.stdout;
}

test('those that were left out are named, and why', () => {
  const words = said(`
    const impossible = 'this user may make no network';
    test('by TCP', { skip: impossible }, () => {});
    test('by TLS', { skip: impossible }, () => {});
    test('over UDP', { skip: false }, () => {});`);
  assert.match(words, /NOT RUN: 2 stories/);
  assert.match(words, /Because: this user may make no network\n!!! {3}some\.test\.mjs: by TCP\n!!! {3}some\.test\.mjs: by TLS/);
  assert.doesNotMatch(words, /over UDP/);
});

test('where all ran, nothing is said', () => {
  assert.equal(said("test('over UDP', () => {});"), '');
});
