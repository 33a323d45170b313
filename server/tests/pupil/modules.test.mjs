// The pure modules of the class page: what is said in which state, when to reconnect, where to look, what a restart sends.
// Run: node --test server/tests/pupil/

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Ladder } from '../../assets/pupil/ladder.js';
import { pictureIn, placeOfDrag, placeOfStep, placeOfTap } from '../../assets/pupil/look.js';
import { sceneOf, talkKeyOf } from '../../assets/pupil/words.js';

globalThis.MediaStream ??= class {};
const { fragmentOf, withNewCredentials, withSoundRepair } = await import('../../assets/pupil/whep.js');

const robot = {
  camera_on: true, paused: false, carried: false, resting: false, pan_deg: 0, tilt_deg: 0, hand_up: false, feeling: 'none', level: 'normal',
  battery_pct: 80,
};
/** A visit that is going well. */
const well = {
  robot: 'Robin', stage: 'in', refusal: '', reason: '', broken: false, path: 'good', robotHere: true, robotState: robot, robotAge: 100,
  frameAge: 60, soundAge: 20, pictureTime: '11:04', tier: 'video', small: false, trouble: '', wantsRest: false, handUp: false, talking: false, mic: 'ready',
};
const scene = (change = {}) => sceneOf({ ...well, ...change });
const talk = (change = {}) => talkKeyOf({ ...well, ...change }, scene(change));
const words = (s) => [s.chip.text, s.say?.title, ...(s.say?.lines ?? []), s.say?.strong, s.tag].filter(Boolean).join(' | ');

test('live needs a frame that arrived just now, whatever the connection says', () => {
  assert.equal(scene().state, 'live');
  assert.equal(scene({ frameAge: 1501 }).state, 'last-picture');
  assert.equal(scene({ frameAge: null }).state, 'joining');
  assert.equal(scene({ frameAge: 60, broken: true }).state, 'reconnecting');
  for (const change of [{ frameAge: 5000 }, { broken: true }, { robotHere: false }, { frameAge: null }]) {
    assert.notEqual(scene(change).chip.text, 'Live');
  }
});

test('a picture that is not live has its time beside it', () => {
  assert.equal(scene({ frameAge: 9000 }).tag, 'This is the last picture, from 11:04. You can still hear and talk.');
  assert.equal(scene({ frameAge: 9000, soundAge: 9000 }).tag, 'This is the last picture, from 11:04.');
  assert.equal(scene({ frameAge: 9000, mic: 'refused' }).tag, 'This is the last picture, from 11:04. You can still hear.');
  assert.equal(scene({ broken: true, frameAge: 9000 }).tag, 'This is the last picture, from 11:04.');
});

test('what is less than a moving picture is said, and whose side it is, blaming nobody', () => {
  assert.equal(words(scene({ trouble: 'pupil', small: true })), 'Live | The internet where you are is slow just now. The picture is smaller, so that it gets through.');
  assert.equal(words(scene({ tier: 'stills', frameAge: 2400, trouble: 'pupil' })), 'Still pictures | This is the last picture, from 11:04. You can still hear and talk. The internet where you are is slow just now.');
  assert.equal(words(scene({ tier: 'stills', frameAge: 300 })), 'Still pictures');
  assert.equal(scene({ tier: 'audio', frameAge: 30_000 }).chip.text, 'Sound only');
  const dark = scene({ tier: 'audio', frameAge: null, trouble: 'school' });
  assert.deepEqual([dark.state, dark.voice], ['sound-only', true]);
  assert.match(words(dark), /Sound only just now \| The internet at school is slow just now\. \| The picture comes back by itself\./);
  assert.equal(scene({ trouble: 'robot' }).tag, 'Robin is not sending just now.');
  const links = (change) => scene(change).links.map((link) => link.text).join(', ');
  assert.equal(links({ trouble: 'pupil', frameAge: 4000 }), 'You: weak, School: good, Robot: good');
  assert.equal(links({ trouble: 'school' }), 'You: good, School: weak, Robot: good');
  assert.equal(links({ trouble: 'robot' }), 'You: good, School: good, Robot: weak');
  assert.equal(links({ trouble: 'robot', robotState: { ...robot, paused: true } }), 'You: good, School: good, Robot: good');
});

test('every state keeps the seat, and none blames', () => {
  const states = {
    reconnecting: { broken: true, handUp: true }, 'school-away': { robotHere: false }, paused: { robotState: { ...robot, paused: true } },
    carried: { robotState: { ...robot, carried: true } }, resting: { wantsRest: true, robotState: { ...robot, resting: true } },
    waiting: { stage: 'joining', frameAge: null, broken: true, reason: 'The robot is paused.' }, refused: { stage: 'refused', refusal: 'School is over for today.' },
    ended: { stage: 'ended', refusal: '' },
  };
  for (const [state, change] of Object.entries(states)) {
    const s = scene(change);
    assert.equal(s.state, state);
    if (state !== 'resting') assert.match(words(s), /Your seat is kept/, state);
    assert.doesNotMatch(words(s), /error|fail|lost|removed|missed/i, state);
  }
  assert.match(words(scene(states.reconnecting)), /Your hand is still up/);
  assert.match(words(scene(states.paused)), /Robin is paused \| Teachers can do this at any time, for many reasons\./);
});

test('eyes are said to be closed only when the robot says so', () => {
  assert.match(words(scene({ wantsRest: true, robotState: { ...robot, resting: true } })), /eyes are closed/);
  assert.doesNotMatch(words(scene({ wantsRest: true })), /eyes are closed/);
});

test('the Talk key always says who can hear', () => {
  assert.deepEqual([talk().title, talk().small, talk().mic], ['Talk', 'Now only listening', 'listening']);
  assert.deepEqual([talk({ talking: true }).title, talk({ talking: true }).small, talk({ talking: true }).mic], ['Talking', 'The class can hear you', 'talking']);
  assert.equal(talk({ mic: 'refused' }).small, 'The microphone is not allowed');
  assert.deepEqual([talk({ mic: 'soon' }).small, talk({ mic: 'soon' }).disabled], ['The microphone comes in a moment', true]);
  for (const change of [{ broken: true }, { robotHere: false }, { wantsRest: true }, { robotState: { ...robot, paused: true } }]) {
    const key = talk({ talking: true, ...change });
    assert.ok(key.disabled && !key.pressed && key.mic !== 'talking' && key.title === 'Your voice is off');
  }
});

test('the connection in three words', () => {
  const links = (change) => scene(change).links.map((link) => link.text).join(', ');
  assert.equal(links({}), 'You: good, School: good, Robot: good');
  assert.equal(links({ path: 'weak', frameAge: 3000 }), 'You: weak, School: weak, Robot: good');
  assert.equal(links({ robotHere: false }), 'You: good, School: trying again, Robot: away');
  assert.equal(links({ broken: true }), 'You: trying again, School: waiting, Robot: waiting');
  assert.equal(links({ robotState: { ...robot, battery_pct: 9 } }), 'You: good, School: good, Robot: battery low');
  assert.equal(links({ robotAge: 7000 }), 'You: good, School: good, Robot: weak');
});

/** Looks once a quarter of a second and tells when each rung was first reported. */
function climb(connection, until, answers = true) {
  const ladder = new Ladder();
  const seen = [];
  for (let now = 0; now <= until; now += 250) {
    const rung = ladder.look(now, { steady: false, ...connection(now) });
    if (rung === 'renew') ladder.renewing(now, 0.5);
    if (rung === 'restart' && !answers) ladder.unanswered(now);
    if (rung === 'renew' || rung === 'restart' || seen.at(-1)?.split(' ')[0] !== rung) seen.push(`${rung} ${now}`);
  }
  return seen.join(', ');
}

test('2 s show, 4 s restart, 10 s a new connection, then slower and slower', () => {
  const down = (now) => ({ state: 'disconnected', heardAt: 0, hasRestart: true });
  assert.equal(climb(down, 6000), 'wait 0, show 2000, restart 4000, show 4250, restart 6000');
  const attempts = climb(down, 60_000).match(/renew \d+/g).map((rung) => Number(rung.split(' ')[1]));
  assert.deepEqual(attempts, [10_000, 15_000, 21_000, 29_000, 41_000, 53_000]);
});

test('what came steadily and stops is restarted at once, again and again, and sooner where nothing answers', () => {
  const stopped = (now) => ({ state: 'connected', heardAt: 0, steady: true, hasRestart: true });
  assert.equal(climb(stopped, 3000), 'fine 0, restart 500, wait 750, show 2000, restart 2500, show 2750');
  const restarts = climb(stopped, 2000, false).match(/restart \d+/g);
  assert.deepEqual(restarts, ['restart 500', 'restart 1000', 'restart 1500', 'restart 2000']);
  const pauses = (now) => ({ state: 'connected', heardAt: now - (now % 500), steady: true, hasRestart: true });
  assert.equal(climb(pauses, 10_000), 'fine 0', 'a hiccup is none');
  const pausesLonger = (now) => ({ ...pauses(now), heardAt: now - (now % 750) });
  assert.ok(climb(pausesLonger, 10_000).match(/restart/g).length <= 5, 'and a bad network is not asked without end');
});

test('where restarts are not answered, a new connection comes at 4 s, and two that nobody answers are made again at once', () => {
  const stopped = (now) => ({ state: 'connected', heardAt: 0, steady: true, hasRestart: true });
  assert.match(climb(stopped, 5000, false), /renew 4000/);
  const ladder = new Ladder();
  const gone = { state: 'failed', heardAt: 0, steady: false, hasRestart: true };
  const tries = [];
  for (let now = 0; now <= 20_000; now += 100) {
    if (ladder.look(now, gone) !== 'renew') continue;
    ladder.renewing(now, 0.5);
    tries.push(now);
    ladder.unheard(now + 3000);
    now += 3000;
  }
  assert.deepEqual(tries.slice(0, 4), [0, 3400, 6800, 14_800], 'then slower');
});

test('the network coming back is worth a try at once', () => {
  const ladder = new Ladder();
  const stopped = { state: 'connected', heardAt: 0, steady: true, hasRestart: true };
  assert.equal(ladder.look(500, stopped), 'restart');
  assert.equal(ladder.look(600, stopped), 'wait');
  assert.ok(ladder.broken);
  ladder.hurry();
  assert.equal(ladder.look(700, stopped), 'restart');
});

test('without restarts the new connection comes at 4 s; a failed one at once', () => {
  assert.equal(climb(() => ({ state: 'disconnected', heardAt: 0, hasRestart: false }), 4000), 'wait 0, show 2000, renew 4000');
  assert.equal(climb(() => ({ state: 'failed', heardAt: 0, hasRestart: true }), 0), 'renew 0');
});

test('silence counts even while the browser calls it connected, and what comes back ends it', () => {
  assert.equal(climb(() => ({ state: 'connected', heardAt: 0, hasRestart: true }), 4000), 'fine 0, show 3750, restart 4000');
  const short = (now) => ({ state: now > 1000 && now < 2500 ? 'disconnected' : 'connected', heardAt: now, hasRestart: true });
  assert.equal(climb(short, 4000), 'fine 0, wait 1250, fine 2500');
});

/** A connection whose statistics say what is put into them. */
function statistics() {
  const video = { type: 'inbound-rtp', kind: 'video', framesDecoded: 0, freezeCount: 0, totalFreezesDuration: 0, packetsReceived: 0 };
  return { video, peer: { getStats: async () => new Map([['video', video]]) } };
}

test('freezes count while a moving picture is expected, and not what a rest looks like', async (t) => {
  let now = 10_000;
  t.mock.method(performance, 'now', () => now);
  const [{ Watch }, { video, peer }] = [await import('../../assets/pupil/watch.js'), statistics()];
  const watch = new Watch();
  const look = async (seconds, change) => {
    now += seconds * 1000;
    Object.assign(video, change);
    video.framesDecoded += 1;
    video.packetsReceived += 10;
    await watch.look(peer);
  };
  watch.fresh();
  await look(1, {});
  assert.deepEqual(watch.frozen, { freezes: 0, frozen_ms: 0 }, 'none so far');
  await look(1, { freezeCount: 1, totalFreezesDuration: 0.5 });
  assert.deepEqual(watch.frozen, { freezes: 0, frozen_ms: 0 }, 'the robot was asleep');
  watch.expect(true);
  await look(3, { freezeCount: 3, totalFreezesDuration: 1.3 });
  assert.deepEqual(watch.frozen, { freezes: 2, frozen_ms: 800 });
  watch.expect(false);
  watch.expect(true);
  await look(5, { freezeCount: 4, totalFreezesDuration: 61.3 });
  assert.deepEqual(watch.frozen, { freezes: 2, frozen_ms: 800 }, 'a minute of rest');
  // Another connection: the gap between the two is a freeze, and the browser counts anew.
  watch.fresh();
  assert.equal(watch.frozen, null);
  await look(2, { freezeCount: 0, totalFreezesDuration: 0, framesDecoded: 0, packetsReceived: 0 });
  assert.deepEqual(watch.frozen, { freezes: 1, frozen_ms: 2000 });
});

test('tap, drag and steps point the head, within its limits', () => {
  const ahead = { pan_deg: 0, tilt_deg: 0 };
  assert.deepEqual(placeOfTap(ahead, { x: 1, y: 0.5 }), { pan_deg: 30, tilt_deg: 0 });
  assert.deepEqual(placeOfTap(ahead, { x: 0.5, y: 0 }), { pan_deg: 0, tilt_deg: 18 });
  assert.deepEqual(placeOfDrag(ahead, { x: 0.25, y: 0 }), { pan_deg: -15, tilt_deg: 0 });
  assert.deepEqual(placeOfStep({ pan_deg: 165, tilt_deg: 18 }, 'right'), { pan_deg: 170, tilt_deg: 18 });
  assert.deepEqual(placeOfStep({ pan_deg: 165, tilt_deg: 18 }, 'up'), { pan_deg: 165, tilt_deg: 20 });
  assert.deepEqual(placeOfStep({ pan_deg: 165, tilt_deg: -18 }, 'ahead'), ahead);
});

test('a picture fitted into its box leaves bars that are no picture', () => {
  const box = { left: 10, top: 20, width: 640, height: 640 };
  assert.deepEqual(pictureIn(box, 640, 360), { left: 10, top: 160, width: 640, height: 360 });
  assert.deepEqual(pictureIn(box, 0, 0), box);
});

test('lost sound is asked for again, once, and only where there is Opus', () => {
  const offer = ['m=audio 9 UDP/TLS/RTP/SAVPF 63 111', 'a=rtpmap:63 red/48000/2', 'a=rtpmap:111 opus/48000/2', 'a=rtcp-fb:111 transport-cc', 'a=fmtp:111 useinbandfec=1', ''].join('\r\n');
  const repaired = withSoundRepair(offer);
  assert.equal(repaired, offer.replace('opus/48000/2\r\n', 'opus/48000/2\r\na=rtcp-fb:111 nack\r\n'));
  assert.equal(withSoundRepair(repaired), repaired);
  assert.equal(withSoundRepair('m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=rtpmap:96 VP8/90000\r\n'), 'm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=rtpmap:96 VP8/90000\r\n');
});

test('a restart sends credentials of the first medium and puts the answer into every medium', () => {
  const offer = ['v=0', 'a=group:BUNDLE 0 1', 'm=video 9 UDP/TLS/RTP/SAVPF 96', 'a=ice-ufrag:new', 'a=ice-pwd:secret', 'a=mid:0', 'm=audio 9 UDP/TLS/RTP/SAVPF 111', 'a=ice-ufrag:new', 'a=ice-pwd:secret', 'a=mid:1'].join('\r\n');
  assert.equal(fragmentOf(offer), 'a=group:BUNDLE 0 1\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:0\r\na=ice-ufrag:new\r\na=ice-pwd:secret\r\n');
  const answer = ['m=video', 'a=ice-ufrag:a', 'a=ice-pwd:b', 'a=candidate:1', 'm=audio', 'a=ice-ufrag:a', 'a=ice-pwd:b'].join('\r\n');
  const fragment = 'a=ice-ufrag:c\r\na=ice-pwd:d\r\na=candidate:2\r\n';
  assert.equal(withNewCredentials(answer, fragment), ['m=video', 'a=ice-ufrag:c', 'a=ice-pwd:d', 'a=candidate:2', 'm=audio', 'a=ice-ufrag:c', 'a=ice-pwd:d'].join('\r\n'));
  assert.equal(withNewCredentials(answer, 'nothing of use'), answer);
});
