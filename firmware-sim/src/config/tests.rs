//! The annotated sample equals the defaults, and wrong values are refused with a sentence that says what to do.

use super::*;

fn read(text: &str) -> Config {
    toml::from_str(text).expect("the text is a configuration")
}

fn complete() -> Config {
    Config { robot_id: RobotId::new(), ..Config::default() }
}

#[test]
fn the_annotated_sample_equals_the_defaults() {
    assert_eq!(read(include_str!("../../robot.toml")), Config::default());
}

#[test]
fn an_unknown_key_is_refused() {
    let refused = toml::from_str::<Config>("colour = \"red\"").expect_err("unknown keys are refused");
    assert!(refused.to_string().contains("colour"), "{refused}");
}

#[test]
fn a_complete_configuration_is_accepted() {
    assert_eq!(complete().validate(), Ok(()));
}

#[test]
fn each_wrong_value_is_refused_with_its_key() {
    type Spoil = fn(&mut Config);
    let cases: [(&str, Spoil); 8] = [
        ("robot_id", |c| c.robot_id = RobotId(Uuid::nil())),
        ("name", |c| c.name.clear()),
        ("page", |c| c.page = SocketAddr::from(([0, 0, 0, 0], 8090))),
        ("video.fps", |c| c.video.fps = 0),
        ("video.width", |c| c.video.width = 641),
        ("video.file", |c| c.video.source = Source::File),
        ("audio.rtp_port", |c| c.audio.source = Source::Rtp),
        ("battery.start_pct", |c| c.battery.start_pct = f64::NAN),
    ];
    for (key, spoil) in cases {
        let mut config = complete();
        spoil(&mut config);
        let refused = config.validate().expect_err(key);
        assert!(refused.contains(key), "{key}: {refused}");
    }
}

#[test]
fn a_scenario_and_a_board_are_read() {
    let config = read(
        r#"
        robot_id = "018f2d1c-0000-7000-8000-000000000001"
        [[board]]
        from = "2026-11-23T09:00:00Z"
        until = "2026-11-23T10:00:00Z"
        title = "Maths"
        [[scenario]]
        after_s = 60.0
        fault = "lose_wifi"
        seconds = 20.0
        [[scenario]]
        after_s = 120.0
        fault = "reboot"
        "#,
    );
    assert_eq!(config.validate(), Ok(()));
    assert_eq!((config.scenario[0].fault, config.scenario[0].seconds), (Fault::LoseWifi, 20.0));
    assert_eq!(config.scenario[1].fault, Fault::Reboot);
    assert_eq!(config.board[0].title, "Maths");
}
