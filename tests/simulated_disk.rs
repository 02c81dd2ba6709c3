//! The simulated disk: each of its semantics, as a disk's user meets it.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_types,
    reason = "a test's own counter"
)]

use std::collections::BTreeSet;
use std::path::Path;

use ringlog::storage::sim::{EINTR, EIO, ENOSPC, Effect, Fault, Operation, SimDisk, SyncFailure};
use ringlog::storage::{OpenMode, Storage, StorageFile};

const DIRECTORY: &str = "/data";
const FILE: &str = "/data/file";

fn disk(seed: u64) -> SimDisk {
    let disk = SimDisk::new(seed);
    disk.create_dir(Path::new(DIRECTORY)).unwrap();
    disk
}

fn open(disk: &SimDisk, path: &str, mode: OpenMode) -> Box<dyn StorageFile> {
    disk.open(Path::new(path), mode).unwrap()
}

/// A file of one sector of `1`, durable in bytes and name.
fn with_durable_file(seed: u64) -> (SimDisk, Box<dyn StorageFile>) {
    let disk = disk(seed);
    let file = open(&disk, FILE, OpenMode::WriteBuffered);
    file.write_at(&[1; 512], 0).unwrap();
    file.sync().unwrap();
    disk.sync_dir(Path::new(DIRECTORY)).unwrap();
    (disk, file)
}

fn read(file: &dyn StorageFile, bytes: usize) -> Vec<u8> {
    let mut read = vec![0; bytes];
    let length = file.read_at(&mut read, 0).unwrap();
    read.truncate(length);
    read
}

fn read_path(disk: &SimDisk, path: &str, mode: OpenMode) -> Vec<u8> {
    read(&*open(disk, path, mode), 4096)
}

/// The disk after a power cut that keeps nothing of what is not durable.
fn cut_all(disk: &SimDisk) -> SimDisk {
    disk.power_cut_choosing(&[])
}

/// The disk after a power cut that keeps the latest of everything.
fn cut_nothing(disk: &SimDisk) -> SimDisk {
    let latest: Vec<_> = disk
        .unsynced()
        .iter()
        .map(|versions| versions - 1)
        .collect();
    disk.power_cut_choosing(&latest)
}

fn errno<T>(result: std::io::Result<T>) -> Option<i32> {
    result.err().and_then(|error| error.raw_os_error())
}

#[test]
fn reads_see_what_was_written_whether_or_not_it_is_durable() {
    let (disk, file) = with_durable_file(1);
    file.write_at(&[2; 512], 512).unwrap();
    assert_eq!(file.len().unwrap(), 1024);
    let expected = [[1; 512], [2; 512]].concat();
    assert_eq!(read(&*file, 4096), expected);
    assert_eq!(read_path(&disk, FILE, OpenMode::ReadUncached), expected);
}

#[test]
fn a_power_cut_takes_what_was_not_synced_and_keeps_what_was() {
    let (disk, file) = with_durable_file(1);
    file.write_at(&[2; 512], 0).unwrap();
    let fork = disk.fork();
    assert_eq!(read_path(&cut_all(&disk), FILE, OpenMode::Read), [1; 512]);
    assert_eq!(
        read_path(&cut_nothing(&fork), FILE, OpenMode::Read),
        [2; 512]
    );
}

#[test]
fn a_write_to_a_file_opened_for_durable_writes_survives_once_it_returned() {
    let disk = disk(1);
    let file = open(&disk, FILE, OpenMode::WriteDurable);
    disk.sync_dir(Path::new(DIRECTORY)).unwrap();
    file.write_at(&[3; 4096], 0).unwrap();
    assert!(disk.unsynced().is_empty());
    assert_eq!(read_path(&cut_all(&disk), FILE, OpenMode::Read), [3; 4096]);
}

#[test]
fn a_files_sync_does_not_make_its_name_durable() {
    let disk = disk(1);
    let file = open(&disk, FILE, OpenMode::WriteBuffered);
    file.write_at(b"bytes", 0).unwrap();
    file.sync().unwrap();
    assert_eq!(disk.unsynced(), [2]);
    let fork = disk.fork();
    assert!(
        cut_all(&disk)
            .list(Path::new(DIRECTORY))
            .unwrap()
            .is_empty()
    );
    disk_has(&cut_nothing(&fork), &["file"]);
}

fn disk_has(disk: &SimDisk, names: &[&str]) {
    assert_eq!(disk.list(Path::new(DIRECTORY)).unwrap(), names);
}

#[test]
fn a_rename_and_a_removal_are_durable_after_the_directorys_sync_only() {
    let (disk, _file) = with_durable_file(1);
    let other = Path::new("/data/other");
    disk.rename(Path::new(FILE), other).unwrap();
    disk_has(&disk, &["other"]);
    let fork = disk.fork();
    disk_has(&cut_all(&disk), &["file"]);
    // A rename is atomic: the file has the one name or the other.
    disk_has(&cut_nothing(&fork), &["other"]);

    let (disk, _file) = with_durable_file(1);
    disk.rename(Path::new(FILE), other).unwrap();
    disk.sync_dir(Path::new(DIRECTORY)).unwrap();
    disk.remove(other).unwrap();
    let fork = disk.fork();
    disk_has(&cut_all(&disk), &["other"]);
    fork.sync_dir(Path::new(DIRECTORY)).unwrap();
    disk_has(&cut_all(&fork), &[]);
}

#[test]
fn the_directories_that_create_dir_made_survive() {
    let disk = SimDisk::new(1);
    disk.create_dir(Path::new("/a/b/c")).unwrap();
    let disk = cut_all(&disk);
    assert_eq!(disk.list(Path::new("/a/b")).unwrap(), ["c"]);
    assert_eq!(errno(disk.list(Path::new("/a/x"))), Some(2));
}

#[test]
fn each_sector_survives_a_power_cut_as_any_version_written_since_it_was_durable() {
    let mut seen = BTreeSet::new();
    for seed in 0..500 {
        let (disk, file) = with_durable_file(seed);
        for version in [2, 3] {
            file.write_at(&[version; 1024], 0).unwrap();
        }
        let bytes = read_path(&disk.power_cut(), FILE, OpenMode::Read);
        let second = bytes.get(512..1024).map_or(0, |sector| sector[0]);
        seen.insert((bytes[0], second));
    }
    // Reordered: the second sector may have a later version than the first, and the other way.
    for pair in [(1, 0), (1, 3), (3, 2), (2, 3), (3, 3), (3, 0)] {
        assert!(seen.contains(&pair), "{pair:?} is not among {seen:?}");
    }
}

#[test]
fn a_sector_may_be_torn_inside_with_the_new_bytes_in_front() {
    let torn = (0..500).any(|seed| {
        let (disk, file) = with_durable_file(seed);
        file.write_at(&[2; 512], 0).unwrap();
        let bytes = read_path(&disk.power_cut(), FILE, OpenMode::Read);
        let new = bytes.iter().filter(|byte| **byte == 2).count();
        assert!(bytes[..new].iter().all(|byte| *byte == 2));
        (1..512).contains(&new)
    });
    assert!(torn);
}

#[test]
fn a_change_of_length_survives_or_not() {
    let mut lengths = BTreeSet::new();
    for seed in 0..200 {
        let (disk, file) = with_durable_file(seed);
        file.set_len(100).unwrap();
        file.set_len(2000).unwrap();
        let disk = disk.power_cut();
        let bytes = read_path(&disk, FILE, OpenMode::Read);
        lengths.insert(bytes.len());
    }
    assert_eq!(lengths, BTreeSet::from([100, 512, 2000]));
}

#[test]
fn what_was_cut_off_and_extended_again_reads_as_zeros() {
    let (_disk, file) = with_durable_file(1);
    file.set_len(100).unwrap();
    file.set_len(512).unwrap();
    let bytes = read(&*file, 512);
    assert_eq!(
        (&bytes[..100], &bytes[100..]),
        (&[1; 100][..], &[0; 412][..])
    );
}

#[test]
fn changes_of_a_directory_survive_in_any_subset() {
    let mut seen = BTreeSet::new();
    for seed in 0..300 {
        let (disk, _file) = with_durable_file(seed);
        open(&disk, "/data/new", OpenMode::WriteBuffered);
        disk.remove(Path::new(FILE)).unwrap();
        seen.insert(
            disk.power_cut()
                .list(Path::new(DIRECTORY))
                .unwrap()
                .concat(),
        );
    }
    let expected = ["", "file", "new", "filenew"].map(String::from);
    assert_eq!(seen, BTreeSet::from(expected));
}

#[test]
fn the_choices_of_a_power_cut_can_be_enumerated() {
    let (disk, file) = with_durable_file(1);
    file.write_at(&[2; 512], 0).unwrap();
    file.write_at(&[3; 512], 0).unwrap();
    open(&disk, "/data/new", OpenMode::WriteBuffered);
    assert_eq!(disk.unsynced(), [2, 3]);
    for (name, version) in [(0, 0), (0, 2), (1, 1)] {
        let cut = disk.fork().power_cut_choosing(&[name, version]);
        let sector = read_path(&cut, FILE, OpenMode::Read)[0];
        let names = cut.list(Path::new(DIRECTORY)).unwrap().len();
        assert_eq!((names, usize::from(sector)), (1 + name, version + 1));
    }
}

#[test]
fn a_killed_process_leaves_everything_written_and_no_lock_and_its_handles_are_dead() {
    let (disk, file) = with_durable_file(1);
    let lock = disk.try_lock(Path::new("/data/lock")).unwrap();
    assert!(lock.is_some());
    assert!(disk.try_lock(Path::new("/data/lock")).unwrap().is_none());
    assert!(disk.is_locked(Path::new("/data/lock")).unwrap());
    file.write_at(&[2; 512], 0).unwrap();
    let next = disk.kill();
    assert!(!next.is_locked(Path::new("/data/lock")).unwrap());
    assert!(next.try_lock(Path::new("/data/lock")).unwrap().is_some());
    assert_eq!(read_path(&next, FILE, OpenMode::Read), [2; 512]);
    assert_eq!(errno(file.write_at(&[3], 0)), Some(EIO));
    assert_eq!(errno(disk.list(Path::new(DIRECTORY))), Some(EIO));
    // What the dead process left unsynced is still at risk.
    assert_eq!(read_path(&cut_all(&next), FILE, OpenMode::Read), [1; 512]);
}

#[test]
fn the_kth_call_fails_once_or_for_ever() {
    for error in [EIO, ENOSPC] {
        let (disk, file) = with_durable_file(1);
        disk.plan(Fault::new(Effect::Error(error)).on(Operation::Write).nth(2));
        file.write_at(&[2; 512], 0).unwrap();
        assert_eq!(errno(file.write_at(&[3; 512], 0)), Some(error));
        assert_eq!(read(&*file, 512), [2; 512]);
        file.write_at(&[4; 512], 0).unwrap();
        disk.plan(Fault::new(Effect::Error(error)).nth(2).for_ever());
        file.sync().unwrap();
        assert_eq!(errno(file.sync()), Some(error));
        assert_eq!(errno(disk.random()), Some(error));
        disk.clear_faults();
        file.sync().unwrap();
        assert_eq!(disk.faults_struck(), 3);
    }
}

#[test]
fn faults_can_be_kept_to_a_path_or_left_to_chance() {
    let (disk, file) = with_durable_file(1);
    let other = open(&disk, "/data/other", OpenMode::WriteBuffered);
    disk.plan(Fault::new(Effect::Error(EIO)).on_path("other").for_ever());
    file.sync().unwrap();
    assert_eq!(errno(other.sync()), Some(EIO));
    disk.clear_faults();
    disk.plan(Fault::new(Effect::Error(EIO)).one_in(10));
    let failed = (0..1000).filter(|_| file.sync().is_err()).count();
    assert!((50..200).contains(&failed), "{failed}");
}

#[test]
fn an_interrupted_or_short_read_or_write_is_taken_up_where_it_stopped() {
    for seed in 0..50 {
        for effect in [Effect::Error(EINTR), Effect::ShortWrite] {
            for mode in [OpenMode::WriteBuffered, OpenMode::WriteDurable] {
                let disk = disk(seed);
                let file = open(&disk, FILE, mode);
                let bytes: Vec<u8> = (0..8192u32)
                    .map(|index| index as u8 ^ (index >> 8) as u8)
                    .collect();
                disk.plan(Fault::new(effect));
                disk.plan(Fault::new(effect).nth(2));
                let before = disk.calls();
                file.write_at(&bytes, 0).unwrap();
                assert!(disk.calls() >= before + 2);
                disk.plan(Fault::new(effect));
                assert_eq!(read(&*file, 8192), bytes);
            }
        }
    }
}

#[test]
fn a_call_that_is_interrupted_for_ever_ends_with_that_error() {
    let (disk, file) = with_durable_file(1);
    disk.plan(Fault::new(Effect::Error(EINTR)).for_ever());
    assert_eq!(errno(file.write_at(&[1], 0)), Some(EINTR));
    assert_eq!(errno(file.read_at(&mut [0], 0)), Some(EINTR));
    assert_eq!(errno(file.sync()), Some(EINTR));
}

#[test]
fn a_torn_write_leaves_a_part_of_its_bytes_and_an_error() {
    let (disk, file) = with_durable_file(1);
    disk.plan(Fault::new(Effect::TornWrite(ENOSPC)));
    assert_eq!(errno(file.write_at(&[2; 1024], 0)), Some(ENOSPC));
    let written = read(&*file, 4096).iter().filter(|byte| **byte == 2).count();
    assert!((1..1024).contains(&written));
}

#[test]
fn a_direct_write_that_is_no_whole_block_goes_through_the_cache() {
    let disk = disk(1);
    let file = open(&disk, FILE, OpenMode::WriteDurable);
    file.write_at(&[5; 100], 7).unwrap();
    assert_eq!(file.len().unwrap(), 107);
}

#[test]
fn a_failed_sync_that_keeps_pages_dirty_can_be_made_up_for() {
    let (disk, file) = with_durable_file(1);
    file.write_at(&[2; 512], 0).unwrap();
    disk.plan(Fault::new(Effect::FailedSync(SyncFailure::KeepsDirty)));
    assert_eq!(errno(file.sync()), Some(EIO));
    file.sync().unwrap();
    assert_eq!(read_path(&cut_all(&disk), FILE, OpenMode::Read), [2; 512]);
}

#[test]
fn a_failed_sync_that_marks_pages_clean_lies_to_cached_reads_and_to_the_next_sync() {
    let (disk, file) = with_durable_file(1);
    file.write_at(&[2; 512], 0).unwrap();
    disk.plan(Fault::new(Effect::FailedSync(SyncFailure::MarksClean)));
    assert_eq!(errno(file.sync()), Some(EIO));
    assert_eq!(read(&*file, 512), [2; 512]);
    assert_eq!(read_path(&disk, FILE, OpenMode::ReadUncached), [1; 512]);
    file.sync().unwrap();
    assert_eq!(read_path(&disk, FILE, OpenMode::ReadUncached), [1; 512]);
    let fork = disk.fork();
    assert_eq!(
        read_path(&cut_nothing(&disk), FILE, OpenMode::Read),
        [1; 512]
    );
    fork.drop_caches();
    assert_eq!(read_path(&fork, FILE, OpenMode::Read), [1; 512]);
}

#[test]
fn a_failed_sync_may_have_written_some_of_the_sectors() {
    let mut seen = BTreeSet::new();
    for seed in 0..100 {
        let (disk, file) = with_durable_file(seed);
        file.write_at(&[2; 1024], 0).unwrap();
        disk.plan(Fault::new(Effect::FailedSync(SyncFailure::MarksSomeClean)));
        file.sync().unwrap_err();
        let bytes = read_path(&disk, FILE, OpenMode::ReadUncached);
        seen.insert((bytes[0], bytes[512]));
    }
    assert_eq!(seen, BTreeSet::from([(1, 0), (1, 2), (2, 0), (2, 2)]));
}

#[test]
fn a_failed_sync_may_revert_the_cache() {
    let (disk, file) = with_durable_file(1);
    file.write_at(&[2; 1024], 0).unwrap();
    disk.plan(Fault::new(Effect::FailedSync(SyncFailure::RevertsCache)));
    assert_eq!(errno(file.sync()), Some(EIO));
    assert_eq!(read(&*file, 4096), [1; 512]);
}

#[test]
fn the_sync_in_a_durable_write_fails_like_any_other() {
    for (failure, cached) in [
        (SyncFailure::KeepsDirty, 2),
        (SyncFailure::MarksClean, 2),
        (SyncFailure::RevertsCache, 1),
    ] {
        let disk = disk(1);
        let file = open(&disk, FILE, OpenMode::WriteDurable);
        disk.sync_dir(Path::new(DIRECTORY)).unwrap();
        file.write_at(&[1; 4096], 0).unwrap();
        disk.plan(Fault::new(Effect::FailedSync(failure)).on(Operation::Write));
        assert_eq!(errno(file.write_at(&[2; 4096], 0)), Some(EIO));
        assert_eq!(read(&*file, 4096), [cached; 4096]);
        assert_eq!(read_path(&cut_all(&disk), FILE, OpenMode::Read), [1; 4096]);
    }
}

#[test]
fn a_failed_sync_of_a_directory_may_forget_its_changes() {
    let disk = disk(1);
    open(&disk, FILE, OpenMode::WriteBuffered);
    disk.plan(Fault::new(Effect::FailedSync(SyncFailure::MarksClean)));
    assert_eq!(errno(disk.sync_dir(Path::new(DIRECTORY))), Some(EIO));
    disk.sync_dir(Path::new(DIRECTORY)).unwrap();
    disk_has(&disk, &["file"]);
    disk_has(&cut_nothing(&disk), &[]);
}

#[test]
fn a_full_disk_refuses_growth_until_something_is_removed() {
    let (disk, file) = with_durable_file(1);
    disk.set_capacity(Some(8192));
    let other = open(&disk, "/data/other", OpenMode::WriteBuffered);
    other.write_at(&[1; 4096], 0).unwrap();
    assert_eq!(errno(other.write_at(&[1; 4096], 4096)), Some(ENOSPC));
    assert_eq!(errno(other.set_len(5000)), Some(ENOSPC));
    // What is there already can be overwritten.
    other.write_at(&[2; 4096], 0).unwrap();
    disk.remove(Path::new(FILE)).unwrap();
    // Still open.
    assert_eq!(errno(other.write_at(&[1; 4096], 4096)), Some(ENOSPC));
    drop(file);
    other.write_at(&[1; 4096], 4096).unwrap();
    assert_eq!(disk.used_bytes(), 8192);
}

#[test]
fn a_crash_leaves_the_call_pending_and_fails_all_later_ones() {
    let (disk, file) = with_durable_file(1);
    disk.plan(Fault::new(Effect::Crash).on(Operation::Write));
    assert!(file.write_at(&[2; 512], 0).is_err());
    assert_eq!(errno(file.read_at(&mut [0], 0)), Some(EIO));
    assert_eq!(errno(disk.list(Path::new(DIRECTORY))), Some(EIO));
    assert_eq!(disk.unsynced(), [2]);
    let fork = disk.fork();
    assert_eq!(read_path(&cut_all(&disk), FILE, OpenMode::Read), [1; 512]);
    assert_eq!(read_path(&fork.kill(), FILE, OpenMode::Read), [2; 512]);
}

#[test]
fn a_crash_in_a_durable_write_or_a_sync_makes_nothing_durable() {
    let disk = disk(1);
    let file = open(&disk, FILE, OpenMode::WriteDurable);
    disk.plan(Fault::new(Effect::Crash).on(Operation::Write));
    assert!(file.write_at(&[2; 4096], 0).is_err());
    // The name, eight sectors, the length.
    assert_eq!(disk.unsynced(), [2; 10]);
    let (disk, file) = with_durable_file(1);
    file.write_at(&[2; 512], 0).unwrap();
    disk.plan(Fault::new(Effect::Crash).on(Operation::Sync));
    assert!(file.sync().is_err());
    assert_eq!(disk.unsynced(), [2]);
}

#[test]
fn a_crash_partway_does_all_a_part_or_nothing_of_the_call() {
    let mut written = BTreeSet::new();
    for seed in 0..100 {
        let (disk, file) = with_durable_file(seed);
        disk.plan(Fault::new(Effect::CrashPartway).on(Operation::Write));
        assert!(file.write_at(&[2; 512], 0).is_err());
        let bytes = read_path(&disk.kill(), FILE, OpenMode::Read);
        written.insert(bytes.iter().filter(|byte| **byte == 2).count());
    }
    assert!(written.contains(&0) && written.len() > 10, "{written:?}");
}

#[test]
fn a_bit_can_flip_on_the_way_in_or_out_or_at_rest() {
    let changed = |bytes: &[u8]| -> u32 { bytes.iter().map(|byte| (byte ^ 1).count_ones()).sum() };
    let (disk, file) = with_durable_file(1);
    disk.plan(Fault::new(Effect::FlippedBit).on(Operation::Read));
    assert_eq!(changed(&read(&*file, 512)), 1);
    assert_eq!(changed(&read(&*file, 512)), 0);
    disk.plan(Fault::new(Effect::FlippedBit).on(Operation::Write));
    file.write_at(&[1; 512], 0).unwrap();
    assert_eq!(changed(&read(&*file, 512)), 1);
    file.write_at(&[1; 512], 0).unwrap();
    assert!(disk.flip_bit(FILE, 4095));
    assert!(!disk.flip_bit(FILE, 4096));
    assert_eq!(read_path(&disk, FILE, OpenMode::ReadUncached)[511], 0x81);
}

#[test]
fn a_write_may_leave_a_stale_sector_and_a_read_may_return_one() {
    let (disk, file) = with_durable_file(1);
    disk.plan(Fault::new(Effect::Stale).on(Operation::Write));
    file.write_at(&[2; 512], 0).unwrap();
    assert_eq!(read(&*file, 512), [1; 512]);
    file.write_at(&[2; 512], 0).unwrap();
    disk.plan(Fault::new(Effect::Stale).on(Operation::Read));
    assert_eq!(read(&*file, 512), [1; 512]);
    assert_eq!(read(&*file, 512), [2; 512]);
    assert!(disk.revert_last_write(FILE));
    assert_eq!(read(&*file, 512), [1; 512]);
}

#[test]
fn a_misdirected_write_lands_on_another_place_or_file() {
    let (mut in_place, mut in_other) = (0, 0);
    for seed in 0..50 {
        let (disk, file) = with_durable_file(seed);
        let other = open(&disk, "/data/other", OpenMode::WriteBuffered);
        disk.plan(Fault::new(Effect::Misdirected).on(Operation::Write));
        file.write_at(&[9; 512], 0).unwrap();
        let (here, there) = (read(&*file, 4096), read(&*other, 4096));
        assert_eq!(&here[..512], &[1; 512]);
        in_place += u32::from(here.len() > 512);
        in_other += u32::from(!there.is_empty());
        assert!(here.len() > 512 || !there.is_empty());
    }
    assert!(in_place > 0 && in_other > 0);
}

#[test]
fn slow_calls_are_counted_and_told_but_do_not_sleep() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};
    let (disk, file) = with_durable_file(1);
    let told = Arc::new(AtomicU64::new(0));
    let tells = Arc::clone(&told);
    disk.on_slow_call(move |operation| {
        assert_eq!(operation, Operation::Sync);
        tells.fetch_add(1, Ordering::Relaxed);
    });
    disk.plan(Fault::new(Effect::Slow).on(Operation::Sync).for_ever());
    file.sync().unwrap();
    file.sync().unwrap();
    assert_eq!((disk.slow_calls(), told.load(Ordering::Relaxed)), (2, 2));
}

#[test]
fn calls_are_counted_and_named() {
    let disk = SimDisk::new(1);
    disk.record_calls();
    disk.create_dir(Path::new(DIRECTORY)).unwrap();
    let file = open(&disk, FILE, OpenMode::WriteBuffered);
    file.write_at(&[1], 0).unwrap();
    file.sync().unwrap();
    let calls: Vec<_> = disk
        .recorded_calls()
        .into_iter()
        .map(|call| (call.operation, call.path.display().to_string()))
        .collect();
    let expected = [
        (Operation::CreateDir, DIRECTORY),
        (Operation::SyncDir, "/"),
        (Operation::Open, FILE),
        (Operation::Write, FILE),
        (Operation::Sync, FILE),
    ];
    assert_eq!(
        calls,
        expected.map(|(operation, path)| (operation, path.to_owned()))
    );
    assert_eq!(disk.calls(), 5);
}

#[test]
fn the_same_seed_and_calls_give_the_same_disk() {
    let run = |seed| {
        let (disk, file) = with_durable_file(seed);
        for version in 2..20 {
            file.write_at(&[version; 2000], u64::from(version) * 300)
                .unwrap();
        }
        let cut = disk.power_cut();
        (read_path(&cut, FILE, OpenMode::Read), cut.random().unwrap())
    };
    assert_eq!(run(5), run(5));
    assert_ne!(run(5), run(6));
}

#[test]
fn a_removed_file_stays_readable_through_its_open_handles() {
    let (disk, file) = with_durable_file(1);
    disk.remove(Path::new(FILE)).unwrap();
    disk.sync_dir(Path::new(DIRECTORY)).unwrap();
    assert_eq!(read(&*file, 512), [1; 512]);
    // A new file of that name is another file.
    let other = open(&disk, FILE, OpenMode::WriteBuffered);
    assert_eq!(other.len().unwrap(), 0);
    assert_eq!(read(&*file, 512), [1; 512]);
}

#[test]
fn a_files_lock_is_shared_or_held_alone_and_ends_with_its_handle() {
    let (disk, first) = with_durable_file(1);
    let second = open(&disk, FILE, OpenMode::Read);
    assert!(first.try_lock_shared().unwrap());
    assert!(second.try_lock_shared().unwrap());
    assert!(!second.try_lock_exclusive().unwrap());
    first.unlock().unwrap();
    assert!(second.try_lock_exclusive().unwrap());
    assert!(!first.try_lock_shared().unwrap());
    drop(second);
    assert!(first.try_lock_shared().unwrap());
}

#[test]
fn names_behave_as_in_a_file_system() {
    let (disk, _file) = with_durable_file(1);
    assert_eq!(
        errno(disk.open(Path::new("/x/y"), OpenMode::WriteBuffered)),
        Some(2)
    );
    assert_eq!(
        errno(disk.open(Path::new("/data/none"), OpenMode::Read)),
        Some(2)
    );
    assert_eq!(
        errno(disk.rename(Path::new("/data/none"), Path::new(FILE))),
        Some(2)
    );
    assert_eq!(errno(disk.remove(Path::new(DIRECTORY))), Some(21));
    assert_eq!(errno(disk.list(Path::new(FILE))), Some(20));
    // A relative path is one from the root, and `.` and `..` are understood.
    assert_eq!(
        read_path(&disk, "data/./x/../file", OpenMode::Read),
        [1; 512]
    );
    assert_eq!(disk.paths(), [Path::new(FILE)]);
}
