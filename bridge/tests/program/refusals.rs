//! Bad input: each is refused with its own status and a sentence that says what to do, and harms nobody else.

use std::time::Duration;

use chrono::TimeDelta;
use protocol::{Act, BridgeId, Grant, RobotId};
use reqwest::StatusCode;

use super::harness::{World, problem};
use super::peer::{Peer, robot_offer};

async fn refused(world: &World, token: &str, sdp: &str) -> (u16, String, String) {
    problem(world.offer(&world.whip(), token, sdp.to_owned()).await).await
}

#[tokio::test(flavor = "multi_thread")]
async fn permissions_that_do_not_permit() {
    let world = World::start().await;
    let offer = robot_offer().await;
    let now = world.clock.now().utc;
    let good = world.grant(Act::Publish);
    let signed = |grant: Grant| world.sign(&grant);
    let mut altered = world.sign(&good);
    // The last character but one of the claims: still base64, another meaning.
    let dot = altered.rfind('.').unwrap();
    let other = if altered.as_bytes()[dot - 3] == b'A' { "B" } else { "A" };
    altered.replace_range(dot - 3..dot - 2, other);
    let stranger = World::start().await;

    let expired = Grant { exp: now - TimeDelta::seconds(60), ..good.clone() };
    let early = Grant { nbf: now + TimeDelta::seconds(60), exp: now + TimeDelta::seconds(90), ..good.clone() };
    let over = Grant { until: now - TimeDelta::seconds(1), ..good.clone() };
    let cases = [
        (signed(expired), 401, "has expired"),
        (signed(early), 401, "not valid yet"),
        (altered, 401, "was not signed by this server, or was altered"),
        (stranger.sign(&good), 401, "was not signed by this server, or was altered"),
        ("nonsense".to_owned(), 401, "was not signed by this server, or was altered"),
        ("x".repeat(5_000), 401, "was not signed by this server, or was altered"),
        (signed(over), 401, "the time of this permission is over"),
        (signed(Grant { aud: BridgeId::new(), ..good.clone() }), 403, "is for another bridge"),
        (signed(Grant { robot: RobotId::new(), ..good.clone() }), 403, "is for something else"),
        (signed(Grant { act: Act::View, ..good.clone() }), 403, "is for something else"),
    ];
    for (token, expected, sentence) in cases {
        let (status, _, detail) = refused(&world, &token, &offer).await;
        assert_eq!(status, expected, "{detail}");
        assert!(detail.contains(sentence), "{detail}");
    }

    let without =
        world.request(reqwest::Method::POST, &world.whip()).header("content-type", "application/sdp").body(offer.clone());
    let without = without.send().await.unwrap();
    assert_eq!(without.headers()["www-authenticate"], "Bearer");
    assert_eq!(problem(without).await.0, 401);
    let basic = world.request(reqwest::Method::POST, &world.whip()).basic_auth("robot", Some("secret")).body(offer.clone());
    assert_eq!(problem(basic.send().await.unwrap()).await.0, 401);

    // The right one still works.
    assert_eq!(world.offer(&world.whip(), &signed(good), offer).await.status(), StatusCode::CREATED);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_view_without_a_placement_is_refused() {
    let world = World::start().await;
    let token = world.sign(&Grant { placement: None, ..world.grant(Act::View) });
    let (status, _, detail) = problem(world.offer(&world.whep(), &token, "v=0").await).await;
    assert_eq!(status, 403);
    assert!(detail.contains("names no placement"), "{detail}");
}

#[tokio::test(flavor = "multi_thread")]
async fn offers_that_are_none() {
    let world = World::start().await;
    let token = world.token(Act::Publish);
    let offer = robot_offer().await;
    let replaced = |from: &str, to: &str| {
        assert!(offer.contains(from), "{from} in {offer}");
        offer.replace(from, to)
    };
    let without = |prefix: &str| {
        offer.lines().filter(|line| !line.starts_with(prefix)).map(|line| format!("{line}\r\n")).collect::<String>()
    };
    let cases = [
        (String::new(), 400, "not an SDP offer"),
        ("hello".to_owned(), 400, "not an SDP offer"),
        ("{\"sdp\": \"v=0\"}".to_owned(), 400, "not an SDP offer"),
        (without("a=ice-ufrag"), 422, "ice-ufrag"),
        (without("a=fingerprint"), 422, "fingerprint"),
        (replaced("VP8/90000", "H263/90000"), 422, "no codec that is relayed"),
        (replaced("a=sendonly", "a=recvonly").replace("a=sendrecv", "a=recvonly"), 422, "sends no picture and no sound"),
    ];
    for (sdp, expected, sentence) in cases {
        let (status, _, detail) = refused(&world, &token, &sdp).await;
        assert_eq!(status, expected, "{detail} for {sdp}");
        assert!(detail.contains(sentence), "{detail}");
    }
    let binary = world.offer(&world.whip(), &token, vec![0xff_u8, 0xfe, 0x00]).await;
    assert_eq!(problem(binary).await.0, 400);
    assert_eq!(world.offer(&world.whip(), &token, offer.clone()).await.status(), StatusCode::CREATED);
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_are_too_long_or_of_another_type() {
    let world = World::start().await;
    let token = world.token(Act::Publish);
    let long = "a".repeat(65 * 1024);
    let (status, name, _) = refused(&world, &token, &long).await;
    assert_eq!((status, name.as_str()), (413, "too-large"));
    // Without an announced length, too.
    let stream = futures_util::stream::iter((0..70).map(|_| Ok::<_, std::io::Error>("b".repeat(1024))));
    let chunked = world.offer(&world.whip(), &token, reqwest::Body::wrap_stream(stream)).await;
    assert_eq!(problem(chunked).await.0, 413);

    let post = || world.request(reqwest::Method::POST, &world.whip()).bearer_auth(&token).body("v=0\r\n");
    assert_eq!(problem(post().header("content-type", "text/plain").send().await.unwrap()).await.0, 415);
    assert_eq!(problem(post().send().await.unwrap()).await.0, 415);
    let deaf = post().header("content-type", "application/sdp").header("accept", "application/json");
    assert_eq!(problem(deaf.send().await.unwrap()).await.0, 406);
    // Parameters and capitals are no other type.
    let with_parameter = post().header("content-type", "Application/SDP; charset=utf-8").header("accept", "application/*");
    assert_eq!(problem(with_parameter.send().await.unwrap()).await.0, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_that_are_none() {
    let world = World::start().await;
    let token = world.token(Act::Publish);
    let nobody = world.offer(&world.url("/whip/not-a-robot"), &token, "v=0").await;
    assert_eq!(problem(nobody).await.0, 404);
    for id in ["not-an-id".to_owned(), uuid::Uuid::new_v4().to_string()] {
        let gone =
            world.request(reqwest::Method::DELETE, &format!("{}/{id}", world.whip())).bearer_auth(&token).send().await.unwrap();
        assert_eq!(problem(gone).await.0, 404);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_is_its_holders_alone() {
    let world = World::start().await;
    let token = world.token(Act::Publish);
    let robot = Peer::robot(&world.client, &world.whip(), &token).await.unwrap();
    let delete = async |token: String, url: String| {
        world.request(reqwest::Method::DELETE, &url).bearer_auth(token).send().await.unwrap()
    };
    let mut other = World::start().await;
    other.robot = world.robot;
    assert_eq!(problem(delete(other.token(Act::Publish), robot.resource.clone()).await).await.0, 401);
    assert_eq!(problem(delete(world.token(Act::View), robot.resource.clone()).await).await.0, 403);
    // Under the other protocol's address it is not there.
    let twin = robot.resource.replace("/whip/", "/whep/");
    assert_eq!(problem(delete(token, twin).await).await.0, 404);
    assert_eq!(robot.leaves().await, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_asks_too_often_is_asked_to_wait() {
    let world = World::start_with(|config| config.limits.offers_per_minute = 3).await;
    let token = world.token(Act::Publish);
    for _ in 0..3 {
        assert_eq!(refused(&world, &token, "no offer").await.0, 400);
    }
    let answer = world.offer(&world.whip(), &token, "no offer").await;
    assert!(answer.headers().contains_key("retry-after"));
    assert_eq!(problem(answer).await.0, 429);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_dawdles_does_not_hold_a_place_for_ever() {
    let world = World::start_with(|config| {
        config.limits.request_timeout = Duration::from_secs(1);
        config.limits.offers_at_once = 1;
    })
    .await;
    let token = world.token(Act::Publish);
    let never = futures_util::stream::pending::<Result<String, std::io::Error>>();
    let url = world.whip();
    let dawdles = world.offer(&url, &token, reqwest::Body::wrap_stream(never));
    let meanwhile = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        world.offer(&url, &token, "no offer").await
    };
    let (dawdled, meanwhile) = tokio::join!(dawdles, meanwhile);
    assert_eq!(problem(meanwhile).await.0, 503);
    assert_eq!(problem(dawdled).await.0, 408);
    assert_eq!(refused(&world, &token, "no offer").await.0, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_cannot_work_says_what_to_do() {
    let world = World::start().await;
    let start = |change: &dyn Fn(&mut bridge::Config)| {
        let mut config = world.config();
        config.outbox.path = world.folder.path().join("other.db");
        change(&mut config);
        let clock = std::sync::Arc::clone(&world.clock);
        async move { format!("{:#}", bridge::start(config, clock, Default::default()).await.err().expect("refused")) }
    };
    let said = start(&|config| config.grant_public_key = "/nowhere/key.pem".into()).await;
    assert!(said.contains("cannot read grant_public_key /nowhere/key.pem"), "{said}");
    let not_a_key = world.folder.path().join("not-a-key.pem");
    std::fs::write(&not_a_key, "hello").unwrap();
    let said = start(&|config| config.grant_public_key = not_a_key.clone()).await;
    assert!(said.contains("is not an Ed25519 public key in PEM"), "{said}");
    let said = start(&|config| config.outbox.path = "/nowhere/outbox.db".into()).await;
    assert!(said.contains("cannot open the outbox /nowhere/outbox.db"), "{said}");
    let taken = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let said = start(&|config| config.media.port = port).await;
    assert!(said.contains("choose another media.port"), "{said}");
}
