//! Sets of numbers as lists of intervals `first..=last`: disjoint, ascending, never adjacent.

/// Numbers seen, `first..=last` each; disjoint, ascending and never adjacent.
pub type Intervals = Vec<Interval>;
/// An interval of numbers, `first..=last`.
pub(super) type Interval = (u64, u64);

/// Adds an interval.
pub(super) fn add(list: &mut Vec<Interval>, (first, last): Interval) {
    // Streams add at the end.
    if let Some(end) = list.last_mut()
        && first == end.1.saturating_add(1)
    {
        end.1 = last;
        return;
    }
    // Those from `from` on end no earlier than just before the new one, those from `to` on begin after it and a gap.
    let from = list.partition_point(|(_, end)| end.saturating_add(1) < first);
    let to = list.partition_point(|(begin, _)| *begin <= last.saturating_add(1));
    let touched = list.get(from..to).unwrap_or_default();
    let merged = match (touched.first(), touched.last()) {
        (Some((begin, _)), Some((_, end))) => (first.min(*begin), last.max(*end)),
        _ => (first, last),
    };
    list.splice(from..to.max(from), [merged]);
}

/// Brings intervals of any order into the list's form.
pub(super) fn normalise(list: &mut Vec<Interval>) {
    list.sort_unstable();
    list.dedup_by(|(first, last), (_, end)| {
        let touches = *first <= end.saturating_add(1);
        if touches {
            *end = (*end).max(*last);
        }
        touches
    });
}

/// Whether a whole interval is in the list.
pub(super) fn contains(list: &[Interval], (first, last): Interval) -> bool {
    let index = list.partition_point(|(_, end)| *end < first);
    list.get(index)
        .is_some_and(|(begin, end)| *begin <= first && last <= *end)
}

/// Takes every interval of another list away.
pub(super) fn subtract(list: &mut Vec<Interval>, removed: &[Interval]) {
    let mut left = Vec::with_capacity(list.len());
    for (first, last) in list.drain(..) {
        let mut first = first;
        let index = removed.partition_point(|(_, end)| *end < first);
        for (begin, end) in removed.get(index..).unwrap_or_default() {
            if *begin > last || first > last {
                break;
            }
            if first < *begin {
                left.push((first, begin - 1));
            }
            first = end.saturating_add(1);
        }
        if first <= last {
            left.push((first, last));
        }
    }
    *list = left;
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::binlog::gtid::NUMBER_MAX;

    fn interval() -> impl Strategy<Value = Interval> {
        (1_u64..50, 0_u64..8).prop_map(|(first, more)| (first, first + more))
    }

    fn numbers(intervals: &[Interval]) -> BTreeSet<u64> {
        intervals
            .iter()
            .flat_map(|(first, last)| *first..=*last)
            .collect()
    }

    fn list(intervals: &[Interval]) -> Vec<Interval> {
        let mut list = intervals.to_vec();
        normalise(&mut list);
        list
    }

    fn is_normal(list: &[Interval]) -> bool {
        list.iter().all(|(first, last)| first <= last)
            && list.windows(2).all(|pair| pair[0].1 + 1 < pair[1].0)
    }

    proptest! {
        #[test]
        fn lists_agree_with_sets_of_numbers(
            a in prop::collection::vec(interval(), 0..12),
            b in prop::collection::vec(interval(), 0..12),
        ) {
            let mut added = Vec::new();
            for interval in &a {
                add(&mut added, *interval);
                prop_assert!(is_normal(&added), "{:?}", added);
            }
            prop_assert_eq!(&added, &list(&a));
            prop_assert_eq!(numbers(&added), numbers(&a));
            for (first, last) in &b {
                let all = (*first..=*last).all(|number| numbers(&a).contains(&number));
                prop_assert_eq!(contains(&added, (*first, *last)), all);
            }
            subtract(&mut added, &list(&b));
            prop_assert!(is_normal(&added), "{:?}", added);
            let expected: BTreeSet<u64> = numbers(&a).difference(&numbers(&b)).copied().collect();
            prop_assert_eq!(numbers(&added), expected);
        }
    }

    #[test]
    fn the_greatest_number_overflows_nothing() {
        let mut list = vec![(1, NUMBER_MAX)];
        add(&mut list, (NUMBER_MAX, NUMBER_MAX));
        assert_eq!(list, [(1, NUMBER_MAX)]);
        subtract(&mut list, &[(5, NUMBER_MAX)]);
        assert_eq!(list, [(1, 4)]);
    }
}
