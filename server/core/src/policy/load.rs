//! A pack's file → [`Pack`], with every rule checked against the others: what is named must exist, and only once.

use std::collections::{BTreeMap, BTreeSet};

use toml::{Table, Value};

use super::lists as understood;
use super::read::{Node, parse};
use super::{
    ActionKind, ActionRule, BUILT_IN, Binding, BreakdownRule, Clock, ClockStep, ClosureRule, Code, CodeList, ContactRule,
    DeadlineRule, EvaluationRule, Field, FieldKind, MeetingRule, Pack, PackKey, PlannedLength, PolicyError, Question,
    RouteRule, Unit, When,
};

/// The version of this format.
const SCHEMA: u16 = 1;
/// No limit of a policy is longer than this many units: about two school years of days.
const MAX_COUNT: u16 = 400;
/// No clock has more weeks.
const MAX_WEEKS: u16 = 60;
/// Key of a file that says only what it adds to an earlier version.
const ADDS_TO: &str = "adds_to";
/// No list of a pack has more entries.
const MAX_ENTRIES: usize = 200;
/// Lists that the program asks for by name.
const LISTS: [&str; 5] = ["start-gate", "barrier", "setback", "breakdown", "outcome"];

type Result<T> = std::result::Result<T, PolicyError>;

pub(super) fn pack(file: &str, text: &str) -> Result<Pack> {
    let table = whole(file, parse(file, text)?)?;
    let root = Node::root(file, &table);
    if root.number("schema", 1, u16::MAX)? != SCHEMA {
        return Err(root.wrong(format_args!("`schema` must be {SCHEMA}, which is what this version reads")));
    }
    let pack = Pack {
        key: PackKey { id: root.code("id")?, version: root.text("version")? },
        title: root.text("title")?,
        source: root.text("source")?,
        valid_from: root.day("valid_from")?,
        review_on: root.maybe_day("review_on")?,
        valid_until: root.maybe_day("valid_until")?,
        routes: each(&root, "route", route)?,
        planned_lengths: each(&root, "planned_length", planned_length)?,
        clocks: each(&root, "clock", clock)?,
        deadlines: each(&root, "deadline", deadline)?,
        contacts: each(&root, "contact", contact)?,
        fields: each(&root, "field", field)?,
        lists: lists(&root)?,
        meeting: meeting(root.table("meeting")?)?,
        actions: each(&root, "action", action)?,
        evaluations: each(&root, "evaluation", evaluation)?,
        breakdown: breakdown(root.table("breakdown")?)?,
        closure: closure(root.table("closure")?)?,
    };
    check(&root, &pack)?;
    root.finish()?;
    Ok(pack)
}

/// A file that says only what it adds to an earlier one, in full: what both have as entries is those of the earlier one and then its own;
/// of everything else its own stands, as of the lists that rules depend on.
fn whole(file: &str, mut own: Table) -> Result<Table> {
    let Some(earlier) = own.remove(ADDS_TO) else { return Ok(own) };
    let wrong = |says: &str| PolicyError { file: file.to_owned(), says: format!("`{ADDS_TO}` {says}") };
    let known = BUILT_IN.iter().find(|(name, _)| Some(*name) == earlier.as_str());
    let (name, text) = known.ok_or_else(|| wrong("must be the name of another file of this program"))?;
    let mut all = whole(name, parse(name, text)?)?;
    for (key, value) in own {
        match (all.get_mut(&key), value) {
            (Some(Value::Array(entries)), Value::Array(more)) => {
                // What a list of known items is called, and which are offered, an authority says anew.
                let is_anew = |entry: &Value| {
                    let id = |value: &Value| value.get("id").and_then(Value::as_str).map(str::to_owned);
                    let own = id(entry).filter(|id| key == "list" && understood::known(id).is_some());
                    own.is_some() && more.iter().any(|other| id(other) == own)
                };
                entries.retain(|entry| !is_anew(entry));
                entries.extend(more);
            }
            (_, value) => {
                all.insert(key, value);
            }
        }
    }
    Ok(all)
}

fn each<'a, T>(root: &Node<'a>, key: &'static str, read: impl Fn(Node<'a>) -> Result<T>) -> Result<Vec<T>> {
    let tables = root.tables(key)?;
    if tables.len() > MAX_ENTRIES {
        return Err(root.wrong(format_args!("there are {} entries of `{key}`, more than {MAX_ENTRIES}", tables.len())));
    }
    tables.into_iter().map(read).collect()
}

fn route(node: Node<'_>) -> Result<RouteRule> {
    let node = node.named_by("id")?;
    let rule = RouteRule {
        route: node.one_of("id")?,
        title: node.text("title")?,
        row: node.text("row")?,
        goes_to_panel: node.yes("panel")?,
        robot_is_usual: node.yes("robot")?,
    };
    node.finish().map(|()| rule)
}

fn planned_length(node: Node<'_>) -> Result<PlannedLength> {
    let node = node.named_by("id")?;
    let rule = PlannedLength {
        id: node.code("id")?,
        title: node.text("title")?,
        row: node.text("row")?,
        weeks: node.number("weeks", 1, MAX_WEEKS)?,
        starts: node.one_of("starts")?,
    };
    node.finish().map(|()| rule)
}

fn clock(node: Node<'_>) -> Result<Clock> {
    let node = node.named_by("id")?;
    let weeks = node.number("weeks", 1, MAX_WEEKS)?;
    let step = |node: Node<'_>| {
        let step = ClockStep {
            week: node.number("week", 1, weeks)?,
            text: node.text("text")?,
            days_on_site: node.maybe_number("days_on_site", 0, 7)?,
        };
        node.finish().map(|()| step)
    };
    let rule = Clock {
        id: node.code("id")?,
        title: node.text("title")?,
        row: node.text("row")?,
        starts: node.one_of("starts")?,
        calendar: node.one_of("calendar")?,
        weeks,
        steps: each(&node, "step", step)?,
    };
    if !rule.steps.is_sorted_by(|a, b| a.week < b.week) {
        return Err(node.wrong("its steps must be in the order of their weeks, one a week"));
    }
    node.finish().map(|()| rule)
}

/// About two years of any unit, so that every count comes to an end.
fn most(unit: Unit) -> u16 {
    match unit {
        Unit::SchoolDays | Unit::CalendarDays => MAX_COUNT,
        Unit::Weeks | Unit::SchoolWeeks => 104,
    }
}

fn deadline(node: Node<'_>) -> Result<DeadlineRule> {
    let node = node.named_by("id")?;
    let kinds = [node.has("unit"), node.has("each_week"), node.has("before_next"), node.has("tally")];
    if kinds.iter().filter(|has| **has).count() != 1 {
        return Err(node.wrong("write exactly one of `unit`, `each_week`, `before_next` and `tally`"));
    }
    let when = if node.has("unit") {
        let unit = node.one_of("unit")?;
        When::After { from: node.one_of("from")?, count: node.number("count", 0, most(unit))?, unit }
    } else if node.has("each_week") {
        let ends: Vec<_> =
            node.array("each_week")?.iter().filter_map(|value| u16::try_from(value.as_integer()?).ok()).collect();
        let [first, last] = *ends.as_slice() else {
            return Err(node.wrong("`each_week` must be the first and the last week, such as [1, 4]"));
        };
        if first == 0 || first > last || last > MAX_WEEKS {
            return Err(node.wrong(format_args!("`each_week` must be two weeks in order, from 1 to {MAX_WEEKS}")));
        }
        When::EachWeek {
            from: node.one_of("from")?,
            first,
            last,
            every: node.maybe_number("every", 1, MAX_WEEKS)?.unwrap_or(1),
        }
    } else if node.has("before_next") {
        When::BeforeNext { from: node.one_of("from")?, series: node.one_of("before_next")? }
    } else {
        When::Reached { tally: node.one_of("tally")?, count: node.number("count", 1, MAX_COUNT)? }
    };
    let rule = DeadlineRule {
        id: node.code("id")?,
        title: node.text("title")?,
        row: node.text("row")?,
        calendar: node.one_of("calendar")?,
        done_by: node.maybe_one_of("done_by")?,
        binding: node.maybe_one_of("binding")?.unwrap_or(Binding::Required),
        owners: node.many_of("owner")?,
        routes: node.many_of("routes")?,
        when,
    };
    match (&rule.when, rule.binding) {
        _ if rule.owners.is_empty() => Err(node.wrong("`owner` is missing: say whose task it is")),
        (When::After { count: 0, unit, .. }, _) if *unit != Unit::CalendarDays => {
            Err(node.wrong("`count` is 0: that is the day itself, so write `unit = \"calendar-days\"`"))
        }
        // What the register counts is for people to know: a program that sends something would be wrong (D6).
        (When::Reached { .. }, Binding::Required) => {
            Err(node.wrong("a tally is for information: write `binding = \"information\"`"))
        }
        _ => node.finish().map(|()| rule),
    }
}

fn contact(node: Node<'_>) -> Result<ContactRule> {
    let node = node.named_by("id")?;
    let unit = node.one_of("unit")?;
    let rule = ContactRule {
        id: node.code("id")?,
        title: node.text("title")?,
        row: node.text("row")?,
        every: node.number("every", 1, most(unit))?,
        unit,
        calendar: node.one_of("calendar")?,
        with: node.many_of("with")?,
        session_may_count: node.yes("session_may_count")?,
        is_check: node.yes("check")?,
        once: node.yes("once")?,
        owners: node.many_of("owner")?,
        routes: node.many_of("routes")?,
    };
    if rule.with.is_empty() || rule.owners.is_empty() {
        return Err(node.wrong("`with` and `owner` must each name somebody"));
    }
    node.finish().map(|()| rule)
}

fn field(node: Node<'_>) -> Result<Field> {
    let node = node.named_by("id")?;
    let only_if =
        node.maybe_code("only_if")?.map(|id| (id, node.yes("only_if_answer"))).map(|(id, yes)| yes.map(|yes| (id, yes)));
    let rule = Field {
        id: node.code("id")?,
        stage: node.number("stage", 0, 9)?,
        row: node.text("row")?,
        label: node.text("label")?,
        kind: node.one_of("kind")?,
        required: node.yes("required")?,
        only_if: only_if.transpose()?,
    };
    node.finish().map(|()| rule)
}

fn lists(root: &Node<'_>) -> Result<BTreeMap<Code, CodeList>> {
    let mut all = BTreeMap::new();
    for list in each(root, "list", list)? {
        let id = list.id.clone();
        if all.insert(id.clone(), list).is_some() {
            return Err(root.wrong(format_args!("list `{id}` is there twice")));
        }
    }
    Ok(all)
}

fn list(node: Node<'_>) -> Result<CodeList> {
    let node = node.named_by("id")?;
    let mut items: Vec<(Code, String)> = Vec::new();
    for value in node.array("items")? {
        let texts = node.texts_in("items", value)?;
        let [id, words] = *texts.as_slice() else {
            return Err(node.wrong("each of `items` must be a code and its words, such as [\"rules\", \"School rules\"]"));
        };
        let id = node.as_code("items", id)?;
        if words.trim().is_empty() || items.iter().any(|(known, _)| *known == id) {
            return Err(node.wrong(format_args!("item `{id}` has no words or is there twice")));
        }
        items.push((id, words.trim().to_owned()));
    }
    if items.is_empty() || items.len() > MAX_ENTRIES {
        return Err(node.wrong(format_args!("`items` must have 1 to {MAX_ENTRIES} entries")));
    }
    let id = node.code("id")?;
    if let Some(known) = understood::known(id.as_str())
        && let Some((other, _)) = items.iter().find(|(item, _)| !known.contains(&item.as_str()))
    {
        let known = known.join("`, `");
        return Err(node.wrong(format_args!("item `{other}` is not one of `{known}`: rules depend on these")));
    }
    let list = CodeList { id, title: node.text("title")?, row: node.text("row")?, items };
    node.finish().map(|()| list)
}

fn meeting(node: Node<'_>) -> Result<MeetingRule> {
    let mut must_attend = Vec::new();
    for value in node.array("must_attend")? {
        let texts = node.texts_in("must_attend", value)?;
        let line: Vec<_> = texts.iter().map(|text| node.as_one_of("must_attend", text)).collect::<Result<_>>()?;
        if line.is_empty() {
            return Err(node.wrong("a line of `must_attend` names nobody, so nobody could satisfy it"));
        }
        must_attend.push(line);
    }
    let venues = node.array("venues")?.iter().map(|value| {
        let text = value.as_str().ok_or_else(|| node.wrong("`venues` must be a list of texts"))?;
        node.as_code("venues", text)
    });
    let rule = MeetingRule {
        row: node.text("row")?,
        must_attend,
        invite: node.many_of("invite")?,
        convenors: node.many_of("convenors")?,
        venues: venues.collect::<Result<_>>()?,
    };
    if rule.must_attend.is_empty() || rule.convenors.is_empty() || rule.venues.is_empty() {
        return Err(node.wrong("`must_attend`, `convenors` and `venues` must each have an entry"));
    }
    node.finish().map(|()| rule)
}

fn action(node: Node<'_>) -> Result<ActionRule> {
    let node = node.named_by("id")?;
    let rule = ActionRule {
        id: node.code("id")?,
        title: node.text("title")?,
        row: node.text("row")?,
        kind: node.one_of("kind")?,
        list: node.maybe_code("list")?,
        agreed_by: node.many_of("agreed_by")?,
    };
    if (rule.kind == ActionKind::List) != rule.list.is_some() {
        return Err(node.wrong("`list` belongs to `kind = \"list\"`, and only there"));
    }
    node.finish().map(|()| rule)
}

fn evaluation(node: Node<'_>) -> Result<EvaluationRule> {
    let mut questions: Vec<Question> = Vec::new();
    for value in node.array("questions")? {
        let texts = node.texts_in("questions", value)?;
        let [id, ask, if_not] = *texts.as_slice() else {
            return Err(node.wrong("each of `questions` must be a code, a question and what is asked after \"no\""));
        };
        let id = node.as_code("questions", id)?;
        if !ask.ends_with('?') || questions.iter().any(|known| known.id == id) {
            return Err(node.wrong(format_args!("question `{id}` has no question mark or is there twice")));
        }
        questions.push(Question { id, ask: ask.to_owned(), if_not: Some(if_not.to_owned()).filter(|text| !text.is_empty()) });
    }
    if questions.is_empty() {
        return Err(node.wrong("`questions` is empty"));
    }
    let rule = EvaluationRule {
        clock: node.code("clock")?,
        week: node.number("week", 1, MAX_WEEKS)?,
        row: node.text("row")?,
        questions,
    };
    node.finish().map(|()| rule)
}

fn breakdown(node: Node<'_>) -> Result<BreakdownRule> {
    let rule = BreakdownRule {
        row: node.text("row")?,
        may_end_without_meeting: node.yes("may_end_without_meeting")?,
        notify: node.many_of("notify")?,
    };
    if rule.notify.is_empty() {
        return Err(node.wrong("`notify` names nobody: somebody must be told"));
    }
    node.finish().map(|()| rule)
}

fn closure(node: Node<'_>) -> Result<ClosureRule> {
    let rule = ClosureRule {
        row: node.text("row")?,
        success: node.code("success")?,
        sign_off: node.many_of("sign_off")?,
        roll_guard: node.text("roll_guard")?,
        right_to_return: node.text("right_to_return")?,
    };
    if rule.sign_off.is_empty() {
        return Err(node.wrong("`sign_off` names nobody: somebody must agree"));
    }
    node.finish().map(|()| rule)
}

/// What one rule says of another.
fn check(root: &Node<'_>, pack: &Pack) -> Result<()> {
    let twice = |what: &str, codes: Vec<String>| {
        let mut seen = BTreeSet::new();
        match codes.into_iter().find(|code| !seen.insert(code.clone())) {
            Some(code) => Err(root.wrong(format_args!("{what} `{code}` is there twice"))),
            None => Ok(()),
        }
    };
    twice("route", pack.routes.iter().map(|rule| rule.route.code().to_owned()).collect())?;
    twice("planned_length", pack.planned_lengths.iter().map(|rule| rule.id.to_string()).collect())?;
    twice("clock", pack.clocks.iter().map(|rule| rule.id.to_string()).collect())?;
    // A contact is due as a deadline is, so that their codes share one space.
    let due = pack.deadlines.iter().map(|rule| &rule.id).chain(pack.contacts.iter().map(|rule| &rule.id));
    twice("deadline or contact", due.map(Code::to_string).collect())?;
    twice("field", pack.fields.iter().map(|rule| rule.id.to_string()).collect())?;
    twice("action", pack.actions.iter().map(|rule| rule.id.to_string()).collect())?;
    twice("evaluation", pack.evaluations.iter().map(|rule| format!("{} week {}", rule.clock, rule.week)).collect())?;
    if pack.routes.is_empty() || pack.planned_lengths.is_empty() {
        return Err(root.wrong("a pack needs a `route` and a `planned_length` at least: a return has a way in and an end"));
    }
    for name in LISTS {
        if pack.list(name).is_empty() {
            return Err(root.wrong(format_args!("list `{name}` is missing")));
        }
    }
    if !pack.fields.iter().any(|field| field.id.as_str() == super::ON_TRACK && field.kind == FieldKind::YesNo) {
        return Err(
            root.wrong(format_args!("field `{}` of kind yes-no is missing: it decides about readiness", super::ON_TRACK))
        );
    }
    if [pack.review_on, pack.valid_until].into_iter().flatten().any(|day| day < pack.valid_from) {
        return Err(root.wrong("`review_on` and `valid_until` must not lie before `valid_from`"));
    }
    for rule in &pack.evaluations {
        if pack.clock(&rule.clock).is_none_or(|clock| rule.week > clock.weeks) {
            return Err(root
                .wrong(format_args!("evaluation of week {} names clock `{}`, which has no such week", rule.week, rule.clock)));
        }
    }
    for rule in &pack.actions {
        if rule.list.as_ref().is_some_and(|list| !pack.lists.contains_key(list)) {
            return Err(root.wrong(format_args!("action `{}` names a list that is not there", rule.id)));
        }
    }
    for field in &pack.fields {
        let Some((id, _)) = &field.only_if else { continue };
        if !pack.fields.iter().any(|other| other.id == *id && other.kind == FieldKind::YesNo && other.stage <= field.stage) {
            return Err(root.wrong(format_args!("field `{}` depends on `{id}`, which is no yes-no field before it", field.id)));
        }
    }
    if !pack.has_code("outcome", &pack.closure.success) {
        return Err(root.wrong(format_args!("`success` is `{}`, which list `outcome` does not have", pack.closure.success)));
    }
    Ok(())
}
