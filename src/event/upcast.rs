//! Reading events of older versions: one step a version, in scratch memory.
#![forbid(unsafe_code)]

use std::any::Any;
use std::fmt;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};

use rkyv::Archive;

use super::archive::view_checked;
use super::{ArchiveError, Archiver, Event, EventBody, EventType, ViewError};
use crate::callback::{Callback, panic_message};

/// Far above [`EVENT_BYTES_MAX`](crate::EVENT_BYTES_MAX): an event that was journaled stays readable
/// also where its newer form takes more room. It is how far rkyv's 32-bit offsets reach.
const UPCAST_BYTES_MAX: usize = i32::MAX as usize;

/// Looks at events of every version: those of older versions are upcast into scratch memory, which
/// is reused from event to event. Making one allocates nothing.
#[derive(Debug, Default)]
pub struct Viewer {
    archiver: Option<Archiver>,
}

/// An older version of an event could not be brought up to the current one. The journal is sound:
/// mend the upcaster, and read again.
#[derive(Debug, thiserror::Error)]
#[error("upcasting {name} from version {version}: {cause}")]
pub struct UpcastError {
    /// The type's name.
    pub name: &'static str,
    /// The version that could not be left.
    pub version: u16,
    /// What went wrong.
    #[source]
    pub cause: UpcastCause,
}

/// Why an upcast failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UpcastCause {
    /// The upcaster, or the `Serialize` of what it returned, panicked.
    #[error("the upcaster panicked: {0}")]
    Panicked(String),
    /// What the upcaster returned cannot be archived.
    #[error(transparent)]
    Archive(ArchiveError),
    /// The archive in the journal is not one of this version, or the upcaster's is not one of the
    /// next.
    #[error(transparent)]
    Invalid(Box<ViewError>),
}

/// One step from a version to the next one. The `events!` macro calls it with the user's upcaster.
pub struct Upcast<'a> {
    /// The archive of the old version; `None` where the archiver has it, from the step before.
    bytes: Option<&'a [u8]>,
    archiver: &'a mut Archiver,
}

/// A step was taken: only [`Upcast::by`] has one to return.
#[derive(Debug)]
pub struct Stepped(());

impl Viewer {
    /// The event in `bytes`, an archive of the type `kind` in version `version`, as the current
    /// version of its type.
    ///
    /// # Errors
    ///
    /// [`ViewError`]; never a panic, whatever the bytes and the upcasters.
    #[inline]
    pub fn view<'s, E: Event>(
        &'s mut self,
        kind: u16,
        version: u16,
        bytes: &'s [u8],
    ) -> Result<E::View<'s>, ViewError> {
        match E::view(kind, version, bytes) {
            Err(ViewError::OlderVersion { .. }) => self.view_older::<E>(kind, version, bytes),
            viewed => viewed,
        }
    }

    /// As [`view`](Self::view), of an older version.
    #[cold]
    fn view_older<'s, E: Event>(
        &'s mut self,
        kind: u16,
        version: u16,
        bytes: &[u8],
    ) -> Result<E::View<'s>, ViewError> {
        let (archiver, current) = self.upcast::<E>(kind, version, bytes)?;
        E::view(kind, current.version, archiver.archived()).map_err(|error| {
            ViewError::Upcast(Box::new(UpcastError {
                name: current.name,
                version: current.version - 1,
                cause: UpcastCause::Invalid(Box::new(error)),
            }))
        })
    }

    /// Upcasts an older version and keeps it until [`forget_kept`](Self::forget_kept). Returns the
    /// current version, and where [`kept`](Self::kept) has its archive.
    pub(crate) fn keep<E: Event>(
        &mut self,
        kind: u16,
        version: u16,
        bytes: &[u8],
    ) -> Result<(u16, Range<usize>), ViewError> {
        let (archiver, current) = self.upcast::<E>(kind, version, bytes)?;
        Ok((current.version, archiver.keep(0)))
    }

    /// What was kept at `range`.
    pub(crate) fn kept(&self, range: &Range<usize>) -> &[u8] {
        let archiver = self.archiver.as_ref();
        archiver.map_or(&[], |archiver| archiver.kept(range))
    }

    /// Forgets everything that was kept; its memory is used again.
    pub(crate) fn forget_kept(&mut self) {
        if let Some(archiver) = &mut self.archiver {
            archiver.forget_kept();
        }
    }

    /// Takes every step up to the current version, whose archive the archiver then has.
    fn upcast<E: Event>(
        &mut self,
        kind: u16,
        version: u16,
        bytes: &[u8],
    ) -> Result<(&mut Archiver, &'static EventType), ViewError> {
        // Where nothing is to be upcast, the scratch memory holds another event.
        let current = current_of::<E>(kind)
            .filter(|current| version < current.version)
            .ok_or(ViewError::UnknownType { kind, version })?;
        let archiver = self
            .archiver
            .get_or_insert_with(|| Archiver::new(0, UPCAST_BYTES_MAX));
        // Outside of what may panic: the version that is to be left.
        let mut at = version;
        let upcast = catch_unwind(AssertUnwindSafe(|| {
            let _inside = Callback::enter();
            let mut bytes = Some(bytes);
            while at < current.version {
                let step = Upcast {
                    bytes: bytes.take(),
                    archiver,
                };
                let Stepped(()) = E::upcast(kind, at, step)?;
                at += 1;
            }
            Ok(())
        }));
        let panicked = |payload: Box<dyn Any + Send>| {
            let message = panic_message(&*payload);
            Err(UpcastCause::Panicked(message))
        };
        match upcast.unwrap_or_else(panicked) {
            Ok(()) => Ok((archiver, current)),
            Err(cause) => Err(ViewError::Upcast(Box::new(UpcastError {
                name: current.name,
                version: at,
                cause,
            }))),
        }
    }
}

impl Upcast<'_> {
    /// Takes the step: archives what `upcaster` makes of the old event.
    ///
    /// # Errors
    ///
    /// [`UpcastCause::Invalid`] when the bytes are no archive of `Old`, [`UpcastCause::Archive`] when
    /// what is new cannot be archived.
    pub fn by<Old: EventBody, New: EventBody>(
        self,
        upcaster: impl FnOnce(&<Old as Archive>::Archived) -> New,
    ) -> Result<Stepped, UpcastCause> {
        let bytes = self.bytes.unwrap_or_else(|| self.archiver.archived());
        let old = view_checked::<Old>(bytes).map_err(|error| UpcastCause::Invalid(error.into()))?;
        let new = upcaster(old);
        let archived = self.archiver.archive(&new);
        archived.map(Stepped).map_err(UpcastCause::Archive)
    }

    /// Takes no step: the version is not one of those that are upcast.
    ///
    /// # Errors
    ///
    /// [`UpcastCause::Invalid`], always.
    pub fn refuse<E: Event>(self, kind: u16, version: u16) -> Result<Stepped, UpcastCause> {
        let error = not_viewed::<E>(kind, version);
        Err(UpcastCause::Invalid(Box::new(error)))
    }
}

impl fmt::Debug for Upcast<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upcast").finish_non_exhaustive()
    }
}

/// Why `E` has no view of this kind and version. For the `events!` macro.
#[doc(hidden)]
#[cold]
#[must_use]
pub fn not_viewed<E: Event>(kind: u16, version: u16) -> ViewError {
    let is_older = E::OLDER_TYPES
        .iter()
        .any(|older| (older.kind, older.version) == (kind, version));
    match current_of::<E>(kind) {
        Some(_) if is_older => ViewError::OlderVersion { kind, version },
        Some(current) => {
            let older = E::OLDER_TYPES.iter().filter(|older| older.kind == kind);
            let oldest = older.map(|older| older.version).min();
            ViewError::UnknownVersion(Box::new(UnknownVersion {
                name: current.name,
                kind,
                version,
                oldest: oldest.unwrap_or(current.version),
                current: current.version,
            }))
        }
        None => ViewError::UnknownType { kind, version },
    }
}

/// A known type in a version that this program cannot read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownVersion {
    /// The type's name.
    pub name: &'static str,
    /// Its kind.
    pub kind: u16,
    /// The version that was found.
    pub version: u16,
    /// The oldest version that this program reads.
    pub oldest: u16,
    /// The newest one.
    pub current: u16,
}

impl fmt::Display for UnknownVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            name,
            kind,
            version,
            oldest,
            current,
        } = self;
        write!(
            f,
            "unknown version {version} of {name} (kind {kind}): this program reads "
        )?;
        match oldest == current {
            true => write!(f, "version {current} only; ")?,
            false => write!(f, "versions {oldest} to {current}; ")?,
        }
        match version > current {
            true => f.write_str("use the program that wrote it, or a newer one"),
            false => write!(
                f,
                "add `from {version}: …` to the type's line in `events!`, or use an older program"
            ),
        }
    }
}

fn current_of<E: Event>(kind: u16) -> Option<&'static EventType> {
    E::TYPES.iter().find(|current| current.kind == kind)
}
