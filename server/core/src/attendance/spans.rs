//! Half-open spans of milliseconds and their unions: the arithmetic below the minutes. Knows nothing of lessons or visits.

/// `[from, until)` in milliseconds of UTC. Empty when it does not run forward.
pub(super) type Span = (i64, i64);

/// Sorted, disjoint, not touching.
pub(super) fn union(mut spans: Vec<Span>) -> Vec<Span> {
    spans.retain(|(from, until)| from < until);
    spans.sort_unstable();
    let mut joined: Vec<Span> = Vec::with_capacity(spans.len());
    for (from, until) in spans {
        match joined.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(until),
            _ => joined.push((from, until)),
        }
    }
    joined
}

/// What `a` and `b` share.
pub(super) fn both(a: Span, b: Span) -> Span {
    (a.0.max(b.0), a.1.min(b.1))
}

/// How long they share something.
pub(super) fn overlap(a: Span, b: Span) -> u64 {
    let (from, until) = both(a, b);
    length(from, until)
}

/// How much of `window` the disjoint `spans` fill.
pub(super) fn within(spans: &[Span], window: Span) -> u64 {
    spans.iter().map(|span| overlap(*span, window)).sum()
}

/// How much they fill in all; they are disjoint.
pub(super) fn total(spans: &[Span]) -> u64 {
    spans.iter().map(|(from, until)| length(*from, *until)).sum()
}

/// From one instant to a later one; 0 if it is not later.
pub(super) fn length(from: i64, until: i64) -> u64 {
    if from < until { until.abs_diff(from) } else { 0 }
}
