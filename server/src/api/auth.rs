//! Who is calling: passwords, sessions in the browser, and the people of the demonstration.
//!
//! The browser holds a random 256-bit token in a cookie that scripts cannot read; the database holds its SHA-256. The token of
//! forms (CSRF) is derived from it, so it needs no store of its own and ends with the session. A sign-in costs the same time
//! whether the account exists or not, and each try is counted before it is checked.

use std::net::{IpAddr, SocketAddr};
use std::sync::LazyLock;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use aws_lc_rs::digest::{SHA256, digest};
use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::HeaderMap;
use axum::http::request::Parts;
use axum_extra::extract::CookieJar;
use axum_extra::extract::cookie::{Cookie, SameSite};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use server_core::access::{Holding, Person, Role};
use store::audit::{Actor, NewAudit, Subject};
use store::staff::ThrottleKey;
use tokio::sync::Semaphore;
use uuid::Uuid;

use super::ApiError;
use crate::AppState;

/// A session that nobody uses for so long is over.
pub const IDLE: TimeDelta = TimeDelta::hours(2);
/// A session ends then at the latest.
pub const ABSOLUTE: TimeDelta = TimeDelta::hours(12);
/// Use is noted at most this often.
const TOUCH_EVERY: TimeDelta = TimeDelta::minutes(1);
/// Wrong passwords that cost no waiting: for one account …
const FREE_TRIES_ACCOUNT: i64 = 5;
/// … and from one address, behind which a whole school may sit.
const FREE_TRIES_ADDRESS: i64 = 20;
/// Counts are forgotten after this long without a wrong try. Not shorter than the longest wait.
const FORGET_AFTER: TimeDelta = TimeDelta::minutes(15);
/// A password longer than this is not looked at.
pub const MAX_PASSWORD_BYTES: usize = 200;
/// A password that somebody chooses has at least so many characters; nothing else is asked of it.
const MIN_PASSWORD_CHARS: usize = 12;
/// Argon2 takes 19 MiB each time; more at once than this wait for their turn.
static HASHING: Semaphore = Semaphore::const_new(2);

/// Someone signed in. Handlers of `SignedIn` routes take it as an argument.
#[derive(Clone)]
pub struct Caller {
    /// How pages call them.
    pub name: String,
    /// Their roles, as the rules of access read them.
    pub person: Person,
    /// The token their forms carry.
    pub csrf: String,
    /// What identifies the session in the database.
    pub session_sha256: Vec<u8>,
}

impl Caller {
    /// Their id.
    #[must_use]
    pub fn staff_id(&self) -> Uuid {
        self.person.id
    }

    /// Whether they have this role anywhere.
    #[must_use]
    pub fn is(&self, role: Role) -> bool {
        self.person.holdings.iter().any(|holding| holding.role == role)
    }
}

impl FromRequestParts<AppState> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &AppState) -> Result<Self, ApiError> {
        parts.extensions.get::<Self>().cloned().ok_or(ApiError::SignInFirst)
    }
}

/// The outcome of a try to sign in.
pub enum SignedIn {
    /// Right: the token for the cookie.
    Welcome(String),
    /// Wrong email or password; not said which.
    Wrong,
    /// Too many wrong tries; the next is looked at from then on.
    Wait(DateTime<Utc>),
}

/// Checks a password and opens a session. `address`: whom to count wrong tries against beside the account.
///
/// # Errors
/// The database does not answer.
pub async fn sign_in(state: &AppState, email: &str, password: String, address: Option<&str>) -> Result<SignedIn, ApiError> {
    let now = state.clock.now().utc;
    let email = email.trim().to_lowercase();
    let account_key = sha256(&["account:", &email]);
    let address_key = address.map(|address| sha256(&["address:", address]));
    let mut keys = vec![ThrottleKey { key_sha256: &account_key, free: FREE_TRIES_ACCOUNT }];
    keys.extend(address_key.as_ref().map(|key| ThrottleKey { key_sha256: key, free: FREE_TRIES_ADDRESS }));
    if let Some(until) = state.store.begin_sign_in_try(&keys, now, now - FORGET_AFTER, wait_after).await? {
        return Ok(SignedIn::Wait(until));
    }
    let account = state.store.account(&email).await?.filter(|account| !account.is_disabled);
    let hash = account.as_ref().map_or_else(|| NOBODY.clone(), |account| account.password_hash.clone());
    let is_right = verify(password, hash).await?;
    let Some(account) = account.filter(|_| is_right) else { return Ok(SignedIn::Wrong) };
    state.store.forgive_sign_in(&account_key, address_key.as_deref()).await?;
    let who = account.staff_id;
    let entry = NewAudit { actor: Actor::Staff(who), action: "sign in", subject: Subject::Staff(who), detail: None };
    state.store.append_audit(entry, now).await?;
    let token = random_token()?;
    state.store.open_web_session(&sha256(&["session:", &token]), who, now, now + ABSOLUTE).await?;
    Ok(SignedIn::Welcome(token))
}

/// A person chooses a password with a code that a coordinator gave them, and is signed in. `address` as in [`sign_in`]. Each try is
/// counted like one to sign in.
///
/// # Errors
/// The database does not answer.
pub async fn choose_password(
    state: &AppState,
    email: &str,
    code: &str,
    password: String,
    address: Option<&str>,
) -> Result<SignedIn, ApiError> {
    let now = state.clock.now().utc;
    let email = email.trim().to_lowercase();
    let account_key = sha256(&["account:", &email]);
    let address_key = address.map(|address| sha256(&["address:", address]));
    let mut keys = vec![ThrottleKey { key_sha256: &account_key, free: FREE_TRIES_ACCOUNT }];
    keys.extend(address_key.as_ref().map(|key| ThrottleKey { key_sha256: key, free: FREE_TRIES_ADDRESS }));
    if let Some(until) = state.store.begin_sign_in_try(&keys, now, now - FORGET_AFTER, wait_after).await? {
        return Ok(SignedIn::Wait(until));
    }
    // The same work whether the code is right or not.
    let hash = hash_password(password).await?;
    let Some(who) = state.store.use_code(&email, &super::codes::hash(code), &hash, now).await? else {
        return Ok(SignedIn::Wrong);
    };
    state.store.forgive_sign_in(&account_key, address_key.as_deref()).await?;
    let token = random_token()?;
    state.store.open_web_session(&sha256(&["session:", &token]), who, now, now + ABSOLUTE).await?;
    Ok(SignedIn::Welcome(token))
}

/// Whether a password is one that may be chosen; in words, why not.
///
/// # Errors
/// It is too short, or far too long.
pub fn check_password(password: &str) -> Result<(), &'static str> {
    if password.chars().count() < MIN_PASSWORD_CHARS {
        return Err("Password: choose at least 12 characters, such as four words.");
    }
    if password.len() > MAX_PASSWORD_BYTES {
        return Err("Password: that is too long. 200 characters are the most.");
    }
    Ok(())
}

/// Whose session the request's cookie names, if it is open. Notes that it was used.
///
/// # Errors
/// The database does not answer.
pub async fn caller(state: &AppState, headers: &HeaderMap) -> Result<Option<Caller>, ApiError> {
    let Some(token) = cookie(headers, session_cookie_name(state)) else { return Ok(None) };
    let session_sha256 = sha256(&["session:", &token]);
    let now = state.clock.now().utc;
    let Some(row) = state.store.web_session(&session_sha256, now, now - IDLE).await? else { return Ok(None) };
    if now - row.seen_at > TOUCH_EVERY {
        state.store.touch_web_session(&session_sha256, now).await?;
    }
    let person = person(state, row.staff_id).await?;
    Ok(Some(Caller { name: row.name, person, csrf: csrf_of(&token), session_sha256 }))
}

/// Somebody with all their roles.
///
/// # Errors
/// The database does not answer.
pub async fn person(state: &AppState, staff_id: Uuid) -> Result<Person, ApiError> {
    let mut holdings = Vec::new();
    for held in state.store.staff_roles(staff_id).await? {
        holdings.extend(Role::from_word(&held.role).map(|role| Holding { role, organisation: held.organisation_id }));
    }
    Ok(Person { id: staff_id, holdings })
}

/// Whether that session is still open. Streams ask this again and again.
///
/// # Errors
/// The database does not answer.
pub async fn is_open(state: &AppState, caller: &Caller) -> Result<bool, ApiError> {
    let now = state.clock.now().utc;
    Ok(state.store.web_session(&caller.session_sha256, now, now - IDLE).await?.is_some())
}

/// The cookie that holds a session's token. Over TLS its name binds it to this host.
#[must_use]
pub fn session_cookie(state: &AppState, token: String) -> Cookie<'static> {
    cookie_with(state, session_cookie_name(state), token, SameSite::Lax)
}

/// The cookie that holds a secret before sign-in, from which that form's token is derived.
#[must_use]
pub fn door_cookie(state: &AppState, token: String) -> Cookie<'static> {
    cookie_with(state, door_cookie_name(state), token, SameSite::Strict)
}

/// Takes a cookie back.
#[must_use]
pub fn taken_back(mut cookie: Cookie<'static>) -> Cookie<'static> {
    cookie.make_removal();
    cookie
}

/// The value of one cookie.
#[must_use]
pub fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    CookieJar::from_headers(headers).get(name).map(|cookie| cookie.value().to_owned()).filter(|value| !value.is_empty())
}

/// Name of the cookie before sign-in.
#[must_use]
pub fn door_cookie_name(state: &AppState) -> &'static str {
    if is_https(state) { "__Host-ws-door" } else { "ws-door" }
}

fn session_cookie_name(state: &AppState) -> &'static str {
    if is_https(state) { "__Host-ws-staff" } else { "ws-staff" }
}

fn cookie_with(state: &AppState, name: &'static str, value: String, same_site: SameSite) -> Cookie<'static> {
    Cookie::build((name, value)).path("/").http_only(true).same_site(same_site).secure(is_https(state)).build()
}

/// The token of forms that belongs to a secret in a cookie.
#[must_use]
pub fn csrf_of(token: &str) -> String {
    URL_SAFE_NO_PAD.encode(sha256(&["csrf:", token]))
}

/// Whether two tokens are equal, in a time that does not tell where they differ.
#[must_use]
pub fn same_token(a: &str, b: &str) -> bool {
    same_slices(a.as_bytes(), b.as_bytes())
}

/// The same for hashes.
#[must_use]
pub fn same_slices(a: &[u8], b: &[u8]) -> bool {
    aws_lc_rs::constant_time::verify_slices_are_equal(a, b).is_ok()
}

/// 256 random bits as text.
///
/// # Errors
/// The machine has no randomness.
pub fn random_token() -> Result<String, ApiError> {
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("no randomness: {error}"))?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// Argon2id of a password, in PHC format.
///
/// # Errors
/// The password cannot be hashed (it is far too long), or the machine has no randomness.
pub async fn hash_password(password: String) -> anyhow::Result<String> {
    let _turn = HASHING.acquire().await.expect("this semaphore is never closed");
    tokio::task::spawn_blocking(move || hash_now(&password)).await?
}

fn hash_now(password: &str) -> anyhow::Result<String> {
    let hash: PasswordHash =
        Argon2::default().hash_password(password.as_bytes()).map_err(|error| anyhow::anyhow!("argon2: {error}"))?;
    Ok(hash.to_string())
}

async fn verify(password: String, hash: String) -> Result<bool, ApiError> {
    let _turn = HASHING.acquire().await.expect("this semaphore is never closed");
    let checked = tokio::task::spawn_blocking(move || {
        PasswordHash::new(&hash).is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
    });
    Ok(checked.await.map_err(anyhow::Error::from)?)
}

/// What is checked when there is no such account: the same work, and no password fits.
static NOBODY: LazyLock<String> = LazyLock::new(|| hash_now("there is no such account").unwrap_or_default());

/// One minute after the free tries, then twice as long after each further one, at most eight.
fn wait_after(over: i64) -> TimeDelta {
    TimeDelta::minutes(1_i64 << over.clamp(0, 3))
}

/// Where a request comes from, for counting wrong tries: the peer, or, behind a proxy on this machine, the last address that the proxy
/// put into `X-Forwarded-For`. IPv6 counts by its /64: a household has all of one.
pub fn client_address(extensions: &axum::http::Extensions, headers: &HeaderMap) -> Option<String> {
    let ConnectInfo(peer) = extensions.get::<ConnectInfo<SocketAddr>>()?;
    let forwarded =
        || headers.get_all("x-forwarded-for").iter().next_back()?.to_str().ok()?.rsplit(',').next()?.trim().parse().ok();
    let address = if peer.ip().is_loopback() { forwarded().unwrap_or(peer.ip()) } else { peer.ip() };
    Some(match address.to_canonical() {
        IpAddr::V6(v6) => format!("{:x?}", &v6.segments()[..4]),
        v4 @ IpAddr::V4(_) => v4.to_string(),
    })
}

/// SHA-256 of the parts, one after the other.
#[must_use]
pub fn sha256(parts: &[&str]) -> Vec<u8> {
    digest(&SHA256, parts.concat().as_bytes()).as_ref().to_vec()
}

fn is_https(state: &AppState) -> bool {
    state.config.public_url.starts_with("https://")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn behind_a_proxy_on_this_machine_the_last_forwarded_address_counts_and_nobody_else_can_say_one() {
        let from = |peer: &str, forwarded: &str| {
            let (mut extensions, mut headers) = (axum::http::Extensions::new(), HeaderMap::new());
            extensions.insert(ConnectInfo(peer.parse::<SocketAddr>().unwrap()));
            headers.insert("x-forwarded-for", forwarded.parse().unwrap());
            client_address(&extensions, &headers).unwrap()
        };
        assert_eq!(from("127.0.0.1:1", "198.51.100.9, 203.0.113.7"), "203.0.113.7");
        assert_eq!(from("203.0.113.8:1", "198.51.100.9"), "203.0.113.8");
        assert_eq!(from("127.0.0.1:1", "unknown"), "127.0.0.1");
        assert_eq!(from("[2001:db8:1:2:3::4]:1", ""), from("[2001:db8:1:2:9::9]:1", ""), "one household");
    }
}
