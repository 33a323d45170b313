//! The report of a run, as text: what was done, what went wrong, and the ledger beside the truth.

use std::fmt::Write as _;
use std::time::Duration;

use crate::Settings;
use crate::fault::Record;
use crate::noise;
use crate::pupil::Journal;
use crate::school::School;
use crate::truth::Findings;

/// Everything that somebody who doubts needs.
pub async fn text(
    settings: &Settings,
    school: &School,
    journals: &[Journal],
    (record, emptied): (&Record, (usize, Duration)),
    noise: noise::Counts,
    findings: &Findings,
    ran: Duration,
) -> String {
    let mut text = String::new();
    let mut say = |line: String| writeln!(text, "{line}").expect("a text takes text");
    let size = settings.size;
    say(String::from("# Chaos: the ledger after every fault\n\nWritten by `tests/run chaos`.\n\n```text"));
    say(format!("seed {}, {} s of storm, {} s in all", settings.seed, settings.storm.as_secs(), ran.as_secs()));
    say(format!(
        "{} bridges, {} server replicas, {} robots and tablets; {} s of school in one of ours",
        size.bridges, size.replicas, size.robots, size.speed
    ));
    say(String::from("\nfaults (seconds of the run)"));
    for (from, until, what) in &record.faults {
        let (from, until) = (school.clock.elapsed(*from).as_secs_f64(), school.clock.elapsed(*until).as_secs_f64());
        say(format!("{from:7.1} to {until:7.1}  {what}"));
    }
    let legs: usize = journals.iter().map(|journal| journal.legs.len()).sum();
    let refused: usize = journals.iter().map(|journal| journal.refused.len()).sum();
    say(String::from("\ncounts"));
    say(format!("{:8}  connections of tablets, and {refused} tries that led to none", legs));
    say(format!("{:8}  sessions", findings.lines.iter().map(|line| line.sessions).sum::<usize>()));
    say(format!("{:8}  intervals closed by bridges, {} of them after a kill", findings.closed, findings.recovered));
    say(format!("{:8}  intervals in the ledger that a killed bridge had no time to say", findings.unsaid));
    say(format!("{:8}  copies of messages, late and out of order", noise.copies));
    say(format!("{:8}  damaged messages; with late copies of them, {} in quarantine", noise.damaged, findings.quarantined));
    let most = |times: &[Duration]| times.iter().max().copied().unwrap_or_default().as_secs_f64();
    say(format!("{:8}  sessions live at a kill; the most that one lost: {:.1} s", findings.lost.len(), most(&findings.lost)));
    say(format!("{:8}  pupils moved to another bridge; the slowest in {:.1} s", findings.moved.len(), most(&findings.moved)));
    say(format!("{:8}  pupils of a bridge that was emptied for maintenance, in {:.1} s", emptied.0, emptied.1.as_secs_f64()));
    say(format!("{:8}  ms of a connection, on average, are not in the ledger", findings.mean_lack_ms));
    let (least, most_lacks) = findings.lack_ms.iter().fold((0, 0), |(least, most), ms| (least.min(*ms), most.max(*ms)));
    say(format!(
        "{:8}  stays that a pupil ended; the ledger has {} ms more to {most_lacks} ms less of one",
        findings.lack_ms.len(),
        -least
    ));
    say(format!("{:8}  per cent of lessons with a moving picture stand in another tier", findings.other_tier_pct[0]));
    say(format!("{:8}  per cent of lessons with stills stand in another tier", findings.other_tier_pct[1]));
    let (stood, longest) = record.stalls.sum_and_most();
    say(format!(
        "{:8.1}  s in which this machine itself stood still, at most {:.1} s at once",
        stood.as_secs_f64(),
        longest.as_secs_f64()
    ));
    for hung in record.hung.iter().filter_map(|(_, moved)| *moved) {
        say(format!(
            "{:8.1}  s until every pupil of a bridge that hung had their class through another one",
            hung.as_secs_f64()
        ));
    }
    say(format!("{:8.1}  s is the farthest that an interval stands from where it was received", most(&findings.misplaced)));
    for (what, processes) in [("bridges", &school.bridges), ("replicas", &school.servers)] {
        let mut cpu = Duration::ZERO;
        for unit in processes {
            cpu += unit.process.lock().await.cpu();
        }
        say(format!("{:8.1}  s of processor time of {what}", cpu.as_secs_f64()));
    }
    let mut robots = Duration::ZERO;
    for robot in &school.robots {
        robots += robot.lock().await.cpu();
    }
    say(format!("{:8.1}  s of processor time of robots", robots.as_secs_f64()));
    say(String::from("\nthe truth and the ledger (seconds of school)"));
    say(String::from("pupil  received    ledger  difference  may be      in lessons  beside  sessions  overlap"));
    for (n, line) in findings.lines.iter().enumerate() {
        let s = |ms: i64| ms as f64 / 1000.0;
        say(format!(
            "{n:5}  {:8.1}  {:8.1}  {:+10.1}  {:+.0} to {:+.0}  {:6} min  {:2} min  {:8}  {:6.1}",
            s(line.received_ms),
            s(line.ledger_ms),
            s(line.ledger_ms - line.received_ms),
            -s(line.may_lack_ms),
            s(line.may_exceed_ms),
            line.lesson_minutes,
            line.social_minutes,
            line.sessions,
            s(line.sum_ms - line.ledger_ms)
        ));
    }
    say(match findings.wrong.len() {
        0 => String::from("\nnothing is wrong\n```"),
        count => format!("\n{count} wrong\n{}\n```", findings.wrong.join("\n")),
    });
    text
}
