//! Tars for tests, honest and odd.

/// A member of a tar: its header, to be changed at will before its checksum is set, and what follows.
#[derive(Clone)]
pub(super) struct Member {
    before: Vec<u8>,
    header: [u8; 512],
    data: Vec<u8>,
}

impl Member {
    pub(super) fn new(kind: u8, name: &str) -> Self {
        let mut member = Self { before: Vec::new(), header: [0; 512], data: Vec::new() };
        member.header[257..265].copy_from_slice(b"ustar\x0000");
        member.header[156] = kind;
        let name = name.as_bytes();
        if name.len() <= 100 {
            member.header[..name.len()].copy_from_slice(name);
            member
        } else {
            member.pax(&[("path", name)])
        }
        .number(100, 8, 0o644)
        .number(108, 8, 0)
        .number(116, 8, 0)
        .number(124, 12, 0)
        .number(136, 12, 0)
    }

    pub(super) fn file(name: &str, data: &[u8]) -> Self {
        Self::new(b'0', name).data(data)
    }

    pub(super) fn directory(name: &str) -> Self {
        Self::new(b'5', name).mode(0o755)
    }

    pub(super) fn symlink(name: &str, target: &str) -> Self {
        Self::new(b'2', name).link(target)
    }

    pub(super) fn hard_link(name: &str, target: &str) -> Self {
        Self::new(b'1', name).link(target)
    }

    pub(super) fn device(name: &str, kind: u8, major: u64, minor: u64) -> Self {
        Self::new(kind, name).number(329, 8, major).number(337, 8, minor)
    }

    /// Octal digits where they fit, else base-256.
    pub(super) fn number(mut self, at: usize, len: usize, value: u64) -> Self {
        let text = format!("{value:0width$o}", width = len - 1);
        let field = &mut self.header[at..at + len];
        if text.len() < len {
            field[..len - 1].copy_from_slice(text.as_bytes());
            field[len - 1] = 0;
        } else {
            let start = len - 8;
            field.fill(0);
            field[start..].copy_from_slice(&value.to_be_bytes());
            field[0] |= 0x80;
        }
        self
    }

    pub(super) fn bytes(mut self, at: usize, bytes: &[u8]) -> Self {
        self.header[at..at + bytes.len()].copy_from_slice(bytes);
        self
    }

    pub(super) fn mode(self, mode: u64) -> Self {
        self.number(100, 8, mode)
    }

    pub(super) fn owner(self, uid: u64, gid: u64) -> Self {
        self.number(108, 8, uid).number(116, 8, gid)
    }

    pub(super) fn mtime(self, seconds: u64) -> Self {
        self.number(136, 12, seconds)
    }

    pub(super) fn size(self, size: u64) -> Self {
        self.number(124, 12, size)
    }

    pub(super) fn link(self, target: &str) -> Self {
        if target.len() <= 100 {
            self.bytes(157, target.as_bytes())
        } else {
            self.pax(&[("linkpath", target.as_bytes())])
        }
    }

    /// Contents, of which the header tells the size.
    pub(super) fn data(mut self, data: &[u8]) -> Self {
        self.data = data.to_vec();
        self.size(data.len() as u64)
    }

    /// Contents of which the header keeps its own opinion.
    pub(super) fn raw_data(mut self, data: &[u8]) -> Self {
        self.data = data.to_vec();
        self
    }

    /// An extended header before this one.
    pub(super) fn pax(self, records: &[(&str, &[u8])]) -> Self {
        let body: Vec<u8> = records.iter().flat_map(|(key, value)| record(key, value)).collect();
        self.preceded_by(Self::new(b'x', "pax").data(&body))
    }

    pub(super) fn xattr(self, name: &str, value: &[u8]) -> Self {
        self.pax(&[(&format!("SCHILY.xattr.{name}"), value)])
    }

    /// A GNU long name (`L`) or long link (`K`) before this one.
    pub(super) fn gnu_long(self, kind: u8, text: &str) -> Self {
        self.preceded_by(Self::new(kind, "././@LongLink").data(format!("{text}\0").as_bytes()))
    }

    pub(super) fn preceded_by(mut self, other: Self) -> Self {
        self.before.extend(other.encode());
        self
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut header = self.header;
        header[148..156].fill(b' ');
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        let mut out = self.before.clone();
        out.extend_from_slice(&header);
        out.extend_from_slice(&self.data);
        out.resize(out.len().next_multiple_of(512), 0);
        out
    }
}

/// `LENGTH KEY=VALUE\n`, whose length counts itself.
pub(super) fn record(key: &str, value: &[u8]) -> Vec<u8> {
    let rest = key.len() + value.len() + 3;
    let mut len = rest + 1;
    while rest + len.to_string().len() != len {
        len += 1;
    }
    [format!("{len} {key}=").as_bytes(), value, b"\n"].concat()
}

/// A whole tar.
pub(super) fn tar(members: impl IntoIterator<Item = Member>) -> Vec<u8> {
    let mut out: Vec<u8> = members.into_iter().flat_map(|member| member.encode()).collect();
    out.extend([0; 1024]);
    out
}
