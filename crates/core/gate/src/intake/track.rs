//! One series: the last sample that is sealed, and those that are not.

use std::collections::BTreeMap;

use super::reading::Reading;

/// A counter, or a histogram.
#[derive(Clone, Debug, Default)]
pub(super) struct Track {
    /// The last sample that was sealed, or the last before the first block.
    prev: Option<(i64, Reading)>,
    /// The last sample that came after its block was sealed.
    late: Option<(i64, Reading)>,
    /// Samples of blocks to come; none for what is no number.
    pending: BTreeMap<i64, Option<Reading>>,
}

/// What happened in one block.
#[derive(Clone, Debug)]
pub(super) struct Amount {
    pub(super) reading: Reading,
    pub(super) resets: u32,
}

impl Track {
    /// A sample for a block that is open.
    pub(super) fn push(&mut self, at: i64, reading: Option<Reading>) {
        self.pending.insert(at, reading);
    }

    /// A sample from before the first block: where its increment begins.
    pub(super) fn push_before(&mut self, at: i64, reading: Option<Reading>) {
        if let Some(reading) = reading
            && self.prev.as_ref().is_none_or(|(prev, _)| *prev < at)
        {
            self.prev = Some((at, reading));
        }
    }

    /// A sample of a block that is sealed: what it says more than was known, or nothing when it was known.
    pub(super) fn push_late(&mut self, at: i64, reading: Option<&Reading>) -> u64 {
        let known = self.late.as_ref().or(self.prev.as_ref());
        let Some(reading) = reading else { return 0 };
        let more = match known {
            Some((known, _)) if at <= *known => return 0,
            Some((_, earlier)) => reading.since(earlier).0.total,
            None => 0,
        };
        self.late = Some((at, reading.clone()));
        more
    }

    pub(super) fn newest(&self) -> Option<i64> {
        self.pending.last_key_value().map(|(at, _)| *at)
    }

    /// Takes the samples before `end` out.
    pub(super) fn split(&mut self, end: i64) -> BTreeMap<i64, Option<Reading>> {
        let later = self.pending.split_off(&end);
        std::mem::replace(&mut self.pending, later)
    }

    /// What happened from the sealed sample (or, when that is lost, from the first of these) through these, which are
    /// sealed now. The first sample of all counts in full when the series `is_new`.
    pub(super) fn seal(
        &mut self,
        samples: BTreeMap<i64, Option<Reading>>,
        is_lost: bool,
        is_new: impl Fn(i64) -> bool,
    ) -> Option<Amount> {
        let mut from = if is_lost { None } else { self.prev.take() };
        let mut amount: Option<Amount> = None;
        for (at, reading) in samples {
            let Some(reading) = reading else { continue };
            let zero = Reading::zero(reading.above.len());
            let (since, is_reset) = match &from {
                Some((_, earlier)) => reading.since(earlier),
                // A series that was not there before was at zero.
                None if is_new(at) => (reading.clone(), false),
                None => (zero.clone(), false),
            };
            let sum = amount.get_or_insert(Amount { reading: zero, resets: 0 });
            sum.reading.add(&since);
            sum.resets += u32::from(is_reset);
            from = Some((at, reading));
        }
        if amount.is_some() {
            self.late = None;
        }
        self.prev = from;
        amount
    }
}
