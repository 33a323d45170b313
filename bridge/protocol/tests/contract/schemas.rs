//! The JSON Schemas in `schemas/` are those of the types, and every golden message fits its own.
//!
//! `UPDATE_SCHEMAS=1 cargo test --release -p protocol` writes them anew. They are of draft 7, the one that AsyncAPI tools read.

use protocol::control::ControlMessage;
use protocol::{
    AckMessage, CommandMessage, EndMessage, Envelope, EventMessage, GrantMessage, HelloMessage, Kind, LinkMessage,
    PresenceMessage, RobotMessage,
};
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::Value;

use crate::{names_in, path, read};

/// The schema of `T` as the text of its file.
fn schema<T: JsonSchema>(title: &str) -> String {
    let mut schema = SchemaSettings::draft07().into_generator().into_root_schema_for::<T>();
    schema.insert("title".into(), title.into());
    serde_json::to_string_pretty(&schema).expect("schemas are JSON") + "\n"
}

/// Every schema by the name of its file.
fn schemas() -> Vec<(&'static str, String)> {
    let mut all: Vec<(&'static str, String)> = Kind::ALL
        .into_iter()
        .map(|kind| {
            let text = match kind {
                Kind::Hello => schema::<Envelope<HelloMessage>>("hello"),
                Kind::Presence => schema::<Envelope<PresenceMessage>>("presence"),
                Kind::Event => schema::<Envelope<EventMessage>>("event"),
                Kind::Link => schema::<Envelope<LinkMessage>>("link"),
                Kind::Robot => schema::<Envelope<RobotMessage>>("robot"),
                Kind::Ack => schema::<Envelope<AckMessage>>("ack"),
                Kind::Grant => schema::<Envelope<GrantMessage>>("grant"),
                Kind::Command => schema::<Envelope<CommandMessage>>("command"),
                Kind::End => schema::<Envelope<EndMessage>>("end"),
            };
            (kind.as_str(), text)
        })
        .collect();
    all.push(("control", schema::<ControlMessage>("control")));
    all
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the switch that writes the files anew is for the person at the keyboard")]
fn the_schemas_on_disk_are_those_of_the_types() {
    let update = std::env::var("UPDATE_SCHEMAS").is_ok();
    let mut names: Vec<String> = Vec::new();
    for (name, text) in schemas() {
        let file = format!("schemas/{name}.json");
        if update {
            std::fs::write(path(&file), &text).expect("the folder can be written");
        }
        assert!(
            read(&file) == text,
            "{file} is not the schema of its type: run this test with UPDATE_SCHEMAS=1 and look at the change"
        );
        names.push(name.to_owned());
    }
    names.sort();
    assert_eq!(names_in("schemas"), names, "a schema for every kind and for nothing else");
}

#[test]
fn limits_that_readers_check_are_in_the_schemas() {
    let robot: Value = serde_json::from_str(&read("schemas/robot.json")).expect("JSON");
    let percent = &robot["definitions"]["Percent"];
    assert_eq!(percent["maximum"], 100, "a share is at most 100: {percent}");
    for kind in Kind::ALL {
        let schema: Value = serde_json::from_str(&read(&format!("schemas/{}.json", kind.as_str()))).expect("JSON");
        let required = schema["required"].as_array().expect("an envelope has required fields");
        assert_eq!(schema["properties"]["v"]["const"], 1, "{kind:?}: readers accept this version and nothing else");
        for field in ["v", "id", "epoch", "sent_at", "mono_ms", "body"] {
            assert!(required.contains(&field.into()), "{kind:?} requires {field}");
        }
        assert!(!required.contains(&"seq".into()), "{kind:?}: measurements carry no number");
        assert_ne!(schema["additionalProperties"], Value::Bool(false), "{kind:?}: unknown fields are ignored");
    }
}
