//! One client: sends its share, with many commands in flight, and counts what comes of them.

use anyhow::{Context, Result};
use ringlog::{Client, CommandError, Decider, Outcome, Pending};

use super::tally::Tally;
use super::window::{WINDOW, Window};
use crate::demo::latency::Sampler;
use crate::{SyntheticCommands, clock};

/// Commands between two offers of a latency sample.
const SAMPLE_INTERVAL: u64 = 512;
/// Places that a client needs: for the window, and as many again as it may hand over while it goes
/// through them once. Each of those is a place to pass over, and with too few the next one is looked
/// for among all.
pub(super) const PLACES: usize = WINDOW + WINDOW / SAMPLE_INTERVAL as usize + 2;

type OutcomeOf<S> = Outcome<<S as Decider>::Reply, <S as Decider>::Rejection>;
type Answer<S> = Result<OutcomeOf<S>, CommandError>;
/// A command of which the outcome is not known yet.
pub(super) type Sent<'a, S> = Pending<'a, OutcomeOf<S>>;

/// Sends `count` commands and returns when all of them have an outcome.
pub(super) fn send<D: SyntheticCommands>(
    client: &Client<D::State>,
    mut commands: D::Commands,
    count: u64,
    sampler: &Sampler<Sent<'static, D::State>>,
) -> Result<Tally> {
    let (mut tally, mut window) = (Tally::default(), Window::new());
    let mut take = |sent: Sent<'_, D::State>| count_answer::<D>(&mut tally, sent.wait());
    for number in 0..count {
        let Some(command) = commands.next() else {
            break;
        };
        let started = (number % SAMPLE_INTERVAL == 0).then(clock::now);
        let sent = client.send(&command);
        let sent = sent.context("the pipeline took no more commands")?;
        let sent = match started {
            Some(started) => sampler.offer(started, sent.detach()),
            None => Some(sent),
        };
        if let Some(sent) = sent {
            window.push(sent, &mut take)?;
        }
    }
    window.drain(take)?;
    Ok(tally)
}

/// Counts what came of a command.
#[inline]
pub(super) fn count_answer<D: SyntheticCommands>(
    tally: &mut Tally,
    answer: Answer<D::State>,
) -> Result<()> {
    match answer.context("a command has no outcome")? {
        Outcome::Accepted(answered) => tally.accept(answered.events),
        Outcome::Rejected(answered) => tally.reject(D::reason(&answered.reply), 1),
    }
    Ok(())
}
