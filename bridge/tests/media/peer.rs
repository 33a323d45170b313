//! A WebRTC client small enough to misbehave on purpose: it can start anywhere in the sequence space, send a packet twice,
//! alter it, or show another certificate. Its SRTP is `rtc-srtp`'s, not the engine's.

use std::collections::{HashSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use rtc_crypto::{HashAlgorithm, RTCCryptoProvider};
use rtc_datachannel::data_channel::{DataChannel, DataChannelConfig};
use rtc_dtls::config::{ClientAuthType, ConfigBuilder};
use rtc_dtls::crypto::Certificate;
use rtc_dtls::endpoint::{Endpoint, EndpointEvent};
pub use rtc_dtls::extension::extension_use_srtp::SrtpProtectionProfile as Profile;
use rtc_sctp::{
    Association, AssociationHandle, ClientConfig, DatagramEvent, Event, Payload, PayloadProtocolIdentifier as Ppi, StreamEvent,
    TransportConfig,
};
use rtc_shared::TransportProtocol;
use rtc_srtp::config::{Config, LABEL_EXTRACTOR_DTLS_SRTP};
use rtc_srtp::context::Context;
use rtc_srtp::option::{srtcp_replay_protection, srtp_replay_protection};
use rtc_srtp::protection_profile::ProtectionProfile;
use rtc_stun::attributes::{ATTR_ICE_CONTROLLING, ATTR_PRIORITY, ATTR_USE_CANDIDATE, ATTR_USERNAME};
use rtc_stun::fingerprint::FINGERPRINT;
use rtc_stun::integrity::MessageIntegrity;
use rtc_stun::message::{BINDING_REQUEST, BINDING_SUCCESS, Message, TransactionId};
use rtc_stun::textattrs::TextAttribute;
use rtc_stun::xoraddr::XorMappedAddress;
use sansio::Protocol;

#[path = "framed.rs"]
pub mod framed;
#[path = "pieces.rs"]
pub mod pieces;

use framed::Framed;
use pieces::Pieces;

/// Payload types and SSRCs of every peer here.
pub const OPUS: u8 = 111;
pub const VP8: u8 = 96;
pub const RTX: u8 = 97;
pub const AUDIO_SSRC: u32 = 0x0A0A_0A0A;
pub const VIDEO_SSRC: u32 = 0x0B0B_0B0B;

const STREAM: u16 = 0;
const PASSWORD: &str = "a-password-of-24-letters";

#[expect(clippy::disallowed_methods, reason = "a test on real sockets")]
pub fn now() -> Instant {
    Instant::now()
}

struct Keys {
    send: Context,
    receive: Context,
    send_reports: Context,
    receive_reports: Context,
}

/// A self-signed certificate with a key of this kind.
pub fn certificate(kind: &'static rcgen::SignatureAlgorithm) -> Certificate {
    let provider = rtc_crypto::default_provider().unwrap();
    Certificate::generate_self_signed_with_alg(vec!["peer".into()], kind, provider.crypto()).unwrap()
}

pub struct Peer {
    pub socket: UdpSocket,
    /// The connection it uses instead of the socket.
    pub tcp: Option<Framed>,
    /// Connects to the answer's TCP candidate.
    pub by_tcp: bool,
    /// Answers to its ICE checks.
    pub answers: usize,
    /// Checks of the bridge that it answered, …
    pub questions: usize,
    /// … with a wrong password.
    pub forges: bool,
    pub bridge: Option<SocketAddr>,
    provider: Arc<dyn RTCCryptoProvider>,
    certificate: Certificate,
    /// How it would protect media, what it likes best first.
    pub profiles: Vec<Profile>,
    /// Number of the header extension that carries transport-wide numbers; 0: it has none.
    pub transport_id: u8,
    /// The bridge is the DTLS client.
    is_passive: bool,
    ours: (String, String),
    theirs: (String, String),
    checked_at: Option<Instant>,
    dtls: Option<Endpoint>,
    keys: Option<Keys>,
    sctp: Option<rtc_sctp::Endpoint>,
    association: Option<(AssociationHandle, Association)>,
    channel: Option<DataChannel>,
    /// Decrypted RTP packets.
    pub packets: VecDeque<Vec<u8>>,
    /// Decrypted RTCP compound packets.
    pub reports: Vec<Vec<u8>>,
    /// Texts from the channel.
    pub texts: Vec<String>,
    /// The channel was opened and acknowledged, as far as this end knows.
    pub is_open: bool,
    /// The stream was reset.
    pub was_reset: bool,
    /// RTP packets that did not authenticate or came twice.
    pub refused: usize,
    /// Those of them that are no repetition of what was taken, byte for byte: altered, or two sealed with one number.
    pub wrong: usize,
    /// Digests of what was taken, as it was sent.
    taken: HashSet<u64>,
    /// Nothing is sent by itself while set, not even ICE checks.
    pub is_mute: bool,
    /// Nothing of the data channel is read or acknowledged while set.
    pub is_deaf: bool,
    /// The ICE check sent last.
    pub last_check: Vec<u8>,
    /// Offers RTX.
    pub offers_rtx: bool,
    /// Sends its ClientHello in pieces.
    pub pieces: Option<Pieces>,
    /// Where it sends instead of the answer's candidate.
    pub via: Option<SocketAddr>,
    /// SSRCs of the answer: audio, video.
    pub answered: Vec<u32>,
}

impl Peer {
    pub fn new(profile: Profile) -> Self {
        Self::at([127, 0, 0, 1].into(), profile)
    }

    /// One whose own address is this.
    pub fn at(address: IpAddr, profile: Profile) -> Self {
        let socket = UdpSocket::bind((address, 0)).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(2))).unwrap();
        let provider = rtc_crypto::default_provider().unwrap();
        let certificate = certificate(&rcgen::PKCS_ECDSA_P256_SHA256);
        Self {
            socket,
            tcp: None,
            by_tcp: false,
            answers: 0,
            bridge: None,
            provider,
            certificate,
            profiles: vec![profile],
            transport_id: 3,
            is_passive: false,
            ours: ("peer".into(), PASSWORD.into()),
            theirs: Default::default(),
            checked_at: None,
            dtls: None,
            keys: None,
            sctp: None,
            association: None,
            channel: None,
            packets: VecDeque::new(),
            reports: Vec::new(),
            texts: Vec::new(),
            is_open: false,
            was_reset: false,
            refused: 0,
            wrong: 0,
            taken: HashSet::new(),
            is_mute: false,
            questions: 0,
            is_deaf: false,
            forges: false,
            last_check: Vec::new(),
            offers_rtx: true,
            pieces: None,
            via: None,
            answered: Vec::new(),
        }
    }

    /// Another certificate and DTLS role than usual.
    pub fn with(profile: Profile, certificate: Certificate, is_passive: bool) -> Self {
        Self { certificate, is_passive, ..Self::new(profile) }
    }

    fn fingerprint(&self) -> String {
        let digest = self.provider.crypto().hash(HashAlgorithm::Sha256, self.certificate.certificate[0].as_ref()).unwrap();
        digest.iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":")
    }

    /// An offer with sound, a picture and a channel. `video` is the picture's direction.
    pub fn offer(&self, audio: &str, video: &str) -> String {
        let fingerprint = self.fingerprint();
        let setup = if self.is_passive { "passive" } else { "active" };
        let ssrc = |number: u32, direction: &str| {
            if direction.starts_with("send") { format!("a=ssrc:{number} cname:peer\r\n") } else { String::new() }
        };
        let extension = match self.transport_id {
            0 => String::new(),
            id => format!("a=extmap:{id} http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r\n"),
        };
        let whole = format!(
            "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1 2\r\na=ice-ufrag:peer\r\na=ice-pwd:{PASSWORD}\r\n\
             a=fingerprint:sha-256 {fingerprint}\r\na=setup:{setup}\r\n\
             m=audio 9 UDP/TLS/RTP/SAVPF {OPUS}\r\na=mid:0\r\na={audio}\r\na=rtcp-mux\r\na=rtpmap:{OPUS} opus/48000/2\r\na=fmtp:{OPUS} minptime=10;useinbandfec=1\r\na=rtcp-fb:{OPUS} nack\r\n{}\
             m=video 9 UDP/TLS/RTP/SAVPF {VP8} {RTX}\r\na=mid:1\r\na={video}\r\na=rtcp-mux\r\na=rtpmap:{VP8} VP8/90000\r\na=rtcp-fb:{VP8} nack\r\n\
             a=rtcp-fb:{VP8} nack pli\r\na=rtcp-fb:{VP8} goog-remb\r\na=rtcp-fb:{VP8} transport-cc\r\na=rtpmap:{RTX} rtx/90000\r\na=fmtp:{RTX} apt={VP8}\r\n\
             {extension}{}\
             m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:2\r\na=sctp-port:5000\r\n",
            ssrc(AUDIO_SSRC, audio),
            ssrc(VIDEO_SSRC, video),
        );
        if self.offers_rtx {
            return whole;
        }
        let without: Vec<&str> = whole.lines().filter(|line| !line.contains(&format!(":{RTX} "))).collect();
        without.join("\r\n").replace(&format!("{VP8} {RTX}"), &VP8.to_string()) + "\r\n"
    }

    /// Takes the answer and begins ICE and DTLS.
    pub fn accept(&mut self, answer: &str) {
        let value = |prefix: &str| answer.lines().find_map(|line| line.strip_prefix(prefix)).unwrap().to_owned();
        self.theirs = (value("a=ice-ufrag:"), value("a=ice-pwd:"));
        let candidate = value("a=candidate:");
        let words: Vec<&str> = candidate.split(' ').collect();
        let candidate = SocketAddr::new(words[4].parse().unwrap(), words[5].parse().unwrap());
        self.bridge = Some(self.via.unwrap_or(candidate));
        if self.by_tcp {
            let passive = answer.lines().find(|line| line.ends_with("tcptype passive")).unwrap();
            let words: Vec<&str> = passive.split(' ').collect();
            self.tcp = Some(Framed::connect(SocketAddr::new(words[4].parse().unwrap(), words[5].parse().unwrap())));
        }
        self.answered =
            answer.lines().filter_map(|line| line.strip_prefix("a=ssrc:")?.split(' ').next()?.parse().ok()).collect();
        let config = ConfigBuilder::default()
            .with_crypto_provider(self.provider.clone())
            .with_certificates(vec![self.certificate.clone()])
            .with_srtp_protection_profiles(self.profiles.clone())
            .with_client_auth(ClientAuthType::RequireAnyClientCert)
            .with_insecure_skip_verify(true)
            .build(!self.is_passive, None)
            .unwrap();
        let config = Arc::new(config);
        let mut dtls = Endpoint::new(place(), TransportProtocol::UDP, self.is_passive.then(|| config.clone()));
        self.check();
        if !self.is_passive {
            dtls.connect(now(), place(), config, None).unwrap();
        }
        self.dtls = Some(dtls);
    }

    pub fn is_up(&self) -> bool {
        self.keys.is_some()
    }

    /// What it would ask the bridge for an ICE restart with.
    pub fn new_credentials(&self) -> ((String, String), String) {
        let (name, password) = (format!("{}+", self.ours.0), format!("{}+", self.ours.1));
        let fragment = format!("a=ice-ufrag:{name}\r\na=ice-pwd:{password}\r\n");
        ((name, password), fragment)
    }

    /// Goes on from another socket, with credentials of its own and the bridge's answer to them. Returns the socket it leaves.
    pub fn restarts(&mut self, ours: (String, String), answer: &str) -> UdpSocket {
        let value = |prefix: &str| answer.lines().find_map(|line| line.strip_prefix(prefix)).unwrap().to_owned();
        (self.ours, self.theirs) = (ours, (value("a=ice-ufrag:"), value("a=ice-pwd:")));
        let next = UdpSocket::bind((self.socket.local_addr().unwrap().ip(), 0)).unwrap();
        next.set_read_timeout(Some(Duration::from_millis(2))).unwrap();
        let left = std::mem::replace(&mut self.socket, next);
        self.check();
        left
    }

    /// Sends one nominating ICE check.
    pub fn check(&mut self) {
        self.checked_at = Some(now());
        self.last_check = self.new_check();
        self.send_raw(&self.last_check);
    }

    /// A nominating ICE check.
    pub fn new_check(&self) -> Vec<u8> {
        let user = TextAttribute::new(ATTR_USERNAME, format!("{}:{}", self.theirs.0, self.ours.0));
        let integrity = MessageIntegrity::new_short_term_integrity_with_provider(self.theirs.1.clone(), self.provider.crypto());
        let mut message = Message::new();
        let raw = |typ, value: &[u8]| rtc_stun::attributes::RawAttribute {
            typ,
            length: u16::try_from(value.len()).unwrap(),
            value: value.to_vec(),
        };
        message
            .build(&[
                Box::new(TransactionId::new()),
                Box::new(BINDING_REQUEST),
                Box::new(user),
                Box::new(raw(ATTR_PRIORITY, &1_845_501_695_u32.to_be_bytes())),
                Box::new(raw(ATTR_ICE_CONTROLLING, &1_u64.to_be_bytes())),
                Box::new(raw(ATTR_USE_CANDIDATE, &[])),
                Box::new(integrity),
                Box::new(FINGERPRINT),
            ])
            .unwrap();
        message.raw
    }

    /// The answer to a check, if that has our password: of whoever is no lite agent, as our bridge is.
    fn answer(&mut self, check: &[u8]) {
        let mut request = Message { raw: check.to_vec(), ..Message::default() };
        if request.decode().is_err()
            || MessageIntegrity::check(&mut request, self.ours.1.as_bytes(), self.provider.crypto()).is_err()
        {
            return;
        }
        self.questions += 1;
        let from = self.bridge.unwrap();
        let password = if self.forges { "a password of somebody else" } else { &self.ours.1 };
        let integrity = MessageIntegrity::new_short_term_integrity_with_provider(password.to_owned(), self.provider.crypto());
        let mut message = Message::new();
        message
            .build(&[
                Box::new(TransactionId(check[8..20].try_into().unwrap())),
                Box::new(BINDING_SUCCESS),
                Box::new(XorMappedAddress { ip: from.ip(), port: from.port() }),
                Box::new(integrity),
                Box::new(FINGERPRINT),
            ])
            .unwrap();
        self.send_raw(&message.raw);
    }

    /// Sends bytes as they are.
    pub fn send_raw(&self, bytes: &[u8]) {
        match &self.tcp {
            Some(tcp) => tcp.send(bytes),
            None => drop(self.socket.send_to(bytes, self.bridge.unwrap()).unwrap()),
        }
    }

    fn receive(&self) -> Option<Vec<u8>> {
        let mut buffer = [0; 2048];
        match &self.tcp {
            Some(tcp) => tcp.receive(),
            None => self.socket.recv_from(&mut buffer).ok().map(|(length, _)| buffer[..length].to_vec()),
        }
    }

    /// Seals an RTP packet; the caller sends it, once or twice, whole or altered.
    pub fn seal(&mut self, payload_type: u8, ssrc: u32, sequence: u16, payload: &[u8]) -> Vec<u8> {
        let mut packet = vec![0x80, payload_type];
        packet.extend(sequence.to_be_bytes());
        packet.extend(u32::from(sequence).wrapping_mul(3000).to_be_bytes());
        packet.extend(ssrc.to_be_bytes());
        packet.extend(payload);
        self.keys.as_mut().unwrap().send.encrypt_rtp(&packet).unwrap().to_vec()
    }

    pub fn send_packet(&mut self, payload_type: u8, ssrc: u32, sequence: u16, payload: &[u8]) {
        let sealed = self.seal(payload_type, ssrc, sequence, payload);
        self.send_raw(&sealed);
    }

    /// Seals a packet of the picture with these extensions (RFC 8285, one byte each, in whole words).
    pub fn seal_extended(&mut self, sequence: u16, extensions: &[u8], payload: &[u8]) -> Vec<u8> {
        let mut packet = vec![0x90, VP8];
        packet.extend(sequence.to_be_bytes());
        packet.extend(u32::from(sequence).wrapping_mul(3000).to_be_bytes());
        packet.extend(VIDEO_SSRC.to_be_bytes());
        packet.extend([0xBE, 0xDE]);
        packet.extend(u16::try_from(extensions.len() / 4).unwrap().to_be_bytes());
        packet.extend(extensions);
        packet.extend(payload);
        self.keys.as_mut().unwrap().send.encrypt_rtp(&packet).unwrap().to_vec()
    }

    /// Seals a compound RTCP packet; the caller sends it, once or twice.
    pub fn seal_report(&mut self, compound: &[u8]) -> Vec<u8> {
        self.keys.as_mut().unwrap().send_reports.encrypt_rtcp(compound).unwrap().to_vec()
    }

    pub fn send_report(&mut self, compound: &[u8]) {
        let sealed = self.seal_report(compound);
        self.send_raw(&sealed);
    }

    /// Begins SCTP and dials the channel.
    pub fn dial(&mut self) {
        let transport = TransportConfig::default().with_sctp_port(5000);
        let mut endpoint =
            rtc_sctp::Endpoint::new(place(), TransportProtocol::UDP, Arc::new(rtc_sctp::EndpointConfig::default()), None);
        self.association = Some(endpoint.connect(now(), ClientConfig::new(transport), place()).unwrap());
        self.sctp = Some(endpoint);
    }

    pub fn send_text(&mut self, text: &str) {
        let (_, association) = self.association.as_mut().unwrap();
        association.stream(STREAM).unwrap().write_chunk_with_ppi(now(), &Bytes::from(text.to_owned()), Ppi::String).unwrap();
    }

    /// Handles what arrived and what is due, for a few milliseconds.
    pub fn pump(&mut self) {
        for _ in 0..200 {
            let Some(packet) = self.receive() else { break };
            let packet = &packet[..];
            match packet[0] {
                0 if packet[1] == 1 => self.answer(packet),
                0..=3 => self.answers += 1,
                20..=63 => self.record(packet),
                128..=191 if (64..96).contains(&(packet[1] & 127)) => {
                    // Before the handshake ends here, the other side may have begun.
                    if let Some(keys) = &mut self.keys {
                        self.reports.push(keys.receive_reports.decrypt_rtcp(packet).unwrap().to_vec());
                    }
                }
                128..=191 => match self.keys.as_mut().map(|keys| keys.receive.decrypt_rtp(packet)) {
                    Some(Ok(plain)) => {
                        self.packets.push_back(plain.to_vec());
                        self.taken.insert(digest(packet));
                    }
                    _ => {
                        self.refused += 1;
                        self.wrong += usize::from(!self.taken.contains(&digest(packet)));
                    }
                },
                _ => {}
            }
        }
        if self.is_mute || self.bridge.is_none() {
            return;
        }
        let now = now();
        if self.checked_at.is_none_or(|at| now - at > Duration::from_millis(300)) {
            self.check();
        }
        if let Some(dtls) = &mut self.dtls {
            let _ = dtls.handle_timeout(place(), now);
        }
        if let Some((_, association)) = &mut self.association {
            if association.poll_timeout().is_some_and(|at| at <= now) {
                association.handle_timeout(now);
            }
            self.channel_events(now);
        }
        self.flush(now);
    }

    fn record(&mut self, packet: &[u8]) {
        let Some(dtls) = &mut self.dtls else { return };
        let Ok(events) = dtls.read(now(), place(), None, BytesMut::from(packet)) else { return };
        for event in events {
            match event {
                EndpointEvent::HandshakeComplete => self.keys = Some(self.make_keys()),
                EndpointEvent::ApplicationData(_) if self.is_deaf => {}
                EndpointEvent::ApplicationData(data) => {
                    if let Some((handle, DatagramEvent::AssociationEvent(event))) =
                        self.sctp.as_mut().unwrap().handle(now(), place(), None, data.freeze())
                    {
                        let (known, association) = self.association.as_mut().unwrap();
                        assert_eq!(*known, handle);
                        association.handle_event(event);
                    }
                }
                _ => {}
            }
        }
    }

    /// Master keys and salts of both directions, with their profile.
    pub fn srtp_config(&self) -> Config {
        let state = self.dtls.as_ref().unwrap().get_connection_state(place()).unwrap();
        let profile = match state.srtp_protection_profile() {
            Profile::Srtp_Aead_Aes_128_Gcm => ProtectionProfile::AeadAes128Gcm,
            Profile::Srtp_Aead_Aes_256_Gcm => ProtectionProfile::AeadAes256Gcm,
            _ => ProtectionProfile::Aes128CmHmacSha1_80,
        };
        let mut config = Config { profile, ..Config::default() };
        let material = state.export_keying_material(LABEL_EXTRACTOR_DTLS_SRTP, &[], config.keying_material_len()).unwrap();
        config.set_session_keys_from_keying_material(material.as_ref(), state.is_client()).unwrap();
        config
    }

    fn make_keys(&self) -> Keys {
        let config = self.srtp_config();
        let (keys, profile) = (&config.keys, config.profile);
        let local = || {
            Context::new(&keys.local_master_key, &keys.local_master_salt, profile, None, None, self.provider.crypto()).unwrap()
        };
        let remote = || {
            let windows = (Some(srtp_replay_protection(1024)), Some(srtcp_replay_protection(128)));
            Context::new(
                &keys.remote_master_key,
                &keys.remote_master_salt,
                profile,
                windows.0,
                windows.1,
                self.provider.crypto(),
            )
            .unwrap()
        };
        Keys { send: local(), receive: remote(), send_reports: local(), receive_reports: remote() }
    }

    fn channel_events(&mut self, now: Instant) {
        let (handle, association) = self.association.as_mut().unwrap();
        while let Some(event) = association.poll() {
            match event {
                Event::Connected => {
                    let config = DataChannelConfig { label: protocol::CONTROL_LABEL.into(), ..DataChannelConfig::default() };
                    let mut channel = DataChannel::dial(config, handle.0, STREAM).unwrap();
                    let open = channel.poll_write().unwrap();
                    association
                        .open_stream(STREAM, Ppi::Dcep)
                        .unwrap()
                        .write_chunk_with_ppi(now, &open.payload.freeze(), Ppi::Dcep)
                        .unwrap();
                    self.channel = Some(channel);
                }
                Event::Stream(StreamEvent::Readable { id }) => {
                    while let Some(chunks) =
                        association.stream(id).ok().and_then(|mut stream| stream.read_sctp().ok().flatten())
                    {
                        let body = chunks.to_payload(65_536).unwrap();
                        if chunks.ppi == Ppi::Dcep {
                            self.is_open = true;
                        } else {
                            self.texts.push(String::from_utf8(body.to_vec()).unwrap());
                        }
                    }
                }
                Event::AssociationLost { .. } => self.was_reset = true,
                _ => {}
            }
        }
    }

    fn flush(&mut self, now: Instant) {
        let Some(dtls) = &mut self.dtls else { return };
        if let (Some((_, association)), true) = (&mut self.association, self.keys.is_some()) {
            while let Some(transmit) = association.poll_transmit(now) {
                if let Payload::RawEncode(packets) = transmit.message {
                    for packet in packets {
                        dtls.write(now, place(), &packet).unwrap();
                    }
                }
            }
        }
        let mut datagrams: Vec<Vec<u8>> =
            std::iter::from_fn(|| dtls.poll_transmit()).map(|transmit| transmit.message.to_vec()).collect();
        if let Some(pieces) = self.pieces.as_mut().filter(|_| self.keys.is_none()) {
            datagrams = pieces.send(datagrams, now);
        }
        for datagram in datagrams {
            match &self.tcp {
                Some(tcp) => tcp.send(&datagram),
                None => drop(self.socket.send_to(&datagram, self.bridge.unwrap()).unwrap()),
            }
        }
    }
}

fn digest(packet: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    packet.hash(&mut hasher);
    hasher.finish()
}

fn place() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 1))
}
