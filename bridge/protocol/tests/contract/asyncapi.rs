//! The AsyncAPI document names every topic with the quality of service, retention and expiry that the code uses.
//!
//! Whether it is a valid AsyncAPI 3 document is checked by a parser that is not ours, in `tests/browser/asyncapi.test.mjs`. Here
//! the operations are compared with [`Kind`], line by line, so that neither can change alone.

use protocol::topic::Direction;
use protocol::{Kind, SCHEMA_VERSION};

use crate::read;

/// The lines under `  {name}:` of the document's top-level `section`, joined.
fn entry(document: &str, section: &str, name: &str) -> String {
    document
        .lines()
        .skip_while(|line| *line != format!("{section}:"))
        .skip(1)
        .take_while(|line| line.is_empty() || line.starts_with(' '))
        .skip_while(|line| *line != format!("  {name}:"))
        .skip(1)
        .take_while(|line| line.is_empty() || line.starts_with("   "))
        .map(|line| format!("{}\n", line.trim()))
        .collect()
}

#[test]
fn every_kind_is_documented_as_the_code_sends_it() {
    let document = read("asyncapi.yaml");
    for kind in Kind::ALL {
        let name = kind.as_str();
        let (direction, action) = match kind.direction() {
            Direction::Up => ("up", "receive"),
            Direction::Down => ("down", "send"),
        };
        let channel = entry(&document, "channels", name);
        assert!(
            channel.contains(&format!("address: ws/v{SCHEMA_VERSION}/{{client}}/{direction}/{name}\n")),
            "{name}: {channel}"
        );
        let operation = entry(&document, "operations", name);
        assert!(operation.contains(&format!("action: {action}\n")), "{name}: {operation}");
        assert!(operation.contains("qos: 1\n"), "{name}: {operation}");
        assert!(operation.contains(&format!("retain: {}\n", kind.is_retained())), "{name}: {operation}");
        match kind.expiry_s() {
            Some(seconds) => assert!(operation.contains(&format!("messageExpiryInterval: {seconds}\n")), "{name}: {operation}"),
            None => assert!(!operation.contains("messageExpiryInterval"), "{name}: {operation}"),
        }
        let message = document.split("\n  messages:\n").nth(1).expect("components have messages");
        assert!(message.contains(&format!("$ref: schemas/{name}.json\n")), "{name} has its schema as payload");
    }
    let channels = document.lines().filter(|line| line.starts_with("    address: ")).count();
    assert_eq!(channels, Kind::ALL.len(), "no channel that the code does not know");
}
