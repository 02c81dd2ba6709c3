//! A program that knows no events: it can still verify a journal, and dump headers and hex.

use ringlog::{ArchiveError, Archiver, Event, EventMeta, EventType, State, ViewError};
use serde_json::{Map, Value};

use crate::Domain;

/// The domain without events: every event of a journal is unknown to it.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoDomain;

/// No event: there is no value of this type.
#[derive(Debug, Clone, Copy)]
pub enum NoEvent {}

/// No view: there is no value of this type.
#[derive(Debug, Clone, Copy)]
pub enum NoView {}

/// State that no event changes.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoState;

impl Event for NoEvent {
    type View<'a> = NoView;

    const TYPES: &'static [EventType] = &[];

    fn event_type(&self) -> &'static EventType {
        match *self {}
    }

    fn key(&self) -> u64 {
        match *self {}
    }

    fn time_ms(&self) -> Option<i64> {
        match *self {}
    }

    fn archive(&self, _archiver: &mut Archiver) -> Result<(), ArchiveError> {
        match *self {}
    }

    fn view(kind: u16, version: u16, _bytes: &[u8]) -> Result<NoView, ViewError> {
        Err(ViewError::UnknownType { kind, version })
    }
}

impl State for NoState {
    type Event = NoEvent;

    fn apply(&mut self, event: NoView, _meta: &EventMeta) {
        match event {}
    }
}

impl Domain for NoDomain {
    type Event = NoEvent;
    type State = NoState;

    fn state(_partition: u32) -> NoState {
        NoState
    }

    fn parse(_line: &[u8]) -> Result<NoEvent, String> {
        Err("this program knows no events".to_owned())
    }

    fn print(event: &NoView, _out: &mut Vec<u8>) {
        match *event {}
    }

    fn type_name(event: &NoView) -> &str {
        match *event {}
    }

    fn user_id(event: &NoView, _meta: &EventMeta) -> u64 {
        match *event {}
    }

    fn stats(_states: &[NoState]) -> Map<String, Value> {
        Map::new()
    }

    fn user_state(_states: &[NoState], _user_id: u64) -> Option<Value> {
        None
    }

    fn top(_states: &[NoState], _count: usize) -> Vec<Value> {
        Vec::new()
    }
}
