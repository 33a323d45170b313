//! Topics: built, read back, and who may use which.

use protocol::topic::Direction;
use protocol::{BridgeId, ClientId, Kind, RobotId, Topic, TopicError};
use uuid::Uuid;

const ROBOT: &str = "0193a1c0-0000-7000-8000-000000000001";
const OTHER: &str = "0193a1c0-0000-7000-8000-000000000002";

fn client(id: &str) -> ClientId {
    id.parse().expect("a UUID")
}

#[test]
fn a_topic_says_whose_which_way_and_what() {
    let topic = Topic::new(RobotId(Uuid::parse_str(ROBOT).expect("a UUID")), Kind::Hello);
    assert_eq!(topic.to_string(), format!("ws/v1/{ROBOT}/up/hello"));
    let topic = Topic::new(BridgeId(Uuid::parse_str(OTHER).expect("a UUID")), Kind::Ack);
    assert_eq!(topic.to_string(), format!("ws/v1/{OTHER}/down/ack"));
}

#[test]
fn every_kind_is_read_back_as_it_was_written() {
    for kind in Kind::ALL {
        let topic = Topic { client: client(ROBOT), kind };
        assert_eq!(Topic::parse(&topic.to_string()), Ok(topic));
    }
}

#[test]
fn retention_and_expiry_are_those_of_the_table() {
    let row = |kind: Kind| (kind.direction() == Direction::Up, kind.is_retained(), kind.expiry_s());
    let rows = Kind::ALL.map(row);
    let expected = [
        (true, true, None),
        (true, false, None),
        (true, false, None),
        (true, false, Some(60)),
        (true, false, Some(60)),
        (false, true, None),
        (false, false, Some(60)),
        (false, false, Some(60)),
        (false, false, Some(60)),
    ];
    assert_eq!(rows, expected);
}

#[test]
fn what_is_not_ours_is_refused_by_level() {
    let refusals = [
        ("", TopicError::Shape),
        ("ws/v1", TopicError::Shape),
        ("ws/v2/{id}/up/hello", TopicError::Shape),
        ("xx/v1/{id}/up/hello", TopicError::Shape),
        ("/ws/v1/{id}/up/hello", TopicError::Shape),
        ("ws/v1/{id}/up/hello/more", TopicError::Shape),
        ("ws/v1/{id}/sideways/hello", TopicError::Shape),
        ("ws/v1/{id}/up", TopicError::Shape),
        ("ws/v1//up/hello", TopicError::Client),
        ("ws/v1/robin/up/hello", TopicError::Client),
        ("ws/v1/+/up/hello", TopicError::Client),
        ("ws/v1/{id}/up/", TopicError::Kind),
        ("ws/v1/{id}/up/mood", TopicError::Kind),
        ("ws/v1/{id}/up/command", TopicError::Kind),
        ("ws/v1/{id}/down/presence", TopicError::Kind),
        ("ws/v1/{id}/up/Hello", TopicError::Kind),
    ];
    for (topic, expected) in refusals {
        assert_eq!(Topic::parse(&topic.replace("{id}", ROBOT)), Err(expected), "{topic}");
    }
}

#[test]
fn a_client_has_one_spelling() {
    // A UUID in capitals, in braces or without hyphens is the same UUID; as a topic it would be a second name for one device.
    for spelling in [ROBOT.to_uppercase(), format!("{{{ROBOT}}}"), ROBOT.replace('-', ""), format!("urn:uuid:{ROBOT}")] {
        assert_eq!(Topic::parse(&format!("ws/v1/{spelling}/up/hello")), Err(TopicError::Client), "{spelling}");
    }
}

#[test]
fn a_client_publishes_upward_in_its_own_branch_only() {
    let may = |topic: &str| Topic::may_publish(client(ROBOT), &topic.replace("{id}", ROBOT).replace("{other}", OTHER));
    for kind in Kind::ALL.into_iter().filter(|kind| kind.direction() == Direction::Up) {
        assert!(may(&Topic { client: client(ROBOT), kind }.to_string()), "{kind:?}");
        assert!(!may(&Topic { client: client(OTHER), kind }.to_string()), "{kind:?} of another");
    }
    // A kind of a newer program: let through, so that the server can put it into quarantine where somebody sees it.
    assert!(may("ws/v1/{id}/up/mood"));
    for topic in [
        "ws/v1/{id}/down/ack",
        "ws/v1/{id}/down/command",
        "ws/v1/{id}/up",
        "ws/v1/{id}/up/",
        "ws/v1/{id}/up/hello/more",
        "ws/v1/{id}",
        "ws/v1/{other}/down/command",
        "$SYS/broker",
        "",
    ] {
        assert!(!may(topic), "{topic}");
    }
}

#[test]
fn a_client_hears_downward_in_its_own_branch_only() {
    let may = |filter: &str| Topic::may_subscribe(client(ROBOT), &filter.replace("{id}", ROBOT).replace("{other}", OTHER));
    assert!(may(&Topic::down_filter(client(ROBOT))));
    assert!(may("ws/v1/{id}/down/ack"));
    for filter in [
        "#",
        "+/+/+/+/+",
        "ws/v1/+/down/+",
        "ws/v1/#",
        "ws/v1/{other}/down/+",
        "ws/v1/{id}/up/+",
        "ws/v1/{id}/+/grant",
        "ws/v1/{id}/down",
        "ws/v1/{id}/down/",
        "ws/v1/{id}/down/+/more",
        "$share/x/ws/v1/{id}/down/+",
        Topic::SERVER_ALL,
        Topic::SERVER_SHARED,
        Topic::SERVER_HELLO,
        "",
    ] {
        assert!(!may(filter), "{filter}");
    }
}

#[test]
fn the_server_hears_every_upward_kind_and_nothing_downward() {
    let matches = |filter: &str, topic: &str| {
        let (filter, topic): (Vec<_>, Vec<_>) = (filter.split('/').collect(), topic.split('/').collect());
        filter.len() == topic.len() && filter.iter().zip(topic).all(|(f, t)| *f == "+" || *f == t)
    };
    let shared = Topic::SERVER_SHARED.strip_prefix("$share/ingest/").expect("a shared subscription");
    for kind in Kind::ALL {
        let topic = Topic { client: client(ROBOT), kind }.to_string();
        for filter in [Topic::SERVER_ALL, shared] {
            assert_eq!(matches(filter, &topic), kind.direction() == Direction::Up, "{filter} and {topic}");
        }
    }
}
