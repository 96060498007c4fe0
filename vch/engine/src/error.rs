//! Why an engine call failed: a kind, which the API alone turns into a status, and a sentence in Docker's words.
//!
//! Kinds are those of moby's `errdefs/defs.go`.

/// The class of a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The named thing does not exist.
    NotFound,
    /// The request itself is wrong.
    InvalidParameter,
    /// The request does not fit the state of the thing it names.
    Conflict,
    /// The thing already is as asked.
    NotModified,
    /// The caller is not known to a registry.
    Unauthorized,
    /// The request is never allowed.
    Forbidden,
    /// vch does not do this.
    NotImplemented,
    /// Something that is needed is away: a registry, a deadline.
    Unavailable,
    /// Anything else.
    System,
}

/// A failed engine call.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// Its class.
    pub kind: Kind,
    /// The sentence for the person who asked.
    pub message: String,
}

/// The engine's result.
pub type Result<T> = std::result::Result<T, Error>;

macro_rules! constructors {
    ($($(#[$doc:meta])* $name:ident => $kind:ident),* $(,)?) => {$(
        $(#[$doc])*
        pub fn $name(message: impl Into<String>) -> Self {
            Self { kind: Kind::$kind, message: message.into() }
        }
    )*};
}

impl Error {
    constructors! {
        /// The named thing does not exist.
        not_found => NotFound,
        /// The request itself is wrong.
        invalid => InvalidParameter,
        /// The request does not fit the state.
        conflict => Conflict,
        /// The thing already is as asked.
        not_modified => NotModified,
        /// The caller is not known to a registry.
        unauthorized => Unauthorized,
        /// Never allowed.
        forbidden => Forbidden,
        /// vch does not do this.
        not_implemented => NotImplemented,
        /// Something needed is away.
        unavailable => Unavailable,
        /// Anything else.
        system => System,
    }

    /// A container that nobody knows, in Docker's words.
    pub fn no_such_container(name: &str) -> Self {
        Self::not_found(format!("No such container: {name}"))
    }

    /// A container that waits for its restart policy, in Docker's words.
    pub fn restarting(id: &str) -> Self {
        Self::conflict(format!("container {id} is restarting, wait until the container is running"))
    }

    /// Wraps any error as a system failure of `what`, with its whole chain of causes.
    pub fn chain(what: &str, error: &(dyn std::error::Error + 'static)) -> Self {
        Self::system(format!("{what}: {}", causes(error)))
    }
}

/// An error with its causes, outermost first, joined by colons.
pub fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}
