//! What a simulation steps instead of threads.

use crate::journal::Preparer;
use crate::partition::Journaler;
use crate::sync::Arc;

pub(crate) use super::close::Running;
pub(crate) use super::lifecycle::Shared;

/// The machines that an opening would have given a thread each.
#[derive(Debug, Default)]
pub(crate) struct Stepped {
    pub(crate) journalers: Vec<Journaler>,
    pub(crate) preparer: Option<Arc<Preparer>>,
}
