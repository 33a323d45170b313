//! One media thread: its socket, its commands, its timers.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, TrySendError};

use bridge_core::offer::{Credentials, Offer};
use protocol::RobotId;
use tokio::sync::{mpsc, oneshot};

use super::{Answer, LegId, MediaConfig, MediaError, MediaEvent, Party, Talk};

/// What a media thread is asked to do.
pub(super) enum Command {
    Add { robot: RobotId, party: Party, talk: Talk, offer: Box<Offer>, reply: oneshot::Sender<Result<Answer, MediaError>> },
    Restart { leg: LegId, remote: Credentials, reply: oneshot::Sender<Result<Option<String>, MediaError>> },
    Close { leg: LegId },
    Text { leg: LegId, text: String },
    KeyFrame { robot: RobotId },
    Stop { reply: oneshot::Sender<()> },
}

/// The other end of a media thread's command queue.
pub(super) struct WorkerHandle {
    pub(super) local: SocketAddr,
    commands: SyncSender<Command>,
    waker: Arc<mio::Waker>,
}

impl WorkerHandle {
    /// Queues a command that can be refused.
    pub(super) fn try_send(&self, command: Command) -> Result<(), MediaError> {
        self.commands.try_send(command).map_err(|error| match error {
            TrySendError::Full(_) => MediaError::Busy,
            TrySendError::Disconnected(_) => MediaError::Stopped,
        })?;
        let _ = self.waker.wake();
        Ok(())
    }

    /// Queues a command that must not be lost. With a full queue it waits for the thread's next wake, which is near: a
    /// media thread waits for nothing but its socket.
    pub(super) fn send(&self, command: Command) {
        let _ = self.commands.send(command);
        let _ = self.waker.wake();
    }
}

pub(super) fn start(_config: &MediaConfig, _events: &mpsc::Sender<MediaEvent>) -> Result<Vec<WorkerHandle>, MediaError> {
    Err(MediaError::Stopped)
}
