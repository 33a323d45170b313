//! A TCP connection that speaks RFC 4571, as the other end of ICE-TCP.

use std::cell::RefCell;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

pub struct Framed {
    pub stream: TcpStream,
    came: RefCell<Vec<u8>>,
    /// The bridge closed it.
    pub is_closed: RefCell<bool>,
}

impl Framed {
    pub fn connect(to: SocketAddr) -> Self {
        let stream = TcpStream::connect(to).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(2))).unwrap();
        Self { stream, came: RefCell::default(), is_closed: RefCell::default() }
    }

    /// Sends one frame. A connection that the bridge closed takes it and loses it.
    pub fn send(&self, packet: &[u8]) {
        let length = u16::try_from(packet.len()).unwrap();
        let _ = (&self.stream).write_all(&[&length.to_be_bytes()[..], packet].concat());
    }

    /// The next whole frame, if one comes within two milliseconds.
    pub fn receive(&self) -> Option<Vec<u8>> {
        let mut came = self.came.borrow_mut();
        loop {
            if let Some(length) = came.first_chunk::<2>().map(|length| usize::from(u16::from_be_bytes(*length)))
                && came.len() >= 2 + length
            {
                let rest = came.split_off(2 + length);
                return Some(std::mem::replace(&mut *came, rest).split_off(2));
            }
            let mut buffer = [0; 4096];
            match (&self.stream).read(&mut buffer) {
                Ok(0) => {
                    *self.is_closed.borrow_mut() = true;
                    return None;
                }
                Ok(count) => came.extend(&buffer[..count]),
                Err(error) => {
                    if error.kind() == ErrorKind::ConnectionReset {
                        *self.is_closed.borrow_mut() = true;
                    }
                    return None;
                }
            }
        }
    }
}
