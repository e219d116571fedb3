//! Several measurements of one thing, in words.

/// The middle one; sorts them, too.
pub(crate) fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// Of those that are sorted: median (least–most).
pub(crate) fn spread(sorted: &[f64]) -> String {
    format!("{:.0} ({:.0}–{:.0})", sorted[sorted.len() / 2], sorted[0], sorted[sorted.len() - 1])
}
