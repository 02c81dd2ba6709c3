//! The commands of one client that are in flight.

use std::collections::VecDeque;

/// How many wait for an answer at most: at a few million commands a second, the answer to the oldest
/// is there by the time that the window is full.
pub(super) const WINDOW: usize = CHUNKS * CHUNK;
/// How many answers are taken at once: the thread sleeps once for all of them.
const CHUNK: usize = 1024;
const CHUNKS: usize = 16;

/// Commands in the order of sending, in chunks that are waited for whole.
#[derive(Debug)]
pub(super) struct Window<T> {
    /// The oldest first; only the last one may not be full.
    chunks: VecDeque<Vec<T>>,
}

impl<T> Window<T> {
    pub(super) fn new() -> Self {
        let chunks = (0..CHUNKS).map(|_| Vec::with_capacity(CHUNK));
        Self {
            // The last is filled, the others are empty until it is their turn.
            chunks: chunks.collect(),
        }
    }

    /// Adds a command. The oldest ones come back when the window is full: for `take`, the latest of
    /// them first, as what precedes it is answered where it is.
    #[inline]
    pub(super) fn push<E>(
        &mut self,
        pending: T,
        take: impl FnMut(T) -> Result<(), E>,
    ) -> Result<(), E> {
        let Some(filling) = self.chunks.back_mut() else {
            return Ok(());
        };
        filling.push(pending);
        if filling.len() == CHUNK {
            return self.turn(take);
        }
        Ok(())
    }

    /// Takes everything that is left.
    pub(super) fn drain<E>(mut self, mut take: impl FnMut(T) -> Result<(), E>) -> Result<(), E> {
        for mut chunk in self.chunks.drain(..) {
            take_all(&mut chunk, &mut take)?;
        }
        Ok(())
    }

    fn turn<E>(&mut self, mut take: impl FnMut(T) -> Result<(), E>) -> Result<(), E> {
        if let Some(mut oldest) = self.chunks.pop_front() {
            let taken = take_all(&mut oldest, &mut take);
            self.chunks.push_back(oldest);
            taken?;
        }
        Ok(())
    }
}

fn take_all<T, E>(chunk: &mut Vec<T>, take: &mut impl FnMut(T) -> Result<(), E>) -> Result<(), E> {
    while let Some(latest) = chunk.pop() {
        take(latest)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_comes_back_once_and_no_more_than_the_window_are_out() {
        let mut window = Window::new();
        let mut taken = Vec::new();
        for number in 0..3 * WINDOW + 7 {
            window
                .push(number, |oldest| {
                    assert!(number - oldest < WINDOW);
                    taken.push(oldest);
                    Ok::<_, ()>(())
                })
                .unwrap();
            assert!(number + 1 - taken.len() <= WINDOW);
        }
        assert!(taken.len() >= 2 * WINDOW);
        window
            .drain(|oldest| {
                taken.push(oldest);
                Ok::<_, ()>(())
            })
            .unwrap();
        taken.sort_unstable();
        assert!(taken.into_iter().eq(0..3 * WINDOW + 7));
    }
}
