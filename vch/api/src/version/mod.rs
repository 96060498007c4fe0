//! API versions: which are served, how a client's is read, what the server calls itself, and what older clients mean by a create.
//!
//! Every difference between versions is asked for through [`Version::since`] with the version's number written at the place
//! where it matters, after moby's `api/server/router`.

mod create;

pub(crate) use create::as_meant;

use crate::error::{ApiError, Result};

/// Newest version served, and the one that a request without a version gets.
pub(crate) const CURRENT: Version = Version { major: 1, minor: 50 };

/// Oldest version served (moby `api.MinSupportedAPIVersion`).
pub(crate) const OLDEST: Version = Version { major: 1, minor: 24 };

/// What Debian 12's skopeo and others of its time ask for when they copy images out of and into a daemon: they negotiate
/// nothing. Served for [`crate::routes::Route::oldest`] alone, whose calls have not changed since; dockerd 25 and later
/// refuse it.
pub(crate) const SKOPEO: Version = Version { major: 1, minor: 22 };

/// The dockerd whose behaviour is followed.
pub(crate) const DOCKER: &str = "28.2.2";

/// An API version such as 1.50.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version {
    major: u32,
    minor: u32,
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl Version {
    /// Whether the client speaks 1.`minor` or newer.
    pub(crate) fn since(self, minor: u32) -> bool {
        self >= Version { major: 1, minor }
    }

    /// Whether the client is older than 1.`minor`.
    pub(crate) fn before(self, minor: u32) -> bool {
        !self.since(minor)
    }

    /// Reads the digits and dots of a path's `/v…`; what is no number counts as 0, as in moby's `versions.compare`.
    pub(crate) fn read(text: &str) -> Self {
        let mut parts = text.split('.').map(|part| part.parse().unwrap_or(0));
        Self { major: parts.next().unwrap_or(0), minor: parts.next().unwrap_or(0) }
    }
}

/// [`negotiate_from`] the oldest version that is served everywhere.
#[cfg(test)]
pub(crate) fn negotiate(requested: Option<&str>) -> Result<Version> {
    negotiate_from(requested, OLDEST)
}

/// The version of a request: what its path says, or the current one. `oldest` is what its route still serves.
///
/// # Errors
/// The version is older or newer than those served, in dockerd's words.
pub(crate) fn negotiate_from(requested: Option<&str>, oldest: Version) -> Result<Version> {
    let Some(text) = requested else { return Ok(CURRENT) };
    let version = Version::read(text);
    if version < oldest {
        return Err(ApiError::invalid(format!(
            "client version {text} is too old. Minimum supported API version is {OLDEST}, please upgrade your client to a newer version"
        )));
    }
    if version > CURRENT {
        return Err(ApiError::invalid(format!(
            "client version {text} is too new. Maximum supported API version is {CURRENT}"
        )));
    }
    Ok(version)
}

/// What `GET /version` and the `Server` header say.
///
/// Clients compare this number with Docker releases (testcontainers, Nomad and CI runners ask for "at least 17" and the like), so
/// it has to start with the release whose behaviour is followed. vch's own version stands behind a `+`: that is semantic
/// versioning's build metadata, which every parser takes and no comparison looks at, and distributions have long put
/// theirs there (`20.10.24+dfsg1`).
pub(crate) fn server_version(own: &str) -> String {
    format!("{DOCKER}+vch.{own}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_version_is_the_current_one() {
        assert_eq!(negotiate(None).unwrap(), CURRENT);
    }

    #[test]
    fn versions_between_the_bounds_are_served() {
        for text in ["1.24", "1.25", "1.41", "1.50"] {
            assert_eq!(negotiate(Some(text)).unwrap().to_string(), text);
        }
    }

    #[test]
    fn versions_outside_are_refused_in_dockers_words() {
        let words = |text| negotiate(Some(text)).unwrap_err().message;
        assert_eq!(words("1.51"), "client version 1.51 is too new. Maximum supported API version is 1.50");
        assert_eq!(words("2.0"), "client version 2.0 is too new. Maximum supported API version is 1.50");
        assert_eq!(
            words("1.23"),
            "client version 1.23 is too old. Minimum supported API version is 1.24, please upgrade your client to a newer version"
        );
        assert_eq!(negotiate_from(Some("1.22"), SKOPEO).unwrap(), SKOPEO);
        assert!(words("9999999999999999.1").contains("too old"));
        assert!(words("...").contains("too old"));
    }

    #[test]
    fn differences_are_asked_for_by_minor_version() {
        let version = negotiate(Some("1.41")).unwrap();
        assert!(version.since(41) && version.since(40) && version.before(42));
    }

    #[test]
    fn the_server_version_is_dockers_with_ours_as_build_metadata() {
        assert_eq!(server_version("0.1.0"), "28.2.2+vch.0.1.0");
    }
}
