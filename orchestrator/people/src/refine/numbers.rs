//! Which numbers facesets have when they are made again: whoever is there keeps theirs. Pure.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, HashMap},
};

/// A number for each of `groups` (faces as rows of the gallery), where `earlier` ones with these numbers were
/// there before.
///
/// The two that share most faces belong together, then the next two, and so on; of equal ones, the lowest
/// number and then the first group. The others get numbers past all earlier ones and past `highest`, in the
/// order of the groups. O(n log n).
pub fn numbers(earlier: &[(usize, Vec<usize>)], groups: &[Vec<usize>], highest: usize) -> Vec<usize> {
    let mut had: HashMap<usize, Vec<usize>> = HashMap::new();
    for (number, faces) in earlier {
        for face in faces {
            had.entry(*face).or_default().push(*number);
        }
    }
    let mut shared: BTreeMap<(usize, usize), usize> = BTreeMap::new();
    for (group, faces) in groups.iter().enumerate() {
        for number in faces.iter().filter_map(|face| had.get(face)).flatten() {
            *shared.entry((*number, group)).or_default() += 1;
        }
    }
    let mut pairs: Vec<((usize, usize), usize)> = shared.into_iter().collect();
    pairs.sort_by_key(|(pair, faces)| (Reverse(*faces), *pair));

    let mut kept = vec![None; groups.len()];
    let mut given = BTreeSet::new();
    for ((number, group), _) in pairs {
        if kept[group].is_none() && given.insert(number) {
            kept[group] = Some(number);
        }
    }
    let highest = earlier.iter().map(|(number, _)| *number).fold(highest, usize::max);
    let mut new = highest + 1..;
    kept.into_iter().map(|number| number.or_else(|| new.next()).unwrap_or(usize::MAX)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn at_first_groups_are_numbered_in_their_order() {
        assert_eq!(numbers(&[], &[vec![3, 4, 5], vec![0, 1], vec![2]], 0), [1, 2, 3]);
    }

    #[test]
    fn whoever_has_more_photos_now_keeps_the_number_and_somebody_new_gets_one_past_all() {
        let earlier = [(1, vec![0, 1, 2]), (2, vec![3, 4]), (5, vec![9])];
        assert_eq!(numbers(&earlier, &[vec![3, 4, 6, 7, 8], vec![10, 11], vec![0, 1, 2]], 6), [2, 7, 1]);
    }

    #[test]
    fn of_two_halves_the_larger_keeps_the_number_and_of_two_that_were_united_the_one_with_more_faces_does() {
        assert_eq!(numbers(&[(1, vec![0, 1, 2])], &[vec![0], vec![1, 2]], 0), [2, 1]);
        assert_eq!(numbers(&[(1, vec![0]), (2, vec![1, 2])], &[vec![0, 1, 2]], 0), [2]);
        assert_eq!(numbers(&[(2, vec![1]), (1, vec![0])], &[vec![0, 1]], 0), [1], "equal ones: the lowest");
        assert_eq!(numbers(&[(1, vec![0, 1])], &[vec![0], vec![1]], 0), [1, 2], "equal ones: the first");
    }

    /// Some faces, each with its group if it has one.
    fn partition() -> impl Strategy<Value = Vec<Option<usize>>> {
        prop::collection::vec(prop::option::of(0usize..6), 0..40)
    }

    fn groups(of: &[Option<usize>]) -> Vec<Vec<usize>> {
        let members = |group| (0..of.len()).filter(|face| of[*face] == Some(group)).collect::<Vec<_>>();
        (0..6).map(members).filter(|members| !members.is_empty()).collect()
    }

    fn shared(one: &[usize], other: &[usize]) -> usize {
        one.iter().filter(|face| other.contains(face)).count()
    }

    proptest! {
        #[test]
        fn numbers_are_unique_stay_with_the_largest_share_and_new_ones_are_past_all(
            before in partition(),
            now in partition(),
            highest in 0usize..12,
            turn in 0usize..6,
        ) {
            let earlier: Vec<(usize, Vec<usize>)> = (1..).step_by(2).zip(groups(&before)).collect();
            let groups = groups(&now);
            let given = numbers(&earlier, &groups, highest);
            prop_assert_eq!(given.iter().collect::<BTreeSet<_>>().len(), groups.len());
            let share = |number: usize, group: &[usize]| {
                earlier.iter().find(|(of, _)| *of == number).map_or(0, |(_, faces)| shared(faces, group))
            };
            let taken = earlier.iter().map(|(number, _)| *number).fold(highest, usize::max);
            for (number, group) in given.iter().zip(&groups) {
                prop_assert!(*number > taken || share(*number, group) > 0);
            }
            // Nobody has a number that shares less with them than they and another number would both gain by.
            for (group, own) in groups.iter().zip(&given) {
                for (number, faces) in &earlier {
                    let both = shared(faces, group);
                    let holder = given.iter().position(|given| given == number);
                    let held = holder.map_or(0, |holder| share(*number, &groups[holder]));
                    prop_assert!(both <= share(*own, group).max(held));
                }
            }
            // The order of what was there says nothing; made again, everybody has the same number.
            let mut turned = earlier.clone();
            let by = turn.min(turned.len());
            turned.rotate_left(by);
            prop_assert_eq!(&numbers(&turned, &groups, highest), &given);
            let again: Vec<(usize, Vec<usize>)> = given.iter().copied().zip(groups.clone()).collect();
            prop_assert_eq!(&numbers(&again, &groups, highest), &given);
        }
    }
}
