//! Why a manifest can't be put together.

use airlift_core::failure::io_class;
use airlift_core::manifest::ManifestError;
use airlift_core::{Class, Failure};

use super::place::Place;

/// Why a manifest can't be put together.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProfileError {
    #[error("there is no profile '{name}'; there are: {known}")]
    UnknownProfile { name: String, known: String },
    #[error("can't read {place}")]
    Read { place: Place, source: std::io::Error },
    #[error("{place} can't be used")]
    Text { place: Place, source: ManifestError },
    #[error("{place} can't be used: {reason}")]
    Data { place: Place, reason: String },
    #[error("{place} is included by itself")]
    Circle { place: Place },
    #[error("{place} is included too deeply: more than fifty manifests include one another")]
    Depth { place: Place },
    #[error("{origin}: {reason}")]
    Entry { origin: String, reason: String },
    #[error("-e {text}: {reason}")]
    Extra { text: String, reason: String },
    #[error("there is no variable '{name}' ({by}){}", did_you_mean(.nearest.as_deref(), .known))]
    UnknownVariable { name: String, by: String, nearest: Option<String>, known: String },
    #[error("the variable {name} is declared twice: in {first} and in {second}")]
    DeclaredTwice { name: String, first: Place, second: Place },
    #[error("the variable {name} ({by}): {reason}")]
    Value { name: String, by: String, reason: String },
    #[error("'{key}' is {first} in one manifest and {second} in the other ({place}): write both the same way")]
    Shapes { key: String, first: &'static str, second: &'static str, place: Place },
}

/// The end of a sentence about an unknown name.
pub(super) fn did_you_mean(nearest: Option<&str>, known: &str) -> String {
    match (nearest, known) {
        (Some(nearest), _) => format!(": did you mean '{nearest}'?"),
        (None, "") => ": nothing here declares any".to_owned(),
        (None, known) => format!("; there are: {known}"),
    }
}

impl Failure for ProfileError {
    fn class(&self) -> Class {
        match self {
            Self::Read { source, .. } if source.kind() != std::io::ErrorKind::NotFound => io_class(source),
            _ => Class::Usage,
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::UnknownProfile { .. } => "'airlift profile list' says what each is for",
            Self::UnknownVariable { .. } | Self::Value { .. } => {
                "'airlift profile show' begins with the variables, what they mean and what they may be"
            }
            Self::Extra { .. } => "as in Ansible: -e os=el9, -e '{os: [el8, el9]}', -e @site.yaml",
            _ => return None,
        };
        Some(hint.to_owned())
    }
}
