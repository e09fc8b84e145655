//! Between which keys the rows of a block stand. Its gzip says so in its comment, so that nobody need unpack it for a key that it has
//! not. A block without (an earlier version's, or one with long keys) may have any.

use super::Store;
use super::packed::Block;
use crate::error::Result;
use flate2::bufread::GzDecoder;
use std::collections::HashMap;

/// No longer key is said.
const LONGEST: usize = 500;
/// So many bytes have the comment in them.
const HEADER: usize = 2 * LONGEST + 64;

/// The least and the greatest natural key of a block, as recorded.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Bounds {
    least: String,
    greatest: String,
    /// Whether one of the keys was too long.
    open: bool,
}

impl Bounds {
    /// Takes in a key.
    pub(super) fn take(&mut self, key: &str) {
        self.open |= key.len() > LONGEST;
        if self.open {
            return;
        }
        if self.greatest.is_empty() || *key < *self.least {
            key.clone_into(&mut self.least);
        }
        if *key > *self.greatest {
            key.clone_into(&mut self.greatest);
        }
    }

    /// As they are written; in JSON there is no raw end of a line, and no NUL.
    pub(super) fn comment(&self) -> Option<String> {
        (!self.open).then(|| format!("{}\n{}", self.least, self.greatest))
    }

    /// What the beginning of a block's gzip says.
    fn read(packed: &[u8]) -> Option<Bounds> {
        let packed = GzDecoder::new(packed);
        let (least, greatest) = std::str::from_utf8(packed.header()?.comment()?).ok()?.split_once('\n')?;
        Some(Bounds { least: least.to_owned(), greatest: greatest.to_owned(), open: false })
    }
}

/// The blocks of a table with what is known of their keys.
#[derive(Default)]
pub(super) struct Bounded(HashMap<i64, Bounds>);

impl Bounded {
    /// Says of a block between which keys it stands.
    #[cfg(test)]
    pub(super) fn stand(&mut self, block: i64, least: &str, greatest: &str) {
        self.0.insert(block, Bounds { least: least.to_owned(), greatest: greatest.to_owned(), open: false });
    }

    /// Whether a block may have that key.
    pub(super) fn may_have(&self, block: &Block, key: &str) -> bool {
        self.0.get(&block.id).is_none_or(|of| *of.least <= *key && *key <= *of.greatest)
    }

    /// The least key that a block may have.
    pub(super) fn least(&self, block: &Block) -> &str {
        self.0.get(&block.id).map_or("", |of| &of.least)
    }

    /// Whether a block may have a key behind that one.
    pub(super) fn reaches_behind(&self, block: &Block, key: &str) -> bool {
        self.0.get(&block.id).is_none_or(|of| *of.greatest > *key)
    }
}

impl Store {
    /// Between which keys the blocks of a table stand.
    pub(super) fn bounds_of(&mut self, table: &str) -> Result<Bounded> {
        let head = format!("substr(lines, 1, {HEADER})");
        let digits = if self.is_postgres() { format!("encode({head}, 'hex')") } else { format!("hex({head})") };
        let mut known = HashMap::new();
        self.for_each(&["id", &digits], "FROM tieout_packed WHERE table_name = $1", &[Some(table)], |row| {
            let [id, digits] = [0, 1].map(|i| row[i].as_deref().unwrap_or_default());
            let digit = |at: usize| digits.get(at..at + 2).and_then(|two| u8::from_str_radix(two, 16).ok());
            let head: Vec<u8> = (0..digits.len()).step_by(2).map_while(digit).collect();
            known.extend(id.parse().ok().zip(Bounds::read(&head)));
            Ok(())
        })?;
        Ok(Bounded(known))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::packed::{Packing, Place};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_block_says_between_which_keys_it_stands(keys in proptest::collection::vec("\\PC{0,4}|a{490,502}", 1..20), other in "\\PC{0,4}") {
            let keys: Vec<String> = keys.iter().map(|key| serde_json::to_string(&[key]).unwrap()).collect();
            let mut packing = Packing::default();
            keys.iter().for_each(|key| packing.row(key, Place { file: None, position: None, pointer: None, derived: None }, [].into_iter()));
            let (_, digits) = packing.finish();
            let packed: Vec<u8> = (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect();
            let bounds = Bounds::read(&packed[..packed.len().min(HEADER)]);
            let short = keys.iter().all(|key| key.len() <= LONGEST);
            prop_assert_eq!(bounds.as_ref().map(|b| (&b.least, &b.greatest)), keys.iter().min().zip(keys.iter().max()).filter(|_| short));
            let block = Block { id: 1, run: 1, table: String::new(), first: 1, rows: 1, taken: 0, unpacked: false };
            let bounded = Bounded(bounds.map(|bounds| (1, bounds)).into_iter().collect());
            prop_assert!(keys.iter().all(|key| bounded.may_have(&block, key) && bounded.least(&block) <= key.as_str()));
            let behind = serde_json::to_string(&[&other]).unwrap();
            prop_assert!(bounded.reaches_behind(&block, &behind) || keys.iter().all(|key| *key <= behind));
        }
    }
}
