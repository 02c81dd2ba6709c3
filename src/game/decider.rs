//! The arena decides what players ask for.
#![forbid(unsafe_code)]

use super::rules::{self, Point};
use super::{ArchivedAttackPlayer, ArchivedGameCommand, ArchivedMoveTo, ArchivedSender, Arena};
use super::{Attack, Envelope, GameCommand, GameEvent, GameRejection, GameReply, Move, Text};
use crate::{Decider, Events};

impl Decider for Arena {
    type Command = GameCommand;
    type Reply = GameReply;
    type Rejection = GameRejection;

    #[inline]
    fn decide(
        &self,
        command: &ArchivedGameCommand,
        events: &mut Events<GameEvent>,
    ) -> Result<GameReply, GameRejection> {
        if command.sender().user_id == 0 {
            return Err(GameRejection::Nobody);
        }
        match command {
            ArchivedGameCommand::Move(asked) => self.decide_move(asked, events),
            ArchivedGameCommand::Attack(asked) => self.decide_attack(asked, events),
        }
    }

    #[inline]
    fn prefetch_commands(&self, coming: &[&ArchivedGameCommand]) {
        // One pass for each step of the way, as for events.
        for user_id in coming.iter().flat_map(|command| whom(command)) {
            self.players.prefetch_slot(user_id);
        }
        for user_id in coming.iter().flat_map(|command| whom(command)) {
            self.players.prefetch_entry(user_id);
        }
    }
}

impl Arena {
    fn decide_move(
        &self,
        asked: &ArchivedMoveTo,
        events: &mut Events<GameEvent>,
    ) -> Result<GameReply, GameRejection> {
        let from = self.place_of(asked.sender.user_id.to_native());
        let (location, speed) = (asked.location.to_location(), asked.speed.to_number());
        rules::check_move(from, location, speed)?;
        events.push(Move {
            envelope: envelope(&asked.sender),
            location,
            speed,
        });
        Ok(GameReply::Moved { location })
    }

    fn decide_attack(
        &self,
        asked: &ArchivedAttackPlayer,
        events: &mut Events<GameEvent>,
    ) -> Result<GameReply, GameRejection> {
        let (user_id, target_id) = (
            asked.sender.user_id.to_native(),
            asked.target_id.to_native(),
        );
        let from = self.place_of(user_id);
        let from = from.ok_or(GameRejection::UnknownAttacker { user_id })?;
        let to = self.place_of(target_id);
        let to = to.ok_or(GameRejection::UnknownTarget { target_id })?;
        let skill_id = asked.skill_id.to_native();
        let distance = rules::check_attack(from, to, skill_id)?;
        events.push(Attack {
            envelope: envelope(&asked.sender),
            target_id: u64::from(target_id),
            skill_id,
        });
        Ok(GameReply::Attacked { distance })
    }

    /// Where a player is. An event that no rule was asked about may have put it at a place that is
    /// none.
    #[inline]
    fn place_of(&self, user_id: u32) -> Option<Point> {
        Point::of(self.players.get(user_id)?.location?)
    }
}

/// Whose places a command is decided by.
#[inline]
fn whom(command: &ArchivedGameCommand) -> impl Iterator<Item = u32> {
    let target_id = match command {
        ArchivedGameCommand::Move(_) => None,
        ArchivedGameCommand::Attack(asked) => Some(asked.target_id.to_native()),
    };
    std::iter::once(command.sender().user_id.to_native()).chain(target_id)
}

#[inline]
fn envelope(sender: &ArchivedSender) -> Envelope {
    Envelope {
        timestamp: sender.timestamp.to_native(),
        user_id: sender.user_id.to_native(),
        beyond: None,
        event_id: Text::from(sender.event_id.as_str()),
        correlation_id: Text::from(sender.correlation_id.as_str()),
    }
}
