//! Work on all cores.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use crate::progress::Progress;

/// `of` each item, in the order of the items; `scratch` is what a thread keeps from one item to the next. Must be called
/// where blocking is allowed.
pub(super) fn map<I: Sync, S, O: Send>(
    items: &[I],
    what: &'static str,
    scratch: impl Fn() -> S + Sync,
    of: impl Fn(&I, &mut S) -> O + Sync,
) -> Vec<O> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(items.len().max(1));
    let (next, mut progress) = (AtomicUsize::new(0), Progress::new(what));
    let (send, receive) = mpsc::channel();
    let mut done: Vec<Option<O>> = items.iter().map(|_| None).collect();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            let (send, next, of, scratch) = (send.clone(), &next, &of, &scratch);
            scope.spawn(move || {
                let mut kept = scratch();
                while let Some((place, item)) = {
                    let place = next.fetch_add(1, Ordering::Relaxed);
                    items.get(place).map(|item| (place, item))
                } {
                    // Whoever waits for the results has not gone away.
                    drop(send.send((place, of(item, &mut kept))));
                }
            });
        }
        drop(send);
        for (count, (place, result)) in receive.iter().enumerate() {
            done[place] = Some(result);
            progress.tell(count + 1, items.len());
        }
    });
    progress.end();
    done.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_in_the_order_of_the_items() {
        let items: Vec<usize> = (0..1000).collect();
        assert_eq!(
            map(&items, "items", || (), |item, ()| item * 2),
            (0..2000).step_by(2).collect::<Vec<_>>()
        );
        assert!(map(&[] as &[usize], "items", || (), |item, ()| *item).is_empty());
    }
}
