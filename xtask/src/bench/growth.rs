//! `bench --growth`: how cost grows with what there is more of, by instructions, as tables and pictures in `docs/growth/`.

use std::fmt::Write as _;
use std::fs;

use super::instructions::{build, count_all};
use crate::failure::Failure;
use crate::tally::Tally;
use crate::{install, shell};

/// One curve: what there is more of, and the work at each size.
struct Curve {
    file: &'static str,
    title: &'static str,
    /// What stands below the picture.
    of: &'static str,
    works: &'static [(f64, &'static str)],
}

const CURVES: &[Curve] = &[
    Curve {
        file: "prompts",
        title: "a call, everything on",
        of: "KB of prompt",
        works: &[
            (1.0, "call-1k-full"),
            (4.0, "call-4k-full"),
            (16.0, "call-16k-full"),
            (64.0, "call-64k-full"),
            (256.0, "call-256k-full"),
            (1024.0, "call-1024k-full"),
            (4096.0, "call-4096k-full"),
        ],
    },
    Curve {
        file: "events",
        title: "a stream, everything on",
        of: "events",
        works: &[
            (5.0, "call-stream-5"),
            (65.0, "call-stream-65"),
            (1000.0, "call-stream-1000"),
            (10_000.0, "call-stream-10000"),
        ],
    },
    Curve {
        file: "endpoints",
        title: "a call, everything on",
        of: "endpoints",
        works: &[
            (1.0, "call-1k-endpoints:1"),
            (10.0, "call-1k-endpoints:10"),
            (100.0, "call-1k-endpoints:100"),
            (1000.0, "call-1k-endpoints:1000"),
        ],
    },
    Curve {
        file: "keys",
        title: "finding a key",
        of: "keys",
        works: &[
            (1.0, "key-1"),
            (100.0, "key-100"),
            (10_000.0, "key-10000"),
            (100_000.0, "key-100000"),
        ],
    },
    Curve {
        file: "limits",
        title: "checking a limit",
        of: "callers",
        works: &[
            (1.0, "limit-1"),
            (100.0, "limit-100"),
            (10_000.0, "limit-10000"),
        ],
    },
];

/// Counts every curve and draws it.
pub(super) fn run() -> Result<Tally, Failure> {
    if !install::program("valgrind", "valgrind") {
        println!("skipped: valgrind is not installed and cannot be installed here");
        return Ok(Tally::SKIPPED);
    }
    let program = build()?;
    let folder = shell::root().join("docs/growth");
    fs::create_dir_all(&folder)?;
    let mut tally = Tally::default();
    for curve in CURVES {
        let names: Vec<&str> = curve.works.iter().map(|(_, name)| *name).collect();
        let counts = count_all(&program, &names)?;
        let points: Vec<(f64, f64)> = curve
            .works
            .iter()
            .filter_map(|(size, name)| {
                let count = u32::try_from(*counts.get(*name)?).ok()?;
                Some((*size, f64::from(count)))
            })
            .collect();
        println!(
            "\n| {} | instructions: {} |\n|---|---|",
            curve.of, curve.title
        );
        for (size, count) in &points {
            println!("| {size} | {count} |");
        }
        fs::write(
            folder.join(format!("{}.svg", curve.file)),
            draw(curve, &points),
        )?;
        tally += Tally::check(points.len() == curve.works.len());
    }
    Ok(tally)
}

/// A picture, both axes logarithmic: flat is flat, and linear rises by one decade in one.
fn draw(curve: &Curve, points: &[(f64, f64)]) -> String {
    const WIDTH: f64 = 360.0;
    const HEIGHT: f64 = 180.0;
    const LEFT: f64 = 64.0;
    const BOTTOM: f64 = 36.0;
    let decade = |value: f64| value.max(1.0).log10();
    let most_x = points
        .iter()
        .map(|(x, _)| decade(*x))
        .fold(1.0, f64::max)
        .ceil();
    let least_y = points
        .iter()
        .map(|(_, y)| decade(*y))
        .fold(f64::MAX, f64::min)
        .floor();
    let most_y = points
        .iter()
        .map(|(_, y)| decade(*y))
        .fold(0.0, f64::max)
        .ceil()
        .max(least_y + 1.0);
    let x = |value: f64| LEFT + decade(value) / most_x * (WIDTH - LEFT - 16.0);
    let y = |value: f64| {
        let share = (decade(value) - least_y) / (most_y - least_y);
        HEIGHT - BOTTOM - share * (HEIGHT - BOTTOM - 28.0)
    };
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" font-size=\"10\">\n\
         <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#fff\"/>\n\
         <text x=\"{LEFT}\" y=\"16\" font-size=\"12\">Instructions: {}</text>\n",
        curve.title
    );
    let mut power = least_y;
    while power <= most_y {
        let at = y(10_f64.powf(power));
        // Writing to a string cannot fail.
        let _ = writeln!(
            svg,
            "<line x1=\"{LEFT}\" y1=\"{at:.1}\" x2=\"{:.1}\" y2=\"{at:.1}\" stroke=\"#ddd\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            WIDTH - 16.0,
            LEFT - 6.0,
            at + 3.0,
            short(10_f64.powf(power)),
        );
        power += 1.0;
    }
    let line: Vec<String> = points
        .iter()
        .map(|(size, count)| format!("{:.1},{:.1}", x(*size), y(*count)))
        .collect();
    let _ = writeln!(
        svg,
        "<polyline points=\"{}\" fill=\"none\" stroke=\"#2563eb\" stroke-width=\"2\"/>",
        line.join(" ")
    );
    for (size, count) in points {
        let _ = writeln!(
            svg,
            "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"3\" fill=\"#2563eb\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
            x(*size),
            y(*count),
            x(*size),
            HEIGHT - BOTTOM + 14.0,
            short(*size),
        );
    }
    let _ = writeln!(
        svg,
        "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>\n</svg>",
        f64::midpoint(LEFT, WIDTH),
        HEIGHT - 6.0,
        curve.of
    );
    svg
}

/// 1, 10, 1k, 10k, 1M.
fn short(number: f64) -> String {
    match number {
        _ if number >= 1e9 => format!("{}G", number / 1e9),
        _ if number >= 1e6 => format!("{}M", number / 1e6),
        _ if number >= 1e3 => format!("{}k", (number / 1e3).round()),
        _ => format!("{number}"),
    }
}
