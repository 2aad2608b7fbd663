//! The chart: how long requests take, warm, near and far.

use std::fmt::Write as _;

use super::report::Report;

/// Pixels for a millisecond, a line, and the names.
const SCALE: f64 = 16.0;
const LINE: usize = 26;
const NAMES: usize = 230;

/// An SVG of the figures.
pub(super) fn draw(report: &Report) -> String {
    let longest = report.routes.iter().filter_map(|route| route.far.median()).max().unwrap_or_default();
    let scale = SCALE.min(560.0 / (longest.as_secs_f64() * 1e3).max(1.0));
    let height = report.routes.len() * LINE + 60;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"900\" height=\"{height}\" font-family=\"system-ui, sans-serif\" \
         font-size=\"13\">\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n\
         <text x=\"10\" y=\"22\" font-weight=\"bold\">Warm requests, median: on the loopback (dark), with 2 ms each way (light)</text>\n"
    );
    for (number, route) in report.routes.iter().enumerate() {
        let y = 40 + number * LINE;
        let _ = writeln!(svg, "<text x=\"10\" y=\"{}\">{}</text>", y + 14, route.name.replace('&', "&amp;"));
        for (sample, colour, offset) in [(&route.far, "#9ec5e8", 0), (&route.warm, "#0b5cad", 0)] {
            let Some(time) = sample.median() else { continue };
            let width = time.as_secs_f64() * 1e3 * scale;
            let _ = writeln!(
                svg,
                "<rect x=\"{NAMES}\" y=\"{}\" width=\"{width:.1}\" height=\"16\" fill=\"{colour}\"/>",
                y + offset
            );
        }
        let (near, far) = (route.warm.median().unwrap_or_default(), route.far.median().unwrap_or_default());
        let x = f64::from(u32::try_from(NAMES).unwrap_or_default())
            + far.max(near).as_secs_f64() * 1e3 * scale
            + 6.0;
        let _ = writeln!(
            svg,
            "<text x=\"{x:.0}\" y=\"{}\" fill=\"#555\">{:.1} / {:.1} ms</text>",
            y + 13,
            near.as_secs_f64() * 1e3,
            far.as_secs_f64() * 1e3
        );
    }
    svg.push_str("</svg>\n");
    svg
}
