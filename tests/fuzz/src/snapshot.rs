//! A snapshot of any kind, its lengths and hashes put right: read, and a store begun with it.

use std::io::Cursor;

use shroff_serve::features::state::EntityState;
use shroff_serve::snapshot::Snapshot;
use shroff_serve::store::StateStore;
use shroff_serve::{Record, Scorer};

use super::frame::{Table, rehash};
use super::{state, velocity};

/// The bytes as they come, and with right lengths and hashes.
pub fn snapshot(bytes: &[u8]) -> bool {
    let raw = read(bytes);
    let mut rehashed = rehash(bytes, Table::Last);
    state::reseal(&mut rehashed);
    read(&rehash(&rehashed, Table::Last)) || raw
}

fn read(bytes: &[u8]) -> bool {
    let scorer: &Scorer = velocity();
    let windows = scorer.windows().expect("it has windows");
    let Ok(mut snapshot) = Snapshot::read(Cursor::new(bytes)) else { return false };
    let mut n_read = 0;
    let outcome = snapshot.for_each(|saved| {
        if let Ok(state) = EntityState::decode(windows, saved.key, saved.bytes) {
            n_read += 1;
            if n_read == 1 {
                state::use_state(state);
            }
        }
        Ok(())
    });
    assert!(outcome.is_err() || n_read <= outcome.unwrap_or(0));
    // All of it or nothing.
    let Ok(store) = StateStore::from_snapshot(windows.clone(), &mut snapshot, 1_000) else {
        return false;
    };
    assert!(store.len() as u64 + store.n_evicted() as u64 <= n_read);
    for golden in scorer.contents().golden.iter().take(3) {
        let values: Vec<_> = golden.values.iter().map(|value| value.as_value()).collect();
        if let Ok(scored) = store.score_record(scorer, Record::new(&values)) {
            assert!(scored.score.margin.is_finite() && scored.staleness_micros >= 0);
        }
    }
    true
}
