//! PAX extended headers: `LENGTH KEY=VALUE` lines that describe the next entry.
//!
//! Called by [`super::Archive`]. Source: POSIX `pax`, GNU tar's sparse formats, Schily's attributes.

use std::collections::BTreeMap;

use super::super::error::Refusal;
use super::number::{decimal, time};
use super::sparse::{PaxSparse, Segment, segment};

const MALFORMED: Refusal = Refusal::Header("an extended header is malformed");

/// The records that mean something to a layer.
#[derive(Debug, Default)]
pub(super) struct Pax {
    pub(super) path: Option<Vec<u8>>,
    pub(super) link: Option<Vec<u8>>,
    pub(super) size: Option<i64>,
    pub(super) uid: Option<i64>,
    pub(super) gid: Option<i64>,
    pub(super) mtime: Option<(i64, u32)>,
    pub(super) xattrs: BTreeMap<Vec<u8>, Vec<u8>>,
    /// `GNU.sparse.*` but for the map.
    gnu: BTreeMap<Vec<u8>, Vec<u8>>,
    /// `GNU.sparse.offset` and `numbytes`, alternating, as they come.
    pairs: Vec<i64>,
}

impl Pax {
    /// Reads the body of an extended header.
    ///
    /// # Errors
    /// It is malformed, or one of the records that matter is.
    pub(super) fn parse(mut body: &[u8]) -> Result<Self, Refusal> {
        let mut pax = Self::default();
        while !body.is_empty() {
            let (key, value, rest) = record(body).ok_or(MALFORMED)?;
            pax.take(key, value)?;
            body = rest;
        }
        Ok(pax)
    }

    fn take(&mut self, key: &[u8], value: &[u8]) -> Result<(), Refusal> {
        if let Some(name) = key.strip_prefix(b"SCHILY.xattr.") {
            self.xattrs.insert(name.to_vec(), value.to_vec());
            return Ok(());
        }
        if let Some(name) = key.strip_prefix(b"GNU.sparse.") {
            return self.take_sparse(name, value);
        }
        let text = || if value.contains(&0) { Err(MALFORMED) } else { Ok((!value.is_empty()).then(|| value.to_vec())) };
        // An empty value takes back an earlier record.
        let number = || if value.is_empty() { Ok(None) } else { decimal(value).map(Some) };
        match key {
            b"path" => self.path = text()?,
            b"linkpath" => self.link = text()?,
            b"size" => self.size = number()?,
            b"uid" => self.uid = number()?,
            b"gid" => self.gid = number()?,
            b"mtime" => self.mtime = if value.is_empty() { None } else { Some(time(value)?) },
            _ => {}
        }
        Ok(())
    }

    fn take_sparse(&mut self, name: &[u8], value: &[u8]) -> Result<(), Refusal> {
        match name {
            b"offset" | b"numbytes" => {
                let expected = if self.pairs.len().is_multiple_of(2) { &b"offset"[..] } else { b"numbytes" };
                if name != expected {
                    return Err(Refusal::Sparse("offsets and lengths do not alternate"));
                }
                self.pairs.push(decimal(value)?);
            }
            b"name" if value.contains(&0) => return Err(MALFORMED),
            _ => {
                self.gnu.insert(name.to_vec(), value.to_vec());
            }
        }
        Ok(())
    }

    /// What the records say of a sparse file; `None` where they say nothing, or speak of a version not known, which is
    /// then an ordinary file.
    ///
    /// # Errors
    /// The map is malformed.
    pub(super) fn sparse(&self) -> Result<Option<PaxSparse>, Refusal> {
        let get = |name: &[u8]| self.gnu.get(name).map_or(&[][..], Vec::as_slice);
        let has_map = !get(b"map").is_empty() || !self.pairs.is_empty();
        let map = match (get(b"major"), get(b"minor")) {
            (b"1", b"0") => None,
            (b"0", b"0" | b"1") => Some(self.map(get(b"map"))?),
            (b"", b"") if has_map => Some(self.map(get(b"map"))?),
            _ => return Ok(None),
        };
        let size = [get(b"size"), get(b"realsize")].into_iter().find(|size| !size.is_empty());
        let name = get(b"name");
        Ok(Some(PaxSparse {
            name: (!name.is_empty()).then(|| name.to_vec()),
            size: size.map(decimal).transpose()?,
            map,
        }))
    }

    fn map(&self, text: &[u8]) -> Result<Vec<Segment>, Refusal> {
        let from_text: Vec<i64>;
        let numbers = if text.is_empty() {
            &self.pairs
        } else {
            from_text = text.split(|byte| *byte == b',').map(decimal).collect::<Result<_, _>>()?;
            &from_text
        };
        if numbers.len() % 2 != 0 {
            return Err(Refusal::Sparse("an offset has no length"));
        }
        numbers.chunks_exact(2).map(|pair| segment(pair[0], pair[1])).collect()
    }
}

/// The key and the value of the record at the start of `body`, and what follows it.
fn record(body: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let blank = body.iter().take(20).position(|byte| *byte == b' ')?;
    let digits = &body[..blank];
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let len: usize = std::str::from_utf8(digits).ok()?.parse().ok()?;
    let (record, rest) = body.split_at_checked(len)?;
    let pair = record.get(blank + 1..)?.strip_suffix(b"\n")?;
    let equals = pair.iter().position(|byte| *byte == b'=').filter(|at| *at > 0)?;
    let key = &pair[..equals];
    (!key.contains(&0)).then_some((key, &pair[equals + 1..], rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_read_and_taken_back() {
        let pax = Pax::parse(b"8 path=\n9 path=a\n12 uid=1234\n28 SCHILY.xattr.user.a=b=\n\0\n").unwrap();
        assert_eq!(pax.path.as_deref(), Some(&b"a"[..]));
        assert_eq!(pax.uid, Some(1234));
        assert_eq!(pax.xattrs.get(&b"user.a"[..]).map(Vec::as_slice), Some(&b"b=\n\0"[..]));
        let pax = Pax::parse(b"9 path=a\n8 path=\n").unwrap();
        assert_eq!(pax.path, None);
    }

    #[test]
    fn malformed_records_are_refused() {
        for body in [
            &b"x"[..],
            b"9 path=ab",
            b"8 path=ab\n",
            b"11 path=a\n",
            b"4 =\n",
            b"3 \n",
            b"+9 path=a\n",
            b"10 path=\0a\n",
            b"99999999999999999999999 a=b\n",
            b"0 a=b\n",
            b"11 uid=1x2\n",
        ] {
            assert!(Pax::parse(body).is_err(), "{:?}", String::from_utf8_lossy(body));
        }
    }
}
