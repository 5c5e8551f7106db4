use super::*;

#[test]
fn the_first_number_is_found_wherever_it_is() {
    for at in 0..70 {
        assert_eq!(first(0, 69, |n| n >= at), (at < 70).then_some(at));
        assert_eq!(first_by_leaps(0, 69, |n| n >= at), Some(at));
        assert_eq!(first_by_leaps(5, 69, |n| n >= at), Some(at.max(5)));
    }
    assert_eq!((first(3, 2, |_| true), first(0, 9, |_| false)), (None, None));
    assert_eq!((first_by_leaps(3, 2, |_| true), first_by_leaps(0, 9, |_| false)), (None, None));
}
