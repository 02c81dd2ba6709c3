//! What is read: a file or standard input, compressed or not, and the source it is.

use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use crate::files;
use crate::progress::Progress;

/// The longest name that the engine gives a source.
const SOURCE_BYTES_MAX: usize = 1024;
const READ_BYTES: usize = 256 * 1024;

/// One input.
#[derive(Debug)]
pub(super) struct Input {
    pub(super) path: PathBuf,
    /// The name under which its lines are numbered.
    pub(super) source: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Packing {
    Plain,
    Gzip,
    Zstandard,
}

impl Input {
    /// The input at `path`, or why the command line makes no sense.
    pub(super) fn new(path: &Path, source: Option<&str>) -> Result<Self, String> {
        let source = match source {
            Some(source) => source.to_owned(),
            None if path == Path::new("-") => {
                return Err("`-` needs a --source: standard input has no name".to_owned());
            }
            None => path
                .file_name()
                .and_then(|name| name.to_str())
                .ok_or_else(|| format!("{}: the name is no text; give a --source", path.display()))?
                .to_owned(),
        };
        if source.len() > SOURCE_BYTES_MAX {
            return Err(format!(
                "a source's name is at most {SOURCE_BYTES_MAX} bytes long"
            ));
        }
        Ok(Self {
            path: path.to_owned(),
            source,
        })
    }

    fn is_stdin(&self) -> bool {
        self.path == Path::new("-")
    }

    /// Looks whether it is there, before anything is created for it.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        if self.is_stdin() {
            return Ok(());
        }
        let metadata = files::metadata(&self.path)
            .with_context(|| format!("cannot read {}", self.path.display()))?;
        if metadata.is_dir() {
            bail!("cannot read {}: it is a directory", self.path.display());
        }
        Ok(())
    }

    /// Its length as it lies on the disk, where it has one.
    pub(super) fn bytes(&self) -> Option<u64> {
        let metadata = files::metadata(&self.path).ok()?;
        metadata.is_file().then_some(metadata.len())
    }

    /// Its bytes, decompressed.
    pub(super) fn open(&self, progress: &Progress) -> anyhow::Result<Box<dyn Read + Send>> {
        let reading = || format!("cannot read {}", self.path.display());
        let input: Box<dyn Read + Send> = if self.is_stdin() {
            Box::new(io::stdin())
        } else {
            Box::new(files::open(&self.path).with_context(reading)?)
        };
        let mut input = BufReader::with_capacity(READ_BYTES, progress.reading(input));
        // By the bytes, not by the name: a file may have been renamed, and standard input has none.
        let packing = packing_of(input.fill_buf().with_context(reading)?);
        unpack(input, packing).with_context(reading)
    }
}

fn unpack(
    packed: impl BufRead + Send + 'static,
    packing: Packing,
) -> io::Result<Box<dyn Read + Send>> {
    Ok(match packing {
        Packing::Plain => Box::new(packed),
        // Several members in a row are one file, as for `gunzip`.
        Packing::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(packed)),
        Packing::Zstandard => Box::new(zstd::Decoder::with_buffer(packed)?),
    })
}

/// Neither magic number can start a line of JSON.
fn packing_of(start: &[u8]) -> Packing {
    match start {
        [0x1f, 0x8b, ..] => Packing::Gzip,
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Packing::Zstandard,
        _ => Packing::Plain,
    }
}
