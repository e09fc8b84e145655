//! Finding a format: by name, or by the one that claims a file.

use crate::format::Format;
use crate::formats;

/// All formats by name.
pub struct Registry(&'static [&'static dyn Format]);

/// The formats that this program was built with.
pub fn registry() -> Registry {
    Registry(formats::ALL)
}

impl Registry {
    /// Every format, in the order of registration.
    pub fn all(&self) -> impl Iterator<Item = &'static dyn Format> {
        self.0.iter().copied()
    }

    /// The format of that name.
    pub fn find(&self, name: &str) -> Option<&'static dyn Format> {
        self.all().find(|f| f.name() == name)
    }

    /// The one format that claims a file; an error lists those that do when it is not one.
    pub fn detect(&self, file_name: &str, text: &str) -> Result<&'static dyn Format, Vec<&'static str>> {
        let claiming: Vec<_> = self.all().filter(|f| f.claims(file_name, text)).collect();
        match claiming.as_slice() {
            [one] => Ok(*one),
            many => Err(many.iter().map(|f| f.name()).collect()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_unique_and_say_something() {
        let names: BTreeSet<_> = registry().all().map(|f| f.name()).collect();
        assert_eq!(names.len(), registry().all().count());
        for format in registry().all() {
            assert!(!format.about().is_empty(), "{} has no one-line description", format.name());
        }
    }
}
