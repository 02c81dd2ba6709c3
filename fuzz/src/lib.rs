//! What the fuzz targets share: a small journal, and everything that can be asked of one.

mod ask;
mod counted;
mod journal;
mod seal;
mod seeds;

pub use ask::ask;
pub use journal::{Journal, ROOT, lines, replace};
pub use seal::{reseal, seal_group};
pub use seeds::write_seeds;
