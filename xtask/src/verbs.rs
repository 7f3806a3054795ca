//! The table of verbs. A new verb is a module and a row here.

use crate::args::{Accepts, Args};
use crate::failure::Failure;
use crate::tally::Tally;
use crate::{
    bench, cargo_verbs, ci, codegen, conformance, deny, features, fuzz, golden, hostile,
    new_provider, test, tidy,
};

/// One verb.
#[derive(Debug)]
pub(crate) struct Verb {
    /// What is typed.
    pub(crate) name: &'static str,
    /// What it does, in a line.
    pub(crate) help: &'static str,
    /// What may follow it.
    pub(crate) accepts: Accepts,
    /// Does it.
    pub(crate) run: fn(&Args) -> Result<Tally, Failure>,
}

const NOTHING: Accepts = Accepts {
    flags: &[],
    options: &[],
    words: &[],
};
const CHECK: Accepts = Accepts {
    flags: &["--check"],
    ..NOTHING
};

/// All verbs, in the order of the help text.
pub(crate) const VERBS: &[Verb] = &[
    Verb {
        name: "ci",
        help: "every check and every test",
        accepts: NOTHING,
        run: ci::run,
    },
    Verb {
        name: "fmt",
        help: "format the code, or --check it",
        accepts: CHECK,
        run: cargo_verbs::fmt,
    },
    Verb {
        name: "lint",
        help: "clippy; a warning is an error",
        accepts: NOTHING,
        run: cargo_verbs::lint,
    },
    Verb {
        name: "features",
        help: "check each crate with none, each and all of its features",
        accepts: NOTHING,
        run: features::run,
    },
    Verb {
        name: "test",
        help: "tests of all crates, examples, documentation",
        accepts: Accepts {
            flags: &["--plain"],
            ..NOTHING
        },
        run: test::run,
    },
    Verb {
        name: "doc",
        help: "build the API documentation; a broken link is an error",
        accepts: NOTHING,
        run: cargo_verbs::doc,
    },
    Verb {
        name: "deny",
        help: "bans, duplicates, licences, sources",
        accepts: NOTHING,
        run: deny::run,
    },
    Verb {
        name: "tidy",
        help: "layers, manifests, sizes, goldens, texts",
        accepts: NOTHING,
        run: tidy::run,
    },
    Verb {
        name: "codegen",
        help: "write the generated pages, or --check them",
        accepts: CHECK,
        run: codegen::run,
    },
    Verb {
        name: "golden",
        help: "run the golden tests, or --bless their files",
        accepts: Accepts {
            flags: &["--bless"],
            ..NOTHING
        },
        run: golden::run,
    },
    Verb {
        name: "bench",
        help: "processor time, latency and memory beside a proxy that only forwards bytes",
        accepts: Accepts {
            flags: &[
                "--bare-config",
                "--instructions",
                "--check",
                "--update",
                "--growth",
            ],
            options: &[
                "--target",
                "--rounds",
                "--config",
                "--gateway",
                "--programs",
            ],
            words: &["WORKLOAD"],
        },
        run: bench::run,
    },
    Verb {
        name: "release",
        help: "the binary for users, optimised by a profile of itself: target/dist",
        accepts: NOTHING,
        run: bench::train::run,
    },
    Verb {
        name: "soak",
        help: "mixed traffic, faults and reloads for 15 minutes: flat memory, no leak, every call settled",
        accepts: Accepts {
            options: &["--minutes", "--programs"],
            ..NOTHING
        },
        run: bench::soak::run,
    },
    Verb {
        name: "conformance",
        help: "replay recordings and run real clients",
        accepts: Accepts {
            options: &["--gateway", "--profile"],
            words: &["SUITE"],
            ..NOTHING
        },
        run: conformance::run,
    },
    Verb {
        name: "hostile",
        help: "attack the binary in every way that once worked; --long: five times",
        accepts: Accepts {
            flags: &["--long"],
            options: &["--gateway", "--profile"],
            words: &["PATTERN"],
        },
        run: hostile::run,
    },
    Verb {
        name: "fuzz",
        help: "bytes of any kind against every decoder, ten minutes each",
        accepts: Accepts {
            options: &["--minutes"],
            words: &["TARGET"],
            ..NOTHING
        },
        run: fuzz::run,
    },
    Verb {
        name: "new-provider",
        help: "make a third-party provider crate outside this repository; --test it too",
        accepts: Accepts {
            flags: &["--test"],
            options: &["--path"],
            words: &["NAME"],
        },
        run: new_provider::run,
    },
];

/// The verb called `name`.
pub(crate) fn find(name: &str) -> Result<&'static Verb, Failure> {
    let known = || {
        VERBS
            .iter()
            .map(|verb| verb.name)
            .collect::<Vec<_>>()
            .join(", ")
    };
    VERBS
        .iter()
        .find(|verb| verb.name == name)
        .ok_or_else(|| Failure::new(format!("no verb `{name}`; there are: {}", known())))
}
