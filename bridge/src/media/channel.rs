//! The control channel: SCTP over DTLS, and the one data channel in it.
//!
//! The other end opens the channel towards us with [`CONTROL_LABEL`], or negotiates it and simply sends; we never dial.
//! Other channels are left unread. Texts for a channel that is not open yet wait, 64 of them, the oldest is dropped. A peer
//! that never opens one costs nothing.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use protocol::CONTROL_LABEL;
use protocol::control::MAX_CONTROL_BYTES;
use rtc_datachannel::data_channel::{DataChannel, DataChannelConfig};
use rtc_sctp::{
    Association, AssociationHandle, DatagramEvent, Endpoint, EndpointConfig, Event, Payload, PayloadProtocolIdentifier as Ppi,
    ServerConfig, StreamEvent, TransportConfig,
};
use rtc_shared::TransportProtocol;
use sansio::Protocol;

use super::dtls::{Dtls, place};

/// Most texts that wait for the channel.
const MAX_WAITING: usize = 64;

/// Most bytes handed to SCTP and not yet acknowledged; above it texts are dropped, for the sender repeats what matters.
const MAX_BUFFERED: usize = 128 * 1024;

/// SCTP's receive window.
const RECEIVE_WINDOW: u32 = 128 * 1024;

/// Largest message read to find out that it is too long.
const MAX_MESSAGE: usize = 64 * 1024;

/// Most streams the other end may open in its life; `rtc-sctp` 0.21 makes one for any number, and for each chunk of data counts what waits
/// in every one of them. Pages and robots open one.
const MAX_STREAMS: usize = 8;

/// Most associations begun until one stands: an INIT that is sent again begins one more.
const MAX_BEGUN: usize = 8;

/// Message type of a channel's announcement (RFC 8832 §8.2.1).
const DATA_CHANNEL_OPEN: u8 = 3;

/// What happened on the channel.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ChannelEvent {
    /// Texts can flow.
    Opened,
    /// A text came.
    Text(String),
    /// It is gone. A later text would need a new leg.
    Closed,
}

enum State {
    /// Nothing opened yet.
    Waiting,
    /// Texts go to and from this stream.
    Open(u16),
    /// Was open and is not any more; nothing is sent or read.
    Closed,
}

/// One leg's channel.
pub(super) struct Channel {
    endpoint: Endpoint,
    association: Option<(AssociationHandle, Association)>,
    /// Begun before it by the same INIT; the other end goes on with the one whose answer comes first, which may be one of these.
    begun: Vec<(AssociationHandle, Association)>,
    state: State,
    waiting: VecDeque<String>,
    /// Streams that the other end opened.
    streams: usize,
    /// The library gives up on what it has to send next.
    #[cfg(test)]
    pub(super) gives_up: bool,
}

impl Channel {
    pub(super) fn new() -> Self {
        let transport = TransportConfig::default()
            .with_sctp_port(5000)
            .with_max_message_size(u32::try_from(MAX_MESSAGE).expect("64 KiB"))
            .with_max_receive_buffer_size(RECEIVE_WINDOW);
        let server = Arc::new(ServerConfig::new(transport));
        let endpoint = Endpoint::new(place(), TransportProtocol::UDP, Arc::new(EndpointConfig::default()), Some(server));
        Self {
            endpoint,
            association: None,
            begun: Vec::new(),
            state: State::Waiting,
            waiting: VecDeque::new(),
            streams: 0,
            #[cfg(test)]
            gives_up: false,
        }
    }

    /// Takes one decrypted record.
    pub(super) fn receive(&mut self, now: Instant, record: BytesMut) -> Vec<ChannelEvent> {
        if self.streams > MAX_STREAMS {
            return Vec::new();
        }
        match self.endpoint.handle(now, place(), None, record.freeze()) {
            Some((handle, DatagramEvent::NewAssociation(association))) => {
                self.begun.extend(self.association.replace((handle, association)));
                if self.begun.len() + 1 >= MAX_BEGUN {
                    self.endpoint.reject_new_associations();
                }
            }
            Some((handle, DatagramEvent::AssociationEvent(event))) => {
                if let Some(chosen) = self.begun.iter_mut().find(|(known, _)| *known == handle)
                    && let Some(newest) = &mut self.association
                {
                    std::mem::swap(chosen, newest);
                }
                if let Some((known, association)) = &mut self.association
                    && *known == handle
                {
                    association.handle_event(event);
                }
            }
            _ => {}
        }
        self.events(now)
    }

    /// Runs SCTP's timers.
    pub(super) fn timeout(&mut self, now: Instant) -> Vec<ChannelEvent> {
        if let Some((_, association)) = &mut self.association {
            association.handle_timeout(now);
        }
        self.events(now)
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.association.as_ref()?.1.poll_timeout()
    }

    /// Sends a text, or keeps it until the channel opens.
    pub(super) fn send(&mut self, now: Instant, text: String) {
        match self.state {
            State::Open(stream) => self.write(now, stream, text),
            State::Waiting => {
                if self.waiting.len() >= MAX_WAITING {
                    self.waiting.pop_front();
                }
                self.waiting.push_back(text);
            }
            State::Closed => {}
        }
    }

    /// Hands what SCTP wants to send to DTLS.
    pub(super) fn flush(&mut self, now: Instant, dtls: &mut Dtls) {
        #[cfg(test)]
        assert!(!self.gives_up, "as told");
        let Some((_, association)) = &mut self.association else { return };
        while let Some(transmit) = association.poll_transmit(now) {
            if let Payload::RawEncode(packets) = transmit.message {
                for packet in packets {
                    dtls.write(now, &packet);
                }
            }
        }
    }

    fn write(&mut self, now: Instant, stream: u16, text: String) {
        let Some((_, association)) = &mut self.association else { return };
        let Ok(mut stream) = association.stream(stream) else { return };
        if stream.buffered_amount().is_ok_and(|bytes| bytes > MAX_BUFFERED) {
            tracing::debug!("a text was dropped: the other end does not take any");
            return;
        }
        if let Err(error) = stream.write_chunk_with_ppi(now, &Bytes::from(text), Ppi::String) {
            tracing::debug!(%error, "a text could not be sent");
        }
    }

    fn events(&mut self, now: Instant) -> Vec<ChannelEvent> {
        let mut out = Vec::new();
        while let Some(event) = self.association.as_mut().and_then(|(_, association)| association.poll()) {
            match event {
                Event::Connected => {
                    self.begun.clear();
                    self.endpoint.reject_new_associations();
                }
                Event::Stream(StreamEvent::Opened { .. }) => {
                    self.streams += 1;
                    if self.streams > MAX_STREAMS {
                        self.abort(&mut out);
                        return out;
                    }
                }
                Event::Stream(StreamEvent::Readable { id }) => self.read(now, id, &mut out),
                Event::AssociationLost { id, .. } if matches!(self.state, State::Open(open) if open == id) => {
                    self.close(&mut out)
                }
                _ => {}
            }
        }
        let mut drained = false;
        if let Some((handle, association)) = &mut self.association {
            while let Some(event) = association.poll_endpoint_event() {
                self.endpoint.handle_event(*handle, event);
                drained = true;
            }
        }
        if drained {
            self.association = None;
            if matches!(self.state, State::Open(_)) {
                self.close(&mut out);
            }
        }
        out
    }

    /// Ends the association: nothing more is read or sent, and the next [`Channel::flush`] says so (RFC 9260 §9.1).
    fn abort(&mut self, out: &mut Vec<ChannelEvent>) {
        tracing::warn!("too many streams in an SCTP association; it is ended");
        if let Some((_, association)) = &mut self.association {
            let _ = association.abort();
        }
        self.close(out);
    }

    fn close(&mut self, out: &mut Vec<ChannelEvent>) {
        self.waiting.clear();
        if matches!(std::mem::replace(&mut self.state, State::Closed), State::Open(_)) {
            out.push(ChannelEvent::Closed);
        }
    }

    /// Readable is told once, so everything is read.
    fn read(&mut self, now: Instant, id: u16, out: &mut Vec<ChannelEvent>) {
        loop {
            let Some((handle, association)) = &mut self.association else { return };
            let Ok(mut stream) = association.stream(id) else { return };
            let Ok(Some(chunks)) = stream.read_sctp() else { return };
            let is_ours = matches!(self.state, State::Open(open) if open == id);
            match chunks.ppi {
                Ppi::Dcep => {
                    let Ok(body) = chunks.to_payload(MAX_MESSAGE) else { continue };
                    // The library has types of its own beside those of the wire, and reads past the end of a short one.
                    if body.first() != Some(&DATA_CHANNEL_OPEN) {
                        continue;
                    }
                    let Ok(mut dialled) = DataChannel::accept(DataChannelConfig::default(), handle.0, id, Ppi::Dcep, &body)
                    else {
                        continue;
                    };
                    if dialled.config().label != CONTROL_LABEL || !matches!(self.state, State::Waiting) {
                        continue;
                    }
                    let (unordered, reliability) = DataChannel::get_reliability_params(dialled.config().channel_type);
                    let _ = stream.set_reliability_params(unordered, reliability, dialled.config().reliability_parameter);
                    while let Some(message) = dialled.poll_write() {
                        let _ = stream.write_chunk_with_ppi(now, &message.payload.freeze(), message.ppi);
                    }
                    self.open(now, id, out);
                }
                Ppi::String | Ppi::StringEmpty if is_ours || matches!(self.state, State::Waiting) => {
                    let length = chunks.len();
                    let text = chunks.to_payload(MAX_CONTROL_BYTES).ok().and_then(|body| String::from_utf8(body.to_vec()).ok());
                    if !is_ours {
                        // A stream nobody announced: the channel both ends negotiated beforehand.
                        self.open(now, id, out);
                    }
                    match text {
                        Some(text) if chunks.ppi == Ppi::String => out.push(ChannelEvent::Text(text)),
                        Some(_) => {}
                        None => {
                            tracing::warn!(bytes = length, "a control text is too long or no text; its channel is closed");
                            self.reset(now, id);
                            self.close(out);
                        }
                    }
                }
                _ => {}
            }
        }
    }

    fn open(&mut self, now: Instant, id: u16, out: &mut Vec<ChannelEvent>) {
        self.state = State::Open(id);
        out.push(ChannelEvent::Opened);
        for text in std::mem::take(&mut self.waiting) {
            self.write(now, id, text);
        }
    }

    fn reset(&mut self, now: Instant, id: u16) {
        if let Some((_, association)) = &mut self.association
            && let Ok(mut stream) = association.stream(id)
        {
            let _ = stream.close(now);
        }
    }
}

#[cfg(test)]
mod tests;
