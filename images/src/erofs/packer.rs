//! Places inode records in blocks so that none crosses a block boundary and little is wasted.
//!
//! Called by the writer: once while the stream passes, and once more to plan the metadata at the end.
//!
//! Records go into a *window* of up to 64 blocks, each into the fullest block that still holds it. When no block does,
//! the window is closed and the next one begins. Windows are written in order; where, the writer decides.

use super::format::{BLOCK_SIZE, SLOT};

const WINDOW_BLOCKS: usize = 64;

/// Bytes of a full window.
pub(super) const WINDOW: usize = WINDOW_BLOCKS * BLOCK_SIZE;

/// Where a record stands: in which window, and how many bytes into it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) window: u32,
    pub(super) offset: u32,
}

#[derive(Default)]
pub(super) struct Packer {
    window: u32,
    /// Bytes used in each block of the current window.
    used: Vec<usize>,
}

impl Packer {
    /// Finds room for `len` bytes, at most a block, at a multiple of the inode slot.
    pub(super) fn place(&mut self, len: usize) -> Place {
        debug_assert!(len <= BLOCK_SIZE);
        let len = len.next_multiple_of(SLOT as usize);
        let fullest =
            self.used.iter().enumerate().filter(|(_, used)| **used + len <= BLOCK_SIZE).max_by_key(|(_, used)| **used);
        let block = match fullest {
            Some((block, _)) => block,
            None => {
                if self.used.len() == WINDOW_BLOCKS {
                    self.close();
                }
                self.used.push(0);
                self.used.len() - 1
            }
        };
        let place = Place { window: self.window, offset: (block * BLOCK_SIZE + self.used[block]) as u32 };
        self.used[block] += len;
        place
    }

    /// The window that records go into now.
    pub(super) fn window(&self) -> u32 {
        self.window
    }

    /// Bytes of the blocks begun in the current window.
    pub(super) fn window_len(&self) -> usize {
        self.used.len() * BLOCK_SIZE
    }

    /// Begins the next window.
    pub(super) fn close(&mut self) {
        self.used.clear();
        self.window += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn records_never_overlap_nor_cross_blocks(lens in prop::collection::vec(1_usize..=BLOCK_SIZE, 1..400)) {
            let mut packer = Packer::default();
            let mut taken: Vec<(u64, u64)> = lens.iter().map(|len| {
                let place = packer.place(*len);
                let start = u64::from(place.window) * WINDOW as u64 + u64::from(place.offset);
                (start, start + *len as u64)
            }).collect();
            taken.sort_unstable();
            for (start, end) in &taken {
                prop_assert_eq!(start % SLOT, 0);
                prop_assert_eq!(start / BLOCK_SIZE as u64, (end - 1) / BLOCK_SIZE as u64);
            }
            prop_assert!(taken.windows(2).all(|pair| pair[0].1 <= pair[1].0));
        }
    }
}
