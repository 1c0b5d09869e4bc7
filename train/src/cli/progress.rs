//! Progress on a terminal, silence in a pipe.

use std::io::IsTerminal;
use std::sync::Mutex;

use indicatif::{ProgressBar, ProgressStyle};

use crate::learner::Progress;
use crate::pipeline::Reporter;

/// A line on standard error that says what is going on; on anything but a terminal only notes.
pub(super) struct Terminal {
    bar: Option<Mutex<ProgressBar>>,
}

impl Terminal {
    pub(super) fn new() -> Self {
        let bar = std::io::stderr().is_terminal().then(|| Mutex::new(spinner("")));
        Self { bar }
    }

    fn with(&self, act: impl FnOnce(&mut ProgressBar)) {
        if let Some(bar) = &self.bar
            && let Ok(mut bar) = bar.lock()
        {
            act(&mut bar);
        }
    }
}

fn spinner(message: &str) -> ProgressBar {
    let bar = ProgressBar::new_spinner().with_message(message.to_owned());
    bar.enable_steady_tick(std::time::Duration::from_millis(120));
    bar
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.with(|bar| bar.finish_and_clear());
    }
}

impl Progress for Terminal {
    fn start(&self, n_steps: u64) {
        self.with(|bar| {
            let message = bar.message();
            bar.finish_and_clear();
            let style =
                ProgressStyle::with_template("{spinner} {msg} {bar:30} {pos}/{len} {prefix} {eta}");
            let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
            *bar = ProgressBar::new(n_steps).with_style(style).with_message(message);
            bar.enable_steady_tick(std::time::Duration::from_millis(120));
        });
    }

    fn advance(&self, n: u64) {
        self.with(|bar| bar.inc(n));
    }

    fn tell(&self, what: &dyn std::fmt::Display) {
        self.with(|bar| bar.set_prefix(what.to_string()));
    }
}

impl Reporter for Terminal {
    fn step(&self, what: &str) {
        self.with(|bar| {
            bar.finish_and_clear();
            *bar = spinner(what);
        });
    }

    fn note(&self, what: &str) {
        match &self.bar {
            Some(bar) => {
                if let Ok(bar) = bar.lock() {
                    bar.suspend(|| eprintln!("note: {what}"));
                }
            }
            None => eprintln!("note: {what}"),
        }
    }
}
