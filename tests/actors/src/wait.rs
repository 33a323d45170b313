//! Waiting for a condition, never for time; each wait has a limit and says what it waited for.

use std::future::Future;
use std::time::Duration;

/// How long a story waits for something that should happen soon.
pub const SOON: Duration = Duration::from_secs(20);

/// Asks `probe` until it answers, at most `within`.
///
/// # Panics
/// It did not answer in time; says `what` was waited for.
pub async fn eventually<T, F>(what: &str, within: Duration, mut probe: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    let answered = tokio::time::timeout(within, async {
        loop {
            if let Some(value) = probe().await {
                return value;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
    answered.await.unwrap_or_else(|_| panic!("waited {within:?} in vain for {what}"))
}
