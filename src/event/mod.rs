//! What users write: event types, the enum over them, and state that applies them.

mod archive;
mod coming;
mod macros;
mod meta;
mod record;
mod schema;
mod standalone;
mod state;
mod upcast;

pub use archive::{ArchiveError, Archiver, EventBody};
pub use meta::{EventMeta, SourceNumber};
pub use schema::{Event, EventType, ViewError, fingerprint};
pub use standalone::to_archive;
pub use state::State;
pub use upcast::{Stepped, UnknownVersion, Upcast, UpcastCause, UpcastError, Viewer};

pub(crate) use coming::{Coming, EVENTS_MAX};
pub(crate) use record::{
    RecordError, SourceStamp, archive_event, archive_stamped, record_archiver, set_record_header,
};

#[doc(hidden)]
pub use archive::{view_checked, view_trusted};
#[doc(hidden)]
pub use schema::{is_chain, is_name, is_same_name};
#[doc(hidden)]
pub use upcast::not_viewed;
