//! Numbers formatted for people.

/// Formats with three significant digits.
fn digits(value: f64) -> String {
    let decimals = match value.abs() {
        v if v >= 99.95 => 0,
        v if v >= 9.995 => 1,
        _ => 2,
    };
    format!("{value:.decimals$}")
}

/// Formats in the largest unit that fits; each unit is a thousand times the one before.
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

/// Formats a metric with its unit.
pub fn metric(value: f64, unit: &str) -> String {
    match unit {
        "ns" => scaled(value, &["ns", "µs", "ms", "s"]),
        "/s" => scaled(value, &["/s", "k/s", "M/s"]),
        _ => format!("{} {unit}", digits(value)),
    }
}

/// Formats a round value with its unit, for the tick of an axis.
pub fn tick(value: f64, unit: &str) -> String {
    let text = metric(value, unit);
    let Some((number, unit)) = text.split_once(' ') else {
        return text;
    };
    let number = if number.contains('.') {
        number.trim_end_matches('0').trim_end_matches('.')
    } else {
        number
    };
    format!("{number} {unit}")
}

/// Formats a count with as few digits as it needs.
pub fn count(n: f64) -> String {
    match n as u64 {
        whole if whole >= 1_000_000 && whole % 100_000 == 0 => format!("{}M", n / 1e6),
        whole if whole >= 10_000 && whole % 1_000 == 0 => format!("{}k", whole / 1_000),
        whole => whole.to_string(),
    }
}

/// Formats a ratio to a baseline.
pub fn ratio(value: f64) -> String {
    if value < 0.1 {
        format!("{value:.3} x")
    } else {
        format!("{} x", digits(value))
    }
}

/// Formats the change from `before` to `now` in per cent; empty if `before` is 0.
pub fn change(before: f64, now: f64) -> String {
    if before == 0.0 {
        return String::new();
    }
    format!("{:+.1} %", (now / before - 1.0) * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics() {
        assert_eq!(metric(9.876, "ns"), "9.88 ns");
        assert_eq!(metric(99.96, "ns"), "100 ns");
        assert_eq!(metric(999.6, "ns"), "1.00 µs");
        assert_eq!(metric(12_345.0, "ns"), "12.3 µs");
        assert_eq!(metric(2e9, "/s"), "2000 M/s");
        assert_eq!(metric(0.25, "ms/10s"), "0.25 ms/10s");
    }

    #[test]
    fn ticks() {
        assert_eq!(tick(1_000.0, "ns"), "1 µs");
        assert_eq!(tick(50.0, "ns"), "50 ns");
        assert_eq!(tick(200.0, "B"), "200 B");
        assert_eq!(tick(0.5, "B"), "0.5 B");
    }

    #[test]
    fn counts() {
        assert_eq!(count(1_000.0), "1000");
        assert_eq!(count(100_000.0), "100k");
        assert_eq!(count(8_388_608.0), "8388608");
        assert_eq!(count(1e6), "1M");
    }

    #[test]
    fn ratios_and_changes() {
        assert_eq!(ratio(0.05), "0.050 x");
        assert_eq!(ratio(1.95), "1.95 x");
        assert_eq!(change(100.0, 90.0), "-10.0 %");
        assert_eq!(change(0.0, 1.0), "");
    }
}
