// An existing TURN server: Debian's coturn with a throw-away certificate, on free ports of one address, knowing one shared secret.

import { execFileSync, spawn } from 'node:child_process';
import { createHash, X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from './browser.mjs';

const SECRET = 'the secret that server and coturn share';

/**
 * Below those that the kernel gives to connections, so that none takes it before coturn does.
 * @param {string} address @returns {Promise<number>}
 */
const freePort = (address) =>
  new Promise((resolve) => {
    const port = 12_000 + Math.floor(Math.random() * 20_000);
    const server = createServer();
    server.on('error', () => resolve(freePort(address)));
    server.listen(port, address, () => server.close(() => resolve(port)));
  });

/** @param {string} host @param {number} port @returns {Promise<boolean>} */
const takes = (host, port) =>
  new Promise((resolve) => {
    const socket = connect({ host, port }, () => (socket.destroy(), resolve(true)));
    socket.on('error', () => resolve(false));
  });

/** @param {string} address where it listens and relays from */
export async function startCoturn(address) {
  const folder = mkdtempSync(join(tmpdir(), 'windowseat-turn-'));
  const [port, tlsPort] = [await freePort(address), await freePort(address)];
  const [key, cert, secretFile] = ['key.pem', 'cert.pem', 'secret'].map((name) => join(folder, name));
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-keyout', key, '-out', cert, '-subj', `/CN=${address}`, '-addext', `subjectAltName=IP:${address}`], { stdio: 'ignore' });
  writeFileSync(secretFile, `${SECRET}\n`, { mode: 0o600 });
  const config = join(folder, 'turnserver.conf');
  writeFileSync(config, [
    `listening-ip=${address}`, `relay-ip=${address}`, `listening-port=${port}`, `tls-listening-port=${tlsPort}`,
    'use-auth-secret', `static-auth-secret=${SECRET}`, 'realm=hospital.example', 'fingerprint', 'no-cli', 'no-dtls',
    `cert=${cert}`, `pkey=${key}`, `pidfile=${join(folder, 'pid')}`, `userdb=${join(folder, 'turn.db')}`,
    'log-file=stdout', 'simple-log', 'verbose',
  ].join('\n') + '\n');
  let log = '';
  const child = spawn('turnserver', ['-c', config], { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` } });
  const failed = new Promise((resolve) => child.on('error', resolve));
  const ended = Promise.race([failed, new Promise((resolve) => child.on('close', resolve))]);
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => { log += chunk; });
  const stop = async () => {
    child.kill('SIGTERM');
    await ended;
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await until('coturn takes connections', async () => child.exitCode === null && (await takes(address, port)) && takes(address, tlsPort));
  } catch (error) {
    await stop();
    throw new Error(`coturn did not start: ${error}\n${log}`);
  }
  const der = new X509Certificate(readFileSync(cert)).publicKey.export({ type: 'spki', format: 'der' });
  return {
    secretFile,
    port,
    tlsPort,
    urls: [`turn:${address}:${port}?transport=udp`, `turn:${address}:${port}?transport=tcp`, `turns:${address}:${tlsPort}?transport=tcp`],
    /** For Chromium, which is to trust this one certificate. */
    spki: createHash('sha256').update(der).digest('base64'),
    log: () => log,
    stop,
  };
}
