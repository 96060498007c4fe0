//! Image verbs: in-use rules, events and Docker's words round `vch-images`.

pub mod view;
