//! Whole files: missing, empty, duplicated, renamed, and exchanged with those of other journals.
#[derive(Debug, clap::Args)]
pub(crate) struct FileFaults {}
impl FileFaults {
    pub(crate) fn run(&self) -> anyhow::Result<crate::outcome::Outcome> {
        todo!()
    }
}
