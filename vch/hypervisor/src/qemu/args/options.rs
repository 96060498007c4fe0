//! An option argument of QEMU's command line: `head,key=value,…`.
//!
//! The switches in this folder build theirs with it. It promises that no value can add an option: commas inside are
//! doubled, as QEMU's `get_opt_value` (util/qemu-option.c) undoes.

use std::fmt::Display;

/// One option argument under construction.
#[derive(Debug, Clone)]
pub(crate) struct Options(String);

impl Options {
    /// Starts with the part that names the kind: a device's driver, a character device's back end.
    pub(crate) fn new(head: &str) -> Self {
        Self(escape(head))
    }

    /// Adds `key=value`.
    pub(crate) fn with(mut self, key: &'static str, value: impl Display) -> Self {
        if !self.0.is_empty() {
            self.0.push(',');
        }
        self.0.push_str(key);
        self.0.push('=');
        self.0.push_str(&escape(&value.to_string()));
        self
    }

    /// Adds `key=on` or `key=off`.
    pub(crate) fn switch(self, key: &'static str, on: bool) -> Self {
        self.with(key, if on { "on" } else { "off" })
    }

    /// The finished argument.
    pub(crate) fn finish(self) -> String {
        self.0
    }
}

fn escape(value: &str) -> String {
    value.replace(',', ",,")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What QEMU reads back: single commas separate, doubled ones are one.
    fn read_back(text: &str) -> Vec<String> {
        text.replace(",,", "\0").split(',').map(|part| part.replace('\0', ",")).collect()
    }

    #[test]
    fn a_comma_in_a_value_adds_no_option() {
        let options = Options::new("socket").with("id", "a").with("path", "/x,server=on,y").switch("wait", false);
        assert_eq!(options.finish(), "socket,id=a,path=/x,,server=on,,y,wait=off");
    }

    proptest! {
        #[test]
        fn every_value_comes_back_whole(first in "[^\0]{1,20}", second in "[^\0]{0,20}") {
            let text = Options::new("head").with("a", &first).with("b", &second).finish();
            // A value that ends in a comma and one that starts with one meet only across `,b=`, so nothing is ambiguous.
            prop_assert_eq!(read_back(&text), vec!["head".to_owned(), format!("a={first}"), format!("b={second}")]);
        }
    }
}
