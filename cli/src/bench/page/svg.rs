//! A drawing, as the text of an `<svg>` element. Colours are the style sheet's business.

use std::fmt::Write;

/// A drawing of a fixed size in units of its own; on the page it takes the width that there is.
#[derive(Debug)]
pub(super) struct Svg {
    text: String,
}

/// Where a text stands with respect to its place.
#[derive(Debug, Clone, Copy)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

impl Svg {
    /// An empty drawing; `said` is what it shows, for those who do not see it.
    pub(super) fn new(width: f64, height: f64, said: &str) -> Self {
        let said = escaped(said);
        Self {
            text: format!(
                "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
                 role=\"img\" aria-label=\"{said}\">\n"
            ),
        }
    }

    pub(super) fn line(&mut self, class: &str, from: (f64, f64), to: (f64, f64)) {
        let ((x1, y1), (x2, y2)) = (from, to);
        let _ = writeln!(
            self.text,
            "<line class=\"{class}\" x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\"/>"
        );
    }

    /// A filled rectangle; `said` shows where the pointer rests on it.
    pub(super) fn rect(&mut self, class: &str, at: (f64, f64), size: (f64, f64), said: &str) {
        let ((x, y), (width, height), said) = (at, size, escaped(said));
        let _ = writeln!(
            self.text,
            "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" \
             height=\"{height:.1}\" rx=\"2\"><title>{said}</title></rect>"
        );
    }

    pub(super) fn text(&mut self, class: &str, at: (f64, f64), anchor: Anchor, text: &str) {
        let ((x, y), text) = (at, escaped(text));
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let _ = writeln!(
            self.text,
            "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{text}</text>"
        );
    }

    /// A line through all points; nothing of fewer than two.
    pub(super) fn curve(&mut self, class: &str, points: &[(f64, f64)], said: &str) {
        if points.len() < 2 {
            return;
        }
        let said = escaped(said);
        let mut path = String::new();
        for (number, (x, y)) in points.iter().enumerate() {
            let step = if number == 0 { 'M' } else { 'L' };
            let _ = write!(path, "{step}{x:.1} {y:.1}");
        }
        let _ = writeln!(
            self.text,
            "<path class=\"{class}\" d=\"{path}\"><title>{said}</title></path>"
        );
    }

    /// The element.
    pub(super) fn finish(mut self) -> String {
        self.text.push_str("</svg>\n");
        self.text
    }
}

/// Text as it may stand in an element or in a quoted attribute.
pub(super) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            // Not allowed in a document at all.
            control if control.is_control() && control != '\n' => safe.push(' '),
            other => safe.push(other),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_leave_its_element_or_attribute() {
        assert_eq!(
            escaped("<b onload=\"x\"> & 'y'\u{7}"),
            "&lt;b onload=&quot;x&quot;&gt; &amp; &#39;y&#39; "
        );
        let mut svg = Svg::new(1.0, 1.0, "\"><script>");
        svg.text("a", (0.0, 0.0), Anchor::Start, "</text><script>");
        svg.rect("a", (0.0, 0.0), (1.0, 1.0), "</title><script>");
        svg.curve("a", &[(0.0, 0.0), (1.0, 1.0)], "</title><script>");
        assert!(!svg.finish().contains("<script>"));
    }

    #[test]
    fn a_curve_of_one_point_is_none() {
        let mut svg = Svg::new(1.0, 1.0, "");
        svg.curve("a", &[(0.0, 0.0)], "");
        assert!(!svg.finish().contains("path"));
    }
}
