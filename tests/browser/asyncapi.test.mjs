// The AsyncAPI document of the MQTT contract, read by the AsyncAPI project's own parser: it must be a valid version 3 document, its
// schema references must resolve, and the golden messages must fit the payload schemas it names.
// Whether it agrees with the Rust code is checked on the Rust side (bridge/protocol/tests/contract/asyncapi.rs).

import assert from 'node:assert/strict';
import { readFile, readdir } from 'node:fs/promises';
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

test('every message of the document has a payload schema and golden messages', async () => {
  const document = await parse();
  const fixtures = await readdir(new URL('fixtures/v1/', protocol));
  for (const message of document.components().messages().all()) {
    const payload = message.payload()?.json();
    assert.equal(payload?.title, message.id(), `${message.id()} names the schema of its own kind`);
    assert.ok(payload.required.includes('body'), `${message.id()} resolves to an envelope`);
    assert.ok(fixtures.some((f) => f.split(/[-.]/)[0] === message.id()), `${message.id()} has a golden message`);
  }
});
