//! What users write: event types, the enum over them, and state that applies them.

mod archive;
mod coming;
mod macros;
mod meta;
mod record;
mod schema;
mod standalone;
mod state;

pub use archive::{ArchiveError, Archiver, EventBody};
pub use meta::{EventMeta, SourceNumber};
pub use schema::{Event, EventType, ViewError, fingerprint};
pub use standalone::to_archive;
pub use state::State;

pub(crate) use coming::Coming;
pub(crate) use record::{
    RecordError, SourceStamp, archive_event, archive_stamped, record_archiver, set_record_header,
};

#[doc(hidden)]
pub use archive::{view_checked, view_trusted};
