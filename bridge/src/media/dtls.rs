//! One leg's DTLS association: handshake, certificate check, keys for SRTP and SRTCP.
//!
//! The association does not follow the ICE path: for `rtc-dtls` the other end sits at one constant place. The certificate is
//! checked against the fingerprint of the offer and nothing else, which is what WebRTC asks for.
//!
//! `rtc-dtls` 0.21 stops its retransmission timer when any part of the other end's flight came, so a flight of which a part is lost is
//! not asked for again, and without that two such ends wait for ever. So the last flight is kept here and its datagrams are sent again,
//! as they were, until the other end shows that it has it: what it has it drops as a replay.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bridge_core::offer::Setup;
use bytes::BytesMut;
use rtc_crypto::{HashAlgorithm, RTCCryptoProvider};
use rtc_dtls::config::{ClientAuthType, ConfigBuilder, ExtendedMasterSecretType, HandshakeConfig};
use rtc_dtls::crypto::Certificate;
use rtc_dtls::endpoint::{Endpoint, EndpointEvent};
use rtc_dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use rtc_dtls::signature_hash_algorithm::SignatureScheme;
use rtc_dtls::state::State;
use rtc_shared::TransportProtocol;
use rtc_shared::error::Error;
use rtc_srtp::config::{Config, LABEL_EXTRACTOR_DTLS_SRTP};
use rtc_srtp::context::Context;
use rtc_srtp::option::srtcp_replay_protection;
use rtc_srtp::protection_profile::ProtectionProfile;

use super::gate::Gate;
use super::hello::Held;
use super::srtp::{Cipher, Profile};

/// How far back an SRTCP packet may come.
const SRTCP_WINDOW: usize = 128;

/// How far back a DTLS record may come.
const DTLS_WINDOW: usize = 64;

/// Most datagrams of a flight that are kept.
const MAX_FLIGHT: usize = 16;

/// When a flight is first sent again; the time doubles up to the second value.
const AGAIN: [Duration; 2] = [Duration::from_millis(300), Duration::from_millis(2400)];

/// Most times a flight is sent again.
const MAX_AGAIN: u32 = 8;

/// Profiles from the best; GCM is cheaper and stronger, counter mode is what every client has.
const PREFERENCE: [SrtpProtectionProfile; 3] = [
    SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm,
    SrtpProtectionProfile::Srtp_Aead_Aes_256_Gcm,
    SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80,
];

/// The bridge's certificate and cryptography, made once per process.
#[derive(Clone)]
pub(super) struct Identity {
    pub(super) provider: Arc<dyn RTCCryptoProvider>,
    certificate: Certificate,
    pub(super) fingerprint: [u8; 32],
}

impl Identity {
    /// Makes a self-signed certificate that lives as long as the process.
    pub(super) fn generate() -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let provider = rtc_crypto::default_provider()?;
        let certificate = Certificate::generate_self_signed(vec!["windowseat".to_owned()], provider.crypto())?;
        let der = certificate.certificate.first().ok_or("the certificate is empty")?;
        let digest = provider.crypto().hash(HashAlgorithm::Sha256, der.as_ref())?;
        let fingerprint = digest.as_slice().try_into()?;
        Ok(Self { provider, certificate, fingerprint })
    }

    fn config(
        &self,
        profiles: &[SrtpProtectionProfile],
        is_client: bool,
        wanted: [u8; 32],
        mismatch: &Arc<AtomicBool>,
    ) -> Result<Arc<HandshakeConfig>, Error> {
        let provider = self.provider.clone();
        let mismatch = mismatch.clone();
        let config = ConfigBuilder::default()
            .with_crypto_provider(self.provider.clone())
            .with_certificates(vec![self.certificate.clone()])
            .with_srtp_protection_profiles(profiles.to_vec())
            .with_client_auth(ClientAuthType::RequireAnyClientCert)
            // Turns off the check against certificate authorities only; the fingerprint check below is what counts.
            .with_insecure_skip_verify(true)
            .with_verify_peer_certificate(Some(Arc::new(move |certificates: &[Vec<u8>], _: &[_]| {
                let der = certificates.first().ok_or(Error::ErrNonCertificate)?;
                let digest =
                    provider.crypto().hash(HashAlgorithm::Sha256, der).map_err(|error| Error::Crypto(error.to_string()))?;
                if digest == wanted {
                    return Ok(());
                }
                mismatch.store(true, Ordering::Relaxed);
                Err(Error::ErrNoMatchingCertificateFingerprint)
            })))
            .with_extended_master_secret(ExtendedMasterSecretType::Require)
            .with_replay_protection_window(DTLS_WINDOW);
        // For `rtc-dtls` an ECDSA signature with SHA-384 is one of a P-384 key, whatever the key is, and one with SHA-512 cannot
        // be checked. A server signs as the client asks: with SHA-256, which is checked for P-256, P-384 and RSA keys alike.
        let schemes = [SignatureScheme::EcdsaWithP256AndSha256, SignatureScheme::Pkcs1WithSha256];
        let config = if is_client { config.with_signature_schemes(schemes.to_vec()) } else { config };
        Ok(Arc::new(config.build(is_client, None)?))
    }
}

/// Keys of an established leg.
pub(super) struct Keys {
    /// Opens RTP from the other end.
    pub(super) receive: Cipher,
    /// Seals RTP to the other end.
    pub(super) send: Cipher,
    /// Opens RTCP.
    pub(super) receive_reports: Context,
    /// Seals RTCP.
    pub(super) send_reports: Context,
    /// What was agreed, for the log.
    pub(super) profile: Profile,
}

/// What a datagram brought.
pub(super) enum Outcome {
    /// The handshake is complete.
    Up(Box<Keys>),
    /// A decrypted record.
    Data(BytesMut),
    /// The other end closed the association.
    Closed,
    /// The other end is not who the offer said, or agreed to nothing usable.
    Refused,
}

/// One association.
pub(super) struct Dtls {
    endpoint: Endpoint,
    identity: Identity,
    wanted: [u8; 32],
    is_client: bool,
    begun: bool,
    gate: Gate,
    held: Held,
    mismatch: Arc<AtomicBool>,
    /// What waits to be sent.
    out: VecDeque<BytesMut>,
    flight: Flight,
}

/// The last flight, while the handshake goes on.
#[derive(Default)]
struct Flight {
    datagrams: Vec<BytesMut>,
    sent_at: Option<Instant>,
    times: u32,
    /// Keys are there: what is sent now is no flight.
    is_up: bool,
    is_over: bool,
}

impl Flight {
    /// When it is to be sent again.
    fn deadline(&self) -> Option<Instant> {
        let sent_at = self.sent_at.filter(|_| !self.is_over && self.times < MAX_AGAIN && !self.datagrams.is_empty())?;
        Some(sent_at + (AGAIN[0] * 2_u32.pow(self.times)).min(AGAIN[1]))
    }
}

impl Dtls {
    pub(super) fn new(identity: &Identity, fingerprint: [u8; 32], setup: Setup) -> Self {
        Self {
            endpoint: Endpoint::new(place(), TransportProtocol::UDP, None),
            identity: identity.clone(),
            wanted: fingerprint,
            is_client: setup == Setup::Passive,
            begun: false,
            gate: Gate::default(),
            held: Held::default(),
            mismatch: Arc::default(),
            out: VecDeque::new(),
            flight: Flight::default(),
        }
    }

    /// Sends the first flight, if it is our turn. Call when a path is known.
    pub(super) fn begin(&mut self, now: Instant) {
        if !self.is_client || self.begun {
            return;
        }
        self.begun = true;
        let begun = self
            .identity
            .config(&PREFERENCE, true, self.wanted, &self.mismatch)
            .and_then(|config| self.endpoint.connect(now, place(), config, None));
        if let Err(error) = begun {
            tracing::warn!(%error, "a DTLS handshake could not be begun");
        }
        self.collect(now);
    }

    /// Takes a datagram from an address that passed an ICE check.
    pub(super) fn receive(&mut self, now: Instant, datagram: &[u8]) -> Vec<Outcome> {
        if !self.gate.lets_in(datagram) {
            tracing::debug!("a DTLS datagram was dropped: malformed, or one of too many");
            return Vec::new();
        }
        if self.begun {
            return self.read(now, datagram);
        }
        if self.is_client {
            return Vec::new();
        }
        let Some(hello) = self.held.push(datagram) else { return Vec::new() };
        let Some(profile) = PREFERENCE.into_iter().find(|profile| hello.profiles.contains(&(*profile as u16))) else {
            tracing::debug!("a ClientHello offers no SRTP profile we have");
            return vec![Outcome::Refused];
        };
        match self.identity.config(&[profile], false, self.wanted, &self.mismatch) {
            Ok(config) => self.endpoint.set_server_config(Some(config)),
            Err(error) => {
                tracing::warn!(%error, "a DTLS configuration was refused");
                return vec![Outcome::Refused];
            }
        }
        self.begun = true;
        hello.datagrams.iter().flat_map(|datagram| self.read(now, datagram)).collect()
    }

    fn read(&mut self, now: Instant, datagram: &[u8]) -> Vec<Outcome> {
        let read = self.endpoint.read(now, place(), None, BytesMut::from(datagram));
        self.collect(now);
        let events = match read {
            Ok(events) => events,
            Err(Error::ErrKeySignatureMismatch) => {
                // The other end does not have the key of its certificate, or has one of a kind that cannot be checked here.
                tracing::warn!(
                    "a DTLS handshake was refused: no valid signature of a P-256, P-384 or RSA key of 2048 bits or more"
                );
                return vec![Outcome::Refused];
            }
            Err(error) => {
                // Alerts and damaged records; only a certificate that is not the offered one ends the leg at once.
                tracing::debug!(%error, "a DTLS datagram was not accepted");
                return if self.mismatch.load(Ordering::Relaxed) { vec![Outcome::Refused] } else { Vec::new() };
            }
        };
        let mut outcomes = Vec::with_capacity(events.len());
        for event in events {
            match event {
                EndpointEvent::HandshakeComplete => {
                    // The server speaks last, and cannot know whether it was heard.
                    self.flight.is_up = true;
                    self.gate.set_up();
                    if self.is_client {
                        self.confirmed();
                    }
                    outcomes.push(self.keys().map_or(Outcome::Refused, |keys| Outcome::Up(Box::new(keys))))
                }
                EndpointEvent::ApplicationData(data) => outcomes.push(Outcome::Data(data)),
                EndpointEvent::PeerClosed => outcomes.push(Outcome::Closed),
                _ => {}
            }
        }
        outcomes
    }

    fn keys(&self) -> Option<Keys> {
        let state = self.endpoint.get_connection_state(place())?;
        keys_from(state, &self.identity.provider)
            .inspect_err(|error| tracing::warn!(error, "no SRTP keys from a DTLS handshake"))
            .ok()
    }

    /// Queues application data.
    pub(super) fn write(&mut self, now: Instant, data: &[u8]) {
        if let Err(error) = self.endpoint.write(now, place(), data) {
            tracing::debug!(%error, "a DTLS record could not be written");
        }
        self.collect(now);
    }

    /// Takes over what the endpoint wants to send; during the handshake that is a new flight, or the last one numbered anew.
    fn collect(&mut self, now: Instant) {
        let sent: Vec<BytesMut> =
            std::iter::from_fn(|| self.endpoint.poll_transmit()).map(|transmit| transmit.message).collect();
        if sent.is_empty() {
            return;
        }
        if !self.flight.is_up {
            let datagrams = sent.iter().take(MAX_FLIGHT).cloned().collect();
            self.flight = Flight { datagrams, sent_at: Some(now), ..Flight::default() };
        }
        self.out.extend(sent);
    }

    /// The next datagram to send, if any. Drain after every other call.
    pub(super) fn poll_transmit(&mut self) -> Option<BytesMut> {
        self.out.pop_front()
    }

    pub(super) fn timeout(&mut self, now: Instant) {
        if self.flight.deadline().is_some_and(|at| at <= now) {
            self.flight.times += 1;
            self.flight.sent_at = Some(now);
            self.out.extend(self.flight.datagrams.iter().cloned());
        }
        let times = self.flight.times;
        let _ = self.endpoint.handle_timeout(place(), now);
        self.collect(now);
        // A repetition by the endpoint is no new flight.
        self.flight.times = times;
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        [self.endpoint.poll_timeout(&place()), self.flight.deadline()].into_iter().flatten().min()
    }

    /// The other end has the keys: something came that only they can seal.
    pub(super) fn confirmed(&mut self) {
        if !self.flight.is_over {
            self.flight = Flight { is_over: true, is_up: true, ..Flight::default() };
        }
    }

    /// Queues the goodbye.
    pub(super) fn close(&mut self, now: Instant) {
        let _ = self.endpoint.close(now);
        self.collect(now);
    }
}

/// Where DTLS and SCTP believe the other end is.
pub(super) fn place() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 1))
}

fn keys_from(state: &State, provider: &Arc<dyn RTCCryptoProvider>) -> Result<Keys, String> {
    let (profile, for_reports) = match state.srtp_protection_profile() {
        SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm => (Profile::Gcm128, ProtectionProfile::AeadAes128Gcm),
        SrtpProtectionProfile::Srtp_Aead_Aes_256_Gcm => (Profile::Gcm256, ProtectionProfile::AeadAes256Gcm),
        SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80 => (Profile::Cm80, ProtectionProfile::Aes128CmHmacSha1_80),
        other => return Err(format!("profile {other:?} was not offered")),
    };
    let mut config = Config { profile: for_reports, ..Config::default() };
    let material = state
        .export_keying_material(LABEL_EXTRACTOR_DTLS_SRTP, &[], config.keying_material_len())
        .map_err(|error| error.to_string())?;
    config.set_session_keys_from_keying_material(material.as_ref(), state.is_client()).map_err(|error| error.to_string())?;
    let keys = &config.keys;
    let reports = |key: &[u8], salt: &[u8], window: bool| {
        // Without the option there is no replay protection at all.
        let option = window.then(|| srtcp_replay_protection(SRTCP_WINDOW));
        Context::new(key, salt, for_reports, None, option, provider.crypto()).map_err(|error| error.to_string())
    };
    Ok(Keys {
        receive: Cipher::new(profile, &keys.remote_master_key, &keys.remote_master_salt).ok_or("receiving key")?,
        send: Cipher::new(profile, &keys.local_master_key, &keys.local_master_salt).ok_or("sending key")?,
        receive_reports: reports(&keys.remote_master_key, &keys.remote_master_salt, true)?,
        send_reports: reports(&keys.local_master_key, &keys.local_master_salt, false)?,
        profile,
    })
}

#[cfg(test)]
mod tests;
