//! The sample file is the defaults; each mistake has its sentence.

use super::*;

const SAMPLE: &str = include_str!("../../bridge.toml");

fn valid() -> Config {
    Config { bridge_id: BridgeId::new(), ..Config::default() }
}

#[test]
fn the_sample_file_is_the_defaults() {
    let sample: Config = toml::from_str(SAMPLE).unwrap();
    assert_eq!(sample, Config::default());
}

#[test]
fn every_key_is_in_the_sample_file() {
    let Ok(toml::Value::Table(defaults)) = toml::Value::try_from(Config::default()) else { panic!("a table") };
    let mut missing = Vec::new();
    for (key, value) in &defaults {
        let section = format!("[{key}]");
        match value {
            toml::Value::Table(keys) => {
                assert!(SAMPLE.contains(&section), "{section}");
                missing.extend(keys.keys().filter(|key| !SAMPLE.contains(&format!("\n{key} = "))).cloned());
            }
            _ if key == "ice_servers" => assert!(SAMPLE.contains("[[ice_servers]]")),
            _ => missing.extend((!SAMPLE.contains(&format!("\n{key} = "))).then(|| key.clone())),
        }
    }
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn unknown_keys_are_refused_by_name() {
    for text in ["grase = \"30s\"", "[limits]\nrobot = 3", "[outbox]\nsize = 3", "[mqtt]\nhost = \"x\""] {
        let error = toml::from_str::<Config>(text).unwrap_err().to_string();
        assert!(error.contains("unknown field"), "{error}");
    }
}

#[test]
fn each_mistake_is_said_in_one_sentence() {
    assert_eq!(valid().validate(), Ok(()));
    let server = |url: &str| IceServer { url: url.into(), username: None, credential: None };
    let wrong: [(Config, &str); 10] = [
        (Config::default(), "bridge_id is missing"),
        (Config { http_base: "bridge.local".into(), ..valid() }, "http_base is `bridge.local`"),
        (Config { public_base: "https://x/".into(), ..valid() }, "public_base is `https://x/`"),
        (Config { cors_origins: vec!["pupil.example".into()], ..valid() }, "cors_origins"),
        (Config { grace: Duration::ZERO, ..valid() }, "grace is 0s"),
        (Config { outbox: OutboxConfig { max_mib: 1, ..OutboxConfig::default() }, ..valid() }, "outbox.max_mib is 1"),
        (Config { media: MediaConfig { threads: 0, ..MediaConfig::default() }, ..valid() }, "media.threads is 0"),
        (Config { limits: Limits { robots: 0, ..Limits::default() }, ..valid() }, "limits.robots is 0"),
        (Config { ice_servers: vec![server("http://x")], ..valid() }, "ice_servers url `http://x`"),
        (Config { ice_servers: vec![server("turn:x:3478")], ..valid() }, "is a TURN server: set its username"),
    ];
    for (config, expected) in wrong {
        let said = config.validate().unwrap_err();
        assert!(said.contains(expected), "{said}");
        assert!(!said.contains('\n'));
    }
}

#[test]
fn header_injection_through_an_ice_server_is_refused() {
    let server = IceServer { url: "turn:x:1".into(), username: Some("a\"; evil".into()), credential: Some("b".into()) };
    let said = Config { ice_servers: vec![server], ..valid() }.validate().unwrap_err();
    assert!(said.contains("holds a quote"), "{said}");
}

#[test]
fn credentials_are_not_printed() {
    let server = IceServer { url: "turn:x:1".into(), username: Some("user".into()), credential: Some("hunter2".into()) };
    assert!(!format!("{:?}", Config { ice_servers: vec![server], ..valid() }).contains("hunter2"));
}
