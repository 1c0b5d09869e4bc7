//! What a page is made of, and its templates, which escape all that they are given but our own style,
//! script and plots.

use askama::Template;

use super::decide::Decide;

const STYLE: &str = include_str!("../../../templates/report.css");
const SCRIPT: &str = include_str!("../../../templates/report.js");

#[derive(Debug, Template)]
#[template(path = "page.html", whitespace = "minimize")]
pub(super) struct Page {
    /// What it is a page of.
    pub(super) kind: &'static str,
    pub(super) title: String,
    pub(super) subtitle: String,
    pub(super) verdict: Option<VerdictView>,
    /// What a reader must know before any number.
    pub(super) alerts: Vec<String>,
    pub(super) figures: Vec<Figure>,
    pub(super) figures_note: String,
    pub(super) sections: Vec<Section>,
}

impl Page {
    /// The whole document.
    pub(super) fn document(&self) -> String {
        // A template fails where writing fails, and a string takes everything.
        self.render().unwrap_or_default()
    }
}

/// What was decided, by what.
#[derive(Debug)]
pub(super) struct VerdictView {
    pub(super) class: &'static str,
    pub(super) word: &'static str,
    pub(super) reason: String,
    /// The interval that decides, as a plot.
    pub(super) svg: Option<String>,
    pub(super) figures: Vec<Figure>,
    pub(super) refusals: Vec<String>,
}

/// One number that matters, with what it is beside.
#[derive(Debug)]
pub(super) struct Figure {
    pub(super) name: String,
    pub(super) value: String,
    pub(super) notes: Vec<String>,
}

impl Figure {
    pub(super) fn new(name: impl Into<String>, value: String, note: String) -> Self {
        let notes = [note].into_iter().filter(|note| !note.is_empty()).collect();
        Self { name: name.into(), value, notes }
    }
}

#[derive(Debug)]
pub(super) struct Section {
    pub(super) id: &'static str,
    pub(super) title: &'static str,
    /// One or two sentences on how to read it.
    pub(super) intro: String,
    pub(super) blocks: Vec<Block>,
}

#[derive(Debug)]
pub(super) enum Block {
    Chart(Chart),
    Table(TableView),
    /// A table that is opened by its summary.
    Folded(String, TableView),
    Bars(Vec<BarView>),
    Decide(Box<Decide>),
    List(Vec<String>),
}

#[derive(Debug)]
pub(super) struct Chart {
    pub(super) title: &'static str,
    /// Class and name of each line.
    pub(super) legend: Vec<(&'static str, String)>,
    /// Made by `svg`, which escapes.
    pub(super) svg: String,
}

/// A table, its first column text.
#[derive(Debug)]
pub(super) struct TableView {
    pub(super) heading: Vec<&'static str>,
    pub(super) rows: Vec<RowView>,
}

#[derive(Debug)]
pub(super) struct RowView {
    pub(super) class: &'static str,
    pub(super) cells: Vec<Cell>,
}

impl RowView {
    pub(super) fn new<T: Into<Cell>>(cells: impl IntoIterator<Item = T>) -> Self {
        Self { class: "", cells: cells.into_iter().map(Into::into).collect() }
    }

    /// Marked, where it is one of those that matter.
    pub(super) fn marked(self, is_marked: bool) -> Self {
        Self { class: if is_marked { "edge" } else { "" }, ..self }
    }
}

/// A value, and what stands small below it.
#[derive(Debug)]
pub(super) struct Cell {
    pub(super) text: String,
    pub(super) note: String,
}

impl Cell {
    pub(super) fn new(text: impl Into<String>, note: impl Into<String>) -> Self {
        Self { text: text.into(), note: note.into() }
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::new(text, "")
    }
}

#[derive(Debug)]
pub(super) struct BarView {
    pub(super) name: String,
    /// Width, 0 to 100.
    pub(super) width: String,
    pub(super) value: String,
}
