//! `ringlog diff`: what changed between two moments.

use std::path::PathBuf;

use ringlog::journal::JournalReader;
use ringlog::snapshot::AsOf;
use ringlog::time_travel::StateAt;
use serde_json::{Map, Value, json};

use crate::Domain;
use crate::exit::Exit;
use crate::moment::{Moment, states_at};
use crate::output::Output;

/// Show what changed between two moments
///
/// A moment is `P:N`, partition P right behind sequence N (other partitions are taken whole; several
/// as `0:10,1:20`), or `time:MS`, all events with an event time up to this one, or `latest`. It
/// compares the figures that state gives for everybody, and every user: `+` for one that is new, `-`
/// for one that is gone (where the second moment is the earlier one), `~` for one that changed.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The journal's directory
    #[arg(long, value_name = "D")]
    dir: PathBuf,
    /// The moment to compare with
    #[arg(long, value_name = "MOMENT")]
    from: Moment,
    /// The moment that is compared
    #[arg(long, value_name = "MOMENT", default_value = "latest")]
    to: Moment,
    /// Only this user
    #[arg(long, value_name = "ID")]
    user: Option<u64>,
}

pub(crate) fn run<D: Domain>(args: &Args, output: Output) -> anyhow::Result<Exit> {
    let reader = JournalReader::open(&args.dir)?;
    let partitions = reader.partitions();
    let mut from = args.from.in_partitions("--from", partitions)?;
    let mut to = args.to.in_partitions("--to", partitions)?;
    pin(&reader, &mut from, &mut to)?;
    let (from, to) = (
        Side::of(states_at::<D>(&reader, &from)?),
        Side::of(states_at::<D>(&reader, &to)?),
    );
    let difference = Difference::between::<D>(&from, &to, args.user);
    let json = || {
        json!({
            "from": {"moment": args.from.to_string(), "events": from.events},
            "to": {"moment": args.to.to_string(), "events": to.events},
            "figures": difference.figures,
            "appeared": difference.appeared,
            "gone": difference.gone,
            "changed": difference.changed,
        })
    };
    match output.is_json() {
        true => output.show(&json(), String::new)?,
        false => output.show(&Value::Null, || difference.text())?,
    }
    Ok(Exit::Success)
}

/// Lets both moments end at the same event where they take a partition whole: beside a running
/// writer the journal grows between the two readings.
fn pin(reader: &JournalReader, from: &mut [AsOf], to: &mut [AsOf]) -> anyhow::Result<()> {
    for (partition, (from, to)) in (0..).zip(from.iter_mut().zip(to)) {
        if from.sequence.is_none()
            && to.sequence.is_none()
            && reader.has_writer()?
            && let Some(last) = reader.acknowledged_sequence(partition)?
        {
            (from.sequence, to.sequence) = (Some(last), Some(last));
        }
    }
    Ok(())
}

/// One of the two moments.
struct Side<S> {
    states: Vec<S>,
    events: u64,
}

impl<S> Side<S> {
    fn of(past: Vec<StateAt<S>>) -> Self {
        let events = past.iter().map(|past| past.events).sum();
        let states = past.into_iter().map(|past| past.state).collect();
        Self { states, events }
    }
}

/// What changed. Users are in the order of their ids.
struct Difference {
    /// By name: `[old, new]`.
    figures: Map<String, Value>,
    appeared: Vec<Value>,
    gone: Vec<Value>,
    /// The user's id and, by name, `[old, new]`.
    changed: Vec<Value>,
}

impl Difference {
    fn between<D: Domain>(from: &Side<D::State>, to: &Side<D::State>, user: Option<u64>) -> Self {
        let figures = |side: &Side<D::State>| {
            let mut figures = Map::new();
            figures.insert("events".to_owned(), side.events.into());
            figures.extend(D::stats(&side.states));
            Value::Object(figures)
        };
        let mut difference = Self {
            figures: changes(&figures(from), &figures(to)),
            appeared: Vec::new(),
            gone: Vec::new(),
            changed: Vec::new(),
        };
        let mut users = match user {
            Some(user_id) => vec![user_id],
            None => [D::users(&from.states), D::users(&to.states)].concat(),
        };
        users.sort_unstable();
        users.dedup();
        for user_id in users {
            let old = D::user_state(&from.states, user_id);
            let new = D::user_state(&to.states, user_id);
            match (old, new) {
                (None, Some(new)) => difference.appeared.push(named(user_id, new)),
                (Some(old), None) => difference.gone.push(named(user_id, old)),
                (Some(old), Some(new)) => {
                    let changes = changes(&old, &new);
                    if !changes.is_empty() {
                        difference.changed.push(named(user_id, changes.into()));
                    }
                }
                (None, None) => {}
            }
        }
        difference
    }

    fn text(&self) -> String {
        let mut text = String::new();
        for (name, change) in &self.figures {
            text.push_str(&format!(
                "{:28} {}\n",
                name.replace('_', " "),
                arrow(change)
            ));
        }
        for (sign, users) in [
            ('+', &self.appeared),
            ('-', &self.gone),
            ('~', &self.changed),
        ] {
            for user in users {
                let members: Vec<String> = user["state"]
                    .as_object()
                    .into_iter()
                    .flatten()
                    .map(|(name, value)| match sign {
                        '~' => format!("{name} {}", arrow(value)),
                        _ => format!("{name} {value}"),
                    })
                    .collect();
                text.push_str(&format!(
                    "{sign} {}: {}\n",
                    user["user"],
                    members.join(", ")
                ));
            }
        }
        if text.is_empty() {
            text.push_str("nothing changed\n");
        }
        text
    }
}

fn named(user_id: u64, state: Value) -> Value {
    json!({"user": user_id, "state": state})
}

/// The members of two objects that differ, as `[old, new]`; those of nested objects by a path with
/// dots. What only one of them has is null in the other.
fn changes(old: &Value, new: &Value) -> Map<String, Value> {
    let mut changes = Map::new();
    collect(String::new(), old, new, &mut changes);
    changes
}

fn collect(path: String, old: &Value, new: &Value, changes: &mut Map<String, Value>) {
    let (Value::Object(old_members), Value::Object(new_members)) = (old, new) else {
        if old != new {
            changes.insert(path, json!([old, new]));
        }
        return;
    };
    let only_new = new_members
        .iter()
        .filter(|(name, _)| !old_members.contains_key(*name));
    let names = old_members.iter().chain(only_new).map(|(name, _)| name);
    for name in names {
        let path = match path.is_empty() {
            true => name.clone(),
            false => format!("{path}.{name}"),
        };
        let member = |members: &Map<String, Value>| members.get(name).cloned();
        let (old, new) = (member(old_members), member(new_members));
        collect(
            path,
            &old.unwrap_or_default(),
            &new.unwrap_or_default(),
            changes,
        );
    }
}

fn arrow(change: &Value) -> String {
    format!("{} -> {}", change[0], change[1])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_that_differ_are_listed_with_their_path() {
        let old = json!({"level": 1, "inventory": {"4": 1, "5": 2}, "x": null, "same": [1]});
        let new = json!({"level": 2, "inventory": {"5": 3, "6": 1}, "x": 1.5, "same": [1]});
        let expected = json!({
            "level": [1, 2], "inventory.4": [1, null], "inventory.5": [2, 3],
            "inventory.6": [null, 1], "x": [null, 1.5],
        });
        assert_eq!(Value::from(changes(&old, &new)), expected);
        assert!(changes(&old, &old).is_empty());
    }

    #[test]
    fn moments_are_read_in_each_of_their_forms() {
        for text in ["latest", "time:-5", "0:7", "0:7,3:0"] {
            assert_eq!(text.parse::<Moment>().unwrap().to_string(), text);
        }
        for text in ["", "7", "time:", "time:x", "0:1,", "a:b", "-1:3"] {
            text.parse::<Moment>().unwrap_err();
        }
    }
}
