//! The parts apart: server, bridge and robot as processes of their own, with Mosquitto between them by TLS, as the README says to run
//! it. The same lesson, the same minutes; and Mosquitto keeps everybody to their own branch.

use std::path::{Path, PathBuf};
use std::time::Duration;

use server::demo;

use engines::{Credentials, Doors, Mosquitto, port};

use crate::harness::program::Program;
use crate::harness::staff::Staff;
use crate::harness::tablet::Tablet;
use crate::harness::{MONDAY, SOON, eventually};
use crate::lesson::attended_minutes;

/// How much faster the demo school's time runs: a minute of class in a quarter of one.
const SPEED: u32 = 4;

/// Writes `text` to `folder/name`.
fn file(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path
}

#[tokio::test(flavor = "multi_thread")]
async fn three_processes_and_mosquitto_give_the_same_lesson() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let users = ["server".to_owned(), "operator".to_owned(), demo::ids::ROBIN.to_string()].map(|user| {
        let secret = windowseat::secrets::random_secret();
        (user, secret)
    });
    let doors = Doors::new(folder);
    let _mosquitto = Mosquitto::start_with(folder, &users, "", &doors.settings()).await;
    let mqtt = |(user, secret): &(String, String)| {
        let password = file(folder, &format!("{user}.password"), secret);
        format!(
            "[mqtt]\nurl = \"mqtts://{}\"\nca_file = \"{}\"\nusername = \"{user}\"\npassword_file = \"{}\"\n",
            doors.by_password,
            doors.authority_file().display(),
            password.display()
        )
    };
    // The bridge has a certificate instead of a password: Mosquitto takes its common name for the user.
    let (cert_file, key_file) = doors.certify(&demo::BRIDGE.to_string());
    let bridge_mqtt = format!(
        "[mqtt]\nurl = \"mqtts://{}\"\nca_file = \"{}\"\ncert_file = \"{}\"\nkey_file = \"{}\"\n",
        doors.by_certificate,
        doors.authority_file().display(),
        cert_file.display(),
        key_file.display()
    );
    let (server_at, bridge_at, media_port) = (port::address(), port::address(), port::free());
    let keys = folder.join("keys/grant-private.pem");
    let server_file = file(
        folder,
        "server.toml",
        &format!(
            "database = \"{}\"\ngrant_key_file = \"{}\"\npublic_url = \"http://{server_at}\"\n{}",
            folder.join("windowseat.db").display(),
            keys.display(),
            mqtt(&users[0])
        ),
    );
    let bridge_file = file(
        folder,
        "bridge.toml",
        &format!(
            "bridge_id = \"{}\"\nhttp_base = \"http://{bridge_at}\"\npublic_base = \"http://{bridge_at}\"\ngrant_public_key = \"{}\"\n\
             [outbox]\npath = \"{}\"\n[media]\nbind = \"127.0.0.1\"\nport = {media_port}\npublic_addresses = [\"127.0.0.1\"]\n{}",
            demo::BRIDGE,
            keys.with_file_name("grant-public.pem").display(),
            folder.join("outbox.db").display(),
            bridge_mqtt
        ),
    );
    let robot_file =
        file(folder, "robot.toml", &format!("robot_id = \"{}\"\nname = \"Robin\"\n{}", demo::ids::ROBIN, mqtt(&users[2])));
    let text = |path: &Path| path.display().to_string();
    let demo_folder = text(folder);
    let http = server_at.to_string();

    // Each process has a clock of its own. All start at the same moment of the demo school's time, or permissions of the one are not
    // valid yet for the other.
    let started = tokio::time::Instant::now();
    let at = || {
        let now = windowseat::at::local(MONDAY).unwrap() + started.elapsed() * SPEED;
        now.format("%Y-%m-%dT%H:%M:%S").to_string()
    };
    let speed = SPEED.to_string();
    let mut server = Program::start(&[
        "server",
        "--config",
        &text(&server_file),
        "--http",
        &http,
        "--demo",
        &demo_folder,
        "--at",
        &at(),
        "--speed",
        &speed,
    ]);
    server.prints("listens at").await;
    let at_bridge = bridge_at.to_string();
    let mut bridge =
        Program::start(&["bridge", "--config", &text(&bridge_file), "--http", &at_bridge, "--at", &at(), "--speed", &speed]);
    bridge.prints("listens at").await;
    let mut robot = Program::start(&["robot", "--config", &text(&robot_file), "--at", &at(), "--speed", &speed]);
    robot.prints("own page").await;

    let url = format!("http://{server_at}");
    let block = server.output();
    let keyword = block
        .split("/pair#")
        .nth(1)
        .and_then(|rest| rest.split_whitespace().next())
        .unwrap_or_else(|| panic!("no link: {block}"));
    let tablet = Tablet::pair(&url, keyword).await;
    let viewer = eventually("the robot to be ready for class", SOON, async || {
        let permit = tablet.permit().await.ok()?;
        assert!(permit.whep_url.starts_with(&format!("http://{bridge_at}/")), "the bridge's own address: {}", permit.whep_url);
        crate::harness::peer::Viewer::open(&crate::harness::staff::browser(), &permit.whep_url, &permit.token).await.ok()
    })
    .await;
    viewer.sees(60, 150, SOON).await;

    let (email, password) = sign_in_of(&block, "key worker");
    let key_worker = Staff::sign_in(&url, &email, &password).await;
    eventually("at least one attended minute on the record", 2 * SOON, async || {
        let attendance = key_worker.json(&format!("/api/pupils/{}/attendance", demo::ids::ADA)).await;
        (attended_minutes(&attendance) >= 1).then_some(())
    })
    .await;
    viewer.leaves().await;
    mosquitto_keeps_everybody_to_their_own_branch(&doors, &users).await;

    for (name, program) in [("robot", &mut robot), ("bridge", &mut bridge), ("server", &mut server)] {
        program.signal("TERM");
        let status = program.ends_within(Duration::from_secs(5)).await;
        assert!(status.success(), "{name}: {status}: {}", program.log());
        assert!(!program.log().contains("ERROR"), "{name}: {}", program.log());
        assert!(!program.log().contains("lost the broker"), "nobody took its connection over: {name}: {}", program.log());
    }
}

/// The access file of the README, tried by clients that nobody here wrote.
async fn mosquitto_keeps_everybody_to_their_own_branch(doors: &Doors, users: &[(String, String)]) {
    let [_, (operator, operator_secret), (robin, robin_secret)] = users else { panic!("three users") };
    let as_robin = Credentials::Password(robin, robin_secret);
    let other = demo::ids::FINCH;
    // A refusal of Mosquitto comes as the reason of the PUBACK, which the client prints.
    for (topic, may) in [
        (format!("ws/v1/{robin}/up/event"), true),
        (format!("ws/v1/{other}/up/event"), false),
        (format!("ws/v1/{robin}/down/command"), false),
    ] {
        let said = doors.publishes(as_robin, &topic, "{}").await;
        assert_eq!(said.contains("Not authorized"), !may, "{topic}: {said}");
    }
    assert!(doors.publishes(Credentials::Password(robin, "wrong"), "x", "x").await.to_lowercase().contains("not authori"));
    // No certificate, no way in at the other door; with one, only the branch of its common name.
    assert!(!doors.publishes(Credentials::None, "ws/v1/x/up/event", "{}").await.contains("PUBACK"), "no certificate");
    let (cert, key) = doors.certify(&other.to_string());
    let as_other = Credentials::Certificate(&cert, &key);
    let own = doors.publishes(as_other, &format!("ws/v1/{other}/up/event"), "{}").await;
    assert!(!own.contains("Not authorized"), "{own}");
    let foreign = doors.publishes(as_other, &format!("ws/v1/{robin}/up/event"), "{}").await;
    assert!(foreign.contains("Not authorized"), "{foreign}");
    // Whoever connects with another's client id takes that connection over: what is known of them is not enough.
    for (who, id) in [
        (as_robin, format!("bridge-{}", demo::BRIDGE)),
        (as_robin, demo::BRIDGE.to_string()),
        (as_robin, "server".to_owned()),
        (as_other, robin.clone()),
        (as_other, format!("bridge-{}", demo::BRIDGE)),
    ] {
        let said = doors.connects_as(who, &id).await;
        assert!(said.contains("received CONNACK (0)"), "Mosquitto lets anybody take any name: {said}");
    }
    // Everything upward for the operator, by the widest wildcard; permissions never.
    let seen = doors.hears(Credentials::Password(operator, operator_secret), "#").await;
    assert!(seen.contains(&format!("ws/v1/{}/up/hello", demo::BRIDGE)), "{seen}");
    assert!(!seen.contains("/down/"), "{seen}");
}

/// A password goes to the broker that the authority vouches for, under the name that was configured, and to no other.
#[tokio::test(flavor = "multi_thread")]
async fn a_broker_of_another_authority_or_under_another_name_gets_no_word() {
    let folder = tempfile::tempdir().unwrap();
    let (folder, strange) = (folder.path(), tempfile::tempdir().unwrap());
    let users = ["operator".to_owned(), demo::ids::ROBIN.to_string()].map(|user| (user, windowseat::secrets::random_secret()));
    let [(operator, operator_secret), (robin, robin_secret)] = &users;
    let doors = Doors::new(folder);
    let _mosquitto = Mosquitto::start_with(folder, &users, "", &doors.settings()).await;
    let port = doors.by_password.port();
    let strangers = Doors::new(strange.path());
    let password = file(folder, "robin.password", robin_secret);
    for (n, (authority, host, why)) in [
        // Both authorities bear the same name, so it is the signature that tells them apart.
        (strangers.authority_file(), "127.0.0.1", Some("BadSignature")),
        (doors.authority_file(), "localhost", Some("not valid for name")),
        (doors.authority_file(), "127.0.0.1", None),
    ]
    .into_iter()
    .enumerate()
    {
        let settings = file(
            folder,
            &format!("robot-{n}.toml"),
            &format!(
                "robot_id = \"{robin}\"\nname = \"Robin\"\n[mqtt]\nurl = \"mqtts://{host}:{port}\"\nca_file = \"{}\"\n\
                 username = \"{robin}\"\npassword_file = \"{}\"\n",
                authority.display(),
                password.display()
            ),
        );
        let mut robot = Program::start(&["robot", "--config", &settings.display().to_string()]);
        let seen = async || doors.hears(Credentials::Password(operator, operator_secret), "#").await.contains(robin.as_str());
        if let Some(why) = why {
            robot.prints("cannot connect to the broker").await;
            assert!(robot.log().contains(why), "{host}: {}", robot.log());
            assert!(!seen().await, "{host}: it said something");
        } else {
            eventually("its hello", SOON, async || seen().await.then_some(())).await;
        }
        robot.signal("TERM");
        assert!(robot.ends_within(Duration::from_secs(5)).await.success(), "{}", robot.log());
    }
}

/// Email and password of the first `role` in the block that a start prints.
pub fn sign_in_of(block: &str, role: &str) -> (String, String) {
    let line = block.lines().find(|line| line.to_lowercase().contains(role) && line.contains('@'));
    let line = line.unwrap_or_else(|| panic!("nobody is {role} in {block}"));
    let mut words = line.split_whitespace().rev();
    let password = words.next().unwrap().to_owned();
    (words.next().unwrap().to_owned(), password)
}
