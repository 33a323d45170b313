//! What several questions of lists share, in one place: whom a person may see, and which robots somebody should look at.

/// A question of `sqlx` (or a macro of a row around one) with these clauses put in by name, for those macros take nothing but literals.
/// `$1` is the person; for `LOOK` `$2` is the time before which a robot counts as silent and `$3` the charge that counts as low.
macro_rules! spliced {
    (@[$query:ident $($row:ident)?] [$first:literal $($sql:literal)*], $($argument:expr),+ $(,)?) => {
        $query!($($row,)? $first $(+ $sql)*, $($argument),+)
    };
    // After the id of an organisation: robots there are this person's to see.
    (@$query:tt [$($sql:literal)*] ROBOTS_SEEN $($rest:tt)+) => {
        spliced!(@$query [$($sql)* r#"IN (SELECT x.organisation_id FROM (WITH RECURSIVE sees AS (
                SELECT organisation_id FROM staff_role WHERE staff_id = $1 AND role IN ('coordinator', 'school_lead', 'classroom_staff')
                UNION SELECT o.organisation_id FROM organisation o JOIN sees a ON o.parent_id = a.organisation_id)
            SELECT organisation_id FROM sees) x)"#] $($rest)+)
    };
    // After the id of an organisation: this person keeps the accounts there.
    (@$query:tt [$($sql:literal)*] COORDINATED $($rest:tt)+) => {
        spliced!(@$query [$($sql)*] BELOW "'coordinator'" $($rest)+)
    };
    // After the id of an organisation: this person answers for its pupils.
    (@$query:tt [$($sql:literal)*] SCHOOLS_LED $($rest:tt)+) => {
        spliced!(@$query [$($sql)*] BELOW "'coordinator', 'school_lead'" $($rest)+)
    };
    (@$query:tt [$($sql:literal)*] BELOW $roles:literal $($rest:tt)+) => {
        spliced!(@$query [$($sql)* r#"IN (SELECT x.organisation_id FROM (WITH RECURSIVE sees AS (
                SELECT organisation_id FROM staff_role WHERE staff_id = $1 AND role IN ("# $roles r#")
                UNION SELECT o.organisation_id FROM organisation o JOIN sees a ON o.parent_id = a.organisation_id)
            SELECT organisation_id FROM sees) x)"#] $($rest)+)
    };
    // Placement `p`: of a school that this person leads, or of a provider; theirs as key worker, while they are one at its school or
    // provider; or one in which they have a part that has not ended, as key worker or lead anywhere.
    (@$query:tt [$($sql:literal)*] PLACEMENT_SEEN $($rest:tt)+) => {
        spliced!(@$query [$($sql)*] PLACEMENT_OF "'coordinator', 'school_lead'" $($rest)+)
    };
    // The same for a number without a name, which an auditor may read too.
    (@$query:tt [$($sql:literal)*] PLACEMENT_COUNTED $($rest:tt)+) => {
        spliced!(@$query [$($sql)*] PLACEMENT_OF "'coordinator', 'school_lead', 'auditor'" $($rest)+)
    };
    (@$query:tt [$($sql:literal)*] PLACEMENT_OF $roles:literal $($rest:tt)+) => {
        spliced!(@$query [$($sql)* r#"(p.school_id IN (SELECT x.organisation_id FROM (WITH RECURSIVE led AS (
                SELECT organisation_id FROM staff_role WHERE staff_id = $1 AND role IN ("# $roles r#")
                UNION SELECT o.organisation_id FROM organisation o JOIN led a ON o.parent_id = a.organisation_id)
            SELECT organisation_id FROM led) x)
            OR p.provider_id IN (SELECT x.organisation_id FROM (WITH RECURSIVE led AS (
                SELECT organisation_id FROM staff_role WHERE staff_id = $1 AND role IN ('school_lead')
                UNION SELECT o.organisation_id FROM organisation o JOIN led a ON o.parent_id = a.organisation_id)
            SELECT organisation_id FROM led) x)
            OR (p.placement_id IN (SELECT y.placement_id FROM placement_party y WHERE y.person_id = $1 AND y.until_day IS NULL)
                AND EXISTS (SELECT 1 FROM staff_role k WHERE k.staff_id = $1 AND k.role IN ('key_worker', 'school_lead')))
            OR (p.key_worker_id = $1 AND (p.school_id IN (SELECT x.organisation_id FROM (WITH RECURSIVE kept AS (
                SELECT organisation_id FROM staff_role WHERE staff_id = $1 AND role IN ('key_worker')
                UNION SELECT o.organisation_id FROM organisation o JOIN kept a ON o.parent_id = a.organisation_id)
            SELECT organisation_id FROM kept) x)
            OR p.provider_id IN (SELECT x.organisation_id FROM (WITH RECURSIVE kept AS (
                SELECT organisation_id FROM staff_role WHERE staff_id = $1 AND role IN ('key_worker')
                UNION SELECT o.organisation_id FROM organisation o JOIN kept a ON o.parent_id = a.organisation_id)
            SELECT organisation_id FROM kept) x))))"#] $($rest)+)
    };
    // Somebody should look at robot `r`: it is gone, silent, or low and not charging.
    (@$query:tt [$($sql:literal)*] LOOK $($rest:tt)+) => {
        spliced!(@$query [$($sql)* r#"((r.status = 'gone' AND r.status_at IS NOT NULL)
            OR (r.status = 'here' AND (r.telemetry_at IS NULL OR r.telemetry_at < $2))
            OR (r.status = 'here' AND (r.charging IS NULL OR NOT r.charging) AND r.battery_pct < $3))"#] $($rest)+)
    };
    (@$query:tt [$($sql:literal)*] $part:literal $($rest:tt)+) => { spliced!(@$query [$($sql)* $part] $($rest)+) };
    ($query:ident $($row:ident)?: $($rest:tt)+) => { spliced!(@[$query $($row)?] [] $($rest)+) };
}
pub(crate) use spliced;
