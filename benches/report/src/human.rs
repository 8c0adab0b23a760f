//! Numbers for people.

/// With three digits that count.
fn digits(value: f64) -> String {
    let decimals = match value.abs() {
        v if v >= 99.95 => 0,
        v if v >= 9.995 => 1,
        _ => 2,
    };
    format!("{value:.decimals$}")
}

/// In the largest of the units, each a thousand times the one before, that fits.
fn scaled(mut value: f64, units: &[&str]) -> String {
    let mut units = units.iter();
    let mut unit = units.next().copied().unwrap_or_default();
    for larger in units {
        if value.abs() < 999.5 {
            break;
        }
        value /= 1_000.0;
        unit = larger;
    }
    format!("{} {unit}", digits(value))
}

/// A figure in its unit.
pub fn figure(value: f64, unit: &str) -> String {
    match unit {
        "ns" => scaled(value, &["ns", "µs", "ms", "s"]),
        "/s" => scaled(value, &["/s", "k/s", "M/s"]),
        _ => format!("{} {unit}", digits(value)),
    }
}

/// A ratio to a floor.
pub fn ratio(value: f64) -> String {
    format!(
        "{} x",
        if value < 0.1 {
            format!("{value:.3}")
        } else {
            digits(value)
        }
    )
}

/// A change from one to the other.
pub fn change(before: f64, now: f64) -> String {
    if before == 0.0 {
        return String::new();
    }
    format!("{:+.1} %", (now / before - 1.0) * 100.0)
}

/// Columns that are as wide as what is in them; those of numbers end, the others begin in line.
pub fn columns(numbers: &[bool], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<_> = (0..numbers.len()).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for ((cell, width), is_number) in row.iter().zip(&widths).zip(numbers) {
            line += &if *is_number {
                format!("{cell:>width$}  ")
            } else {
                format!("{cell:<width$}  ")
            };
        }
        text += line.trim_end();
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures() {
        assert_eq!(figure(9.876, "ns"), "9.88 ns");
        assert_eq!(figure(99.96, "ns"), "100 ns");
        assert_eq!(figure(999.6, "ns"), "1.00 µs");
        assert_eq!(figure(12_345.0, "ns"), "12.3 µs");
        assert_eq!(figure(2e9, "/s"), "2000 M/s");
        assert_eq!(figure(0.25, "ms/10s"), "0.25 ms/10s");
    }

    #[test]
    fn ratios_and_changes() {
        assert_eq!(ratio(0.05), "0.050 x");
        assert_eq!(ratio(1.95), "1.95 x");
        assert_eq!(change(100.0, 90.0), "-10.0 %");
        assert_eq!(change(0.0, 1.0), "");
    }

    #[test]
    fn columns_line_up() {
        let row = |cells: [&str; 2]| cells.map(str::to_owned).to_vec();
        let text = columns(&[false, true], &[row(["a", "10 µs"]), row(["bcd", "1"])]);
        assert_eq!(text, "a    10 µs\nbcd      1\n");
    }
}
