//! The history of a plan in words: paths become titles, codes the policy's words, identifiers names, days dates.
//!
//! Names are read for the page alone. A path or code that nobody knows is shown as it is: a history leaves nothing out.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use server_core::party::{OrganisationId, Party, PersonId};
use server_core::plan::{Gate, ReintegrationPlan, Setting, WeekPattern};
use server_core::policy::{Code, Pack};
use store::placements::PlacementRow;
use store::plans::PlanChangeRow;
use store::record::PartyRow;
use uuid::Uuid;

use super::Line;
use super::beginning::goal_told;
use crate::AppState;
use crate::api::ApiError;
use crate::api::scope::Scope;
use crate::web::view;

/// Who and what identifiers of a plan mean.
pub struct Names {
    all: BTreeMap<Uuid, String>,
    pupil: (Uuid, String),
    parties: Vec<PartyRow>,
    zone: Tz,
}

/// Who may say for whom that the return succeeded.
#[derive(Default)]
pub struct Signers(BTreeMap<Party, Vec<Signer>>);

/// One of them.
pub struct Signer {
    pub person: PersonId,
    pub name: String,
    /// They sign in, and can say it themselves.
    pub has_account: bool,
}

impl Signers {
    /// For this party.
    #[must_use]
    pub fn of(&self, party: Party) -> &[Signer] {
        self.0.get(&party).map_or(&[], Vec::as_slice)
    }
}

/// A change in words.
pub(super) struct Sides {
    pub(super) title: String,
    pub(super) from: Option<String>,
    pub(super) to: Option<String>,
    pub(super) who: String,
}

impl Names {
    /// Everybody with a part, everybody known to the pupil's record, and every organisation.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn of(state: &AppState, scope: &Scope, placement: &PlacementRow) -> Result<Self, ApiError> {
        let mut all: BTreeMap<Uuid, String> = scope.organisation_names().collect();
        let parties = state.store.parties(placement.placement_id).await?;
        all.extend(parties.iter().filter_map(|row| Some((row.person.0, row.name.clone()?))));
        all.extend(state.store.persons_of(placement.pupil_id).await?.into_iter().map(|row| (row.person_id, row.name)));
        let pupil = (placement.pupil_id, placement.pupil_name.clone());
        all.insert(pupil.0, pupil.1.clone());
        Ok(Self { all, pupil, parties, zone: scope.zone(placement.school_id) })
    }

    /// Where the school's clocks are.
    pub(super) const fn zone(&self) -> Tz {
        self.zone
    }

    /// How pages call somebody.
    #[must_use]
    pub fn name(&self, person: PersonId) -> String {
        self.all.get(&person.0).cloned().unwrap_or_else(|| "somebody else".to_owned())
    }

    /// Who has one of these parts today, with that part; the pupil has their own.
    #[must_use]
    pub fn with(&self, parties: &[Party], today: NaiveDate) -> Vec<(PersonId, String)> {
        let mut all: Vec<(PersonId, String)> = Vec::new();
        if parties.contains(&Party::Pupil) {
            all.push((PersonId(self.pupil.0), self.pupil.1.clone()));
        }
        let is_today =
            |row: &&PartyRow| row.from_day.is_none_or(|from| from <= today) && row.until_day.is_none_or(|until| today <= until);
        for row in self.parties.iter().filter(is_today).filter(|row| parties.contains(&row.party)) {
            if !all.iter().any(|(person, _)| *person == row.person) {
                all.push((row.person, self.name(row.person)));
            }
        }
        all
    }

    /// A moment as pages say it, where the school is: `23 November 2026, 09:42`.
    #[must_use]
    pub fn moment(&self, at: DateTime<Utc>) -> String {
        view::full_moment(at, self.zone)
    }

    /// How pages call a place.
    #[must_use]
    pub fn setting(&self, setting: Setting<'_>) -> String {
        match setting {
            Setting::Known(id) => self.all.get(&id.0).cloned().unwrap_or_else(|| "Another setting".to_owned()),
            Setting::Called(name) => name.expose().to_owned(),
            Setting::NotNamed => "Not named yet".to_owned(),
        }
    }

    /// Who may say that the return succeeded: for a school, people with that part who work there, or who have no account and so were
    /// named for it (H-13). Nobody speaks for a school that is not named.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn signers(
        &self,
        state: &AppState,
        pack: &Pack,
        plan: &ReintegrationPlan,
        today: NaiveDate,
    ) -> Result<Signers, ApiError> {
        let mut all = Signers::default();
        for party in &pack.closure.sign_off {
            let of = match party {
                Party::HomeSchool => Some(Setting::Known(plan.basis().home_school)),
                Party::ReceivingSchool => Some(plan.receiving()),
                _ => None,
            };
            let mut who = Vec::new();
            for (person, name) in self.with(&[*party], today) {
                let roles = state.store.staff_roles(person.0).await?;
                let is_of = |id: OrganisationId| roles.iter().any(|role| role.organisation_id == id.0);
                let has_account = !roles.is_empty();
                let may_say = match of {
                    None => true,
                    Some(Setting::Known(id)) => is_of(id) || !has_account,
                    Some(Setting::Called(_)) => !has_account,
                    Some(Setting::NotNamed) => false,
                };
                if may_say {
                    who.push(Signer { person, name, has_account });
                }
            }
            all.0.insert(*party, who);
        }
        Ok(all)
    }

    /// Whether somebody has a part today, so that lists of people hold them.
    #[must_use]
    pub fn has(&self, person: PersonId, today: NaiveDate) -> bool {
        self.with(Party::ALL, today).iter().any(|(known, _)| *known == person)
    }

    /// One change: its field, what that was and is, and who made it.
    pub(super) fn sides(&self, row: &PlanChangeRow, pack: &Pack) -> Sides {
        let [from, to] =
            [&row.from_text, &row.to_text].map(|text| text.as_deref().map(|text| self.value(pack, &row.field, text)));
        Sides { title: title(pack, &row.field), from, to, who: view::actor(&row.actor_kind, row.actor_name.as_deref()) }
    }

    /// One change as a sentence, and who made it.
    pub(super) fn line(&self, row: &PlanChangeRow, pack: &Pack, at: &str) -> Line {
        let Sides { title, from, to, who } = self.sides(row, pack);
        let what = match (from, to) {
            (None, Some(to)) => format!("{title}: “{to}”"),
            (Some(from), Some(to)) => format!("{title}: “{from}” became “{to}”"),
            (Some(from), None) => format!("{title}: “{from}” was taken away"),
            (None, None) => title,
        };
        Line { what, who: format!("{who}, {at}") }
    }

    /// A value as the history keeps it, in words.
    pub fn value(&self, pack: &Pack, path: &str, text: &str) -> String {
        if let Some(pattern) =
            text.parse::<WeekPattern>().ok().filter(|_| path.starts_with("week.") || path.starts_with("clock-week."))
        {
            return pattern.sentence();
        }
        if path.contains(".present.") {
            let how = [("InPerson", "in the room"), ("ByRobot", "by robot"), ("ByCall", "by call")];
            return how.iter().find(|(code, _)| *code == text).map_or(text, |(_, words)| words).to_owned();
        }
        if path.starts_with("despite.") {
            let told = text.split_once(": ").and_then(|(gate, why)| Some((Gate::from_code(gate)?.words(pack), why)));
            return told.map_or_else(|| text.to_owned(), |(open, why)| format!("{open} All the same, because: {why}"));
        }
        if let Some(words) = code_words(pack, path, text) {
            return words;
        }
        let word = |word: &str| {
            let core = word.trim_end_matches([',', ':', '.']);
            let rest = &word[core.len()..];
            if let Ok(id) = core.parse::<Uuid>() {
                return format!("{}{rest}", self.name(PersonId(id)));
            }
            match core.parse::<NaiveDate>() {
                Ok(day) => format!("{}{rest}", view::full_date(day)),
                Err(_) => word.to_owned(),
            }
        };
        text.split(' ').map(word).collect::<Vec<_>>().join(" ")
    }
}

/// Words of a code that stands alone.
fn code_words(pack: &Pack, path: &str, text: &str) -> Option<String> {
    match path {
        "basis.route" => {
            return pack.routes.iter().find(|rule| rule.route.code() == text).map(|rule| rule.title.clone());
        }
        "basis.planned-length" => {
            return pack.planned_lengths.iter().find(|one| one.id.as_str() == text).map(|one| one.title.clone());
        }
        "basis.end-goal" => return goal_told(pack, text).map(str::to_owned),
        _ => {}
    }
    let code = Code::new(text)?;
    let list = if path.starts_with("barrier.") {
        "barrier"
    } else if path == "closure.outcome" {
        "outcome"
    } else {
        return None;
    };
    pack.list(list).iter().find(|(known, _)| *known == code).map(|(_, words)| words.clone())
}

/// Whether a change says something: that a field began as nothing, or as "no", does not.
pub fn is_news(row: &PlanChangeRow) -> bool {
    row.from_text.is_some() || row.to_text.as_deref().is_some_and(|text| !matches!(text, "" | "no"))
}

/// The words of a path such as `answer.aims`.
pub fn title(pack: &Pack, path: &str) -> String {
    let (kind, rest) = path.split_once('.').unwrap_or((path, ""));
    let parts: Vec<&str> = rest.split('.').collect();
    let known = match (kind, parts.as_slice()) {
        ("answer", [field]) => pack.fields.iter().find(|one| one.id.as_str() == *field).map(|one| one.label.clone()),
        ("week", [week]) => Some(format!("Pattern of week {}", week.trim_start_matches('0'))),
        ("clock-week", [clock, week]) => Some(format!("Pattern of {}", clock_title(pack, clock, week).to_lowercase())),
        ("despite", [_]) => Some("The return began with something open".to_owned()),
        ("longer", [_]) => Some("The plan takes longer".to_owned()),
        ("state", ["why"]) => Some("Why it was thrown away".to_owned()),
        ("basis", [part]) => Some(
            match *part {
                "route" => "How the pupil came to be away",
                "planned-length" => "Planned length",
                "end-goal" => "What it is to lead to",
                "in-their-words" => "In the pupil’s own words",
                other => other,
            }
            .to_owned(),
        ),
        ("tick", [list, item]) => {
            pack.list(list).iter().find(|(code, _)| code.as_str() == *item).map(|(_, words)| words.clone())
        }
        ("action", [id, field]) => (pack.actions.iter())
            .find(|rule| rule.id.as_str() == *id)
            .map(|rule| format!("{} ({})", rule.title.trim_end_matches('?'), field.replace('-', " "))),
        ("barrier", [n, field]) => Some(match *field {
            "code" => format!("Barrier {n}"),
            "why" => format!("Barrier {n}, why"),
            "needed" => format!("Barrier {n}, what is needed"),
            _ => format!("Barrier {n}, weeks"),
        }),
        ("meeting", [n, "outcome", item]) => {
            let list = pack.list("meeting-outcomes").iter();
            list.filter(|(code, _)| code.as_str() == *item).map(|(_, words)| format!("Planning meeting {n}: {words}")).next()
        }
        ("meeting", [n, "present", party]) => {
            Party::from_code(party).map(|party| format!("Planning meeting {n}, {}", party.words()))
        }
        ("meeting", [n, ..]) => Some(format!("Planning meeting {n}")),
        ("evaluation", [clock, week, rest @ ..]) => Some(evaluation_title(pack, clock, week, rest)),
        ("pupil-says", [stage]) => Some(format!("What the pupil says about stage {stage}")),
        ("state", _) => Some("The plan".to_owned()),
        ("school-start", _) => Some("First day at school".to_owned()),
        ("closure", [field]) => Some(format!("At the end, {}", field.replace('-', " "))),
        _ => None,
    };
    known.unwrap_or_else(|| view::sentence(&path.replace(['.', '-'], " ")).trim_end_matches('.').to_owned())
}

fn evaluation_title(pack: &Pack, clock: &str, week: &str, rest: &[&str]) -> String {
    let week = clock_title(pack, clock, week);
    let question = rest.first().and_then(|id| {
        let rules = pack.evaluations.iter().filter(|rule| rule.clock.as_str() == clock);
        rules.flat_map(|rule| &rule.questions).find(|question| question.id.as_str() == *id)
    });
    match (question, rest) {
        (Some(question), [_]) => format!("{week}: {}", question.ask),
        (Some(question), [_, field, ..]) => format!("{week}: {} ({field})", question.ask),
        (None, [field, ..]) => format!("{week}, {}", field.replace('-', " ")),
        _ => week,
    }
}

/// `Provider week 8`
fn clock_title(pack: &Pack, clock: &str, week: &str) -> String {
    let words = pack.clocks.iter().find(|one| one.id.as_str() == clock).map_or(clock, |one| one.title.as_str());
    format!("{words} {}", week.trim_start_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases;

    fn told(field: &str, from: Option<&str>, to: Option<&str>) -> String {
        let pack = cases::packs().unwrap().iter().find(|pack| pack.key.id.as_str() == "havering").unwrap();
        let names = Names {
            all: BTreeMap::from([(Uuid::from_u128(7), "Mr Q.".to_owned())]),
            pupil: (Uuid::from_u128(1), "Ada Q.".to_owned()),
            parties: Vec::new(),
            zone: chrono_tz::Europe::London,
        };
        let row = PlanChangeRow {
            revision: 1,
            field: field.to_owned(),
            from_text: from.map(str::to_owned),
            to_text: to.map(str::to_owned),
            actor_kind: "staff".to_owned(),
            actor_id: None,
            actor_name: Some("Jo K.".to_owned()),
            at: "2026-11-23T09:20:00Z".parse().unwrap(),
        };
        names.line(&row, pack, "today").what
    }

    #[test]
    fn changes_are_told_in_the_words_of_the_policy_and_with_names() {
        assert_eq!(
            told("tick.start-gate.welcome", None, Some("done")),
            "How the pupil is welcomed has been thought about: “done”"
        );
        assert_eq!(
            told("barrier.1.code", Some("health"), Some("parent-worry")),
            "Barrier 1: “Health does not allow it yet” became “A parent is worried about the move”"
        );
        let who = format!("parent {}", Uuid::from_u128(7));
        assert_eq!(told("consent.1.who", None, Some(&who)), "Consent 1 who: “parent Mr Q.”");
        assert_eq!(
            told("action.start-date.day", None, Some("2026-12-14")),
            "Date on which the transition is to start (day): “14 December 2026”"
        );
        assert_eq!(
            told("evaluation.provider.08.induction", None, Some("partly")),
            "Provider week 8: Did the induction go well?: “partly”"
        );
        // As histories hold it since November 2026, and as before.
        for gate in ["item.welcome", "Item(Code(\"welcome\"))"] {
            assert_eq!(
                told("despite.1", None, Some(&format!("{gate}: He asked: no fuss."))),
                "The return began with something open: “Not ticked: How the pupil is welcomed has been thought about. All the same, because: He asked: no fuss.”"
            );
        }
        assert_eq!(told("something.new", Some("a"), None), "Something new: “a” was taken away");
    }
}
