// A server whose database holds nothing, as an authority begins with it: no demonstration, no broker that answers, and the code that only
// its operator can read.

import { execFile, spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { PROGRAM } from './product.mjs';

const READY_WITHIN_MS = 60_000;
const STOPPED_WITHIN_MS = 8_000;

/** @returns {Promise<{url: string, code: string, stop: () => Promise<number|null>}>} */
export async function startEmpty() {
  const folder = await mkdtemp(join(tmpdir(), 'windowseat-empty-'));
  const config = join(folder, 'server.toml');
  const key = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' });
  await writeFile(join(folder, 'grant.pem'), key, { mode: 0o600 });
  // Nothing listens there: pages need no broker.
  const settings = { database: join(folder, 'windowseat.db'), grant_key_file: join(folder, 'grant.pem'), public_url: 'http://127.0.0.1' };
  await writeFile(config, `${Object.entries(settings).map(([name, value]) => `${name} = ${JSON.stringify(value)}`).join('\n')}\n[mqtt]\nurl = "mqtt://127.0.0.1:9"\nusername = "server"\n`);
  const child = spawn(PROGRAM, ['server', '--config', config, '--http', '127.0.0.1:0'], { stdio: ['ignore', 'pipe', 'pipe'] });
  let log = '';
  const ended = new Promise((resolve) => child.on('close', resolve));
  const stop = async () => {
    if (child.exitCode === null) child.kill('SIGINT');
    const hard = setTimeout(() => child.kill('SIGKILL'), STOPPED_WITHIN_MS);
    const code = await ended;
    clearTimeout(hard);
    await rm(folder, { recursive: true, force: true });
    return code;
  };
  try {
    const url = await new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`not ready after ${READY_WITHIN_MS / 1000} s\n${log}`)), READY_WITHIN_MS);
      const read = (/** @type {Buffer} */ chunk) => {
        log += chunk;
        const at = log.match(/listens at (http:\/\/\S+?:\d+)/)?.[1];
        if (at) {
          clearTimeout(late);
          resolve(at);
        }
      };
      child.on('error', reject);
      child.on('close', (code) => reject(new Error(`ended with ${code} before it was ready\n${log}`)));
      child.stdout.on('data', read);
      child.stderr.on('data', read);
    });
    const { stdout } = await promisify(execFile)(PROGRAM, ['server', '--config', config, '--first-code']);
    return { url, code: stdout.trim(), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
