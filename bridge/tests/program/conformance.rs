//! RFC 9725 (WHIP) and its twin WHEP, clause by clause: what any client may rely on.

use protocol::Act;
use reqwest::{Method, StatusCode};

use super::harness::{World, problem};
use super::peer::{Peer, robot_offer, tablet_offer};

const FRAGMENT: &str = "application/trickle-ice-sdpfrag";
const RESTART: &str = "a=ice-ufrag:EsAw\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\n";
const CANDIDATE: &str = "a=ice-ufrag:{ufrag}\r\na=ice-pwd:{pwd}\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n\
    a=candidate:1387637174 1 udp 2122260223 127.0.0.1 61764 typ host generation 0\r\na=end-of-candidates\r\n";

fn value<'a>(offer: &'a str, name: &str) -> &'a str {
    offer.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offer_is_answered_201_with_everything_a_client_needs() {
    let world = World::start().await;
    let answer = world.offer(&world.whip(), &world.token(Act::Publish), robot_offer().await).await;
    assert_eq!(answer.status(), StatusCode::CREATED);
    let headers = answer.headers().clone();
    assert_eq!(headers["content-type"], "application/sdp");
    let location = headers["location"].to_str().unwrap();
    assert!(location.starts_with(&format!("/whip/{}/", world.robot)), "{location}");
    let etag = headers["etag"].to_str().unwrap();
    assert!(etag.starts_with('"') && etag.ends_with('"') && etag.len() > 10, "a strong entity tag: {etag}");
    assert_eq!(headers["accept-patch"], FRAGMENT);
    assert_eq!(headers["cache-control"], "no-store");
    let links: Vec<_> = headers.get_all("link").iter().map(|link| link.to_str().unwrap()).collect();
    assert_eq!(
        links,
        [
            "<stun:stun.example.org:3478>; rel=\"ice-server\"",
            "<turn:turn.example.org:3478?transport=udp>; rel=\"ice-server\"; username=\"user\"; credential=\"secret\"; \
             credential-type=\"password\"",
        ]
    );
    let sdp = answer.text().await.unwrap();
    for line in ["a=ice-lite", "a=ice-ufrag:", "a=ice-pwd:", "a=fingerprint:sha-256", "a=candidate:", "a=recvonly"] {
        assert!(sdp.contains(line), "{line} in {sdp}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn leaving_is_answered_200_and_works_once() {
    let world = World::start().await;
    let token = world.token(Act::Publish);
    let robot = Peer::robot(&world.client, &world.whip(), &token).await.unwrap();
    robot.connected().await;
    world.until_counts(1, 0).await;
    assert_eq!(robot.leaves().await, StatusCode::OK);
    world.until_counts(0, 0).await;
    let again = world.request(Method::DELETE, &robot.resource).bearer_auth(&token).send().await.unwrap();
    assert_eq!(problem(again).await.0, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn leaving_works_after_the_time_to_connect_is_over() {
    let world = World::start().await;
    let mut grant = world.grant(Act::Publish);
    grant.exp = world.clock.now().utc - chrono::TimeDelta::seconds(3);
    let token = world.sign(&grant);
    let robot = Peer::robot(&world.client, &world.whip(), &token).await.unwrap();
    // The leeway for clocks that differ passes.
    tokio::time::sleep(std::time::Duration::from_millis(3_500)).await;
    assert_eq!(robot.leaves().await, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn candidates_are_taken_and_a_restart_changes_the_ice_session() {
    let world = World::start().await;
    let (offer, token) = (robot_offer().await, world.token(Act::Publish));
    let answer = world.offer(&world.whip(), &token, offer.clone()).await;
    let etag = answer.headers()["etag"].to_str().unwrap().to_owned();
    let resource = world.url(answer.headers()["location"].to_str().unwrap());
    let first = answer.text().await.unwrap();
    let patch = |if_match: &str, body: String| {
        let request = world.request(Method::PATCH, &resource).bearer_auth(&token).header("content-type", FRAGMENT);
        request.header("if-match", if_match).body(body).send()
    };

    let candidate = CANDIDATE.replace("{ufrag}", value(&offer, "a=ice-ufrag:")).replace("{pwd}", value(&offer, "a=ice-pwd:"));
    let trickled = patch(&etag, candidate.clone()).await.unwrap();
    assert_eq!(trickled.status(), StatusCode::NO_CONTENT);
    assert!(trickled.text().await.unwrap().is_empty());

    let restarted = patch("*", RESTART.to_owned()).await.unwrap();
    assert_eq!(restarted.status(), StatusCode::OK);
    assert_eq!(restarted.headers()["content-type"], FRAGMENT);
    let fresh = restarted.headers()["etag"].to_str().unwrap().to_owned();
    assert_ne!(fresh, etag, "a restart makes a new ICE session");
    let fragment = restarted.text().await.unwrap();
    assert_ne!(value(&fragment, "a=ice-ufrag:"), value(&first, "a=ice-ufrag:"));
    assert!(!fragment.contains("m=application"), "no more sections than RFC 8840 needs");

    // The old entity tag is worth nothing any more.
    let (status, name, _) = problem(patch(&etag, candidate).await.unwrap()).await;
    assert_eq!((status, name.as_str()), (412, "old-etag"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_patch_that_is_not_in_order_is_refused_for_what_it_lacks() {
    let world = World::start().await;
    let token = world.token(Act::Publish);
    let answer = world.offer(&world.whip(), &token, robot_offer().await).await;
    let etag = answer.headers()["etag"].to_str().unwrap().to_owned();
    let resource = world.url(answer.headers()["location"].to_str().unwrap());
    let patch = || world.request(Method::PATCH, &resource).body(RESTART);

    assert_eq!(problem(patch().header("content-type", FRAGMENT).send().await.unwrap()).await.0, 401);
    let other = patch().bearer_auth(world.token(Act::View)).header("content-type", FRAGMENT).header("if-match", &etag);
    assert_eq!(problem(other.send().await.unwrap()).await.0, 403);
    let no_type = patch().bearer_auth(&token).header("if-match", &etag);
    assert_eq!(problem(no_type.send().await.unwrap()).await.0, 415);
    let no_condition = patch().bearer_auth(&token).header("content-type", FRAGMENT);
    assert_eq!(problem(no_condition.send().await.unwrap()).await.0, 428);
    let nonsense = world.request(Method::PATCH, &resource).bearer_auth(&token).header("content-type", FRAGMENT);
    let nonsense = nonsense.header("if-match", "*").body("a=ice-ufrag:only half of it\r\n").send().await.unwrap();
    let (status, _, _) = problem(nonsense).await;
    assert!((400..500).contains(&status), "{status}");
    // None of this did any harm.
    let leaves = world.request(Method::DELETE, &resource).bearer_auth(&token).send().await.unwrap();
    assert_eq!(leaves.status(), StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn methods_that_are_reserved_are_answered_405_and_say_which_there_are() {
    let world = World::start().await;
    for base in ["whip", "whep"] {
        let endpoint = world.url(&format!("/{base}/{}", world.robot));
        let resource = format!("{endpoint}/{}", uuid::Uuid::new_v4());
        let reserved = [
            (&endpoint, "POST, OPTIONS", &["GET", "PUT", "PATCH", "DELETE"][..]),
            (&resource, "PATCH, DELETE, OPTIONS", &["GET", "POST", "PUT"]),
        ];
        for (url, allowed, methods) in reserved {
            for method in methods {
                let answer = world.request(method.parse().unwrap(), url).send().await.unwrap();
                assert_eq!(answer.headers()["allow"], allowed, "{method} {url}");
                assert_eq!(problem(answer).await.0, 405, "{method} {url}");
            }
            let head = world.request(Method::HEAD, url).send().await.unwrap();
            assert_eq!(head.status(), StatusCode::METHOD_NOT_ALLOWED);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_another_origin_may_ask_and_may_read_what_it_needs() {
    let world = World::start().await;
    let endpoint = world.whep();
    let preflight = world
        .request(Method::OPTIONS, &endpoint)
        .header("origin", "https://pages.example.org")
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "authorization, content-type");
    let answer = preflight.send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::NO_CONTENT);
    let headers = answer.headers();
    assert_eq!(headers["accept-post"], "application/sdp");
    assert_eq!(headers["access-control-allow-origin"], "*");
    for method in ["POST", "PATCH", "DELETE"] {
        assert!(headers["access-control-allow-methods"].to_str().unwrap().contains(method));
    }
    for header in ["Authorization", "Content-Type", "If-Match"] {
        assert!(headers["access-control-allow-headers"].to_str().unwrap().contains(header));
    }
    // An error can be read too, or a page could only say "something went wrong".
    let refused = world.request(Method::POST, &endpoint).header("origin", "https://pages.example.org").send().await.unwrap();
    assert_eq!(refused.headers()["access-control-allow-origin"], "*");
    for header in ["Location", "ETag", "Link"] {
        assert!(refused.headers()["access-control-expose-headers"].to_str().unwrap().contains(header));
    }
    let resource = world.request(Method::OPTIONS, &format!("{endpoint}/{}", uuid::Uuid::new_v4())).send().await.unwrap();
    assert_eq!(resource.headers()["accept-patch"], FRAGMENT);
}

#[tokio::test(flavor = "multi_thread")]
async fn origins_can_be_limited() {
    let world = World::start_with(|config| config.cors_origins = vec!["https://pages.example.org".into()]).await;
    let ask = |origin: &'static str| world.request(Method::OPTIONS, &world.whep()).header("origin", origin).send();
    let known = ask("https://pages.example.org").await.unwrap();
    assert_eq!(known.headers()["access-control-allow-origin"], "https://pages.example.org");
    assert_eq!(known.headers()["vary"], "Origin");
    let unknown = ask("https://elsewhere.example.org").await.unwrap();
    assert!(!unknown.headers().contains_key("access-control-allow-origin"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_gets_the_same_shape_of_answer() {
    let world = World::start().await;
    let robot = Peer::robot(&world.client, &world.whip(), &world.token(Act::Publish)).await.unwrap();
    robot.connected().await;
    world.until_counts(1, 0).await;
    let answer = world.offer(&world.whep(), &world.token(Act::View), tablet_offer().await).await;
    assert_eq!(answer.status(), StatusCode::CREATED);
    assert!(answer.headers()["location"].to_str().unwrap().starts_with(&format!("/whep/{}/", world.robot)));
    assert!(answer.headers().contains_key("etag"));
    assert_eq!(answer.headers().get_all("link").iter().count(), 2);
    let sdp = answer.text().await.unwrap();
    assert!(sdp.contains("a=sendonly") && sdp.contains("a=sendrecv") && sdp.contains("m=application"), "{sdp}");
}
