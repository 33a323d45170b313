//! Engine and driver together, where an answer is lost between them.

use std::sync::Arc;

use bridge::driver::{Driver, Handle};
use bridge::observe::Status;
use bridge_core::backlog::Work;
use bridge_core::grant::{PublishPermit, ViewPermit};
use bridge_core::roster::{Limits, Roster};
use protocol::{Clock, EndReason, LinkMessage, PlacementId, PresenceMessage, SystemClock};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::*;

struct Seats {
    engine: Engine,
    driver: Handle,
    status: Arc<Status>,
    clock: Arc<dyn Clock>,
    work: mpsc::Receiver<Work>,
    robot: RobotId,
    _links: mpsc::Receiver<LinkMessage>,
    _shutdown: tokio_util::sync::DropGuard,
}

impl Seats {
    /// The outbox's queue has one place, and nobody reads it before the test does.
    fn new() -> Self {
        let (events, heard) = mpsc::channel(4096);
        let config = MediaConfig { bind: [127, 0, 0, 1].into(), port: 0, ..MediaConfig::default() };
        let engine = Engine::start(config, events).unwrap();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let (status, shutdown) = (Arc::new(Status::default()), CancellationToken::new());
        let (queue, work) = mpsc::channel(1);
        let (links, _links) = mpsc::channel(64);
        let (driver, requests) = Handle::new();
        let roster = Roster::new(Limits { robots: 10, grace: Duration::from_secs(1), pace: 1 });
        let task = Driver::new(roster, engine.clone(), Arc::clone(&clock), Arc::clone(&status), queue, links);
        TaskTracker::new().spawn(task.run(requests, heard, shutdown.clone()));
        Self { engine, driver, status, clock, work, robot: RobotId::new(), _links, _shutdown: shutdown.drop_guard() }
    }

    async fn until(&mut self, what: &str, peers: &mut [&mut Peer], mut condition: impl FnMut(&mut Self) -> bool) {
        let start = now();
        while !condition(self) {
            peers.iter_mut().for_each(|peer| peer.pump());
            tokio::time::sleep(Duration::from_millis(5)).await;
            assert!(now() - start < PATIENCE, "waited for {what}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejoin_whose_answer_was_lost_does_not_leave_a_visit_without_a_leg() {
    let mut seats = Seats::new();
    let until = seats.clock.now().monotonic + Duration::from_secs(600);
    let mut robot = Peer::new(Profile::Srtp_Aead_Aes_128_Gcm);
    let answer = seats.engine.publish(seats.robot, robot.offer("sendrecv", "sendonly")).await.unwrap();
    robot.accept(&answer.sdp);
    let permit = PublishPermit { robot: seats.robot, until };
    seats.driver.published(permit, answer.leg, [1; 32]).await.unwrap().unwrap();
    seats.until("the robot", &mut [&mut robot], |seats| seats.status.counts() == (1, 0)).await;

    let given_at = seats.clock.now().utc;
    let permit = ViewPermit { robot: seats.robot, placement: PlacementId::new(), device: None, talk: true, given_at, until };
    let mut tablet = Peer::new(Profile::Srtp_Aead_Aes_128_Gcm);
    let admission = seats.driver.admit(permit).await.unwrap().unwrap();
    let answer = seats.engine.subscribe(seats.robot, tablet.offer("sendrecv", "recvonly"), Talk::Forward).await.unwrap();
    tablet.accept(&answer.sdp);
    seats.driver.joined(admission, answer.leg, [2; 32]).await.unwrap().unwrap();
    seats.until("the pupil", &mut [&mut robot, &mut tablet], |seats| seats.status.counts() == (1, 1)).await;

    // The tablet comes again; its new leg replaces the old one, and then the driver has no time for it.
    let again = Peer::new(Profile::Srtp_Aead_Aes_128_Gcm);
    let lost = seats.engine.subscribe(seats.robot, again.offer("sendrecv", "recvonly"), Talk::Forward).await.unwrap();
    seats.engine.close(lost.leg);
    seats.until("the end of the visit", &mut [&mut robot], |seats| seats.status.counts() == (1, 0)).await;

    // Nothing was read of what the visit left behind, and all of it is there.
    let mut reason = None;
    seats
        .until("its end on record", &mut [&mut robot], |seats| {
            while let Ok(work) = seats.work.try_recv() {
                if let Work::Record(record) = work
                    && let Some(PresenceMessage::Ended { reason: why, .. }) = record.facts.last()
                {
                    assert_eq!(record.checkpoint, None);
                    reason = Some(*why);
                }
            }
            reason.is_some()
        })
        .await;
    assert_eq!(reason, Some(EndReason::PupilLost));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offer_that_nobody_waits_for_any_more_leaves_no_leg() {
    let (events, _heard) = mpsc::channel(4096);
    let config = MediaConfig { bind: [127, 0, 0, 1].into(), port: 0, max_legs: 2, ..MediaConfig::default() };
    let engine = Engine::start(config, events).unwrap();
    for _ in 0..50 {
        let offer = Peer::new(Profile::Srtp_Aead_Aes_128_Gcm).offer("sendrecv", "sendonly");
        // Asked, and then the asker is gone; at times the thread was quicker.
        if let Ok(Ok(answer)) = tokio::time::timeout(Duration::ZERO, engine.publish(RobotId::new(), offer)).await {
            engine.close(answer.leg);
        }
    }
    for _ in 0..2 {
        let offer = Peer::new(Profile::Srtp_Aead_Aes_128_Gcm).offer("sendrecv", "sendonly");
        engine.publish(RobotId::new(), offer).await.expect("room for as many as there were");
    }
}
