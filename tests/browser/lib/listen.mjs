// Listens to the embedded broker with Debian's mosquitto_sub: what a bridge really said, by somebody else's client.

import { spawn } from 'node:child_process';

/**
 * @param {import('./product.mjs').Product} product
 * @param {string} filter
 */
export function listen({ mqtt }, filter) {
  const [host, port] = mqtt.address.split(':');
  const credentials = ['-u', mqtt.user, '-P', mqtt.secret];
  const child = spawn('mosquitto_sub', ['-V', 'mqttv5', '-h', host, '-p', port, ...credentials, '-q', '1', '-F', '%j', '-t', filter]);
  /** @type {{topic: string, payload: any, at: number}[]} */
  const messages = [];
  let rest = '';
  child.stdout.on('data', (chunk) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      const { topic, payload } = JSON.parse(line);
      messages.push({ topic, payload: typeof payload === 'string' ? JSON.parse(payload) : payload, at: Date.now() });
    }
  });
  return { messages, stop: () => child.kill() };
}
