//! Which containers there are, by ID and by name; Docker's rules for naming and finding them.

use crate::container::Container;
use crate::error::{Error, Result};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError, RwLock};

#[derive(Default)]
struct Tables {
    by_id: BTreeMap<String, Arc<Container>>,
    names: HashMap<String, String>,
}

/// The index. Readers get snapshots and never wait for a container.
#[derive(Default)]
pub(crate) struct Index {
    tables: RwLock<Tables>,
}

impl Index {
    fn read<T>(&self, look: impl FnOnce(&Tables) -> T) -> T {
        look(&self.tables.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn write<T>(&self, change: impl FnOnce(&mut Tables) -> T) -> T {
        change(&mut self.tables.write().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes a name for a container.
    ///
    /// # Errors
    /// Docker's conflict where it is taken.
    pub(crate) fn reserve(&self, name: &str, id: &str) -> Result<()> {
        self.write(|tables| match tables.names.get(name) {
            Some(owner) if owner != id => Err(Error::conflict(format!(
                "Conflict. The container name \"/{name}\" is already in use by container \"{owner}\". You have to \
                 remove (or rename) that container to be able to reuse that name."
            ))),
            _ => {
                tables.names.insert(name.into(), id.into());
                Ok(())
            }
        })
    }

    /// Gives a name back, if it is this container's.
    pub(crate) fn release(&self, name: &str, id: &str) {
        self.write(|tables| {
            if tables.names.get(name).is_some_and(|owner| owner == id) {
                tables.names.remove(name);
            }
        });
    }

    /// Adds a container.
    pub(crate) fn insert(&self, container: Arc<Container>) {
        self.write(|tables| tables.by_id.insert(container.id.clone(), container));
    }

    /// Takes a container out, and every name of it.
    pub(crate) fn remove(&self, id: &str) {
        self.write(|tables| {
            tables.by_id.remove(id);
            tables.names.retain(|_, owner| owner != id);
        });
    }

    /// All containers, in no order that means anything.
    pub(crate) fn all(&self) -> Vec<Arc<Container>> {
        self.read(|tables| tables.by_id.values().cloned().collect())
    }

    /// The container that `reference` means: full ID, exact name, or unique prefix of an ID, in that order.
    ///
    /// # Errors
    /// Docker's words for none and for several.
    pub(crate) fn find(&self, reference: &str) -> Result<Arc<Container>> {
        let name = reference.strip_prefix('/').unwrap_or(reference);
        if name.is_empty() {
            return Err(Error::no_such_container(reference));
        }
        self.read(|tables| {
            if let Some(found) = tables.by_id.get(name) {
                return Ok(Arc::clone(found));
            }
            if let Some(found) = tables.names.get(name).and_then(|id| tables.by_id.get(id)) {
                return Ok(Arc::clone(found));
            }
            let mut starting = tables.by_id.range(name.to_owned()..).take_while(|(id, _)| id.starts_with(name));
            match (starting.next(), starting.next()) {
                (Some((_, only)), None) => Ok(Arc::clone(only)),
                (Some(_), Some(_)) => Err(Error::invalid(format!("multiple IDs found with provided prefix: {name}"))),
                (None, _) => Err(Error::no_such_container(reference)),
            }
        })
    }
}

/// Checks a container's name.
///
/// # Errors
/// Docker's words for a bad one.
pub(crate) fn check_name(name: &str) -> Result<&str> {
    let bare = name.strip_prefix('/').unwrap_or(name);
    let mut letters = bare.chars();
    let good = letters.next().is_some_and(|c| c.is_ascii_alphanumeric())
        && bare.len() > 1
        && letters.all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c));
    if good {
        Ok(bare)
    } else {
        Err(Error::invalid(format!("Invalid container name ({name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_dockers_pattern() {
        for good in ["web", "/web", "a1", "A_b.c-d"] {
            assert!(check_name(good).is_ok(), "{good}");
        }
        for bad in ["", "/", "a", "-a", "a b", "a/b", "ü1"] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_taken_name_is_a_conflict_that_names_its_owner() {
        let index = Index::default();
        index.reserve("web", "id1").unwrap();
        let error = index.reserve("web", "id2").unwrap_err();
        assert_eq!(error.kind, crate::Kind::Conflict);
        assert!(error.message.contains("already in use by container \"id1\""));
        index.release("web", "id2");
        assert!(index.reserve("web", "id2").is_err());
        index.release("web", "id1");
        index.reserve("web", "id2").unwrap();
    }
}
