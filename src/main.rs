//! vch, a Virtual Container Host.

fn main() {}
