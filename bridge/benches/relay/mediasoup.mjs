// The same load through mediasoup, to compare with: node mediasoup.mjs FOLDER, where `npm install mediasoup` was run in FOLDER.
//
// Asked and answered in lines of JSON, as child.rs writes them. A robot's connection produces picture and sound, a tablet's consumes them
// and produces the voice. The picture is called H265 to mediasoup: of VP8 it would wait for a key frame, which the load's noise has none of.

import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';

const [OPUS, VIDEO, RTX] = [111, 96, 97];
const [AUDIO_SSRC, VIDEO_SSRC] = process.argv.slice(3).map(Number);
const TRANSPORT_CC = 'http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01';

const mediasoup = createRequire(resolve(process.argv[2] ?? '.', 'x.js'))('mediasoup');
const worker = await mediasoup.createWorker({ logLevel: 'error' });
worker.on('died', () => process.exit(1));

const video = { kind: 'video', mimeType: 'video/H265', clockRate: 90000 };
const audio = { kind: 'audio', mimeType: 'audio/opus', clockRate: 48000, channels: 2 };
const router = await worker.createRouter({
  mediaCodecs: [{ ...audio, preferredPayloadType: OPUS }, { ...video, preferredPayloadType: VIDEO }],
});
// Everything that it can do but congestion feedback on the way to the tablet, so it does a little less than the bridge.
const rtpCapabilities = { codecs: router.rtpCapabilities.codecs, headerExtensions: [] };

/** Robots by their id. */
const robots = new Map();

/** A connection for this offer, and what is answered when its streams are known. */
async function connect(offer) {
  const transport = await router.createWebRtcTransport({ listenIps: [{ ip: '127.0.0.1' }], enableUdp: true, enableTcp: false });
  const line = (name) => offer.match(new RegExp(`^a=${name}:(.*?)\\r?$`, 'm'))[1];
  const [algorithm, value] = line('fingerprint').split(' ');
  await transport.connect({ dtlsParameters: { role: line('setup') === 'active' ? 'client' : 'server', fingerprints: [{ algorithm, value }] } });
  return transport;
}

function answer(transport, consumers) {
  const [candidate] = transport.iceCandidates;
  const { usernameFragment, password } = transport.iceParameters;
  const ssrcs = consumers.map((consumer) => `a=ssrc:${consumer.rtpParameters.encodings[0].ssrc} cname:m`);
  return [`a=ice-ufrag:${usernameFragment}`, `a=ice-pwd:${password}`, `a=candidate:1 1 udp 1 ${candidate.ip} ${candidate.port} typ host`, ...ssrcs, ''].join('\r\n');
}

function produce(transport, codec, payloadType, ssrc) {
  const { kind, ...named } = codec;
  const rtcpFeedback = kind === 'video' ? [{ type: 'nack' }, { type: 'nack', parameter: 'pli' }, { type: 'transport-cc' }] : [];
  const codecs = [{ ...named, payloadType, rtcpFeedback }];
  if (kind === 'video') codecs.push({ mimeType: 'video/rtx', clockRate: 90000, payloadType: RTX, parameters: { apt: payloadType } });
  return transport.produce({
    kind,
    rtpParameters: { codecs, encodings: [{ ssrc }], headerExtensions: [{ uri: TRANSPORT_CC, id: 3 }], rtcp: { cname: String(ssrc) } },
  });
}

async function take(ask) {
  if (ask.Publish) {
    const transport = await connect(ask.Publish.offer);
    const streams = [await produce(transport, audio, OPUS, AUDIO_SSRC), await produce(transport, video, VIDEO, VIDEO_SSRC)];
    robots.set(ask.Publish.robot, { transport, streams });
    return answer(transport, []);
  }
  const transport = await connect(ask.Subscribe.offer);
  const robot = robots.get(ask.Subscribe.robot);
  const consumers = await Promise.all(robot.streams.map((stream) => transport.consume({ producerId: stream.id, rtpCapabilities })));
  const voice = await produce(transport, audio, OPUS, AUDIO_SSRC);
  await robot.transport.consume({ producerId: voice.id, rtpCapabilities });
  return answer(transport, consumers);
}

for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify({ Answer: await take(JSON.parse(line)) }));
}
worker.close();
