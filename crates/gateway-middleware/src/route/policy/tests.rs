use proptest::prelude::*;

use super::*;

/// A fixed sequence of numbers that look random.
fn dice(seed: u64) -> impl FnMut() -> u64 {
    let mut state = seed;
    move || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        hash(&state.to_le_bytes())
    }
}

fn all(count: usize) -> Set {
    Set::of(count, |_| true)
}

/// How often each of `count` was chosen.
fn counts(count: usize, rounds: usize, mut choose: impl FnMut() -> Option<usize>) -> Vec<usize> {
    let mut counts = vec![0; count];
    for _ in 0..rounds {
        counts[choose().unwrap()] += 1;
    }
    counts
}

#[test]
fn a_set_holds_what_was_put_in_and_nothing_else() {
    let set = Set::of(130, |number| number % 63 == 1);
    assert_eq!(set.iter().collect::<Vec<_>>(), [1, 64, 127]);
    assert_eq!((set.len(), set.nth(2), set.nth(3)), (3, Some(127), None));
    assert!(set.contains(64) && !set.contains(63) && !set.contains(200));
    assert!(Set::default().is_empty() && Set::default().iter().next().is_none());
}

#[test]
fn every_ticket_goes_to_the_destination_it_belongs_to() {
    let shares = [80, 0, 20];
    let mut draw = 0;
    let counts = counts(3, 100, || {
        draw += 1;
        split(all(3), |number| shares[number], draw)
    });
    assert_eq!(counts, [80, 0, 20]);
}

#[test]
fn a_hundred_thousand_draws_keep_the_percentages() {
    let shares = [50, 30, 15, 5, 0];
    let mut dice = dice(7);
    let counts = counts(5, 100_000, || {
        split(all(5), |number| shares[number], dice())
    });
    for (count, share) in counts.iter().zip(shares) {
        let expected = f64::from(share) * 1_000.0;
        // Four standard deviations of a binomial distribution.
        let slack = 4.0 * (expected * (1.0 - expected / 100_000.0)).sqrt();
        let off = (*count as f64 - expected).abs();
        assert!(off <= slack, "{share} %: {count}");
    }
    assert_eq!(counts[4], 0, "zero means never");
}

#[test]
fn callers_stay_and_their_shares_are_kept() {
    let names: Vec<u64> = ["a", "b", "c", "d"]
        .iter()
        .map(|name| hash(name.as_bytes()))
        .collect();
    let shares = [60, 30, 10, 0];
    let of = |number: usize| (names[number], shares[number]);
    let mut caller = 0_u64;
    let counts = counts(4, 100_000, || {
        caller += 1;
        let user = hash(format!("user-{caller}").as_bytes());
        let own = sticky(all(4), of, user);
        assert_eq!(own, sticky(all(4), of, user));
        own
    });
    for (count, share) in counts.iter().zip(shares) {
        let expected = f64::from(share) * 1_000.0;
        let slack = 4.0 * expected.sqrt();
        assert!(
            (*count as f64 - expected).abs() <= slack,
            "{share} %: {count}"
        );
    }
    assert_eq!(counts[3], 0, "zero means never");
}

#[test]
fn the_assignment_is_the_same_in_every_build() {
    // Recorded once. Another hash would move every caller of every deployment at its next restart.
    assert_eq!(hash(b""), 0xf52a_15e9_a9b5_e89b);
    assert_eq!(hash(b"alice"), 0xc5d1_556d_6677_4a5c);
    let names = [hash(b"chat1"), hash(b"chat2")];
    let of = |number: usize| (names[number], [80, 20][number]);
    let own: Vec<_> = (0..20)
        .map(|number| sticky(all(2), of, hash(format!("user-{number}").as_bytes())).unwrap())
        .collect();
    assert_eq!(
        own,
        [0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0]
    );
}

#[test]
fn new_weights_move_as_few_callers_as_possible() {
    let names = [hash(b"a"), hash(b"b"), hash(b"c")];
    let users: Vec<u64> = (0..50_000_u64)
        .map(|user| hash(&user.to_le_bytes()))
        .collect();
    let assign = |shares: [u32; 3]| -> Vec<usize> {
        let of = |number: usize| (names[number], shares[number]);
        users
            .iter()
            .map(|user| sticky(all(3), of, *user).unwrap())
            .collect()
    };
    let before = assign([80, 20, 0]);
    for (shares, least) in [
        ([70, 30, 0], 0.10),
        ([70, 20, 10], 0.10),
        ([0, 20, 0], 0.80),
    ] {
        let after = assign(shares);
        let moved = before
            .iter()
            .zip(&after)
            .filter(|(one, other)| one != other)
            .count();
        let share = moved as f64 / users.len() as f64;
        assert!(
            share < least * 1.35,
            "{shares:?}: {share} moved, {least} had to"
        );
    }
    assert_eq!(before, assign([8, 2, 0]), "the proportion counts");
    let mut gone = 0;
    for (user, own) in users.iter().zip(&before) {
        let without = Set::of(3, |number| number != 0);
        let of = |number: usize| (names[number], [80, 20, 0][number]);
        let other = sticky(without, of, *user).unwrap();
        assert!(
            *own == 0 || other == *own,
            "only callers of the one that is away move"
        );
        gone += usize::from(*own == 0);
    }
    assert!(gone > 0);
}

#[test]
fn the_better_of_two_wins_and_the_worst_is_never_chosen() {
    let costs = [0.9, 0.1, 5.0, 0.3];
    let mut dice = dice(3);
    let counts = counts(4, 10_000, || {
        latency(all(4), |number| costs[number], dice())
    });
    assert_eq!(counts[2], 0, "it loses to every other");
    // The best wins every pair it is in: half of them.
    assert!((4_800..5_200).contains(&counts[1]), "{counts:?}");
    assert_eq!(latency(all(1), |_| 1.0, 77), Some(0));
    assert_eq!(latency(Set::default(), |_| 1.0, 77), None);
}

#[test]
fn every_pair_is_drawn_equally_often() {
    let mut dice = dice(11);
    let equal = counts(3, 30_000, || latency(all(3), |_| 1.0, dice()));
    for count in equal {
        assert!((9_600..10_400).contains(&count), "{count}");
    }
}

#[test]
fn the_least_wins_and_chance_decides_among_equals() {
    let busy = [3, 1, 1, 7];
    let mut dice = dice(5);
    let counts = counts(4, 10_000, || least(all(4), |number| busy[number], dice()));
    assert_eq!((counts[0], counts[3]), (0, 0));
    assert!((4_800..5_200).contains(&counts[1]), "{counts:?}");
    assert_eq!(least(Set::default(), |_| 1, 0), None);
}

#[test]
fn turns_are_even_among_those_that_are_there() {
    let some = Set::of(5, |number| number != 2);
    let order: Vec<_> = (0..8).map(|number| turn(some, number).unwrap()).collect();
    assert_eq!(order, [0, 1, 3, 4, 0, 1, 3, 4]);
    assert_eq!(first(some), Some(0));
    assert_eq!(
        (turn(Set::default(), 3), first(Set::default())),
        (None, None)
    );
}

proptest! {
    #[test]
    fn nobody_outside_the_set_and_nobody_without_a_share_is_chosen(
        bits in any::<u16>(),
        shares in prop::collection::vec(0_u32..5, 16),
        draw in any::<u64>(),
    ) {
        let among = Set::of(16, |number| bits >> number & 1 == 1);
        let of = |number: usize| (hash(&[u8::try_from(number).unwrap()]), shares[number]);
        let shared = Set::of(16, |number| among.contains(number) && shares[number] > 0);
        for chosen in [split(among, |number| shares[number], draw), sticky(among, of, draw)] {
            prop_assert_eq!(chosen.is_none(), shared.is_empty());
            prop_assert!(chosen.is_none_or(|number| shared.contains(number)));
        }
        for chosen in [
            latency(among, |number| shares[number] as f32, draw),
            least(among, |number| shares[number], draw),
            turn(among, usize::from(bits)),
            first(among),
        ] {
            prop_assert_eq!(chosen.is_none(), among.is_empty());
            prop_assert!(chosen.is_none_or(|number| among.contains(number)));
        }
    }
}
