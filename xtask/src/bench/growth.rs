//! `bench --growth`: how cost grows with what there is more of, by instructions (by processor time where it is connections),
//! as tables and pictures in `docs/growth/`.

use std::fmt::Write as _;
use std::fs;

use super::config::{Scale, Setup};
use super::instructions::{build, count_all};
use super::process::{Core, Server, pinned};
use super::{Target, gateway, programs};
use crate::args::Args;
use crate::failure::Failure;
use crate::tally::Tally;
use crate::{install, shell};

/// One curve: what there is more of, and the work at each size.
struct Curve {
    file: &'static str,
    title: &'static str,
    unit: &'static str,
    /// What stands below the picture.
    of: &'static str,
    works: &'static [(f64, &'static str)],
}

const CURVES: &[Curve] = &[
    Curve {
        file: "prompts",
        title: "a call, everything on",
        unit: "instructions",
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
        unit: "instructions",
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
        unit: "instructions",
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
        unit: "instructions",
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
        unit: "instructions",
        of: "callers",
        works: &[
            (1.0, "limit-1"),
            (100.0, "limit-100"),
            (10_000.0, "limit-10000"),
        ],
    },
];

/// What connections cost is the kernel's and the runtime's work, too: it is measured.
const CONNECTIONS: Curve = Curve {
    file: "connections",
    title: "a request of 1 KB, everything on",
    unit: "microseconds",
    of: "connections",
    works: &[
        (1.0, "1"),
        (8.0, "8"),
        (32.0, "32"),
        (128.0, "128"),
        (512.0, "512"),
    ],
};

/// Counts every curve and draws it.
pub(super) fn run(args: &Args) -> Result<Tally, Failure> {
    if !install::program("valgrind", "valgrind") {
        println!("skipped: valgrind is not installed and cannot be installed here");
        return Ok(Tally::SKIPPED);
    }
    let program = build()?;
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
        show(curve, &points)?;
        tally += Tally::check(points.len() == curve.works.len());
    }
    let points = connections(args)?;
    show(&CONNECTIONS, &points)?;
    tally += Tally::check(points.len() == CONNECTIONS.works.len());
    Ok(tally)
}

/// Prints a table and draws a picture.
fn show(curve: &Curve, points: &[(f64, f64)]) -> Result<(), Failure> {
    println!(
        "\n| {} | {}: {} |\n|---|---|",
        curve.of, curve.unit, curve.title
    );
    for (size, cost) in points {
        println!("| {size} | {cost:.1} |");
    }
    let folder = shell::root().join("docs/growth");
    fs::create_dir_all(&folder)?;
    let picture = folder.join(format!("{}.svg", curve.file));
    Ok(fs::write(picture, draw(curve, points))?)
}

/// Processor time of one request by the number of connections that ask at the same time.
fn connections(args: &Args) -> Result<Vec<(f64, f64)>, Failure> {
    let release = programs(args);
    let program = release.join("gateway-server");
    if args.option("--programs").is_none() {
        super::build(&Target::Gateway(program.clone()))?;
    }
    let mock = Server::start(Core::Load, &release.join("mock-upstream"), &[], None)?;
    let upstream = format!("127.0.0.1:{}", mock.port);
    let config = Setup::Full.write(&upstream, Scale::ONE)?;
    let server = gateway(&program, &config, &upstream)?;
    let port = server.port.to_string();
    let mut points = Vec::new();
    for (size, connections) in CONNECTIONS.works {
        const REQUESTS: u32 = 20_000;
        let requests = REQUESTS.to_string();
        let load = [
            "--port",
            &port,
            "--requests",
            &requests,
            "--connections",
            connections,
        ];
        let ask = || shell::read(&mut pinned(Core::Load, &release.join("load"), &load));
        // The first lot opens the connections to the provider.
        ask()?;
        let before = server.cpu_ns()?;
        let told = ask()?;
        if !told.contains(" failed=0 ") {
            return Err(Failure::new(told));
        }
        let nanos = u32::try_from(server.cpu_ns()?.saturating_sub(before) / u64::from(REQUESTS));
        points.push((*size, f64::from(nanos.unwrap_or(u32::MAX)) / 1000.0));
    }
    Ok(points)
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
         <text x=\"{LEFT}\" y=\"16\" font-size=\"12\">{}: {}</text>\n",
        curve.unit, curve.title
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
