use crate::config::Config;

const CONFIG: &str = r#"
    [model]
    name = "m"
    [[source]]
    name = "s"
    path = "s.csv"
    [columns]
    id = "id"
    time = "t"
    label = "y"
    [split]
    label_delay = "7d"
    train = "7d"
    test = "7d"
    [[learner]]
    kind = "logistic"
    [[feature]]
"#;

fn read(feature: &str) -> Result<Config, String> {
    Config::parse(&format!("{CONFIG}{feature}")).map_err(|error| error.to_string())
}

#[track_caller]
fn names(feature: &str) -> Vec<String> {
    let config = read(feature).unwrap_or_else(|error| panic!("{feature}: {error}"));
    // What an artifact remembers is read again as the same.
    let again: Config = serde_json::from_str(&config.canonical_json()).expect("JSON of our own");
    assert_eq!(again.features, config.features);
    config.features.iter().flat_map(|feature| feature.expand()).map(|(name, _)| name).collect()
}

#[test]
fn names_say_what_is_declared() {
    let cases: [(&str, &[&str]); 9] = [
        (
            "key = \"CARD\"\ncount = true\nwindows = [\"10m\", \"24h\", \"2w\", \"all\"]",
            &["count(CARD, 10m)", "count(CARD, 1d)", "count(CARD, 14d)", "count(CARD, all)"],
        ),
        (
            "key = [\"DEVICE\", \"IP\"]\ndistinct = \"CARD\"\nwindows = [\"30d\"]",
            &["distinct(CARD by DEVICE+IP, 30d)"],
        ),
        (
            "key = \"SHOP\"\nrate = \"label\"\nwindows = [\"1d\"]\ndelay = \"7d\"\nclosed = \"right\"",
            &["fraud_rate(SHOP, 1d, delay 7d, closed right)"],
        ),
        // A rate that looks at strictly earlier events needs no delay: only known labels count.
        ("key = \"SHOP\"\nrate = \"label\"\nwindows = [\"1d\"]", &["fraud_rate(SHOP, 1d)"]),
        (
            "key = \"CARD\"\nsum = \"AMT\"\nwindows = [\"1h\"]\nclosed = \"left\"\ndelay = \"0s\"\n\
             where = { column = \"CHANNEL\", is = [\"web\", 7] }",
            &["sum(AMT by CARD, 1h, where CHANNEL is web or 7)"],
        ),
        (
            "key = \"CARD\"\nmax = \"AMT\"\nwindows = [\"1h\"]\n\
             where = { column = \"AMT\", at_least = 10, below = 99.5 }",
            &["max(AMT by CARD, 1h, where 10 <= AMT < 99.5)"],
        ),
        (
            "key = \"CARD\"\nratio_to_mean = \"AMT\"\nwindows = [\"1h\"]\n\
             where = { column = \"AMT\", below = 0 }",
            &["ratio_to_mean(AMT by CARD, 1h, where AMT < 0)"],
        ),
        (
            "key = \"CARD\"\nseconds_since_last = true\nwindows = [\"1h\", \"all\"]\n\
             name = \"idle {window}\"",
            &["idle 1h", "idle all"],
        ),
        ("key = \"CARD\"\nstd = \"AMT\"\nwindows = [\"1h\"]\nname = \"spread\"", &["spread"]),
    ];
    for (feature, expected) in cases {
        assert_eq!(names(feature), expected, "{feature}");
    }
}

#[test]
fn what_cannot_be_is_refused_with_what_to_do() {
    let count = "key = \"CARD\"\ncount = true\nwindows = [\"1d\"]\n";
    let rate = "key = \"CARD\"\nrate = \"label\"\nwindows = [\"1d\"]\nclosed = \"right\"\n";
    let mean = "key = \"CARD\"\nmean = \"AMT\"\nwindows = [\"1d\"]\n";
    for (feature, expected) in [
        ("count = true\nwindows = [\"1d\"]", "count, windows belong to velocity, which needs key"),
        ("key = \"CARD\"\nwindows = [\"1d\"]", "expected one measure of count"),
        (&format!("{count}sum = \"AMT\""), "found count, sum"),
        ("key = \"CARD\"\ncount = false\nwindows = [\"1d\"]", "are true, or not there"),
        ("key = \"CARD\"\ncount = true", "expected windows such as"),
        ("key = \"CARD\"\ncount = true\nwindows = [\"1 d\"]", "expected a window like"),
        ("key = \"CARD\"\ncount = true\nwindows = [\"0d\"]", "longer than nothing"),
        ("key = \"CARD\"\ncount = true\nwindows = [\"20y\"]", "expected a window like"),
        ("key = \"CARD\"\ncount = true\nwindows = [\"9999d\"]", "\"all\" is all history"),
        ("key = \"CARD\"\ncount = true\nwindows = [\"7d\", \"1w\"]", "7d appears twice"),
        ("key = \"CARD\"\ncount = true\nwindows = [\"7d\", \"1d\"]\nname = \"n\"", "{window}"),
        ("key = []\ncount = true\nwindows = [\"1d\"]", "one column or more"),
        ("key = [\"a\", \"a\"]\ncount = true\nwindows = [\"1d\"]", "names \"a\" twice"),
        ("key = 7\ncount = true\nwindows = [\"1d\"]", "expected a column such as"),
        (&format!("{count}column = \"x\""), "takes no column"),
        (&format!("{count}kind = \"category\""), "takes no kind"),
        (&format!("{count}on_unseen = \"learned\""), "belong to categories"),
        (&format!("{count}delay = \"9999d\""), "at most 3660d"),
        (&format!("{count}amount_decimals = 2"), "belongs to a measure of an amount"),
        (&format!("{mean}amount_decimals = 7"), "should be 0 to 6"),
        (
            &format!("{mean}[[feature]]\namount_decimals = 3\n{mean}closed = \"right\""),
            "expected one amount_decimals for column \"AMT\", found 2 and 3",
        ),
        (&format!("{count}where = {{ column = \"x\" }}"), "expected either is"),
        (
            &format!("{count}where = {{ column = \"x\", is = [\"a\"], below = 1 }}"),
            "expected either is",
        ),
        (
            &format!("{count}where = {{ column = \"x\", is = [true, 1] }}"),
            "truth values and others",
        ),
        (
            &format!("{count}where = {{ column = \"x\", at_least = 2, below = 2 }}"),
            "at_least < below",
        ),
        (&format!("{count}where = {{ column = \"y\", is = [true] }}"), "the label is not known"),
        ("key = \"y\"\ncount = true\nwindows = [\"1d\"]", "the label is not known"),
        (
            "key = \"CARD\"\ndistinct = \"y\"\nwindows = [\"1d\"]",
            "the label is not known when a transaction is scored",
        ),
        (rate, "set delay = \"7d\" or more, or closed = \"left\""),
        (&format!("{rate}delay = \"6d\""), "found \"6d\""),
        (&format!("{count}[[feature]]\n{count}name = \"n\""), "declared twice"),
        (
            "key = \"CARD\"\nsum = \"CARD\"\nwindows = [\"1d\"]",
            "read as two of a time, a number, a truth value and an id",
        ),
        (
            "column = \"CARD\"\nparts = [\"hour\"]\n[[feature]]\n\
             key = \"CARD\"\ncount = true\nwindows = [\"1d\"]",
            "read as time and as id",
        ),
        (&format!("{count}[velocity]\nmax_events = 10"), "expected 64 to 65536, found 10"),
    ] {
        let found = read(feature).expect_err(feature);
        assert!(found.contains(expected), "expected {expected:?} in {found:?}");
    }
    let without_delay = CONFIG.replace("label_delay = \"7d\"", "");
    let found = Config::parse(&format!("{without_delay}{rate}")).unwrap_err().to_string();
    assert!(found.contains("set delay = \"1s\""), "{found}");
    let without_time = CONFIG.replace("time = \"t\"\n", "").replace("label_delay = \"7d\"", "");
    let split = "by_hash = \"id\"\ntrain = 0.5\n    test = 0.5";
    let without_time = without_time.replace("train = \"7d\"\n    test = \"7d\"", split);
    let found = Config::parse(&format!("{without_time}{count}")).unwrap_err().to_string();
    assert!(found.contains("set [columns] time"), "{found}");
}
