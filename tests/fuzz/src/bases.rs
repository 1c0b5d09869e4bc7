//! Valid files to begin with: the golden ones, small and of every kind.

use std::sync::LazyLock;

use shroff_serve::Scorer;

/// Artifacts: linear, averaged, boosted (with bands and reference), transforms, reasons, velocity, and that with
/// version 3 of PROGRAM.
pub const BASES: [&[u8]; 7] = [
    include_bytes!("../../golden/v1/linear.shroff"),
    include_bytes!("../../golden/v1/averaged.shroff"),
    include_bytes!("../../golden/v1/boosted.shroff"),
    include_bytes!("../../golden/v1/computed.shroff"),
    include_bytes!("../../golden/v1-reasons/reasons.shroff"),
    include_bytes!("../../golden/v1-velocity/velocity.shroff"),
    include_bytes!("../../golden/v1-program3/velocity.shroff"),
];

/// The states of the entities of the first with velocity.
pub const SNAPSHOT: &[u8] = include_bytes!("../../golden/v1-velocity/velocity.state");

/// The first with velocity, opened.
pub fn velocity() -> &'static Scorer {
    static SCORER: LazyLock<Scorer> =
        LazyLock::new(|| Scorer::from_bytes(BASES[5]).expect("a golden file opens"));
    &SCORER
}
