//! Draws the response times of warm requests as SVG.

use std::fmt::Write as _;

use super::results::RequestResult;

/// The height of a row, and the x position of the bars.
const ROW: usize = 26;
const BARS: u16 = 230;

/// The chart: per request a bar for the median on the loopback, and one with network delay.
pub(super) fn draw(results: &[RequestResult]) -> String {
    let medians: Vec<[f64; 2]> = results
        .iter()
        .map(|one| {
            [&one.warm, &one.delayed].map(|sample| sample.median().unwrap_or_default().as_secs_f64() * 1e3)
        })
        .collect();
    let longest = medians.iter().flatten().fold(1.0, |longest: f64, ms| longest.max(*ms));
    let pixels_per_ms = (560.0 / longest).min(16.0);
    let height = results.len() * ROW + 60;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"900\" height=\"{height}\" font-family=\"system-ui, sans-serif\" \
         font-size=\"13\">\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n\
         <text x=\"10\" y=\"22\" font-weight=\"bold\">Warm requests, median: on the loopback (dark), with 2 ms of delay each way \
         (light)</text>\n"
    );
    for (number, (result, [warm, delayed])) in results.iter().zip(medians).enumerate() {
        let y = 40 + number * ROW;
        let name = result.name.replace('&', "&amp;");
        let _ = writeln!(svg, "<text x=\"10\" y=\"{}\">{name}</text>", y + 14);
        for (ms, colour) in [(delayed, "#9ec5e8"), (warm, "#0b5cad")] {
            let width = ms * pixels_per_ms;
            let _ = writeln!(
                svg,
                "<rect x=\"{BARS}\" y=\"{y}\" width=\"{width:.1}\" height=\"16\" fill=\"{colour}\"/>"
            );
        }
        let (x, y) = (f64::from(BARS) + delayed.max(warm) * pixels_per_ms + 6.0, y + 13);
        let _ =
            writeln!(svg, "<text x=\"{x:.0}\" y=\"{y}\" fill=\"#555\">{warm:.1} / {delayed:.1} ms</text>");
    }
    svg + "</svg>\n"
}
