//! The page as text. All that stems from the data goes through [`escape`]; what does not are the literals here, the
//! style, the script, and plots, whose module escapes.

use std::fmt::{Result, Write};

use super::decide::Decide;
use super::svg::escape;
use super::{Block, Chart, Page, Section, TableView};

const STYLE: &str = include_str!("../../../templates/report.css");
const SCRIPT: &str = include_str!("../../../templates/report.js");

/// Allows what stands in the page, and no request to anywhere.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:";

impl Page {
    /// The whole document.
    pub(super) fn render(&self) -> String {
        let mut html = String::new();
        // A string takes everything that is written to it.
        let _ = self.write(&mut html);
        html
    }

    fn write(&self, to: &mut String) -> Result {
        let title = escape(&self.title);
        write!(
            to,
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n\
             <link rel=\"icon\" href=\"data:,\">\n<title>{title}: shroff report</title>\n\
             <style>\n{STYLE}</style>\n</head>\n<body>\n<header>\n"
        )?;
        let kind = if self.verdict.is_some() { "Model report" } else { "Evaluation" };
        writeln!(to, "<p class=\"kind\">{kind}</p>\n<h1>{title}</h1>")?;
        if !self.subtitle.is_empty() {
            writeln!(to, "<p class=\"sub\">{}</p>", escape(&self.subtitle))?;
        }
        if let Some(verdict) = &self.verdict {
            let (class, word, reason) = (verdict.class, verdict.word, escape(&verdict.reason));
            writeln!(
                to,
                "<p class=\"verdict {class}\"><strong>{word}</strong><span>{reason}</span></p>"
            )?;
        }
        for alert in &self.alerts {
            writeln!(to, "<p class=\"alert\">{}</p>", escape(alert))?;
        }
        to.push_str("</header>\n<main>\n");
        if !self.figures.is_empty() {
            to.push_str("<dl class=\"figures\">\n");
            for figure in &self.figures {
                let (name, value) = (figure.name, escape(&figure.value));
                let note = match figure.note.as_str() {
                    "" => String::new(),
                    note => format!("<small>{}</small>", escape(note)),
                };
                writeln!(to, "<div><dt>{name}</dt><dd>{value}{note}</dd></div>")?;
            }
            to.push_str("</dl>\n");
        }
        if self.sections.is_empty() {
            to.push_str(
                "<p class=\"intro\">The record of this version holds nothing else to show.</p>\n",
            );
        }
        self.sections.iter().try_for_each(|section| section.write(to))?;
        write!(
            to,
            "</main>\n<footer><p>Made by shroff.</p></footer>\n\
             <script>\n{SCRIPT}</script>\n</body>\n</html>\n"
        )
    }
}

impl Section {
    fn write(&self, to: &mut String) -> Result {
        let Self { id, title, intro, blocks } = self;
        writeln!(
            to,
            "<section id=\"{id}\" aria-labelledby=\"{id}-title\">\n<h2 id=\"{id}-title\">{title}</h2>"
        )?;
        if !intro.is_empty() {
            writeln!(to, "<p class=\"intro\">{}</p>", escape(intro))?;
        }
        to.push_str("<div class=\"blocks\">\n");
        for block in blocks {
            match block {
                Block::Chart(Chart { title, legend, svg }) => figure(to, title, legend, svg)?,
                Block::Table(table) => table.write(to, title)?,
                Block::Bars(bars) => {
                    to.push_str("<ol class=\"bars\">\n");
                    for bar in bars {
                        let (name, value) = (escape(&bar.name), escape(&bar.value));
                        writeln!(
                            to,
                            "<li><span class=\"of\">{name}</span><span class=\"track\"><span \
                             style=\"width:{}%\"></span></span><span class=\"number\">{value}</span></li>",
                            bar.width
                        )?;
                    }
                    to.push_str("</ol>\n");
                }
                Block::List(items) => {
                    to.push_str("<ul class=\"facts\">\n");
                    for item in items {
                        writeln!(to, "<li>{}</li>", escape(item))?;
                    }
                    to.push_str("</ul>\n");
                }
                Block::Decide(decide) => decide.write(to)?,
            }
        }
        to.push_str("</div>\n</section>\n");
        Ok(())
    }
}

/// A plot under its title and legend.
fn figure(to: &mut String, title: &str, legend: &[(&str, String)], svg: &str) -> Result {
    write!(to, "<figure>\n<figcaption><b>{title}</b><ul class=\"legend\">")?;
    for (class, name) in legend {
        write!(to, "<li class=\"{class}\">{}</li>", escape(name))?;
    }
    writeln!(to, "</ul></figcaption>\n{svg}\n</figure>")
}

impl TableView {
    fn write(&self, to: &mut String, label: &str) -> Result {
        // A wide table is scrolled by itself, with the keyboard too.
        writeln!(
            to,
            "<div class=\"table\" tabindex=\"0\" role=\"region\" aria-label=\"{label}\">\n<table>"
        )?;
        to.push_str("<thead><tr>");
        for name in &self.heading {
            write!(to, "<th scope=\"col\">{name}</th>")?;
        }
        to.push_str("</tr></thead>\n<tbody>\n");
        for row in &self.rows {
            write!(to, "<tr class=\"{}\">", row.class)?;
            for (position, cell) in row.cells.iter().enumerate() {
                let cell = escape(cell);
                match position {
                    0 => write!(to, "<th scope=\"row\">{cell}</th>")?,
                    _ => write!(to, "<td>{cell}</td>")?,
                }
            }
            to.push_str("</tr>\n");
        }
        to.push_str("</tbody>\n</table>\n</div>\n");
        Ok(())
    }
}

impl Decide {
    fn write(&self, to: &mut String) -> Result {
        let Self { last, start, shown, data, legend, precision_recall, roc } = self;
        write!(
            to,
            "<div class=\"decide\">\n<label for=\"slider\">threshold <span>few alerts</span><span>many \
             alerts</span></label>\n<input id=\"slider\" type=\"range\" min=\"0\" max=\"{last}\" \
             value=\"{start}\" step=\"1\" autocomplete=\"off\">\n<dl class=\"readout\" \
             aria-live=\"polite\">\n"
        )?;
        for shown in shown {
            let (name, key, text) = (shown.name, shown.key, escape(&shown.text));
            writeln!(to, "<div><dt>{name}</dt><dd data-of=\"{key}\">{text}</dd></div>")?;
        }
        to.push_str("</dl>\n<div class=\"blocks\">\n");
        let with = |last: &str| {
            let last = ("faint", last.to_owned());
            legend.iter().cloned().chain([last]).collect::<Vec<_>>()
        };
        figure(to, "Precision and recall", &with("base rate"), precision_recall)?;
        figure(to, "ROC", &with("random order"), roc)?;
        // Its letters cannot end the element: see where it is made.
        writeln!(
            to,
            "</div>\n<script type=\"application/json\" id=\"points\">{data}</script>\n</div>"
        )
    }
}
