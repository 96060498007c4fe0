//! Property: whatever entries a tar has, the layer holds what a plain model of Docker's rules says.
//!
//! The model is a map of paths and a list of inodes, as unlike the builder as can be. Entries that the builder would
//! refuse, or that lie behind a symlink, are left out; those have tests of their own.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::Layer;
use super::making::{Member, tar};
use super::seeing::{File, Seen};

#[derive(Clone, Debug)]
struct Traits {
    mode: u32,
    owner: (u32, u32),
    mtime: (i64, u32),
    xattrs: BTreeMap<String, Vec<u8>>,
}

#[derive(Clone, Debug)]
enum What {
    File(usize),
    Directory,
    Symlink(String),
    HardLink(String),
    Device(bool, u32, u32),
    Fifo,
    Whiteout,
    Opaque,
}

type Step = (String, What, Traits);

fn path() -> impl Strategy<Value = String> {
    let name = prop_oneof![
        6 => "[a-d]",
        1 => Just("!".to_owned()),
        1 => Just("-x".to_owned()),
        1 => Just("é\n".to_owned()),
        1 => "[ab]{255}",
        1 => Just("..a".to_owned()),
    ];
    prop::collection::vec(name, 1..4).prop_map(|names| names.join("/"))
}

fn traits() -> impl Strategy<Value = Traits> {
    let xattrs = prop::collection::btree_map("user\\.[a-c]{1,3}", prop::collection::vec(any::<u8>(), 0..300), 0..3);
    let owner = prop_oneof![3 => 0_u32..70_000, 1 => 0..u32::MAX];
    (0_u32..=0o7777, (owner.clone(), owner), (0_i64..9_000_000_000, 0_u32..1_000_000_000), xattrs)
        .prop_map(|(mode, owner, mtime, xattrs)| Traits { mode, owner, mtime, xattrs })
}

fn what() -> impl Strategy<Value = What> {
    prop_oneof![
        3 => prop_oneof![0_usize..100, 4000_usize..4200, 0_usize..20_000].prop_map(What::File),
        3 => Just(What::Directory),
        1 => prop_oneof!["[a-d/.]{1,9}", "[a-d]{4000,4090}"].prop_map(What::Symlink),
        2 => path().prop_map(What::HardLink),
        1 => (any::<bool>(), 1_u32..4096, 0_u32..1 << 20).prop_map(|(block, major, minor)| What::Device(block, major, minor)),
        1 => Just(What::Fifo),
        1 => Just(What::Whiteout),
        1 => Just(What::Opaque),
    ]
}

fn content(size: usize) -> Vec<u8> {
    (0..size).map(|at| ((at * (size + 3)) >> 2) as u8).collect()
}

/// The tar's member for a step.
fn member((path, what, traits): &Step) -> Member {
    let (parent, name) = path.rsplit_once('/').map_or(("", path.as_str()), |(parent, name)| (parent, name));
    let beside = |name: &str| if parent.is_empty() { name.to_owned() } else { format!("{parent}/{name}") };
    let member = match what {
        What::File(size) => Member::file(path, &content(*size)),
        What::Directory => Member::directory(path),
        What::Symlink(target) => Member::symlink(path, target),
        What::HardLink(target) => Member::hard_link(path, target),
        What::Device(block, major, minor) => {
            Member::device(path, if *block { b'4' } else { b'3' }, u64::from(*major), u64::from(*minor))
        }
        What::Fifo => Member::new(b'6', path),
        What::Whiteout => Member::file(&beside(&format!(".wh.{name}")), b""),
        What::Opaque => Member::file(&format!("{path}/.wh..wh..opq"), b""),
    };
    let mut records = vec![("mtime".to_owned(), format!("{}.{:09}", traits.mtime.0, traits.mtime.1).into_bytes())];
    records.extend(traits.xattrs.iter().map(|(name, value)| (format!("SCHILY.xattr.{name}"), value.clone())));
    // The long path has to be in the same extended header, the last of which alone counts.
    for (key, long) in [("path", long_path(&member_path(path, what, &beside))), ("linkpath", long_link(what))] {
        records.extend(long.map(|text| (key.to_owned(), text.into_bytes())));
    }
    let records: Vec<(&str, &[u8])> = records.iter().map(|(key, value)| (key.as_str(), value.as_slice())).collect();
    let (uid, gid) = traits.owner;
    member.mode(u64::from(traits.mode)).owner(u64::from(uid), u64::from(gid)).pax(&records)
}

fn member_path(path: &str, what: &What, beside: &dyn Fn(&str) -> String) -> String {
    match what {
        What::Whiteout => beside(&format!(".wh.{}", path.rsplit('/').next().unwrap_or_default())),
        What::Opaque => format!("{path}/.wh..wh..opq"),
        _ => path.to_owned(),
    }
}

fn long_path(path: &str) -> Option<String> {
    (path.len() > 100).then(|| path.to_owned())
}

fn long_link(what: &What) -> Option<String> {
    match what {
        What::Symlink(target) | What::HardLink(target) if target.len() > 100 => Some(target.clone()),
        _ => None,
    }
}

/// What the layer should hold.
struct Model {
    paths: BTreeMap<String, usize>,
    inodes: Vec<File>,
}

const WHITEOUT: &str = "char 0:0";

impl Model {
    fn new() -> Self {
        Self { paths: BTreeMap::from([(String::new(), 0)]), inodes: vec![plain("directory", 0o755)] }
    }

    fn at(&mut self, path: &str) -> Option<&mut File> {
        let number = *self.paths.get(path)?;
        Some(&mut self.inodes[number])
    }

    fn kind(&self, path: &str) -> Option<&str> {
        self.paths.get(path).map(|number| self.inodes[*number].kind.as_str())
    }

    fn put(&mut self, path: &str, file: File) {
        let below = format!("{path}/");
        self.paths.retain(|other, _| other != path && !other.starts_with(&below));
        self.paths.insert(path.to_owned(), self.inodes.len());
        self.inodes.push(file);
    }

    fn make_opaque(&mut self, path: &str) {
        let Some(file) = self.at(path) else { return };
        let mark = ("trusted.overlay.opaque".to_owned(), b"y".to_vec());
        if !file.xattrs.contains(&mark) {
            file.xattrs.push(mark);
            file.xattrs.sort();
        }
    }

    /// Whether all above `path` is, or can become, a directory.
    fn reachable(&self, path: &str) -> bool {
        ancestors(path).all(|above| matches!(self.kind(above), None | Some("directory" | WHITEOUT)))
    }

    fn make_directory(&mut self, path: &str) {
        let hides = self.kind(path) == Some(WHITEOUT);
        if self.kind(path) != Some("directory") {
            self.put(path, plain("directory", 0o755));
        }
        if hides {
            self.make_opaque(path);
        }
    }

    /// Does what an entry does, or says that it would be refused.
    fn apply(&mut self, (path, what, traits): &Step) -> bool {
        let target = match what {
            What::HardLink(target) => {
                let number = self.paths.get(target).copied();
                match number.filter(|number| !matches!(self.inodes[*number].kind.as_str(), "directory" | WHITEOUT)) {
                    Some(number) if target != path => Some(number),
                    _ => return false,
                }
            }
            _ => None,
        };
        let inner = if matches!(what, What::Opaque) { format!("{path}/x") } else { path.clone() };
        if !self.reachable(&inner)
            || matches!(what, What::Whiteout) && path.rsplit('/').next().is_some_and(|name| name.len() > 251)
        {
            return false;
        }
        for above in ancestors(&inner).map(str::to_owned).collect::<Vec<_>>() {
            self.make_directory(&above);
        }
        let mut file = File {
            mode: traits.mode,
            owner: traits.owner,
            mtime: traits.mtime,
            xattrs: traits.xattrs.clone().into_iter().collect(),
            ..plain("", 0)
        };
        match what {
            What::Opaque => self.make_opaque(path),
            What::Whiteout if self.kind(path) == Some("directory") => self.make_opaque(path),
            What::Whiteout if self.kind(path).is_some() => {}
            What::Whiteout => self.put(path, File { owner: traits.owner, ..plain(WHITEOUT, 0) }),
            What::Directory => {
                self.make_directory(path);
                let hides =
                    self.at(path).is_some_and(|file| file.xattrs.iter().any(|(name, _)| name.starts_with("trusted.")));
                file.kind = "directory".to_owned();
                if let Some(old) = self.at(path) {
                    *old = file;
                }
                if hides {
                    self.make_opaque(path);
                }
            }
            What::HardLink(_) => {
                let below = format!("{path}/");
                self.paths.retain(|other, _| other != path && !other.starts_with(&below));
                self.paths.extend(target.map(|number| (path.clone(), number)));
            }
            What::File(size) => self.put(path, File { kind: "file".to_owned(), content: content(*size), ..file }),
            What::Symlink(target) => {
                self.put(path, File { kind: format!("-> {target}"), mode: 0o777, xattrs: vec![], ..file })
            }
            What::Device(block, major, minor) => {
                let kind = format!("{} {major}:{minor}", if *block { "block" } else { "char" });
                self.put(path, File { kind, xattrs: vec![], ..file });
            }
            What::Fifo => self.put(path, File { kind: "fifo".to_owned(), xattrs: vec![], ..file }),
        }
        true
    }

    fn seen(&self) -> Seen {
        let mut order: Vec<(&String, usize)> = self.paths.iter().map(|(path, number)| (path, *number)).collect();
        order.sort_by(|(a, _), (b, _)| a.split('/').cmp(b.split('/')));
        let mut first = BTreeMap::new();
        let mut names: BTreeMap<usize, u64> = BTreeMap::new();
        for (path, number) in &order {
            first.entry(*number).or_insert(*path);
            *names.entry(*number).or_default() += 1;
        }
        let files = order.iter().map(|(path, number)| {
            let file = self.inodes[*number].clone();
            let links = if file.kind == "directory" { 0 } else { names[number] };
            ((*path).clone(), File { same_as: first[number].clone(), links, ..file })
        });
        Seen(files.collect())
    }
}

fn plain(kind: &str, mode: u32) -> File {
    File {
        kind: kind.to_owned(),
        mode,
        owner: (0, 0),
        mtime: (0, 0),
        xattrs: vec![],
        content: vec![],
        same_as: String::new(),
        links: 0,
    }
}

/// The paths above `path`, without the root.
fn ancestors(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/').map(|(at, _)| &path[..at])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]
    #[test]
    fn a_layer_holds_what_the_model_says(steps in prop::collection::vec((path(), what(), traits()), 1..40)) {
        let mut model = Model::new();
        let members: Vec<Member> = steps.iter().filter(|step| model.apply(step)).map(member).collect();
        prop_assume!(!members.is_empty());
        let layer = Layer::of(&tar(members));
        layer.seen().assert_same(&model.seen());
    }
}
