//! A domain's commands, where only some domains have any.

use anyhow::Result;
use ringlog::Pipeline;

use super::load::{self, Outcome};
use crate::demo::load::Load;
use crate::{Synthetic, SyntheticCommands};

/// How the commands of a domain are made up and sent: what
/// [`Synthetic::command_side`] returns for a domain that has some.
#[derive(Debug, Clone, Copy)]
pub struct CommandSide<D: Synthetic> {
    /// Whether there are commands is not a matter of types for who only knows a [`Synthetic`].
    send: fn(Load, &Pipeline<D::State>) -> Result<Outcome>,
}

impl<D: SyntheticCommands> CommandSide<D> {
    /// The command side of `D`.
    #[must_use]
    pub fn new() -> Self {
        Self {
            send: load::send::<D>,
        }
    }
}

impl<D: SyntheticCommands> Default for CommandSide<D> {
    fn default() -> Self {
        Self::new()
    }
}

impl<D: Synthetic> CommandSide<D> {
    /// Sends commands, and waits for all of their outcomes.
    pub(super) fn send(&self, load: Load, pipeline: &Pipeline<D::State>) -> Result<Outcome> {
        (self.send)(load, pipeline)
    }
}
