//! `docs/reference/matrix.md`, from running the converters.

use std::fmt::Write as _;

use crate::family::{FAMILIES, Family};
use crate::features::{Fate, Feature, passes, replies, requests};
use crate::surface::{SURFACES, Surface};

const HEAD: &str = "\
<!-- Made by `cargo xtask codegen`; do not edit. -->

# What survives between clients and providers

Per client dialect and provider family, what becomes of each feature. Every cell is made by running the gateway's own code
on one question or answer that shows the feature; the tests of `gateway-conformance` check that what counts as kept is in
the bytes that go out.

| word | meaning |
|---|---|
| kept | the other side gets it as it was said |
| approximated | the other side gets something near it; the difference is reported as a loss |
| refused if strict | it is left out and reported as a loss; a strict call (`x-gateway-strict: true`) is refused for it before anything is sent |
| refused | the call is refused with a 4xx that names the field, before anything is sent |
| left out | an answer cannot carry it; reported as a loss, and the rest is delivered |
| – | the side that speaks first has no words for it |

Losses of requests are refused up front in strict mode. Losses of replies are reported: they are known only when the answer
is there. Where client and provider speak the same dialect the bytes are passed on, and everything is kept.
";

/// The whole page.
pub fn page() -> String {
    let mut page = HEAD.to_owned();
    // Writing to a string cannot fail.
    let _ = write!(
        page,
        "\n## Families\n\n| family | provider | model of the run |\n|---|---|---|\n"
    );
    for family in FAMILIES {
        let _ = writeln!(
            page,
            "| {} | `{}` | `{}` |",
            family.name, family.provider, family.model
        );
    }
    for surface in SURFACES {
        let _ = write!(page, "\n## {}: what is asked\n", surface.title);
        table(&mut page, requests(), Fate::word, |feature, family| {
            Fate::of_request(feature.request(*surface, family).as_ref())
        });
        let _ = write!(page, "\n## {}: what is answered\n", surface.title);
        table(
            &mut page,
            replies(),
            Fate::word_of_reply,
            |feature, family| answered(feature, *surface, family),
        );
    }
    page
}

/// Whole and streamed, the worse of the two.
fn answered(feature: &Feature, surface: Surface, family: Family) -> Fate {
    if passes(surface, family) {
        return Fate::Kept;
    }
    let rank = |fate: Fate| match fate {
        Fate::Unsaid => 0,
        Fate::Kept => 1,
        Fate::Approximated => 2,
        Fate::LeftOut => 3,
        Fate::Refused => 4,
    };
    [false, true]
        .map(|stream| Fate::of_reply(feature.reply(surface, family, stream).as_ref()))
        .into_iter()
        .max_by_key(|fate| rank(*fate))
        .unwrap_or(Fate::Unsaid)
}

fn table(
    page: &mut String,
    features: &[Feature],
    word: fn(Fate) -> &'static str,
    fate: impl Fn(&Feature, Family) -> Fate,
) {
    let names: Vec<&str> = FAMILIES.iter().map(|family| family.name).collect();
    let _ = writeln!(page, "\n| feature | {} |", names.join(" | "));
    let _ = writeln!(page, "|---|{}", "---|".repeat(names.len()));
    for feature in features {
        let cells: Vec<&str> = FAMILIES
            .iter()
            .map(|family| word(fate(feature, *family)))
            .collect();
        if cells.iter().any(|cell| *cell != Fate::Unsaid.word()) {
            let _ = writeln!(page, "| {} | {} |", feature.title, cells.join(" | "));
        }
    }
}
