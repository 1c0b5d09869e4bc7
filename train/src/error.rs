//! What stops a verb, sorted by who can mend it: that decides the exit code.

use shroff_datasets::ErrorKind;

/// Why a verb stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The configuration or a flag is wrong.
    #[error("{0}")]
    Config(String),
    /// The data is not as it should be.
    #[error("{0}")]
    Data(String),
    /// Checks before training found the data outside its limits.
    #[error("{}", checks(.findings))]
    Checks {
        /// All of them, one line each.
        findings: Vec<String>,
    },
    /// A source could not be read or written.
    #[error(transparent)]
    Source(#[from] shroff_datasets::Error),
    /// A result could not be written.
    #[error(transparent)]
    Output(shroff_datasets::Error),
    /// A learner could not fit.
    #[error("learner {learner:?}")]
    Learn {
        /// The learner's name.
        learner: String,
        /// Its reason.
        source: crate::learner::LearnError,
    },
    /// One of the runs that a backtest replays could not be done.
    #[error("fold as of {as_of}")]
    Fold {
        /// The fold's as-of.
        as_of: String,
        /// Its reason.
        source: Box<Self>,
    },
    /// An artifact was refused.
    #[error(transparent)]
    Artifact(#[from] shroff_serve::Error),
    /// An artifact is not signed as it should be.
    #[error("artifact {artifact}: the signature is not accepted: {reason}")]
    Signature {
        /// The artifact.
        artifact: shroff_serve::artifact::ArtifactId,
        /// Why.
        reason: String,
    },
    /// A record could not be scored.
    #[error("row {row}")]
    Score {
        /// The data row, counted from 1.
        row: usize,
        /// The scorer's reason.
        source: shroff_serve::ScoreError,
    },
    /// The registry could not be read or written.
    #[error(transparent)]
    Registry(#[from] crate::registry::Error),
    /// A look over a registry found what it did not repair.
    #[error("{n_problems} {} in the registry", problems(.n_problems))]
    Fsck {
        /// How many.
        n_problems: usize,
        /// Whether an artifact or a snapshot is damaged or missing.
        is_artifact: bool,
    },
    /// A file of our own could not be read or written.
    #[error("{}", path.display())]
    Io {
        /// The file.
        path: std::path::PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
}

impl Error {
    /// The exit code of design: 2 config, 3 data, 4 artifact, 1 anything else.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Config(_) => 2,
            Self::Fold { source, .. } => source.exit_code(),
            Self::Registry(error) if error.is_usage() => 2,
            Self::Registry(error) if error.is_artifact() => 4,
            // A name that does not tell a format is a matter of usage.
            Self::Output(error) if matches!(error.kind(), ErrorKind::UnknownFormat { .. }) => 2,
            Self::Data(_)
            | Self::Checks { .. }
            | Self::Source(_)
            | Self::Learn { .. }
            | Self::Score { .. } => 3,
            Self::Artifact(_) | Self::Signature { .. } | Self::Fsck { is_artifact: true, .. } => 4,
            Self::Output(_) | Self::Fsck { .. } | Self::Registry(_) | Self::Io { .. } => 1,
        }
    }

    pub(crate) fn config(message: impl Into<String>) -> Self {
        Self::Config(message.into())
    }

    pub(crate) fn data(message: impl Into<String>) -> Self {
        Self::Data(message.into())
    }
}

fn problems(n_problems: &usize) -> &'static str {
    if *n_problems == 1 { "problem" } else { "problems" }
}

fn checks(findings: &[String]) -> String {
    let n = findings.len();
    let mut text = format!(
        "{n} {} of the checks before training; nothing was fitted or published",
        if n == 1 { "finding" } else { "findings" }
    );
    for finding in findings {
        text.push_str("\n  - ");
        text.push_str(finding);
    }
    text.push_str(
        "\nmend the data and run again; if it is as it should be, change the limits in [checks], or \
         run once with --skip-checks",
    );
    text
}
