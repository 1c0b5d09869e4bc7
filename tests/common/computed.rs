//! A model of transforms.

use shroff_serve::artifact::Contents;
use shroff_serve::features::{Program, RateCounts, Step, TimePart, TimeUnit, Transform};
use shroff_serve::model::{Calibration, Calibrator, Linear, Model, PriorCorrection, RowType, Term};
use shroff_serve::schema::{Feature, InputType, Policy, Schema};

use super::{
    AMOUNTS, BALANCES, COUNTRIES, INSTANTS, SIGNUPS, contents, feature, input, with_golden,
};

/// A logistic regression whose features are all computed: transforms, a day part, a rate.
pub(crate) fn computed() -> Contents {
    let schema = Schema {
        inputs: vec![
            input("amount", InputType::Number, false),
            input("average", InputType::Number, false),
            input("country", InputType::Text, false),
            input("at", InputType::Time, false),
            input("signup", InputType::Time, true),
        ],
        features: vec![
            feature("log1p(amount)", RowType::Numeric),
            Feature {
                on_out_of_range: Policy::AsMissing,
                ..feature("amount/average", RowType::Numeric)
            },
            Feature {
                on_missing: Policy::Default(-1.0),
                ..feature("amount-average", RowType::Numeric)
            },
            Feature { on_out_of_range: Policy::Reject, ..feature("at-signup", RowType::Numeric) },
            Feature {
                on_missing: Policy::Reject,
                ..feature("signup.day_part", RowType::Categorical { n_categories: 4 })
            },
            feature("rate(country)", RowType::Numeric),
        ],
        utc_offset_secs: 0,
    };
    let (range, known) = (None, ["DE", "FR"].map(str::to_owned));
    let mut counts = RateCounts::new(&known, 20.0);
    for (category, fraud, weight) in [(0, false, 90.0), (0, true, 1.0), (1, true, 9.0)] {
        counts.observe(Some(category), fraud, weight);
    }
    let transform = Transform::TimeDifference { inputs: [3, 4], unit: TimeUnit::Minutes };
    let program = Program {
        steps: vec![
            Step::Transform { transform: Transform::Log1p { input: 0 }, range },
            Step::Transform { transform: Transform::Ratio { inputs: [0, 1] }, range },
            Step::Transform { transform: Transform::Difference { inputs: [0, 1] }, range },
            Step::Transform { transform, range: Some((-1e9, 1e9)) },
            Step::TimePart { input: 4, part: TimePart::DayPart },
            Step::Rate { input: 2, table: counts.table() },
        ],
        windows: None,
    };
    let number = |weight, mean, scale| Term::Numeric {
        weight,
        mean,
        scale,
        imputed: mean,
        missing_weight: 0.25,
        mean_contribution: 0.0,
    };
    let terms = vec![
        number(0.5, 3.5, 1.25),
        number(0.75, 1.0, 2.0),
        number(-0.25, 10.0, 250.0),
        number(0.125, 40_000.0, 90_000.0),
        Term::Categorical {
            weights: vec![0.9, -0.1, -0.2, 0.4],
            missing_weight: 0.0,
            mean_contribution: 0.03,
        },
        number(1.5, 0.1, 0.2),
    ];
    let calibration = Calibration {
        prior: PriorCorrection::LogOdds { shift: 0.0 },
        calibrator: Calibrator::None,
    };
    let model = Model::Linear(Linear { bias: -3.0, terms });
    let contents = contents(schema, program, model, calibration, "logistic");
    with_golden(contents, &[&AMOUNTS, &BALANCES, &COUNTRIES, &INSTANTS, &SIGNUPS])
}
