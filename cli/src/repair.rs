//! `ringlog repair`: makes a damaged journal one that opens again.

use std::path::PathBuf;

use ringlog::journal::{PartitionPlan, Repair, RepairError, RepairPlan};
use serde_json::{Value, json};

use crate::exit::Exit;
use crate::output::{Output, grouped};

/// Mend what can be mended; cut what is damaged, once its loss is accepted
///
/// A torn tail is set aside, a sound tail kept, and a control word stored as an opening does it.
/// Damage in what was durable is cut: everything from there on is first copied to `quarantine/` and
/// then leaves the journal, which `--accept-loss` has to ask for; print what can still be read with
/// `dump --salvage` before that. Killed at any point, it can be run again.
///
/// Exits with 0 when the journal is sound or repaired, 3 when `--dry-run` found a torn tail, and 4
/// when it found damage in what was durable, or when that was not repaired. Damage in front of a
/// sound snapshot hinders no opening, and is left alone.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The journal's directory
    #[arg(long, value_name = "D")]
    dir: PathBuf,
    /// Print what would be done, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Cut also what was durable: its events are lost to the journal
    #[arg(long)]
    accept_loss: bool,
}

pub(crate) fn run(args: &Args, output: Output) -> anyhow::Result<Exit> {
    let repair = Repair::new(&args.dir).accept_loss(args.accept_loss);
    let (plan, outcome) = if args.dry_run {
        (repair.plan()?, Outcome::Planned)
    } else {
        match repair.execute() {
            Ok(plan) => (plan, Outcome::Done),
            // With its plan: what was refused is shown, and with what it would cost.
            Err(RepairError::LossNotAccepted { .. }) => (repair.plan()?, Outcome::Refused),
            Err(error) => return Err(error.into()),
        }
    };
    let exit = match outcome {
        Outcome::Done if plan.partitions.iter().all(|plan| plan.covered.is_empty()) => {
            Exit::Success
        }
        Outcome::Done => Exit::Corruption,
        Outcome::Planned | Outcome::Refused => exit_of(&plan),
    };
    output.show(&json_of(&plan, outcome, exit), || text_of(&plan, outcome))?;
    Ok(exit)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Planned,
    Refused,
    Done,
}

/// What a plan says of the journal as it is.
fn exit_of(plan: &RepairPlan) -> Exit {
    let any = |is: fn(&PartitionPlan) -> bool| plan.partitions.iter().any(is);
    if any(|partition| {
        partition.loss.is_some()
            || partition.control_unreadable
            || !partition.covered.is_empty()
            || !partition.damaged_snapshots.is_empty()
    }) {
        Exit::Corruption
    } else if any(|partition| partition.torn_tail.is_some()) {
        Exit::TornTail
    } else {
        Exit::Success
    }
}

/// What is wrong with a partition, a sentence each.
fn findings_of(plan: &PartitionPlan) -> Vec<String> {
    let mut findings = Vec::new();
    if let Some(torn) = &plan.torn_tail {
        findings.push(format!(
            "{} ends in {} torn bytes from byte {} on ({}). They were never acknowledged: nothing \
             that was promised is lost with them.",
            torn.segment,
            grouped(torn.bytes),
            torn.position,
            torn.damage
        ));
    }
    if plan.control_unreadable {
        findings.push("The control word is damaged. No event is lost with it.".to_owned());
    }
    for damaged in &plan.damaged_snapshots {
        findings.push(format!(
            "The snapshot {} is damaged ({}): openings pass it over.",
            damaged.name, damaged.reason
        ));
    }
    for damage in &plan.covered {
        findings.push(format!(
            "{} is damaged at byte {} ({}), in front of a sound snapshot: openings start behind \
             that and lose nothing. Events from {} on can only be read with `ringlog dump \
             --salvage`, as far as they are sound. Once two \
             snapshots stand behind the damage, `ringlog snapshot --retire` removes it.",
            damage.segment, damage.position, damage.damage, damage.first_lost
        ));
    }
    if let Some(loss) = &plan.loss {
        let damage = &loss.corruption;
        let mut text = format!(
            "{} is damaged at byte {} ({}). Events up to {} are sound and stay; every event from \
             {} on is lost to the journal",
            damage.segment, damage.position, damage.damage, damage.last_known, damage.first_lost
        );
        match loss.acknowledged_sequence {
            Some(last) if last >= damage.first_lost => {
                text.push_str(&format!(", up to {last} at least."));
            }
            _ => text.push_str(", and how many there were is not known."),
        }
        if loss.sound_events > 0 {
            text.push_str(&format!(
                " {} of them are sound: `ringlog dump --salvage` prints those.",
                grouped(loss.sound_events)
            ));
        }
        findings.push(text);
    }
    findings
}

fn outcome_name(plan: &RepairPlan, outcome: Outcome) -> &'static str {
    match outcome {
        _ if plan.is_empty() => "nothing to do",
        Outcome::Planned => "planned",
        Outcome::Refused => "refused",
        Outcome::Done => "repaired",
    }
}

fn json_of(plan: &RepairPlan, outcome: Outcome, exit: Exit) -> Value {
    let partitions: Vec<Value> = plan
        .partitions
        .iter()
        .map(|partition| {
            let steps: Vec<String> = partition.steps.iter().map(ToString::to_string).collect();
            json!({
                "partition": partition.partition,
                "findings": findings_of(partition),
                "steps": steps,
                "loss": partition.loss.as_ref().map(|loss| json!({
                    "segment": loss.corruption.segment,
                    "position": loss.corruption.position,
                    "damage": loss.corruption.damage.to_string(),
                    "last_known": loss.corruption.last_known,
                    "first_lost": loss.corruption.first_lost,
                    "acknowledged_sequence": loss.acknowledged_sequence,
                    "sound_events": loss.sound_events,
                })),
            })
        })
        .collect();
    json!({
        "outcome": outcome_name(plan, outcome),
        "exit_code": exit as u8,
        "partitions": partitions,
    })
}

fn text_of(plan: &RepairPlan, outcome: Outcome) -> String {
    let mut text = String::new();
    for partition in &plan.partitions {
        let number = partition.partition;
        for finding in findings_of(partition) {
            text.push_str(&format!("partition {number}: {finding}\n"));
        }
        for (index, step) in (1..).zip(&partition.steps) {
            text.push_str(&format!("partition {number}, step {index}: {step}\n"));
        }
    }
    text.push_str(match outcome {
        _ if plan.is_empty() => "Nothing to do: the journal is sound.",
        Outcome::Planned => "This is the plan. Nothing was changed.",
        Outcome::Refused => {
            "Refused: events that were durable would be lost, and nothing was changed. Restore the \
             files from a copy; or salvage what can be read, and repair with --accept-loss."
        }
        Outcome::Done => "Repaired: each step above was done.",
    });
    text
}
