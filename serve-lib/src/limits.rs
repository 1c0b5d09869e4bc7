//! How much of a file from outside a backend takes upon itself.

/// Most bytes an artifact may have.
pub const MAX_ARTIFACT_BYTES: u64 = 512 << 20;
/// Most bytes a section of a snapshot may have, and with it a state.
pub(crate) const MAX_STATES_BYTES: u64 = 64 << 20;
/// Most bytes of a snapshot: as many sections as there may be, all of them full.
pub(crate) const MAX_SNAPSHOT_BYTES: u64 = 65_537 * (64 << 20);
/// Most steps of a forest: 10,000 trees of 64 levels.
pub(crate) const MAX_STEPS: u64 = 640_000;

/// What a backend accepts of an artifact, a snapshot or a state. The default is what their formats allow at
/// all; a greater number counts as that. Lengths are compared before anything is hashed or decoded, so that
/// a file beyond its limit costs its header and table alone.
///
/// ```
/// use shroff_serve::{ErrorKind, Limits, Scorer};
///
/// let mut limits = Limits::default();
/// limits.max_artifact_bytes = 64 << 20;
/// limits.max_steps = 10_000;
/// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/golden/v1/boosted.shroff");
/// let scorer = Scorer::open_within(path, &limits)?;
/// // 18 trees of two levels.
/// assert_eq!(scorer.contents().model.max_steps(), 36);
///
/// limits.max_steps = 35;
/// let error = Scorer::open_within(path, &limits).unwrap_err();
/// assert!(matches!(error.kind(), ErrorKind::TooManySteps { limit: 35, found: 36 }));
/// # Ok::<(), shroff_serve::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Most bytes of an artifact; 512 MiB. Memory while it is opened is a small multiple of its size.
    pub max_artifact_bytes: u64,
    /// Most bytes of one section of an artifact, 512 MiB, or of a snapshot, 64 MiB.
    pub max_section_bytes: u64,
    /// Most steps that scoring a row takes, as [`Model::max_steps`](crate::model::Model::max_steps) counts them;
    /// 640,000.
    pub max_steps: u64,
    /// Most bytes of a snapshot; 4 TiB. Of these one section is in memory at a time, and nine at most while a store is
    /// made of it.
    pub max_snapshot_bytes: u64,
    /// Most bytes of the state of one entity in a snapshot, or given to
    /// [`decode_within`](crate::features::state::EntityState::decode_within); 64 MiB. Those of golden records have the limit of
    /// their section.
    pub max_state_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_artifact_bytes: MAX_ARTIFACT_BYTES,
            max_section_bytes: MAX_ARTIFACT_BYTES,
            max_steps: MAX_STEPS,
            max_snapshot_bytes: MAX_SNAPSHOT_BYTES,
            max_state_bytes: MAX_STATES_BYTES,
        }
    }
}

/// Most bytes of the text of a signature: some 400, with room for a long untrusted comment.
#[cfg(any(feature = "registry", feature = "signed"))]
pub(crate) const MAX_SIGNATURE_BYTES: usize = 4096;
