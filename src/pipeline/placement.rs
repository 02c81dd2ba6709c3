//! Which thread steps which partition, and where it runs.

use crate::sync;

/// How partitions are spread over threads and CPUs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Placement {
    /// For each thread, its partitions.
    pub(crate) threads: Vec<Vec<u32>>,
    /// The CPUs to pin the threads to; empty when they are not pinned.
    pub(crate) cpus: Vec<usize>,
    pub(crate) allowed_cpus: usize,
}

/// Plans for the CPUs that this process may use.
pub(crate) fn plan(partitions: u32, threads_asked: Option<usize>, pin: bool) -> Placement {
    let cores: Vec<usize> = core_affinity::get_core_ids()
        .unwrap_or_default()
        .into_iter()
        .map(|core| core.id)
        .collect();
    plan_for(partitions, threads_asked, pin, &cores, sync::allowed_cpus())
}

fn plan_for(
    partitions: u32,
    threads_asked: Option<usize>,
    pin: bool,
    cores: &[usize],
    allowed_cpus: usize,
) -> Placement {
    // Half of the CPUs are left to publishers and journalers: with fewer runnable threads than
    // CPUs nobody is descheduled in the middle of a sync, which costs a whole tick.
    let threads_max = (allowed_cpus / 2).max(1);
    let partitions_count = partitions as usize;
    let threads_count = threads_asked
        .unwrap_or(threads_max)
        .clamp(1, partitions_count);
    let mut threads = vec![Vec::new(); threads_count];
    for partition in 0..partitions {
        threads[partition as usize % threads_count].push(partition);
    }
    // Pinned threads need CPUs of their own, and one more for everybody else. The last ones are
    // taken: interrupts tend to go to the first.
    let suffices = pin && cores.len() > threads_count;
    let cpus = if suffices {
        cores.iter().rev().take(threads_count).copied().collect()
    } else {
        vec![]
    };
    Placement {
        threads,
        cpus,
        allowed_cpus,
    }
}

/// Pins the calling thread; whether the operating system agreed.
pub(crate) fn pin_to(cpu: usize) -> bool {
    core_affinity::set_for_current(core_affinity::CoreId { id: cpu })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_partitions_share_a_thread_where_cores_are_few() {
        let placement = plan_for(4, None, true, &[0, 1], 2);
        assert_eq!(placement.threads, vec![vec![0, 1, 2, 3]]);
        assert_eq!(placement.cpus, vec![1]);
    }

    #[test]
    fn each_partition_has_a_thread_where_there_are_cores() {
        let placement = plan_for(4, None, true, &(0..16).collect::<Vec<_>>(), 16);
        assert_eq!(placement.threads, vec![vec![0], vec![1], vec![2], vec![3]]);
        assert_eq!(placement.cpus, vec![15, 14, 13, 12]);
    }

    #[test]
    fn nobody_is_pinned_on_one_core_or_unasked() {
        assert_eq!(plan_for(1, None, true, &[0], 1).cpus, Vec::<usize>::new());
        assert_eq!(
            plan_for(1, None, false, &[0, 1], 2).cpus,
            Vec::<usize>::new()
        );
    }
}
