//! The group that may use a unix socket.

/// The group that is used where it exists and none is named.
const USUAL: &str = "vch";

/// Why there is no such group.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum GroupError {
    /// Nobody knows it.
    #[error("there is no group {0}: make it with `groupadd --system {0}`, or name another with --group")]
    Unknown(String),
}

/// The number of the group that the socket is given to; `None` leaves it to the daemon's own.
pub(crate) fn find(given: Option<&str>) -> Result<Option<u32>, GroupError> {
    find_in(&std::fs::read_to_string("/etc/group").unwrap_or_default(), given)
}

/// [`find`] in the text of group(5), as dockerd looks for its own.
fn find_in(groups: &str, given: Option<&str>) -> Result<Option<u32>, GroupError> {
    let by_name = |name: &str| {
        groups.lines().find_map(|line| {
            let mut fields = line.split(':');
            (fields.next() == Some(name)).then(|| fields.nth(1)?.parse().ok()).flatten()
        })
    };
    match given {
        None => Ok(by_name(USUAL)),
        Some(name) => match by_name(name).or_else(|| name.parse().ok()) {
            Some(number) => Ok(Some(number)),
            None => Err(GroupError::Unknown(name.to_owned())),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_by_name_number_and_default() {
        const GROUPS: &str = "root:x:0:\nvch:x:998:ann,bob\nbroken\n7:x:70:\n";
        assert_eq!(find_in(GROUPS, None), Ok(Some(998)));
        assert_eq!(find_in("root:x:0:\n", None), Ok(None));
        assert_eq!(find_in(GROUPS, Some("root")), Ok(Some(0)));
        assert_eq!(find_in(GROUPS, Some("1234")), Ok(Some(1234)));
        assert_eq!(find_in(GROUPS, Some("7")), Ok(Some(70)), "a name goes before a number");
        assert_eq!(find_in(GROUPS, Some("nobody-knows")), Err(GroupError::Unknown("nobody-knows".to_owned())));
        assert_eq!(find_in(GROUPS, Some("broken")), Err(GroupError::Unknown("broken".to_owned())));
    }
}
