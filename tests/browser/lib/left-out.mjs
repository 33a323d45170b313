// A reporter of node --test beside the usual one: names the stories that were not run, and why, when all the others were. Nothing, if all ran.

/** @param {AsyncIterable<{type: string, data: {name: string, file?: string, skip?: string | boolean, details?: {type?: string}}}>} events */
export default async function* leftOut(events) {
  /** @type {Map<string, string[]>} */
  const why = new Map();
  for await (const { type, data } of events) {
    if (type !== 'test:pass' || data.skip === undefined || data.skip === false) continue;
    const reason = typeof data.skip === 'string' && data.skip ? data.skip : 'no reason is given';
    const file = data.file?.split('/').at(-1);
    why.set(reason, [...(why.get(reason) ?? []), file ? `${file}: ${data.name}` : data.name]);
  }
  const count = [...why.values()].reduce((sum, names) => sum + names.length, 0);
  if (count === 0) return;
  yield `\n!!! NOT RUN: ${count} ${count === 1 ? 'story' : 'stories'}. What they prove is not proved by this run.\n`;
  for (const [reason, names] of why) {
    yield `!!! Because: ${reason}\n`;
    for (const name of names) yield `!!!   ${name}\n`;
  }
}
