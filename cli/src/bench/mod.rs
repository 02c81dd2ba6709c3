//! `ringlog bench`: what this machine reaches, beside its own limits and the alternatives.
//!
//! Every [`contender`] measures once a round, so that what the machine does differently
//! from one minute to the next is in all of them; ratios are taken within a round. [`rows`] is the
//! table: which figures it shows, and what they should reach.

mod aim;
mod answer;
mod cached;
mod command;
mod contender;
mod device;
mod directory;
mod disk;
mod durable;
mod entries;
mod figure;
mod glued;
mod lane;
mod machine;
mod memory;
mod open_loop;
mod page;
mod players;
mod publish;
mod replay;
mod rows;
mod sizes;
mod text;
mod threads;
mod workload;

pub(crate) use command::{Args, run};
