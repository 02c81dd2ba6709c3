//! Read models beside the pipeline.

use super::Pipeline;
use crate::event::State;
use crate::projection::{self, Projection, ProjectionError, ReadModel, Settings};
use crate::sync;

impl<S: State> Pipeline<S> {
    /// Starts a read model on a thread of its own, fed from the journal as it becomes durable: with
    /// `fresh()`, or from the checkpoint that is stored under `name`. Any number can run, each under
    /// a name of its own. It ends before the pipeline has closed.
    ///
    /// `fresh` is called once, or twice where a checkpoint turns out to be of no use. The checkpoint
    /// is loaded on the calling thread.
    ///
    /// # Errors
    ///
    /// [`ProjectionError`].
    pub fn project<P: Projection<Event = S::Event>>(
        &self,
        name: &str,
        settings: Settings,
        fresh: impl FnMut() -> P,
    ) -> Result<ReadModel<P>, ProjectionError> {
        let running = self.running.as_ref();
        let Some((running, directory)) =
            running.and_then(|running| Some((running, running.directory.as_ref()?)))
        else {
            return Err(ProjectionError::NoJournal);
        };
        let gates = &self.shared().gates;
        let (model, stop) = projection::start_beside(directory, gates, name, settings, fresh)?;
        let mut projections = sync::lock(&running.projections);
        projections.retain(|former| !former.is_over());
        projections.push(stop);
        Ok(model)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::game::{Arena, Lobby};

    #[test]
    fn a_projection_that_is_over_is_forgotten_when_another_one_starts() {
        let directory = tempfile::tempdir().unwrap();
        let pipeline = Pipeline::<Arena>::builder(directory.path())
            .open(|_| Arena::default())
            .unwrap();
        let start = |name| {
            let started = pipeline.project(name, Settings::default(), Lobby::default);
            started.unwrap()
        };
        let kept = start("kept");
        for _ in 0..10 {
            start("lobby").stop();
        }
        let held = sync::lock(&pipeline.running.as_ref().unwrap().projections).len();
        assert!(held <= 2, "{held} held");
        drop(kept);
    }
}
