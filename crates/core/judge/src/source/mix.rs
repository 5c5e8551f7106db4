//! Which series of the canary and which of the baseline make a pair: those with the same tags.

use std::collections::BTreeMap;

use indexmap::IndexSet;

use crate::input::Pair;
use crate::wire::Text;

/// One series of a source.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Series {
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// Its values in time.
    pub values: Vec<f64>,
}

/// Why series cannot be paired. The text begins as Kayenta's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "Control metrics have different tag keys than the experiment tag set: [{control}] and [{experiment}]"
)]
pub struct KeysDiffer {
    control: String,
    experiment: String,
}

/// The pairs of a metric.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Mixed {
    /// The pairs.
    pub pairs: Vec<Pair>,
    /// Whether both sides have tags, and no series of one has those of a series of the other: nothing can be compared.
    pub is_disjoint: bool,
}

/// Pairs the series of `control` and `experiment`; what is missing is filled with NaN up to the number of values that is
/// expected of its side. A side without tags, where the other has some, says nothing: its values are not used.
///
/// # Errors
/// [`KeysDiffer`] when the series have tags of different names.
pub fn mix(name: &str, sides: [Vec<Series>; 2], expected: [usize; 2]) -> Result<Mixed, KeysDiffer> {
    // A source that has nothing gives a series without tags and values.
    let [control, experiment] =
        sides.map(|side| if side.is_empty() { vec![Series::default()] } else { side });
    let is_plain = |side: &[Series]| side.len() == 1 && side[0].tags.is_empty();
    let (plain_control, plain_experiment) = (is_plain(&control), is_plain(&experiment));
    let keys = |side: &[Series]| {
        let mut keys: Vec<String> = side.iter().flat_map(|series| series.tags.keys().cloned()).collect();
        keys.sort_unstable();
        keys.dedup();
        keys.join(", ")
    };
    if !plain_control && !plain_experiment && keys(&control) != keys(&experiment) {
        return Err(KeysDiffer { control: keys(&control), experiment: keys(&experiment) });
    }
    let is_one = plain_control && plain_experiment;
    let mut all: IndexSet<&BTreeMap<String, String>> = IndexSet::new();
    for (side, is_plain) in [(&control, plain_control), (&experiment, plain_experiment)] {
        if !is_plain || is_one {
            all.extend(side.iter().map(|series| &series.tags));
        }
    }
    let [by_control, by_experiment] = [&control, &experiment].map(|side| by_tags(side));
    let pairs: Vec<(bool, Pair)> = all
        .into_iter()
        .map(|tags| {
            let (control, experiment) = (by_control.get(tags).copied(), by_experiment.get(tags).copied());
            let is_whole = control.is_some() && experiment.is_some();
            let (control, experiment) =
                pad(control.unwrap_or_default().to_vec(), experiment.unwrap_or_default().to_vec(), expected);
            let tags = tags.iter().map(|(key, value)| (key.clone(), Some(Text(value.clone())))).collect();
            let (experiment, control) = (Some(experiment), Some(control));
            (is_whole, Pair { name: name.to_owned(), id: None, tags: Some(tags), experiment, control })
        })
        .collect();
    let is_disjoint = !plain_control && !plain_experiment && pairs.iter().all(|(is_whole, _)| !is_whole);
    Ok(Mixed { pairs: pairs.into_iter().map(|(_, pair)| pair).collect(), is_disjoint })
}

/// The values of each series by its tags: of several with the same tags the first.
fn by_tags(side: &[Series]) -> BTreeMap<&BTreeMap<String, String>, &[f64]> {
    side.iter().rev().map(|series| (&series.tags, &*series.values)).collect()
}

/// The shorter one gets NaN at its end, and both do when there is nothing.
fn pad(mut control: Vec<f64>, mut experiment: Vec<f64>, expected: [usize; 2]) -> (Vec<f64>, Vec<f64>) {
    let is_empty = control.is_empty() && experiment.is_empty();
    let fill = |values: &mut Vec<f64>, other: usize, expected: usize| {
        if is_empty || values.len() < other {
            values.resize(values.len().max(expected), f64::NAN);
        }
    };
    let (n, m) = (control.len(), experiment.len());
    fill(&mut control, m, expected[0]);
    fill(&mut experiment, n, expected[1]);
    (control, experiment)
}

#[cfg(test)]
mod tests {
    use super::*;

    type Row<'a> = (&'a [(&'a str, &'a str)], &'a [f64]);

    fn side(series: &[Row]) -> Vec<Series> {
        let tags =
            |tags: &[(&str, &str)]| tags.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        series.iter().map(|(t, values)| Series { tags: tags(t), values: values.to_vec() }).collect()
    }

    /// Tags, baseline and canary of each pair, and whether nothing meets.
    fn mixed(control: &[Series], experiment: &[Series]) -> String {
        let mixed = mix("m", [control.to_vec(), experiment.to_vec()], [3, 4]).unwrap();
        let pair = |pair: Pair| {
            let tags: Vec<String> =
                pair.tags.unwrap().into_iter().map(|(k, v)| k + "=" + &v.unwrap().0).collect();
            format!("{} {:?} {:?}", tags.join(","), pair.control.unwrap(), pair.experiment.unwrap())
        };
        let pairs: Vec<String> = mixed.pairs.into_iter().map(pair).collect();
        format!("{}{}", pairs.join("; "), if mixed.is_disjoint { " disjoint" } else { "" })
    }

    #[test]
    fn series_with_the_same_tags_make_a_pair() {
        let (a, b) = ([("t", "a")], [("t", "b")]);
        let plain = |values| side(&[(&[], values)]);
        assert_eq!(mixed(&plain(&[1.0]), &plain(&[2.0])), " [1.0] [2.0]");
        assert_eq!(mixed(&plain(&[1.0]), &plain(&[2.0, 3.0])), " [1.0, NaN, NaN] [2.0, 3.0]");
        assert_eq!(mixed(&[], &[]), " [NaN, NaN, NaN] [NaN, NaN, NaN, NaN]");
        let both = side(&[(&a, &[1.0, 2.0, 3.0]), (&b, &[4.0, 5.0, 6.0])]);
        let one = side(&[(&b, &[7.0, 8.0, 9.0])]);
        assert_eq!(
            mixed(&both, &one),
            "t=a [1.0, 2.0, 3.0] [NaN, NaN, NaN, NaN]; t=b [4.0, 5.0, 6.0] [7.0, 8.0, 9.0]"
        );
        assert_eq!(mixed(&side(&[(&a, &[1.0])]), &plain(&[9.0])), "t=a [1.0] [NaN, NaN, NaN, NaN]");
        assert!(mixed(&side(&[(&a, &[1.0])]), &one).ends_with(" disjoint"));
        let other = side(&[(&[("u", "a")], &[1.0])]);
        let error = mix("m", [one, other], [3, 4]).unwrap_err().to_string();
        assert_eq!(error, "Control metrics have different tag keys than the experiment tag set: [t] and [u]");
    }
}
