//! Durations and times, which are seconds in OCaml, as in its library `unix`.

use crate::value::conversion_error::ConversionError;
use crate::value::read::{FromOCaml, Source};
use crate::value::types::Type;
use crate::value::write::{ToOCaml, Writer};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

fn duration(seconds: f64) -> Result<Duration, ConversionError> {
    Duration::try_from_secs_f64(seconds).map_err(|_| {
        ConversionError::new(format!(
            "{seconds:?} is not a duration in seconds, which is at least 0 and less than 2^64"
        ))
    })
}

/// Exact for whole nanoseconds up to 97 days, and rounded to 53 bits beyond.
// SAFETY: a `float` is read, checked and copied.
unsafe impl FromOCaml for Duration {
    const TYPE: &'static Type = &Type::Float;

    #[inline]
    fn from_ocaml(value: Source<'_>) -> Result<Self, ConversionError> {
        duration(value.float()?)
    }
}

// SAFETY: a `float` is written.
unsafe impl ToOCaml for Duration {
    const TYPE: &'static Type = &Type::Float;
    const DROPS_PLAINLY: bool = true;

    #[inline]
    fn to_ocaml<W: Writer>(&self, writer: &mut W) -> Result<W::Value, ConversionError> {
        writer.float(self.as_secs_f64())
    }
}

/// Seconds since 1970, as `Unix.gettimeofday` returns them. A `float` distinguishes times of this century that are
/// 0.25 to 0.5 microseconds apart.
// SAFETY: a `float` is read, checked and copied.
unsafe impl FromOCaml for SystemTime {
    const TYPE: &'static Type = &Type::Float;

    fn from_ocaml(value: Source<'_>) -> Result<Self, ConversionError> {
        let seconds = value.float()?;
        let since = duration(seconds.abs());
        let time = since.ok().and_then(|d| match seconds < 0. {
            true => UNIX_EPOCH.checked_sub(d),
            false => UNIX_EPOCH.checked_add(d),
        });
        time.ok_or_else(|| {
            ConversionError::new(format!("{seconds:?} is not a time in seconds since 1970"))
        })
    }
}

// SAFETY: a `float` is written.
unsafe impl ToOCaml for SystemTime {
    const TYPE: &'static Type = &Type::Float;
    const DROPS_PLAINLY: bool = true;

    fn to_ocaml<W: Writer>(&self, writer: &mut W) -> Result<W::Value, ConversionError> {
        writer.float(match self.duration_since(UNIX_EPOCH) {
            Ok(since) => since.as_secs_f64(),
            Err(before) => -before.duration().as_secs_f64(),
        })
    }
}
