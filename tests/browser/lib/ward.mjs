// A hospital's network: a network namespace ("the ward") that reaches this machine only through another one, whose firewall drops
// silently what it does not let through. Nothing of this machine's own rules is touched. The ward has two networks and is in one of them at
// a time, as a tablet is in Wi-Fi or in a mobile network. Needs root, iproute2 and nftables.

import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const PATH = `${process.env.PATH}:/usr/sbin:/sbin`;
const run = (/** @type {string} */ program, /** @type {string[]} */ args, /** @type {string} */ input = '') =>
  execFileSync(program, args, { input, encoding: 'utf8', env: { ...process.env, PATH }, stdio: ['pipe', 'pipe', 'pipe'] });

/** What the firewall lets through beside what answers it. */
const RULES = {
  /** Any TCP, no UDP: the usual guest network. */
  'any tcp': () => 'meta l4proto tcp accept',
  /** Everything, as at home. */
  everything: () => 'accept',
  /** @param {{https: number, port: number}} to */
  'one tcp port beside the pages': ({ https, port }) => `tcp dport { ${https}, ${port} } accept`,
  /** @param {{https: number, port: number}} to */
  'one udp port beside the pages': ({ https, port }) => `tcp dport ${https} accept; udp dport ${port} accept`,
};

/**
 * @typedef {object} Ward
 * @property {string} outside this machine's address as the ward sees it
 * @property {string} inUrl the same as a URL has it
 * @property {string} chromium path of a program that runs Chromium inside
 * @property {(name: string, program: string) => string} inside path of a program of this name that runs that one inside
 * @property {(rule: keyof typeof RULES, to?: {https: number, port: number}) => void} letThrough
 * @property {(shown: string) => void} translate the ward knows this machine by the address `shown` alone, and it the ward by the firewall's
 *   (NAT both ways), until the next `letThrough`
 * @property {(pct: number) => void} lose drops so many of a hundred packets of UDP, each way, until the next `letThrough`
 * @property {() => {udp: number, tcp: number}} dropped packets since the last `letThrough`
 * @property {() => number} leave takes the ward's network away, with its address; returns when that was (Date.now())
 * @property {(network: 0|1) => number} enter gives the ward this network; returns when it was there
 * @property {(rate: string|null, way?: 'in'|'out') => void} narrow holds what comes in, or goes out, to this rate ("200kbit") with a queue
 *   of 300 ms; `null`: no more
 * @property {(ms: number) => Promise<() => Promise<void>>} slow puts the ward behind a link in which each packet takes so long each way;
 *   returns what ends it
 * @property {() => void} tearDown
 */

/**
 * @param {{six?: boolean}} [options] six: IPv6 and nothing else
 * @returns {Ward}
 */
export function build({ six = false } = {}) {
  if (process.getuid?.() !== 0) {
    throw new Error('A network that drops UDP needs root: run this story as root, for one in a container with NET_ADMIN and SYS_ADMIN.');
  }
  // Addresses for tests of networks (RFC 2544), or of one's own (RFC 4193); the process id keeps two runs apart.
  const [net, short, all] = six ? [`fd57:5ea7:${(process.pid % 250).toString(16)}:`, '126', '124'] : [`198.18.${process.pid % 250}`, '30', '28'];
  const at = (/** @type {number} */ n) => (six ? `${net}:${n.toString(16)}` : `${net}.${n}`);
  const ip = six ? 'ip6' : 'ip';
  const [host, gate] = [at(1), at(2)];
  /** Each is a link of its own, with the firewall's door at one end and the ward's bed at the other. */
  const networks = [
    { link: 'in', door: at(5), device: 'eth0', bed: at(6) },
    { link: 'in2', door: at(9), device: 'eth1', bed: at(10) },
  ];
  const id = process.pid % 100_000;
  const [firewall, ward] = [`ws-gate-${id}`, `ws-ward-${id}`];
  const inside = (/** @type {string} */ space, /** @type {string[]} */ ...args) => run('ip', ['-n', space, ...args]);
  // Nobody else has these addresses: IPv6 need not ask for a second whether somebody does.
  const address = (/** @type {string} */ own) => ['addr', 'add', `${own}/${short}`, ...(six ? ['nodad'] : [])];
  const folder = mkdtempSync(join(tmpdir(), 'windowseat-ward-'));
  const tearDown = () => {
    // The link first: with its namespace alone it would go some time later, in the way of the next ward.
    for (const gone of [['link', 'del', `wsh${id}`], ['netns', 'del', ward], ['netns', 'del', firewall]]) {
      try {
        run('ip', gone);
      } catch {
        // It was not made.
      }
    }
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    for (const space of [firewall, ward]) {
      run('ip', ['netns', 'add', space]);
      // An IPv6 address is announced about a second after its link: to Chromium a changed network, which ends every request under way.
      run('ip', ['netns', 'exec', space, 'sh', '-c', 'for each in /proc/sys/net/ipv6/conf/*/disable_ipv6; do [ ! -e $each ] || echo 1 > $each; done']);
      if (six) run('ip', ['netns', 'exec', space, 'sh', '-c', 'echo 0 > /proc/sys/net/ipv6/conf/all/disable_ipv6; echo 0 > /proc/sys/net/ipv6/conf/default/disable_ipv6']);
      inside(space, 'link', 'set', 'lo', 'up');
    }
    run('ip', ['link', 'add', `wsh${id}`, 'type', 'veth', 'peer', 'name', 'out', 'netns', firewall]);
    run('ip', [...address(host), 'dev', `wsh${id}`]);
    run('ip', ['link', 'set', `wsh${id}`, 'up']);
    inside(firewall, ...address(gate), 'dev', 'out');
    inside(firewall, 'link', 'set', 'out', 'up');
    for (const { link, door, device } of networks) {
      inside(firewall, 'link', 'add', link, 'type', 'veth', 'peer', 'name', device, 'netns', ward);
      inside(firewall, ...address(door), 'dev', link);
      inside(firewall, 'link', 'set', link, 'up');
      // Both links stay up, for the kernel tells of one that comes up to a second late; a network without an address is none.
      inside(ward, 'link', 'set', device, 'up');
    }
    /** @type {typeof networks[number]|null} */
    let here = null;
    const leave = () => {
      if (here) inside(ward, 'addr', 'flush', 'dev', here.device);
      here = null;
      return Date.now();
    };
    const enter = (/** @type {0|1} */ network) => {
      const before = here;
      const { bed, device, door } = here = networks[network];
      inside(ward, ...address(bed), 'dev', device);
      inside(ward, ...(six ? ['-6'] : []), 'route', 'replace', 'default', 'via', door);
      const there = Date.now();
      // The new one is there before the old one goes.
      if (before) inside(ward, 'addr', 'flush', 'dev', before.device);
      return there;
    };
    enter(0);
    // To Chromium an address that is announced later is a changed network, which ends every request under way.
    for (let n = 0; six && n < 50; n += 1) {
      const [own, early] = [['scope', 'link'], ['tentative']].map((kind) => inside(ward, '-6', '-o', 'addr', 'show', ...kind).split('\n').length - 1);
      if (own >= networks.length && early === 0) break;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
    }
    run('ip', [...(six ? ['-6'] : []), 'route', 'add', `${at(0)}/${all}`, 'via', gate]);
    run('ip', ['netns', 'exec', firewall, 'sh', '-c', `echo 1 > /proc/sys/net/${six ? 'ipv6/conf/all/forwarding' : 'ipv4/ip_forward'}`]);
    const nft = (/** @type {string} */ rules) => run('ip', ['netns', 'exec', firewall, 'nft', '-f', '-'], rules);
    const runInside = (/** @type {string} */ name, /** @type {string} */ program) => {
      const path = join(folder, name);
      writeFileSync(path, `#!/bin/sh\nPATH="${PATH}" exec ip netns exec ${ward} ${program} "$@"\n`);
      chmodSync(path, 0o755);
      return path;
    };
    return {
      outside: host,
      inUrl: six ? `[${host}]` : host,
      chromium: runInside('chromium', process.env.CHROMIUM ?? '/usr/bin/chromium'),
      inside: runInside,
      letThrough: (rule, to = { https: 0, port: 0 }) => {
        const rules = `flush ruleset
          table ${ip} firewall {
            counter dropped_udp {}
            counter dropped_tcp {}
            chain forward {
              type filter hook forward priority 0; policy drop;
              ${networks.map(({ link, bed }) => `iifname ${link} ${ip} saddr != ${bed} drop`).join('; ')}
              ${RULES[rule](to)}
              ${ip} saddr ${host} accept
              meta l4proto udp counter name dropped_udp drop
              meta l4proto tcp counter name dropped_tcp drop
            }
          }`;
        nft(rules);
      },
      translate: (shown) => nft(`table ${ip} translation {
          chain to { type nat hook prerouting priority dstnat; ${ip} daddr ${shown} dnat to ${host}; ${ip} daddr ${host} drop; }
          chain from { type nat hook postrouting priority srcnat; oifname out masquerade; }
        }`),
      lose: (pct) => nft(`table ${ip} losses {
          chain forward { type filter hook forward priority -10; meta l4proto udp numgen random mod 100 < ${pct} drop; }
        }`),
      dropped: () => {
        const { nftables } = JSON.parse(run('ip', ['netns', 'exec', firewall, 'nft', '-j', 'list', 'counters']));
        const of = (/** @type {string} */ name) => nftables.find((entry) => entry.counter?.name === `dropped_${name}`).counter.packets;
        return { udp: of('udp'), tcp: of('tcp') };
      },
      leave,
      enter,
      narrow: (rate, way = 'in') => {
        const shaper = rate === null ? ['del', 'dev', way, 'root'] : ['replace', 'dev', way, 'root', 'tbf', 'rate', rate, 'burst', '6kb', 'latency', '300ms'];
        run('ip', ['netns', 'exec', firewall, 'tc', 'qdisc', ...shaper]);
      },
      slow: async (ms) => {
        const link = spawn('ip', ['netns', 'exec', firewall, 'python3', fileURLToPath(new URL('slow.py', import.meta.url)), ward, String(ms)], { env: { ...process.env, PATH }, stdio: ['pipe', 'pipe', 'inherit'] });
        const ended = new Promise((resolve) => link.on('close', resolve));
        await new Promise((resolve, reject) => {
          link.stdout.once('data', resolve);
          link.once('close', (code) => reject(new Error(`the slow link ended with ${code}`)));
        });
        for (const [space, own] of [[firewall, at(13)], [ward, at(14)]]) {
          inside(space, ...address(own), 'dev', 'slow');
          inside(space, 'link', 'set', 'slow', 'up');
        }
        leave();
        inside(ward, 'route', 'replace', 'default', 'via', at(13));
        return async () => {
          link.stdin.end();
          await ended;
        };
      },
      tearDown,
    };
  } catch (error) {
    tearDown();
    throw new Error(`The ward's network could not be built (${error.stderr || error}): iproute2 and nftables must be installed, and root needs NET_ADMIN and SYS_ADMIN.`);
  }
}

/**
 * Why no such network can be made here, for one in a container without rights; `false` if it can. Stories that need one are then left
 * out, and say so.
 */
export const impossible = (() => {
  try {
    build().tearDown();
    return false;
  } catch (error) {
    return String(error.message);
  }
})();
