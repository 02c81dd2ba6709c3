//! When each event of an open load is to be published.

use std::time::Duration;

/// So many events, evenly spread at so many a second.
#[derive(Debug, Clone, Copy)]
pub(super) struct Schedule {
    rate: u64,
    count: u64,
}

impl Schedule {
    pub(super) fn new(rate: u64, time: Duration) -> Self {
        let count = u128::from(rate) * time.as_nanos() / 1_000_000_000;
        Self {
            rate,
            count: count as u64,
        }
    }

    /// How many events there are in all.
    pub(super) fn count(self) -> u64 {
        self.count
    }

    /// When event number `number`, from 0, is to be published, from the start.
    pub(super) fn intended(self, number: u64) -> Duration {
        let nanoseconds = u128::from(number) * 1_000_000_000 / u128::from(self.rate);
        Duration::from_nanos(nanoseconds as u64)
    }

    /// How many events are to be published by now.
    pub(super) fn due(self, elapsed: Duration) -> u64 {
        let due = elapsed.as_nanos() * u128::from(self.rate) / 1_000_000_000 + 1;
        self.count.min(u64::try_from(due).unwrap_or(u64::MAX))
    }

    /// Publishes every event when it is due, or as soon as `publish` lets it: `publish` gets the
    /// number and the intended time of each. `pause` runs while nothing is due.
    pub(super) fn run<E>(
        self,
        mut elapsed: impl FnMut() -> Duration,
        mut pause: impl FnMut(),
        mut publish: impl FnMut(u64, Duration) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut published = 0;
        while published < self.count {
            let due = self.due(elapsed());
            if published == due {
                pause();
            }
            while published < due {
                publish(published, self.intended(published))?;
                published += 1;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::convert::Infallible;

    use super::*;

    const STEP: Duration = Duration::from_millis(1);

    #[test]
    fn events_are_due_at_their_intended_time() {
        let schedule = Schedule::new(1_000, Duration::from_secs(2));
        assert_eq!(schedule.count(), 2_000);
        for number in 0..2_000 {
            let intended = schedule.intended(number);
            assert_eq!(schedule.due(intended), number + 1);
            if let Some(before) = intended.checked_sub(Duration::from_nanos(1)) {
                assert_eq!(schedule.due(before), number);
            }
        }
        assert_eq!(schedule.due(Duration::from_secs(100)), 2_000);
    }

    #[test]
    fn a_stall_is_charged_to_every_event_that_was_due_meanwhile() {
        // The fifth event takes 100 ms: the 99 after it are late, each by what was left of the
        // stall when it was intended.
        let now = Cell::new(Duration::ZERO);
        let mut late = Vec::new();
        let schedule = Schedule::new(1_000, Duration::from_millis(300));
        let Ok(()) = schedule.run(
            || now.get(),
            || now.set(now.get() + STEP / 4),
            |number, intended| {
                if number == 5 {
                    now.set(now.get() + 100 * STEP);
                }
                late.push(now.get() - intended);
                Ok::<_, Infallible>(())
            },
        );
        assert_eq!(late.len(), 300);
        assert!(late[..5].iter().all(|late| *late < STEP));
        for (number, late) in late.iter().enumerate().skip(5).take(100) {
            let left = 105 * STEP - schedule.intended(number as u64);
            assert!(*late >= left && *late < left + STEP, "{number}: {late:?}");
        }
        assert!(late[106..].iter().all(|late| *late < STEP));
    }
}
