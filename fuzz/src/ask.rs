//! Everything that can be asked of a journal.

use ringlog::game::GameEvent;
use ringlog::journal::JournalReader;
use ringlog::snapshot::AsOf;
use ringlog::storage::sim::SimDisk;
use ringlog::{Pipeline, Viewer};

use crate::ROOT;
use crate::counted::Counted;

/// Reads the journal on `disk` in every way, and opens it twice; any answer will do that is one.
///
/// # Panics
///
/// When what an opening took is not taken again.
pub fn ask(disk: &SimDisk) {
    if let Ok(reader) = JournalReader::open_in(disk.clone(), ROOT)
        // A partition's folder that is not there costs a look each.
        && reader.partitions() <= 4
    {
        let _ = reader.verify(|event| {
            let mut viewer = Viewer::default();
            let view = event.view::<GameEvent>(&mut viewer);
            view.map(|_| ()).map_err(|error| error.to_string())
        });
        let _ = reader.segments(0);
        let _ = reader.acknowledged_sequence(0);
        let restored = reader.restore(0, AsOf::LATEST, |_| Counted::default());
        let cursors = [
            reader.cursor(0),
            reader.cursor_after(0, 3),
            reader.named_cursor(0, "audit"),
        ];
        for mut cursor in cursors
            .into_iter()
            .flatten()
            .chain(restored.map(|(_, cursor)| cursor))
        {
            while let Ok(Some(event)) = cursor.next_event() {
                let mut viewer = Viewer::default();
                let _ = event.view::<GameEvent>(&mut viewer);
            }
            let _ = cursor.refresh();
            let _ = cursor.sources();
        }
    }
    let opened = open(disk);
    if let Some(events) = opened {
        assert_eq!(open(disk), Some(events), "opening twice is opening once");
    }
}

/// How many events there are; `None` where opening is refused.
fn open(disk: &SimDisk) -> Option<u64> {
    let recovered = Pipeline::<Counted>::builder(ROOT)
        .storage(disk.clone())
        .recover(|_| Counted::default());
    Some(recovered.ok()?.first()?.state.events)
}
