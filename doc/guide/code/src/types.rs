use ocaml_lwt_interop::{FromOCaml, OpaqueType, ToOCaml, func};
use std::sync::Mutex;

/// A measurement of a sensor.
#[derive(Clone, FromOCaml, ToOCaml)]
pub struct Reading {
    pub sensor: String,
    pub celsius: f64,
}

/// The range of several readings.
#[derive(ToOCaml)]
pub enum Summary {
    Empty,
    Between { lowest: f64, highest: f64 },
}

/// Returns the range of the readings.
#[func(sync)]
pub fn summary(readings: Vec<Reading>) -> Summary {
    let celsius = readings.iter().map(|reading| reading.celsius);
    match (celsius.clone().reduce(f64::min), celsius.reduce(f64::max)) {
        (Some(lowest), Some(highest)) => Summary::Between { lowest, highest },
        _ => Summary::Empty,
    }
}

/// Returns the share that a percentage is.
#[func(sync)]
pub fn share(percent: u8) -> f64 {
    f64::from(percent) / 100.0
}

/// Readings. Several domains may add some at the same time.
#[derive(Default, OpaqueType)]
pub struct History(Mutex<Vec<Reading>>);

#[func]
impl History {
    /// Creates an empty history.
    pub fn create() -> Self {
        History::default()
    }

    /// Adds a reading.
    pub fn add(&self, reading: Reading) {
        self.0.lock().unwrap().push(reading);
    }

    /// Returns the latest reading of a sensor.
    pub fn latest(&self, sensor: String) -> Option<Reading> {
        let readings = self.0.lock().unwrap();
        readings
            .iter()
            .rfind(|reading| reading.sensor == sensor)
            .cloned()
    }
}
