//! Why a connection is refused, in the words that whoever asks is shown.

/// Why somebody may not connect now. The texts are for whoever asks, a tired child among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Another pupil uses the robot.
    #[error("someone else is with this robot at the moment: please ask your teacher, or try again later")]
    InUse,
    /// There is no robot to view.
    #[error("the robot is not connected yet: please try again in a few seconds")]
    RobotAway,
    /// As many robots as the bridge serves.
    #[error("this bridge serves as many robots as it may: ask for a higher limit, or use another bridge")]
    Full,
    /// The bridge is to be serviced and takes nobody new.
    #[error("this bridge is being emptied for maintenance: please try again in a few seconds")]
    Draining,
    /// The machine has as much to do as it can do well.
    #[error("this bridge has as much to do as it can do well: please try again in a minute")]
    Overloaded,
    /// The server withdrew the permission.
    #[error("this permission was withdrawn: please ask your teacher, or the person who set up this tablet")]
    Withdrawn,
    /// The session ended while the connection was being made.
    #[error("the visit ended meanwhile: please join again")]
    Over,
}
