// Starts the real program with its own folder and free ports, reads from its welcome how to reach it, and stops it.
// One product a test file; nothing is shared and nothing is faked.

import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const PROGRAM = process.env.WINDOWSEAT ?? fileURLToPath(new URL('../../../target/release/windowseat', import.meta.url));
/** Tuesday, a few minutes into science: no story ever crosses the end of a lesson, whenever the tests run. */
export const SCHOOL_TIME = '2026-11-24T08:54';
/** A first start makes keys and fills the database. */
const READY_WITHIN_MS = 60_000;
/** Ctrl-C promises five seconds; a busy machine gets some more before the test fails. */
const STOPPED_WITHIN_MS = 8_000;

/**
 * @typedef {object} Product
 * @property {string} url its pages on this machine
 * @property {string} https the same by HTTPS, with the certificate it made
 * @property {string} pairing path and keyword of the first pupil's pairing link, "/pair#…"
 * @property {Record<string, {email: string, password: string}>} staff by role
 * @property {Record<string, string>} robots address of each robot's own page, by name
 * @property {Record<string, string>} secrets of the devices at the broker, by user
 * @property {string} welcome what it printed
 * @property {{address: string, user: string, secret: string}} mqtt the embedded broker, and the user who may look
 * @property {() => string} log what it logged so far
 * @property {() => Promise<number|null>} stop resolves with the exit code
 * @property {() => Promise<string>} kill as a power cut would; resolves with the folder that is left, to start from again
 */

/**
 * @param {{here?: string, https?: string, extra?: string[], left?: string, at?: string}} [options] its address on this machine, where the
 *   network reaches it, more arguments, the folder that a killed one left, and the school's time to start at
 * @returns {Promise<Product>}
 */
export async function start({ here = '127.0.0.1', https = '127.0.0.1:0', extra = [], left, at = SCHOOL_TIME } = {}) {
  const data = left ?? await mkdtemp(join(tmpdir(), 'windowseat-'));
  const anywhere = ['--http', `${here}:0`, '--https', https, '--mqtt', `${here}:0`, '--media-port', '0'];
  const child = spawn(PROGRAM, ['up', '--data', data, '--at', at, ...anywhere, ...extra], { stdio: ['ignore', 'pipe', 'pipe'] });
  let [welcome, log] = ['', ''];
  const ended = new Promise((resolve) => child.on('close', resolve));
  const stop = async () => {
    if (child.exitCode === null) child.kill('SIGINT');
    const hard = setTimeout(() => child.kill('SIGKILL'), STOPPED_WITHIN_MS);
    const code = await ended;
    clearTimeout(hard);
    await rm(data, { recursive: true, force: true });
    return code;
  };
  try {
    await new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`not ready after ${READY_WITHIN_MS / 1000} s\n${log}`)), READY_WITHIN_MS);
      child.on('error', reject);
      child.on('close', (code) => reject(new Error(`ended with ${code} before it was ready\n${log}`)));
      child.stderr.on('data', (chunk) => { log += chunk; });
      child.stdout.on('data', (chunk) => {
        welcome += chunk;
        if (/^ +Everything kept .*\n/m.test(welcome)) {
          clearTimeout(late);
          resolve(undefined);
        }
      });
    });
  } catch (error) {
    await stop();
    throw error;
  }
  const found = (/** @type {RegExp} */ pattern) => {
    const match = welcome.match(pattern);
    if (!match) throw new Error(`the welcome does not say ${pattern}:\n${welcome}`);
    return match[1];
  };
  const secrets = await readFile(join(data, 'demo-sign-ins.toml'), 'utf8');
  if (secrets.length === 0) throw new Error('the sign-ins are not kept');
  const devices = await readFile(join(data, 'keys/devices.toml'), 'utf8');
  const [, address, user] = welcome.match(/mqtt:\/\/(\S+) user (\S+)/) ?? [];
  const httpsPort = found(/Tablet or phone +https:\/\/[^/]+:(\d+)\//);
  const staff = Object.fromEntries(
    [...welcome.matchAll(/^ {4}(\S.{0,16}\S) +(\S+@\S+) +(\S+)$/gm)].map(([, role, email, password]) => [role.trim().toLowerCase(), { email, password }]),
  );
  return {
    url: found(/On this machine +(\S+?)\/?$/m),
    https: `https://127.0.0.1:${httpsPort}`,
    pairing: found(/Pupil's tablet +https:\/\/[^/]+(\/\S+)$/m),
    staff,
    robots: Object.fromEntries([...welcome.matchAll(/^ +Robot (\S+) +(http:\S+)$/gm)].map(([, name, url]) => [name, url])),
    mqtt: { address, user, secret: devices.match(new RegExp(`^"?${user}"? = "(.+)"$`, 'm'))?.[1] ?? '' },
    secrets: Object.fromEntries([...devices.matchAll(/^"?([^"\s]+)"? = "(.+)"$/gm)].map(([, name, secret]) => [name, secret])),
    welcome,
    log: () => log,
    stop,
    kill: async () => {
      child.kill('SIGKILL');
      await ended;
      return data;
    },
  };
}
