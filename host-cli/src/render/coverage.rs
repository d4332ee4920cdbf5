//! What examples show of rule sets: as text for people, and for the tools of CI.

use rulestage_diagnostics::SourceMap;
use rulestage_pipeline::coverage::{Point, PointKind};
use rulestage_rule_tests::in_words;
use std::fmt::Write;
use std::path::Path;

/// A line for everything that no example shows.
pub(crate) fn missing(points: &[Point], file: &str, map: &SourceMap<'_>) -> String {
    let lines = points.iter().filter(|point| point.hits == 0).map(|point| {
        let place = match point.offset {
            Some(offset) => {
                let place = map.position(offset);
                format!("{file}:{}:{}", place.line, place.column)
            }
            None => file.to_owned(),
        };
        format!("{place}: {}\n", in_words(point))
    });
    lines.collect()
}

/// A record of the LCOV format: rules are functions, and everything else to be shown is a branch of its line.
pub(crate) fn lcov(points: &[Point], file: &Path, map: &SourceMap<'_>) -> String {
    let mut text = format!("TN:\nSF:{}\n", file.display());
    let (mut n_functions, mut n_functions_hit) = (0, 0);
    let (mut n_branches, mut n_branches_hit) = (0, 0);
    for point in points {
        let Some(offset) = point.offset else {
            continue;
        };
        let line = map.position(offset).line;
        let (name, hits) = (&point.name, point.hits);
        let is_hit = u64::from(hits > 0);
        if point.kind == PointKind::Fired {
            let _ = writeln!(text, "FN:{line},{name}\nFNDA:{hits},{name}");
            n_functions += 1;
            n_functions_hit += is_hit;
        }
        let _ = writeln!(text, "BRDA:{line},0,{n_branches},{hits}");
        n_branches += 1;
        n_branches_hit += is_hit;
    }
    let _ = writeln!(text, "FNF:{n_functions}\nFNH:{n_functions_hit}");
    let _ = writeln!(
        text,
        "BRF:{n_branches}\nBRH:{n_branches_hit}\nend_of_record"
    );
    text
}
