//! `[search]`: before the learners compete, parameters are tried on folds that lie one after the other
//! inside train and stop. No row of calibrate or test is looked at.
//!
//! A fold is the weekly job in small: train, a label delay, and a window to be judged on by average
//! precision; learners that stop by `stop` do so on the last 15 % of the fold's train and are fitted again
//! on all of it. Folds share nothing but the events: vocabularies, bins and encodings are fitted anew.
//!
//! With `blend` the mean of the best trials of boosted trees is one trial more.
//!
//! What was tried is written down line by line where there is a place for it, so that a run that was killed
//! goes on, and a search by the clock comes to the same choice again.

mod log;

use std::path::Path;

use serde_json::{Map, Value, json};
use shroff_datasets::time::format_time;
use shroff_serve::model::MAX_TREES;

use super::Reporter;
use super::fit::{FitRows, average_precision};
use super::prepare::{Plan, Prepared, judged};
use crate::config::{
    BRACKET, Config, MICROS_PER_DAY, NoWindow, SearchConfig, Space, SplitConfig, StopConfig,
    WindowConfig, rungs,
};
use crate::error::Error;
use crate::learner::{Blend, Gbdt, LearnerConfig};
use crate::package;
use crate::split::{Span, Split, Windows};

use log::Log;

/// The learners of a configuration with the parameters found.
#[derive(Debug, Clone)]
pub(super) struct Searched {
    /// All learners in their order; those that were not searched as they are.
    pub(super) learners: Vec<LearnerConfig>,
    /// Folds, and for each learner searched all trials and what was chosen.
    pub(super) report: Value,
}

/// Searches; none without `[search]`. `memory` is a file of what was tried before.
pub(super) fn search(
    plan: &Plan<'_>,
    prepared: &Prepared,
    memory: Option<&Path>,
    reporter: &dyn Reporter,
) -> Result<Option<Searched>, Error> {
    let config = plan.config;
    let (Some(search), Some(windows)) = (&config.search, &prepared.windows) else {
        return Ok(None);
    };
    let folds = fold_windows(config, search, windows)?;
    let splits = folds.iter().enumerate().map(|(fold, windows)| {
        let in_fold = |error: Error| Error::data(format!("[search] fold {}: {error}", fold + 1));
        let split = Split::new(windows, &prepared.events).map_err(in_fold)?;
        let judged = judged(config, &prepared.events, windows, &split).map_err(in_fold)?;
        Ok::<_, Error>((split, judged))
    });
    let splits = splits.collect::<Result<Vec<_>, Error>>()?;
    let mut trials = Trials { plan, prepared, splits, log: Log::open(memory)?, reporter };
    let (mut learners, mut report) = (Vec::new(), Map::new());
    for learner in &config.learners {
        let space = search.space_of(learner, config.split.has_stop());
        if !search.covers(learner) || space.is_empty() {
            learners.push(learner.clone());
            continue;
        }
        let chosen = trials.choose(search, learner, &space)?;
        report.insert(learner.name().to_owned(), chosen.report);
        learners.push(chosen.learner);
    }
    let folds = folds.iter().map(|windows| {
        let span =
            |span: Span| json!({ "from": format_time(span.from), "to": format_time(span.to) });
        let train = Span { from: windows.train.from, to: windows.stop.unwrap_or(windows.train).to };
        json!({ "train": span(train), "test": span(windows.test) })
    });
    let report = json!({ "folds": folds.collect::<Vec<_>>(), "learners": report });
    Ok(Some(Searched { learners, report }))
}

/// The folds, the newest first. The last window that is judged ends with stop; each further one lies
/// before.
fn fold_windows(
    config: &Config,
    search: &SearchConfig,
    windows: &Windows,
) -> Result<Vec<Windows>, Error> {
    let room = Span { from: windows.train.from, to: windows.stop.unwrap_or(windows.train).to };
    let delay = config.split.label_delay;
    let test = match (search.test, &config.split.test) {
        (Some(test), _) => test,
        (None, Some(WindowConfig::Length(test))) => *test,
        _ => {
            return Err(Error::config(
                "[search] test: expected the length of the window that a fold is judged on, such as \
                 \"7d\", since [split] test has none",
            ));
        }
    };
    let n_earlier = i64::try_from(search.folds.saturating_sub(1)).unwrap_or(i64::MAX);
    let judged = test.micros().saturating_mul(n_earlier.saturating_add(1));
    let left = (room.to - room.from).saturating_sub(judged.saturating_add(delay.micros()));
    let train = search.train.map_or(left, |train| train.micros());
    if test.micros() == 0 || train <= 0 || train > left {
        let days = |micros: i64| micros as f64 / MICROS_PER_DAY as f64;
        return Err(Error::config(format!(
            "[search] folds: train and stop are {:.1} days ({room}), of which {} windows of {test} to be \
             judged and a label delay of {delay} leave {:.1} for a fold's train{}; lengthen [split] train, \
             or shorten [search] folds, train or test",
            days(room.to - room.from),
            search.folds,
            days(left),
            search.train.map_or(String::new(), |train| format!(", found {train}"))
        )));
    }
    let stop = (!config.split.has_stop()).then_some(StopConfig::None(NoWindow::None));
    let split = SplitConfig {
        label_delay: delay,
        column: None,
        by_hash: None,
        train: Some(WindowConfig::Length(crate::config::Duration::from_micros(train))),
        stop,
        calibrate: None,
        test: Some(WindowConfig::Length(test)),
        refit: true,
    };
    let as_of = |earlier: i64| room.to + delay.micros() - earlier * test.micros();
    (0..=n_earlier).map(|earlier| Windows::new(&split, as_of(earlier), room.from)).collect()
}

/// What trials are made with.
struct Trials<'a> {
    plan: &'a Plan<'a>,
    prepared: &'a Prepared,
    /// Of each fold, with the rows that are judged.
    splits: Vec<(Split, Vec<usize>)>,
    log: Log,
    reporter: &'a dyn Reporter,
}

struct Chosen {
    learner: LearnerConfig,
    report: Value,
}

impl Trials<'_> {
    /// The parameters of the best trial.
    fn choose(
        &mut self,
        search: &SearchConfig,
        learner: &LearnerConfig,
        space: &Space,
    ) -> Result<Chosen, Error> {
        let name = learner.name();
        let drawn = |trial| search.drawn(space, trial);
        let of_trial = |trial: usize| {
            let with = learner.with(&drawn(trial));
            with.map_err(|why| Error::config(format!("[search] {name:?}, trial {trial}: {why}")))
        };
        let mut n_trials = 0;
        let mut judged: Vec<(usize, f64)> = Vec::new();
        loop {
            let end =
                search.trials.map_or(n_trials + BRACKET, |trials| trials.min(n_trials + BRACKET));
            let bracket: Vec<(usize, LearnerConfig)> = (n_trials..end)
                .map(|trial| Ok((trial, of_trial(trial)?)))
                .collect::<Result<_, Error>>()?;
            judged.extend(self.halve(name, bracket)?);
            n_trials = end;
            let spent = |minutes: f64| self.log.secs_of(name, end) >= minutes * 60.0;
            if search
                .trials
                .map_or_else(|| search.minutes.is_none_or(spent), |trials| end >= trials)
            {
                break;
            }
        }
        // A stable sort: of equals the earlier trials come first.
        judged.sort_by(|(_, a), (_, b)| b.total_cmp(a));
        let Some((chosen, mean)) = judged.first().copied() else {
            return Err(Error::data(format!("[search] {name:?}: no trial could be judged")));
        };
        let tried = (0..n_trials).map(|trial| {
            let found: Vec<f64> = self.log.found(name, trial, self.splits.len());
            json!({ "trial": trial, "parameters": drawn(trial), "average_precision": found })
        });
        let mut report = json!({
            "trials": n_trials,
            "chosen": chosen,
            "average_precision": mean,
            "parameters": drawn(chosen),
            "tried": tried.collect::<Vec<_>>(),
        });
        let mut best = of_trial(chosen)?;
        if let Some(n_members) = search.blend {
            let ranked = judged.iter().map(|(trial, _)| Ok((*trial, of_trial(*trial)?)));
            let members = ranked.take(n_members).collect::<Result<Vec<_>, Error>>()?;
            if let Some((trials, blend, of_it)) = self.blend(name, members)? {
                report["blend"] = json!({ "trials": trials, "average_precision": of_it });
                if of_it > mean {
                    best = blend;
                }
            }
        }
        report["learner"] = json!(best);
        Ok(Chosen { learner: best, report })
    }

    /// The blend of these trials as far as a model holds their trees: which they are, and its mean. None
    /// where they are not of boosted trees, or fewer than two fit in.
    fn blend(
        &mut self,
        name: &str,
        ranked: Vec<(usize, LearnerConfig)>,
    ) -> Result<Option<(Vec<usize>, LearnerConfig, f64)>, Error> {
        let (mut trials, mut members, mut n_trees) = (Vec::new(), Vec::new(), 0);
        let n_wanted = ranked.len();
        for (trial, learner) in ranked {
            let LearnerConfig::Gbdt(member) = learner else { return Ok(None) };
            if n_trees + member.most_trees() > MAX_TREES {
                continue;
            }
            n_trees += member.most_trees();
            trials.push(trial);
            members.push(Gbdt { name: None, ..member });
        }
        if trials.len() < n_wanted {
            self.reporter.note(&format!(
                "search: {name}: of the {n_wanted} best trials {} are blended, since a model holds \
                 {MAX_TREES} trees; lower num_iterations or num_parallel_tree to blend all",
                if trials.len() < 2 { 0 } else { trials.len() }
            ));
        }
        if trials.len() < 2 {
            return Ok(None);
        }
        let blend = LearnerConfig::Blend(Blend { members, name: Some(name.to_owned()) });
        // In the log its name tells what it is made of.
        let of_trials: Vec<String> = trials.iter().map(usize::to_string).collect();
        let in_log = format!("{name}: blend of {}", of_trials.join(", "));
        let alone = [(0, blend)];
        let n_folds = self.splits.len();
        (0..n_folds).try_for_each(|fold| self.try_on(fold, &in_log, &alone))?;
        let found = self.log.found(&in_log, 0, n_folds);
        let [(_, blend)] = alone;
        Ok(Some((trials, blend, found.iter().sum::<f64>() / n_folds as f64)))
    }

    /// Those of a bracket that were tried on all folds, with their means.
    fn halve(
        &mut self,
        name: &str,
        mut alive: Vec<(usize, LearnerConfig)>,
    ) -> Result<Vec<(usize, f64)>, Error> {
        let n_folds = self.splits.len();
        let mut n_tried = 0;
        let mean = |log: &Log, trial, n: usize| {
            let found = log.found(name, trial, n);
            found.iter().sum::<f64>() / found.len() as f64
        };
        for rung in rungs(n_folds) {
            for fold in n_tried..rung {
                self.try_on(fold, name, &alive)?;
            }
            n_tried = rung;
            if rung < n_folds {
                // A stable sort: of equals the earlier trials stay.
                alive.sort_by(|(a, _), (b, _)| {
                    mean(&self.log, *b, rung).total_cmp(&mean(&self.log, *a, rung))
                });
                alive.truncate(alive.len().div_ceil(2));
                alive.sort_by_key(|(trial, _)| *trial);
            }
        }
        Ok(alive.iter().map(|(trial, _)| (*trial, mean(&self.log, *trial, n_folds))).collect())
    }

    /// Fits and judges trials on one fold, but for those whose result is known.
    fn try_on(
        &mut self,
        fold: usize,
        name: &str,
        trials: &[(usize, LearnerConfig)],
    ) -> Result<(), Error> {
        let pending: Vec<_> =
            trials.iter().filter(|(trial, _)| self.log.get(name, *trial, fold).is_none()).collect();
        if pending.is_empty() {
            return Ok(());
        }
        let events = &self.prepared.events;
        let (split, judged) = &self.splits[fold];
        let what = |trial: usize| format!("search: {name}, fold {}, trial {trial}", fold + 1);
        self.reporter.step(&format!("search: encoding fold {}", fold + 1));
        let refit = FitRows::new(self.plan, events, &split.refit)?;
        let judged = refit.accepted("a fold of the search", events, judged)?;
        let stops =
            !split.stop.is_empty() && pending.iter().any(|(_, learner)| learner.stops_early());
        let first = match stops {
            true => {
                let rows = FitRows::new(self.plan, events, &split.train)?;
                let stop = rows.accepted("stop", events, &split.stop)?;
                let stop = rows.encode(events, &stop)?;
                Some((rows, stop))
            }
            false => None,
        };
        for (trial, learner) in pending {
            let begun = std::time::Instant::now();
            self.reporter.step(&what(*trial));
            let learner = match &first {
                Some((rows, stop)) if learner.stops_early() => {
                    &learner.for_refit(&rows.fit(learner, Some(stop), events, self.reporter)?)
                }
                _ => learner,
            };
            let fitted = refit.fit(learner, None, events, self.reporter)?;
            let scorer = package::draft_scorer(
                refit.schema.clone(),
                refit.program.clone(),
                fitted,
                self.prepared.provenance(self.plan, learner),
            )?;
            let precision = average_precision(&scorer, events, &judged)?.ok_or_else(|| {
                Error::data(format!("{}: no fraud is left among the rows judged", what(*trial)))
            })?;
            self.log.add(name, *trial, fold, precision, begun.elapsed().as_secs_f64())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shroff_datasets::time::parse_time;

    /// The validation folds of the Handbook's chapter 5: training weeks from 20 June to 11 July, each judged
    /// on the week two weeks later, the last of which ends where the first test fold's train does.
    #[test]
    fn folds_go_back_from_the_end_of_stop() {
        let time = |text: &str| parse_time(text).expect("a time");
        let span = |from, to| Span { from: time(from), to: time(to) };
        let windows = Windows {
            train: span("2018-06-20", "2018-08-01"),
            stop: None,
            calibrate: None,
            test: span("2018-08-08", "2018-08-15"),
            as_of: time("2018-08-22"),
        };
        let folds = |search: &str| {
            let text = format!(
                "[model]\nname = \"m\"\n[[source]]\nname = \"s\"\npath = \"s.csv\"\n[columns]\ntime = \"t\"\n\
                 label = \"y\"\n[split]\nlabel_delay = \"7d\"\ntrain = \"42d\"\nstop = \"none\"\ntest = \
                 \"7d\"\n[[feature]]\ncolumn = \"x\"\n[[learner]]\nkind = \"logistic\"\n[search]\ntrials = \
                 2\n{search}"
            );
            let config = Config::parse(&text).expect("a configuration");
            let search = config.search.clone().expect("[search]");
            fold_windows(&config, &search, &windows)
        };
        let found = folds("folds = 4\ntrain = \"7d\"").expect("room for four");
        let expected = [
            ("2018-07-11", "2018-07-18", "2018-07-25", "2018-08-01"),
            ("2018-07-04", "2018-07-11", "2018-07-18", "2018-07-25"),
            ("2018-06-27", "2018-07-04", "2018-07-11", "2018-07-18"),
            ("2018-06-20", "2018-06-27", "2018-07-04", "2018-07-11"),
        ];
        for (found, (from, to, test_from, test_to)) in found.iter().zip(expected) {
            assert_eq!((found.train, found.test), (span(from, to), span(test_from, test_to)));
            // Labels of the window that is judged are known when test starts.
            assert!(found.as_of <= windows.test.from && found.stop.is_none());
        }
        // Without a length each fold has what is left: 42 days less 3 windows of 7 and a delay of 7.
        let found = folds("folds = 3").expect("room for three");
        assert_eq!(found[0].train, span("2018-07-04", "2018-07-18"));
        assert_eq!(found[2].train, span("2018-06-20", "2018-07-04"));
        let refused = folds("folds = 5\ntrain = \"7d\"").expect_err("no room").to_string();
        assert!(refused.contains("leave 0.0 for a fold's train, found 7d"), "{refused}");
    }
}
