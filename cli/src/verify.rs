//! `ringlog verify`: is every byte that matters there, and if not, what was lost?

use std::path::PathBuf;

use ringlog::journal::{
    Corruption, JournalReader, PartitionCheck, ReadError, RecordedEvent, VerifyReport,
};
use ringlog::{Event, Viewer};
use serde_json::{Value, json};

use crate::Domain;
use crate::exit::Exit;
use crate::output::{Output, grouped};
use crate::progress::Progress;

/// Check every byte that matters; say what is wrong, where, and what was lost
///
/// Exits with 0 when the journal is sound, 3 when it ends in bytes that were never acknowledged,
/// 4 when something that was durable is damaged, and 1 when it cannot be judged: it cannot be read,
/// or holds events that this program does not know.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The journal's directory
    #[arg(long, value_name = "D")]
    dir: PathBuf,
}

/// One thing that is not as it should be, or that is worth knowing.
struct Finding {
    partition: u32,
    exit: Exit,
    text: String,
}

pub(crate) fn run<D: Domain>(args: &Args, output: Output) -> anyhow::Result<Exit> {
    let reader = JournalReader::open(&args.dir)?;
    let mut progress = Progress::of_events("verifying", &reader);
    let mut viewer = Viewer::default();
    let report = reader.verify(|event| {
        progress.event();
        check_event::<D>(event, &mut viewer)
    })?;
    drop(progress);
    let findings: Vec<Finding> = report.partitions.iter().flat_map(findings_of).collect();
    let exit = verdict(&findings);
    output.show(&json_of(&report, &findings, exit), || {
        text_of(&report, &findings, exit)
    })?;
    Ok(exit)
}

fn check_event<D: Domain>(event: &RecordedEvent<'_>, viewer: &mut Viewer) -> Result<(), String> {
    if D::Event::TYPES.is_empty() {
        // Without a domain there is nothing that the bytes could contradict.
        return Ok(());
    }
    event
        .view::<D::Event>(viewer)
        .map(drop)
        .map_err(|error| error.to_string())
}

/// The worst finding: damage, then what cannot be judged, then a torn tail.
fn verdict(findings: &[Finding]) -> Exit {
    [Exit::Corruption, Exit::Failure, Exit::TornTail]
        .into_iter()
        .find(|exit| findings.iter().any(|finding| finding.exit == *exit))
        .unwrap_or(Exit::Success)
}

fn findings_of(check: &PartitionCheck) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut find = |exit, text| {
        findings.push(Finding {
            partition: check.partition,
            exit,
            text,
        });
    };
    match &check.error {
        Some(ReadError::Corruption(damage)) => {
            let mut text = format!(
                "{}; events up to {} are sound. Restore the segment from a copy, or see `ringlog \
                 repair --dry-run`.",
                damage_text(damage),
                damage.last_known
            );
            if check.salvageable_events > 0 {
                text.push_str(&format!(
                    " {} sound events behind it can be read with `ringlog dump --salvage`.",
                    grouped(check.salvageable_events)
                ));
            }
            find(Exit::Corruption, text);
        }
        Some(error) => find(Exit::Failure, format!("it cannot be read: {error}.")),
        None => {}
    }
    for damage in &check.further {
        find(Exit::Corruption, format!("{}.", damage_text(damage)));
    }
    if let Some(torn) = &check.torn_tail {
        find(
            Exit::TornTail,
            format!(
                "{} ends in {} bytes from byte {} on that are no sound group ({}): a torn tail. It \
                 was never acknowledged, so nothing that was promised is lost; the next opening \
                 for writing sets it aside in `quarantine/`.",
                torn.segment,
                grouped(torn.bytes),
                torn.position,
                torn.damage
            ),
        );
    }
    if check.invalid_events > 0 {
        let examples: Vec<String> = check
            .invalid
            .iter()
            .map(|(sequence, reason)| format!("{sequence}: {reason}"))
            .collect();
        find(
            Exit::Failure,
            format!(
                "{} events have sound checksums, but are not events of this program ({}). Nothing \
                 is lost: read them with the program that wrote them.",
                grouped(check.invalid_events),
                examples.join("; ")
            ),
        );
    }
    let none_is_sound = check.snapshots == check.damaged_snapshots.len() as u64;
    if check.earliest > 1 && none_is_sound && check.snapshots > 0 {
        find(
            Exit::Corruption,
            format!(
                "no snapshot is sound, and the events before sequence {} are retired: what they \
                 came to is lost, and the directory cannot be opened. Restore a snapshot from a copy.",
                grouped(check.earliest)
            ),
        );
    }
    for damaged in &check.damaged_snapshots {
        find(
            Exit::Corruption,
            format!(
                "the snapshot {} is damaged ({}). An opening passes it over, and starts from a sound \
                 one, or from the beginning where that is still there; `ringlog repair` sets it aside.",
                damaged.name, damaged.reason
            ),
        );
    }
    if check.earliest > 1 {
        find(
            Exit::Success,
            format!(
                "events before sequence {} are retired: the snapshots hold what they came to.",
                grouped(check.earliest)
            ),
        );
    }
    if check.control_unreadable {
        find(
            Exit::Corruption,
            "the control word is damaged. No event is lost with it, but it was the witness of the \
             last acknowledgements: without it, a damaged end cannot be told from a torn tail. The \
             next opening for writing stores a new one."
                .to_owned(),
        );
    }
    if check.unacknowledged_events > 0 {
        find(
            Exit::Success,
            format!(
                "the last {} events are sound, but nothing says that they were acknowledged; the \
                 next opening for writing keeps them.",
                grouped(check.unacknowledged_events)
            ),
        );
    }
    findings
}

fn damage_text(damage: &Corruption) -> String {
    let first = damage.first_lost;
    let lost = match damage.lost_up_to {
        Some(last) if last < first => "no event is lost with them".to_owned(),
        Some(last) if last == first => format!("event {first} is lost"),
        Some(last) => format!("events {first} to {last} are lost"),
        None => {
            format!("every event from {first} on is lost, and how many there were is not known")
        }
    };
    format!(
        "{} is damaged at byte {} ({}), in bytes that were durable: {lost}",
        damage.segment, damage.position, damage.damage
    )
}

fn verdict_name(exit: Exit) -> &'static str {
    match exit {
        Exit::Success => "sound",
        Exit::TornTail => "torn tail",
        Exit::Corruption => "corruption",
        Exit::Failure | Exit::Usage => "cannot be judged",
    }
}

fn json_of(report: &VerifyReport, findings: &[Finding], exit: Exit) -> Value {
    let partitions: Vec<Value> = report
        .partitions
        .iter()
        .map(|check| {
            let findings: Vec<&str> = findings
                .iter()
                .filter(|finding| finding.partition == check.partition)
                .map(|finding| finding.text.as_str())
                .collect();
            json!({
                "partition": check.partition,
                "segments": check.segments,
                "snapshots": check.snapshots,
                "earliest": check.earliest,
                "groups": check.groups,
                "events": check.events,
                "bytes": check.bytes,
                "unacknowledged_events": check.unacknowledged_events,
                "invalid_events": check.invalid_events,
                "control_unreadable": check.control_unreadable,
                "torn_tail": check.torn_tail.as_ref().map(|torn| json!({
                    "segment": torn.segment,
                    "position": torn.position,
                    "bytes": torn.bytes,
                    "damage": torn.damage.to_string(),
                })),
                "corruption": check.error.as_ref().and_then(corruption_json),
                "salvageable_events": check.salvageable_events,
                "findings": findings,
            })
        })
        .collect();
    json!({
        "verdict": verdict_name(exit),
        "exit_code": exit as u8,
        "has_writer": report.has_writer,
        "events": report.partitions.iter().map(|check| check.events).sum::<u64>(),
        "partitions": partitions,
    })
}

fn corruption_json(error: &ReadError) -> Option<Value> {
    let ReadError::Corruption(damage) = error else {
        return None;
    };
    Some(json!({
        "segment": damage.segment,
        "position": damage.position,
        "damage": damage.damage.to_string(),
        "last_known": damage.last_known,
        "first_lost": damage.first_lost,
        "lost_up_to": damage.lost_up_to,
    }))
}

fn text_of(report: &VerifyReport, findings: &[Finding], exit: Exit) -> String {
    let mut text = String::new();
    for check in &report.partitions {
        text.push_str(&format!(
            "partition {}: {} events in {} groups and {} segments, {} bytes\n",
            check.partition,
            grouped(check.events),
            grouped(check.groups),
            check.segments,
            grouped(check.bytes)
        ));
    }
    for finding in findings {
        text.push_str(&format!(
            "partition {}: {}\n",
            finding.partition, finding.text
        ));
    }
    if report.has_writer {
        text.push_str("A writer has it open: what it has in flight was not judged.\n");
    }
    text.push_str(&format!("verdict: {}\n", verdict_name(exit)));
    text
}
