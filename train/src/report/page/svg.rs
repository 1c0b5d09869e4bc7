//! A small plot: two axes, marks between them, as text of an SVG. Colours come from the page's classes, so
//! that a plot follows its scheme.

use std::fmt::Write;

/// Width and height of a plot, in its own units, which are pixels where there is room for it.
pub(super) const SIZE: (f64, f64) = (420.0, 270.0);
/// Height of a plot of one axis.
const STRIP_HEIGHT: f64 = 96.0;
/// Room for ticks and names of the axes: left, top, right, bottom.
const MARGIN: (f64, f64, f64, f64) = (76.0, 12.0, 24.0, 44.0);

/// One axis.
#[derive(Debug, Clone)]
pub(super) struct Axis {
    name: String,
    low: f64,
    high: f64,
    is_log: bool,
    ticks: Vec<(f64, String)>,
}

impl Axis {
    /// From one value to another, in even steps, with ticks labelled by `label`.
    pub(super) fn linear(name: &str, low: f64, high: f64, label: impl Fn(f64) -> String) -> Self {
        // One value alone has no scale of its own.
        let high = if high > low { high } else { low + 1.0 };
        let step = tick_step((high - low) / 5.0);
        let first = (low / step).ceil() as i64;
        let last = (high / step * (1.0 + 1e-12)).floor() as i64;
        let ticks = (first..=last).map(|k| k as f64 * step);
        let ticks = ticks.map(|value| (value, label(value))).collect();
        Self { name: name.to_owned(), low, high, is_log: false, ticks }
    }

    /// From one value above 0 to another, in powers of ten.
    pub(super) fn log(name: &str, low: f64, high: f64, label: impl Fn(f64) -> String) -> Self {
        let (first, last) = (libm::log10(low).floor() as i32, libm::log10(high).ceil() as i32);
        let last = last.max(first + 1);
        let power = |exponent: i32| libm::pow(10.0, f64::from(exponent));
        // Not more than fit beside each other.
        let every = (last - first) as usize / 6 + 1;
        let ticks = (first..=last).step_by(every).map(power);
        let ticks = ticks.map(|value| (value, label(value))).collect();
        Self { name: name.to_owned(), low: power(first), high: power(last), is_log: true, ticks }
    }

    /// Without ticks but the given ones.
    pub(super) fn with_ticks(self, ticks: Vec<(f64, String)>) -> Self {
        Self { ticks, ..self }
    }

    /// Where a value lies, 0 to 1; beyond the ends at the end.
    fn place(&self, value: f64) -> f64 {
        let of = |value: f64| if self.is_log { libm::log10(value) } else { value };
        let (low, high) = (of(self.low), of(self.high));
        let place =
            (of(value.max(if self.is_log { self.low } else { value })) - low) / (high - low);
        place.clamp(0.0, 1.0)
    }
}

/// The step between ticks that is next to this one and reads well: 1, 2 or 5 times a power of ten.
fn tick_step(rough: f64) -> f64 {
    let power = libm::pow(10.0, libm::log10(rough).floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|step| step * power);
    steps.into_iter().find(|step| *step >= rough * (1.0 - 1e-9)).unwrap_or(10.0 * power)
}

/// A plot under construction.
#[derive(Debug, Clone)]
pub(super) struct Plot {
    x: Axis,
    y: Axis,
    left: f64,
    height: f64,
    body: String,
}

impl Plot {
    /// With a grid and the names of the axes.
    pub(super) fn new(x: Axis, y: Axis) -> Self {
        let mut plot = Self::framed(x, y, MARGIN.0, SIZE.1);
        let (left, top, bottom) = (plot.left, MARGIN.1, plot.bottom());
        let _ = write!(plot.body, "<path class=\"axis\" d=\"M{left} {top}V{bottom}\"/>");
        plot
    }

    /// Low, and with an axis of x only: y goes from 0 to 1.
    pub(super) fn strip(x: Axis) -> Self {
        let y = Axis::linear("", 0.0, 1.0, |_| String::new()).with_ticks(Vec::new());
        Self::framed(x, y, MARGIN.2, STRIP_HEIGHT)
    }

    fn framed(x: Axis, y: Axis, left: f64, height: f64) -> Self {
        let mut plot = Self { x, y, left, height, body: String::new() };
        let top = MARGIN.1;
        let (right, bottom) = (SIZE.0 - MARGIN.2, plot.bottom());
        let mut frame = String::new();
        for (value, label) in &plot.y.ticks {
            let (y, label) = (one(plot.at_y(*value)), escape(label));
            let _ = write!(
                frame,
                "<path class=\"grid\" d=\"M{left} {y}H{right}\"/><text class=\"tick end\" x=\"{}\" \
                 y=\"{y}\" dy=\".32em\">{label}</text>",
                left - 6.0
            );
        }
        for (value, label) in &plot.x.ticks {
            let (x, label) = (one(plot.at_x(*value)), escape(label));
            let _ = write!(
                frame,
                "<path class=\"grid\" d=\"M{x} {top}V{bottom}\"/><text class=\"tick middle\" \
                 x=\"{x}\" y=\"{}\">{label}</text>",
                bottom + 16.0
            );
        }
        let (middle_x, middle_y) = ((left + right) / 2.0, (top + bottom) / 2.0);
        let (name_x, name_y) = (escape(&plot.x.name), escape(&plot.y.name));
        let _ = write!(
            frame,
            "<path class=\"axis\" d=\"M{left} {bottom}H{right}\"/><text class=\"name middle\" \
             x=\"{middle_x}\" y=\"{}\">{name_x}</text><text class=\"name middle\" transform=\"translate(12 \
             {middle_y}) rotate(-90)\">{name_y}</text>",
            height - 6.0
        );
        plot.body = frame;
        plot
    }

    /// Where the x axis lies.
    fn bottom(&self) -> f64 {
        self.height - MARGIN.3
    }

    /// Where a value of the x axis lies in the plot.
    pub(super) fn at_x(&self, value: f64) -> f64 {
        self.left + self.x.place(value) * (SIZE.0 - self.left - MARGIN.2)
    }

    /// Where a value of the y axis lies in the plot.
    pub(super) fn at_y(&self, value: f64) -> f64 {
        self.bottom() - self.y.place(value) * (self.bottom() - MARGIN.1)
    }

    /// A line through points, in their order.
    pub(super) fn line(&mut self, class: &str, points: impl IntoIterator<Item = (f64, f64)>) {
        let mut path = String::new();
        for (x, y) in points {
            let letter = if path.is_empty() { 'M' } else { 'L' };
            let (x, y) = (one(self.at_x(x)), one(self.at_y(y)));
            let _ = write!(path, "{letter}{x} {y}");
        }
        if !path.is_empty() {
            let _ = write!(self.body, "<path class=\"line {class}\" d=\"{path}\"/>");
        }
    }

    /// What lies between a lower and an upper line through points, each (x, low, high).
    pub(super) fn band(&mut self, class: &str, points: impl IntoIterator<Item = (f64, f64, f64)>) {
        let points: Vec<(f64, f64, f64)> = points.into_iter().collect();
        let upper = points.iter().map(|(x, _, high)| (*x, *high));
        let lower = points.iter().rev().map(|(x, low, _)| (*x, *low));
        let mut path = String::new();
        for (x, y) in upper.chain(lower) {
            let letter = if path.is_empty() { 'M' } else { 'L' };
            let (x, y) = (one(self.at_x(x)), one(self.at_y(y)));
            let _ = write!(path, "{letter}{x} {y}");
        }
        if !path.is_empty() {
            let _ = write!(self.body, "<path class=\"band {class}\" d=\"{path}Z\"/>");
        }
    }

    /// A dot at a point, which says what it is when it is pointed at.
    pub(super) fn dot(&mut self, class: &str, (x, y): (f64, f64), title: &str) {
        let (x, y) = (one(self.at_x(x)), one(self.at_y(y)));
        let title = escape(title);
        let _ = write!(
            self.body,
            "<circle class=\"dot {class}\" cx=\"{x}\" cy=\"{y}\" r=\"3.5\"><title>{title}</title></circle>"
        );
    }

    /// An upright line from one value to another.
    pub(super) fn whisker(&mut self, class: &str, x: f64, low: f64, high: f64) {
        let (x, low, high) = (one(self.at_x(x)), one(self.at_y(low)), one(self.at_y(high)));
        let _ = write!(self.body, "<path class=\"whisker {class}\" d=\"M{x} {low}V{high}\"/>");
    }

    /// An upright line across the plot, with a name at its top.
    pub(super) fn mark(&mut self, x: f64, name: &str) {
        self.marked(x, name, ("tick", 4.0));
    }

    /// The same with the name on its left.
    pub(super) fn mark_before(&mut self, x: f64, name: &str) {
        self.marked(x, name, ("tick end", -4.0));
    }

    fn marked(&mut self, x: f64, name: &str, (class, dx): (&str, f64)) {
        let x = one(self.at_x(x));
        let (top, bottom) = (MARGIN.1, self.bottom());
        let name = escape(name);
        let _ = write!(
            self.body,
            "<path class=\"mark\" d=\"M{x} {top}V{bottom}\"/><text class=\"{class}\" x=\"{x}\" \
             dx=\"{dx}\" y=\"{}\">{name}</text>",
            top + 10.0
        );
    }

    /// Bars from the bottom, each from one value of x to another.
    pub(super) fn bar(&mut self, class: &str, (from, to): (f64, f64), y: f64, title: &str) {
        let (left, right) = (self.at_x(from), self.at_x(to));
        let (top, bottom) = (self.at_y(y), self.bottom());
        let (x, width) = (one(left), one((right - left).max(0.5)));
        let (y, height, title) = (one(top), one(bottom - top), escape(title));
        let _ = write!(
            self.body,
            "<rect class=\"bar {class}\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\">\
             <title>{title}</title></rect>"
        );
    }

    /// The ring that the slider moves, which begins at a point.
    pub(super) fn ring(&mut self, id: &str, (x, y): (f64, f64)) {
        let (x, y) = (one(self.at_x(x)), one(self.at_y(y)));
        let _ =
            write!(self.body, "<circle class=\"ring\" id=\"{id}\" cx=\"{x}\" cy=\"{y}\" r=\"6\"/>");
    }

    /// The whole, with what it says for those who cannot see it.
    pub(super) fn svg(&self, says: &str) -> String {
        let (width, height, says, body) = (SIZE.0, self.height, escape(says), &self.body);
        format!(
            "<svg viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{says}\">{body}</svg>"
        )
    }
}

/// A coordinate to a tenth of a pixel, without needless digits.
pub(super) fn one(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

/// Text that means itself in HTML, in elements and in attributes.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            letter => escaped.push(letter),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_end_where_they_should_and_ticks_read_well() {
        let label = |value: f64| value.to_string();
        let axis = Axis::linear("x", 0.0, 1.0, label);
        let ticks: Vec<&str> = axis.ticks.iter().map(|(_, label)| label.as_str()).collect();
        assert_eq!(ticks.len(), 6, "{ticks:?}");
        assert_eq!((ticks[0], ticks[5]), ("0", "1"));
        let plot = Plot::new(axis, Axis::log("y", 0.002, 3.0, label));
        // Powers of ten from .001 to 10, so that 0.1 is in the middle.
        assert_eq!((plot.at_x(0.0), plot.at_x(2.0)), (76.0, 396.0));
        let middle = 12.0 + (270.0 - 12.0 - 44.0) / 2.0;
        assert!((plot.at_y(0.1) - middle).abs() < 1e-9);
        // What a logarithm cannot show lies at the end.
        assert!((plot.at_y(0.0) - 226.0).abs() < 1e-9);
        // Values of one size only, and none.
        assert_eq!(Axis::linear("x", 3.0, 3.0, label).ticks.len(), 6);
    }

    #[test]
    fn text_of_the_data_stays_text() {
        let mut plot = Plot::new(
            Axis::linear("<x>", 0.0, 1.0, |_| "\"&".to_owned()),
            Axis::linear("y", 0.0, 1.0, |_| String::new()),
        );
        plot.dot("a", (0.5, 0.5), "</title><script>");
        let svg = plot.svg("'");
        assert!(svg.contains("&lt;x&gt;") && svg.contains("&lt;/title&gt;&lt;script&gt;"));
        assert!(svg.contains("&quot;&amp;") && svg.contains("aria-label=\"&#39;\""));
        assert!(!svg.contains("<script>"));
    }
}
