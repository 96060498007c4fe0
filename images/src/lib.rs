//! Images and disks.
