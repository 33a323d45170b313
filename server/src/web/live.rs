//! Live parts of pages: an event stream that sends a part again when it looks different.
//!
//! The same functions draw the page and its updates. A stream asks again and again whether the session is still open, ends with
//! the server, and there are at most [`STREAMS`] of them.

use std::collections::{HashMap, VecDeque};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, broadcast};

use crate::api::ApiError;
use crate::api::auth::{self, Caller};
use crate::{AppState, Change};

/// Open streams at most; one more is told to come back.
const STREAMS: usize = 500;
/// Changes within this time are drawn once.
const GATHER: Duration = Duration::from_millis(300);
/// Drawn anew after this time even if nothing was announced: clocks move on, and the session is checked.
const AT_LEAST: Duration = Duration::from_secs(10);

static OPEN: std::sync::LazyLock<Arc<Semaphore>> = std::sync::LazyLock::new(|| Arc::new(Semaphore::new(STREAMS)));

/// A part of a page: its name and its HTML.
pub type Part = (&'static str, String);

/// The stream of a page. `concerns`: which changes may alter it; `draw`: its parts now.
///
/// # Errors
/// Too many streams are open.
pub fn stream<D, F>(
    state: AppState,
    caller: Caller,
    concerns: impl Fn(&Change) -> bool + Send + 'static,
    draw: D,
) -> Result<Response, ApiError>
where
    D: Fn(AppState, Caller) -> F + Send + 'static,
    F: Future<Output = Result<Vec<Part>, ApiError>> + Send + 'static,
{
    let permit =
        OPEN.clone().try_acquire_owned().map_err(|_| ApiError::Unavailable("Many pages are open. Reload this one later."))?;
    let changes = state.changes.subscribe();
    let begin = Live {
        state,
        caller,
        concerns,
        draw,
        changes,
        sent: HashMap::new(),
        waiting: VecDeque::new(),
        at: At::First,
        _permit: permit,
    };
    let events = stream::unfold(begin, |mut live| async move {
        let event = live.next().await?;
        Some((Ok::<_, Infallible>(event), live))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::default()).into_response())
}

#[derive(PartialEq)]
enum At {
    First,
    Watching,
    Over,
}

struct Live<C, D> {
    state: AppState,
    caller: Caller,
    concerns: C,
    draw: D,
    changes: broadcast::Receiver<Change>,
    sent: HashMap<&'static str, String>,
    waiting: VecDeque<Event>,
    at: At,
    _permit: OwnedSemaphorePermit,
}

impl<C, D, F> Live<C, D>
where
    C: Fn(&Change) -> bool,
    D: Fn(AppState, Caller) -> F,
    F: Future<Output = Result<Vec<Part>, ApiError>>,
{
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                return Some(event);
            }
            match self.at {
                At::Over => return None,
                At::First => self.at = At::Watching,
                At::Watching => {
                    let shutdown = self.state.shutdown.clone();
                    tokio::select! {
                        () = shutdown.cancelled() => return None,
                        () = self.something_changed() => tokio::time::sleep(GATHER).await,
                        () = tokio::time::sleep(AT_LEAST) => {}
                    }
                }
            }
            self.look().await;
        }
    }

    /// Draws the parts and queues those that look different.
    async fn look(&mut self) {
        // What was announced until now is in what is drawn next.
        self.changes = self.changes.resubscribe();
        let is_open = auth::is_open(&self.state, &self.caller).await.unwrap_or(false);
        let parts =
            if is_open { (self.draw)(self.state.clone(), self.caller.clone()).await } else { Err(ApiError::SignInFirst) };
        match parts {
            Ok(parts) => {
                for (name, html) in parts {
                    if self.sent.get(name) != Some(&html) {
                        self.waiting.push_back(Event::default().event(name).data(&html));
                        self.sent.insert(name, html);
                    }
                }
            }
            // Signed out, or no longer theirs to see: the page loads again and says so.
            Err(ApiError::SignInFirst | ApiError::NotFound) => {
                self.waiting.push_back(Event::default().event("bye").data("bye"));
                self.at = At::Over;
            }
            Err(error) => {
                tracing::warn!(error = %error, "a live part could not be drawn; it is tried again");
            }
        }
    }

    async fn something_changed(&mut self) {
        loop {
            match self.changes.recv().await {
                Ok(change) if (self.concerns)(&change) => return,
                Ok(_) => {}
                Err(broadcast::error::RecvError::Lagged(_)) => return,
                Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
            }
        }
    }
}
