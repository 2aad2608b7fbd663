//! Draws the response times of warm requests as SVG.

use std::fmt::Write as _;

use super::measure::RequestResult;
use crate::sample::ms;

/// The height of a row, and the x position of the bars.
const ROW: usize = 26;
const BARS: u16 = 230;

/// Draws two bars per request: the median on the loopback, and with network delay.
pub(super) fn draw(results: &[RequestResult]) -> String {
    let medians =
        |one: &RequestResult| [&one.warm, &one.delayed].map(|sample| ms(sample.median().unwrap_or_default()));
    let longest = results.iter().flat_map(medians).fold(1.0, f64::max);
    let pixels_per_ms = (560.0 / longest).min(16.0);
    let height = results.len() * ROW + 60;
    let mut svg = format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" width="900" height="{height}" font-family="system-ui, sans-serif" font-size="13">
<rect width="100%" height="100%" fill="#fff"/>
<text x="10" y="22" font-weight="bold">Warm requests, median: on the loopback (dark), with 2 ms of delay each way (light)</text>
"##
    );
    for (number, result) in results.iter().enumerate() {
        let ([warm, delayed], y) = (medians(result), 40 + number * ROW);
        let name = result.name.replace('&', "&amp;");
        let _ = writeln!(svg, r#"<text x="10" y="{}">{name}</text>"#, y + 14);
        for (ms, colour) in [(delayed, "#9ec5e8"), (warm, "#0b5cad")] {
            let width = ms * pixels_per_ms;
            let bar = format!(r#"<rect x="{BARS}" y="{y}" width="{width:.1}" height="16" fill="{colour}"/>"#);
            let _ = writeln!(svg, "{bar}");
        }
        let (x, y) = (f64::from(BARS) + delayed.max(warm) * pixels_per_ms + 6.0, y + 13);
        let _ = writeln!(svg, r##"<text x="{x:.0}" y="{y}" fill="#555">{warm:.1} / {delayed:.1} ms</text>"##);
    }
    svg + "</svg>\n"
}
