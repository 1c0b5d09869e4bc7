//! The window definitions within PROGRAM, since version 2.

use serde::{Deserialize, Serialize};

use crate::error::ErrorKind;
use crate::features::window::{
    AmountColumn, Closed, Filter, FilterTest, FilterValue, Measure, Naming, WindowFeature,
    WindowProgram, Windows,
};

#[derive(Serialize, Deserialize)]
pub(super) struct WindowsV1 {
    time: String,
    event_id: Option<String>,
    amounts: Vec<AmountV1>,
    max_events: u32,
    features: Vec<WindowFeatureV1>,
    hash: [u8; 32],
}

#[derive(Serialize, Deserialize)]
struct AmountV1 {
    name: String,
    decimals: u16,
}

#[derive(Serialize, Deserialize)]
struct WindowFeatureV1 {
    key: Vec<String>,
    filter: Option<FilterV1>,
    measure: u16,
    /// Empty for a measure of events alone.
    column: String,
    window_micros: Option<i64>,
    delay_micros: i64,
    closed: u16,
}

#[derive(Serialize, Deserialize)]
struct FilterV1 {
    column: String,
    code: u16,
    values: Vec<FilterValueV1>,
    low: f64,
    high: f64,
}

#[derive(Serialize, Deserialize)]
struct FilterValueV1 {
    code: u16,
    bits: u64,
    text: String,
}

impl From<&Windows> for WindowsV1 {
    fn from(windows: &Windows) -> Self {
        let program = windows.program();
        let amount = |amount: &AmountColumn| AmountV1 {
            name: amount.name.to_string(),
            decimals: amount.decimals.into(),
        };
        let feature = |feature: &WindowFeature| WindowFeatureV1 {
            key: feature.key.iter().map(ToString::to_string).collect(),
            filter: feature.filter.as_ref().map(FilterV1::from),
            measure: measure_code(&feature.measure),
            column: feature.measure.column().map_or_else(String::new, ToString::to_string),
            window_micros: feature.window_micros,
            delay_micros: feature.delay_micros,
            closed: match feature.closed {
                Closed::Left => 1,
                Closed::Right => 2,
            },
        };
        Self {
            time: program.time.to_string(),
            event_id: program.event_id.as_ref().map(ToString::to_string),
            amounts: program.amounts.iter().map(amount).collect(),
            max_events: program.max_events,
            features: program.features.iter().map(feature).collect(),
            hash: *windows.hash(),
        }
    }
}

impl WindowsV1 {
    /// The windows of a program that hashes ids so.
    pub(super) fn into_windows(self, naming: Naming) -> Result<Windows, ErrorKind> {
        let amount = |amount: AmountV1| AmountColumn {
            name: amount.name.into(),
            // More than 6 are refused, 255 for one.
            decimals: u8::try_from(amount.decimals).unwrap_or(u8::MAX),
        };
        let feature = |feature: WindowFeatureV1| {
            Ok(WindowFeature {
                key: feature.key.into_iter().map(Into::into).collect(),
                filter: feature.filter.map(Filter::try_from).transpose()?,
                measure: measure(feature.measure, feature.column)?,
                window_micros: feature.window_micros,
                delay_micros: feature.delay_micros,
                closed: match feature.closed {
                    1 => Closed::Left,
                    2 => Closed::Right,
                    found => {
                        let what = "the closed end of a window";
                        return Err(ErrorKind::Code { what, found: found.into() });
                    }
                },
            })
        };
        let program = WindowProgram {
            time: self.time.into(),
            event_id: self.event_id.map(Into::into),
            amounts: self.amounts.into_iter().map(amount).collect(),
            max_events: self.max_events,
            features: self.features.into_iter().map(feature).collect::<Result<_, ErrorKind>>()?,
        };
        let windows = Windows::with_naming(program, naming)?;
        if *windows.hash() != self.hash {
            let what = "the window-program hash is another one than that of the definitions";
            return Err(ErrorKind::Content { what });
        }
        Ok(windows)
    }
}

impl From<&Filter> for FilterV1 {
    fn from(Filter { column, test }: &Filter) -> Self {
        let filter = |code, values, low, high| {
            let column = column.to_string();
            Self { column, code, values, low, high }
        };
        match test {
            FilterTest::OneOf(values) => {
                filter(1, values.iter().map(FilterValueV1::from).collect(), 0.0, 0.0)
            }
            FilterTest::Within { low, high } => filter(2, Vec::new(), *low, *high),
        }
    }
}

impl TryFrom<FilterV1> for Filter {
    type Error = ErrorKind;

    fn try_from(filter: FilterV1) -> Result<Self, ErrorKind> {
        let values = filter.values.into_iter().map(FilterValue::try_from);
        let test = match filter.code {
            1 => FilterTest::OneOf(values.collect::<Result<_, _>>()?),
            2 => FilterTest::Within { low: filter.low, high: filter.high },
            found => return Err(ErrorKind::Code { what: "a filter", found: found.into() }),
        };
        Ok(Self { column: filter.column.into(), test })
    }
}

impl From<&FilterValue> for FilterValueV1 {
    fn from(value: &FilterValue) -> Self {
        let (code, bits, text) = match value {
            FilterValue::Boolean(value) => (1, u64::from(*value), ""),
            FilterValue::Integer(value) => (2, value.cast_unsigned(), ""),
            FilterValue::Text(text) => (3, 0, text.as_str()),
        };
        Self { code, bits, text: text.to_owned() }
    }
}

impl TryFrom<FilterValueV1> for FilterValue {
    type Error = ErrorKind;

    fn try_from(value: FilterValueV1) -> Result<Self, ErrorKind> {
        match value.code {
            1 => Ok(Self::Boolean(value.bits == 1)),
            2 => Ok(Self::Integer(value.bits.cast_signed())),
            3 => Ok(Self::Text(value.text)),
            found => Err(ErrorKind::Code { what: "a value of a filter", found: found.into() }),
        }
    }
}

fn measure_code(measure: &Measure) -> u16 {
    match measure {
        Measure::Count => 1,
        Measure::Sum(_) => 2,
        Measure::Mean(_) => 3,
        Measure::Max(_) => 4,
        Measure::Min(_) => 5,
        Measure::Std(_) => 6,
        Measure::Distinct(_) => 7,
        Measure::FraudRate => 8,
        Measure::SecondsSinceLast => 9,
        Measure::RatioToMean(_) => 10,
    }
}

fn measure(code: u16, column: String) -> Result<Measure, ErrorKind> {
    let column = column.into();
    Ok(match code {
        1 => Measure::Count,
        2 => Measure::Sum(column),
        3 => Measure::Mean(column),
        4 => Measure::Max(column),
        5 => Measure::Min(column),
        6 => Measure::Std(column),
        7 => Measure::Distinct(column),
        8 => Measure::FraudRate,
        9 => Measure::SecondsSinceLast,
        10 => Measure::RatioToMean(column),
        found => return Err(ErrorKind::Code { what: "a measure", found: found.into() }),
    })
}
