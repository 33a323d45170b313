// Another robot in the place of a built-in one, which is switched off: a program of its own that shows a file, in the codec of the file, or
// what the built-in one shows.

import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from './browser.mjs';
import { PROGRAM, SCHOOL_TIME } from './product.mjs';

/**
 * @param {import('./product.mjs').Product} product
 * @param {{id: string, name: string, video?: string, program?: string, said?: string}} which `program` runs ours somewhere else, as in a
 *   ward, where its own page is not reached: what is to be waited for in its log is `said`
 */
export async function standIn(product, { id, name, video, program = PROGRAM, said }) {
  await fetch(`${product.robots[name]}fault/off`, { method: 'POST' });
  const folder = await mkdtemp(join(tmpdir(), 'windowseat-robot-'));
  const [config, password] = [join(folder, 'robot.toml'), join(folder, 'password')];
  await writeFile(password, product.secrets[id], { mode: 0o600 });
  await writeFile(config, `robot_id = "${id}"\nname = "${name}"\n[mqtt]\nurl = "mqtt://${product.mqtt.address}"\npassword_file = "${password}"\n`);
  const child = spawn(program, ['robot', '--config', config, ...(video ? ['--video', video] : []), '--at', SCHOOL_TIME], { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, RUST_LOG: 'warn,firmware_sim=info,windowseat=info' } });
  let log = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => { log += chunk; });
  const ended = new Promise((resolve) => child.on('close', resolve));
  const stop = async () => {
    child.kill('SIGINT');
    const code = await ended;
    await rm(folder, { recursive: true, force: true });
    return code;
  };
  try {
    const page = await until('its own page', async () => log.match(/http:\/\/[^/\s]+\//)?.[0]);
    const state = async () => (await fetch(`${page}state.json`)).json();
    await until('the robot is at the bridge', async () => (said ? log.includes(said) : (await state()).bridge_here));
    return { state, stop, log: () => log };
  } catch (error) {
    await stop();
    throw new Error(`the robot did not come: ${error}\n${log}`);
  }
}
