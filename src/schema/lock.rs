//! The text of `schema.lock`: written from the program, and read back as blocks.

use super::{Description, MissingLayout, SchemaError};
use crate::event::{Event, EventType};

const HEADER: &str = "\
# What the archive of every event type and version looks like: offsets in bytes, from the start of the
# struct. Written by the program, committed by its authors. Never change a block by hand: a journal may
# hold such events. `ringlog::schema` says how to change an event.
";

/// One event type in one version, as the lock has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) name: String,
    pub(super) kind: u16,
    pub(super) version: u16,
    /// The lines of the layout, with their indentation.
    pub(super) layout: Vec<String>,
}

/// The text of a `schema.lock` for every type and version that `E` reads.
///
/// # Errors
///
/// [`SchemaError::NoLayout`] where a struct has no [`layout!`](crate::layout),
/// [`SchemaError::Layout`] where that cannot be told.
pub fn lock<E: Event>() -> Result<String, SchemaError> {
    Ok(text_of(&blocks_of::<E>()?))
}

/// The lock of the program itself, in the order of kinds and versions.
pub(super) fn blocks_of<E: Event>() -> Result<Vec<Block>, SchemaError> {
    let layouts = E::layouts();
    let (mut blocks, mut missing, mut problems) = (Vec::new(), Vec::new(), Vec::new());
    let mut types: Vec<&EventType> = E::TYPES.iter().chain(E::OLDER_TYPES).collect();
    types.sort_by_key(|event_type| (event_type.kind, event_type.version));
    for event_type in types {
        let &EventType {
            kind,
            version,
            name,
        } = event_type;
        let layout = layouts
            .iter()
            .find(|layout| (layout.kind, layout.version) == (kind, version));
        let Some(describe) = layout.and_then(|layout| layout.describe) else {
            missing.push(MissingLayout {
                name,
                version,
                body: layout.map(|layout| layout.body),
            });
            continue;
        };
        let mut description = Description::default();
        describe(&mut description);
        let (text, found) = description.finish();
        problems.extend(found);
        blocks.push(Block {
            name: name.to_owned(),
            kind,
            version,
            layout: text.lines().map(|line| format!("  {line}")).collect(),
        });
    }
    match (missing.is_empty(), problems.is_empty()) {
        (true, true) => Ok(blocks),
        (false, _) => Err(SchemaError::NoLayout(missing)),
        (true, false) => Err(SchemaError::Layout(problems)),
    }
}

pub(super) fn text_of(blocks: &[Block]) -> String {
    let mut text = HEADER.to_owned();
    for block in blocks {
        let Block {
            name,
            kind,
            version,
            layout,
        } = block;
        text.push_str(&format!("\n{name} version {version}, kind {kind}\n"));
        for line in layout {
            text.push_str(line);
            text.push('\n');
        }
    }
    text
}

/// The blocks of a lock's text.
pub(super) fn parse(text: &str) -> Result<Vec<Block>, SchemaError> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut head_line = 0;
    for (line, text) in (1..).zip(text.lines()) {
        let refuse = |problem: &str| {
            Err(SchemaError::Text {
                line,
                problem: problem.to_owned(),
            })
        };
        let text = text.trim_end();
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        if text.starts_with([' ', '\t']) {
            match blocks.last_mut() {
                Some(block) => block.layout.push(text.to_owned()),
                None => return refuse("a layout without a type above it"),
            }
            continue;
        }
        ends(&blocks, head_line)?;
        let Some(block) = parse_head(text) else {
            return refuse("not of the form `NAME version N, kind K`");
        };
        let is_same = |other: &Block| (other.kind, other.version) == (block.kind, block.version);
        if blocks.iter().any(is_same) {
            return refuse("this kind and version stand above already");
        }
        blocks.push(block);
        head_line = line;
    }
    ends(&blocks, head_line)?;
    Ok(blocks)
}

/// The block that began last must have a layout.
fn ends(blocks: &[Block], head_line: usize) -> Result<(), SchemaError> {
    match blocks.last() {
        Some(block) if block.layout.is_empty() => Err(SchemaError::Text {
            line: head_line,
            problem: "a type without a layout below it".to_owned(),
        }),
        _ => Ok(()),
    }
}

fn parse_head(text: &str) -> Option<Block> {
    let (name, rest) = text.split_once(" version ")?;
    let (version, kind) = rest.split_once(", kind ")?;
    let number = |text: &str| {
        let is_plain = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
        text.parse().ok().filter(|_| is_plain)
    };
    Some(Block {
        name: (!name.contains(' ')).then(|| name.to_owned())?,
        kind: number(kind)?,
        version: number(version)?,
        layout: Vec::new(),
    })
}
