//! Rows that are read by one thread and looked at by another: while the database gives the next ones, the last are worked on.

use crate::error::{Result, Stop};
use std::sync::mpsc::{channel, sync_channel};

/// How many rows are handed over at once, where they have not so many bytes before. Where there are fewer there is no other thread.
const BATCH: usize = 1024;
const BYTES: usize = 256 << 10;

/// What is given to `read`'s argument, in order, to `each`. After an error of `each` nothing more is read. `bytes` says how large one is.
pub(super) fn beside<T: Send>(
    bytes: impl Fn(&T) -> usize,
    read: impl FnOnce(&mut dyn FnMut(T) -> Result<()>) -> Result<()>,
    mut each: impl FnMut(&T) -> Result<()> + Send,
) -> Result<()> {
    std::thread::scope(|scope| {
        let (mut batch, mut size): (Vec<T>, usize) = (Vec::new(), 0);
        let mut each = Some(&mut each);
        let mut other = None;
        let read = read(&mut |row| {
            size += bytes(&row);
            batch.push(row);
            if batch.len() < BATCH && size < BYTES {
                return Ok(());
            }
            size = 0;
            if let Some(each) = each.take() {
                let (send, receive) = sync_channel::<Vec<T>>(1);
                let (give_back, back) = channel();
                let working = scope.spawn(move || {
                    receive.into_iter().try_for_each(|batch| {
                        batch.iter().try_for_each(&mut *each)?;
                        let _ = give_back.send(batch);
                        Ok(())
                    })
                });
                other = Some((send, back, working));
            }
            let Some((send, back, _)) = &other else { return Ok(()) };
            // What one thread made, that thread takes apart: the memory stays with it.
            let next = back.try_iter().last().map_or_else(
                || Vec::with_capacity(BATCH),
                |mut old| {
                    old.clear();
                    old
                },
            );
            let full = std::mem::replace(&mut batch, next);
            if send.send(full).is_ok() { Ok(()) } else { Err(Stop::database("the rows are not wanted any more", "")) }
        });
        match (other, each) {
            (Some((send, _back, working)), _) => {
                let rest = read.is_ok().then(|| send.send(batch));
                drop((rest, send));
                let worked = working.join().unwrap_or_else(|why| std::panic::resume_unwind(why));
                worked.and(read)
            }
            (None, Some(each)) => read.and_then(|()| batch.iter().try_for_each(each)),
            (None, None) => read,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn everything_comes_in_order_until_something_is_wrong(rows in 0..5000usize, wrong in 0..6000usize, unread in 0..6000usize, size in 0..300usize) {
            let mut seen = Vec::new();
            let stop = |what: usize| Err(Stop::database(what.to_string(), ""));
            let read = |give: &mut dyn FnMut(usize) -> Result<()>| {
                (0..rows).try_for_each(|n| if n == unread { stop(n) } else { give(n) })
            };
            let done = beside(|n| size * n, read, |n| {
                seen.push(*n);
                if *n == wrong { stop(*n) } else { Ok(()) }
            });
            let first = wrong.min(unread);
            // What was read before the reading stopped may not be looked at any more, but nothing is left out or comes twice.
            prop_assert!(seen.iter().copied().eq(0..seen.len()));
            prop_assert_eq!(done.is_ok(), first >= rows);
            if first >= rows {
                prop_assert_eq!(seen.len(), rows);
            }
            if let Err(stop) = done {
                let message = stop.message.parse::<usize>().unwrap();
                prop_assert!(message == wrong || message == unread);
                prop_assert!(message == unread || seen.len() == wrong + 1);
            }
        }
    }
}
