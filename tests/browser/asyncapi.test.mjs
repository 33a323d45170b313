// The AsyncAPI document of the MQTT contract, read by the AsyncAPI project's own parser: it must be a valid version 3 document, its
// schema references must resolve, the golden messages must fit the payload schemas it names, and its channels are those that the broker's
// access rules open. Schemas are checked by Ajv, which the parser itself brings along and uses.
// Whether it agrees with the Rust code is checked on the Rust side (bridge/protocol/tests/contract/asyncapi.rs).

import assert from 'node:assert/strict';
import { readFile, readdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Parser } from '@asyncapi/parser';

const protocol = new URL('../../bridge/protocol/', import.meta.url);
const source = fileURLToPath(new URL('asyncapi.yaml', protocol));

/** Parses the document and fails with its diagnostics. */
async function parse() {
  const { document, diagnostics } = await new Parser().parse(await readFile(source, 'utf8'), { source });
  const faults = diagnostics.filter((d) => d.severity <= 1).map((d) => `${d.path.join('/')}: ${d.message}`);
  assert.deepEqual(faults, [], 'errors and warnings of the parser');
  assert.ok(document, 'a document');
  return document;
}

test('the AsyncAPI document is valid and names nine kinds in two directions', async () => {
  const document = await parse();
  assert.equal(document.version(), '3.0.0');
  const kinds = Object.fromEntries(
    document.operations().all().map((o) => [o.id(), `${o.action()} ${o.channels().all()[0].address()}`]),
  );
  assert.deepEqual(kinds, {
    hello: 'receive ws/v1/{client}/up/hello',
    presence: 'receive ws/v1/{client}/up/presence',
    event: 'receive ws/v1/{client}/up/event',
    link: 'receive ws/v1/{client}/up/link',
    robot: 'receive ws/v1/{client}/up/robot',
    ack: 'send ws/v1/{client}/down/ack',
    grant: 'send ws/v1/{client}/down/grant',
    command: 'send ws/v1/{client}/down/command',
    end: 'send ws/v1/{client}/down/end',
  });
});

// As the parser finds it: not ours to name a version of.
const require = createRequire(import.meta.resolve('@asyncapi/parser'));
const { default: Ajv } = require('ajv');
const { default: addFormats } = require('ajv-formats');

/** Checks values against draft 7; formats of whole numbers are those of the generator of the schemas. */
function checker() {
  const ajv = new Ajv({ allErrors: true, strict: true, strictTypes: false });
  addFormats(ajv);
  const whole = (/** @type {number} */ low, /** @type {number} */ high) => ({
    type: 'number',
    validate: (/** @type {number} */ n) => Number.isInteger(n) && n >= low && n <= high,
  });
  ajv.addFormat('int8', whole(-(2 ** 7), 2 ** 7 - 1));
  for (const bits of [8, 16, 32, 64]) ajv.addFormat(`uint${bits}`, whole(0, 2 ** bits));
  return ajv;
}

/** A schema without the names that the parser gives its parts. */
function plain(/** @type {any} */ schema) {
  if (Array.isArray(schema)) return schema.map(plain);
  if (schema === null || typeof schema !== 'object') return schema;
  const parts = Object.entries(schema).filter(([key]) => !key.startsWith('x-parser-'));
  return Object.fromEntries(parts.map(([key, part]) => [key, plain(part)]));
}

/** Each golden message with its kind. */
async function golden() {
  const folder = new URL('fixtures/v1/', protocol);
  const files = await readdir(folder);
  const read = async (/** @type {string} */ file) => ({
    file,
    kind: file.split(/[-.]/)[0],
    message: JSON.parse(await readFile(new URL(file, folder), 'utf8')),
  });
  return Promise.all(files.map(read));
}

test('every golden message fits the payload schema that the document names for its kind, and a spoilt one does not', async () => {
  const document = await parse();
  const messages = await golden();
  const kinds = new Set();
  for (const described of document.components().messages().all()) {
    const payload = plain(described.payload()?.json());
    assert.equal(payload?.title, described.id(), `${described.id()} names the schema of its own kind`);
    const fits = checker().compile(payload);
    const own = messages.filter(({ kind }) => kind === described.id());
    assert.ok(own.length > 0, `${described.id()} has a golden message`);
    for (const { file, message } of own) {
      assert.ok(fits(message), `${file}: ${JSON.stringify(fits.errors)}`);
      // What a reader could not use is refused by the schema too.
      const { body: _, ...bodiless } = message;
      for (const spoilt of [bodiless, { ...message, body: 7 }, { ...message, sent_at: 'today' }, { ...message, mono_ms: -1 }]) {
        assert.ok(!fits(spoilt), `${file}, spoilt: ${JSON.stringify(spoilt)}`);
      }
      kinds.add(file);
    }
  }
  assert.deepEqual(messages.map(({ file }) => file).filter((file) => !kinds.has(file)), [], 'a golden message of no kind');
});

test('the channels of the document are those that the access rules of the broker open', async () => {
  const rules = (await readFile(new URL('../engines/mosquitto.acl', import.meta.url), 'utf8'))
    .split('\n').map((line) => line.trim()).filter((line) => line && !line.startsWith('#'));
  /** @type {{ who: string, may: string, filter: string }[]} */
  const allowed = [];
  let user = '';
  for (const rule of rules) {
    const [word, may, filter] = rule.split(' ');
    if (word === 'user') user = may;
    else allowed.push({ who: word === 'pattern' ? 'device' : user, may, filter });
  }
  const device = '0193a1c0-0000-7000-8000-000000000001';
  const opens = (/** @type {string} */ who, /** @type {string} */ may, /** @type {string} */ topic) => allowed.some((rule) => {
    const levels = rule.filter.replace('%u', device).split('/');
    const parts = topic.split('/');
    const fits = levels.length === parts.length && levels.every((level, n) => level === '+' || level === parts[n]);
    return rule.who === who && rule.may === may && fits;
  });
  const document = await parse();
  for (const operation of document.operations().all()) {
    // From the server's point of view.
    const isUp = operation.isReceive();
    const address = operation.channels().all()[0].address() ?? '';
    assert.match(address, /^ws\/v1\/\{client\}\//);
    const topic = address.replace('{client}', device);
    assert.ok(opens('server', isUp ? 'read' : 'write', topic), `the server and ${topic}`);
    assert.ok(opens('device', isUp ? 'write' : 'read', topic), `a device and ${topic}`);
    assert.ok(!opens('device', isUp ? 'read' : 'write', topic), `a device and ${topic}, the other way`);
    assert.ok(!opens('device', isUp ? 'write' : 'read', address.replace('{client}', 'another')), `a device and the branch of another`);
  }
});
