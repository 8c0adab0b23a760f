//! The change between two runs.

use crate::human;
use crate::results::Results;

const HEADINGS: [&str; 8] = [
    "",
    "before",
    "now",
    "change",
    "ratio before",
    "now",
    "change",
    "instructions",
];

/// The benchmarks that both have run. Between runs the ratios say more than the figures, and
/// the instructions more than both.
pub fn table(before: &Results, now: &Results) -> String {
    let mut rows = vec![HEADINGS.map(str::to_owned).to_vec()];
    for new in &now.results {
        let Some(old) = before.results.iter().find(|old| old.name == new.name) else {
            continue;
        };
        let (old_median, new_median) = (old.spread.median, new.spread.median);
        let mut row = vec![
            new.name.clone(),
            human::figure(old_median, &old.unit),
            human::figure(new_median, &new.unit),
            human::change(old_median, new_median),
        ];
        let pair = |old: Option<f64>, new: Option<f64>| old.zip(new);
        row.extend(pair(old.ratio, new.ratio).map_or_else(
            || [String::new(), String::new(), String::new()],
            |(old, new)| {
                [
                    human::ratio(old),
                    human::ratio(new),
                    human::change(old, new),
                ]
            },
        ));
        row.push(
            pair(old.instructions, new.instructions)
                .map(|(old, new)| human::change(old, new))
                .unwrap_or_default(),
        );
        rows.push(row);
    }
    let numbers = [false, true, true, true, true, true, true, true];
    human::columns(&numbers, &rows)
}
