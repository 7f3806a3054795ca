//! Checks of whole answers.

use bytes::Bytes;
use gateway_schema::Origin;

use super::Faults;
use super::bench::{Bench, Form, Way};
use super::outcome::{Ending, Outcome};
use super::sample::Answer;
use crate::{ScriptedReply, split};

pub(super) async fn check(bench: &Bench<'_>, faults: &mut Faults) {
    let Some(answer) = &bench.sample.whole else {
        return;
    };
    for way in bench.ways() {
        good(bench, *way, answer, faults).await;
        bad(bench, *way, answer, faults).await;
        mutated(bench, *way, answer, faults).await;
    }
}

async fn good(bench: &Bench<'_>, way: Way, answer: &Answer, faults: &mut Faults) {
    let mut fault = |text: String| faults.add("answer", bench.sample, format!("{way:?}: {text}"));
    // In one piece, byte by byte, and somewhere between.
    for size in [answer.body.len(), 1, 7] {
        let reply = ScriptedReply::new(200, &answer.content_type, "")
            .chunks(split::by_size(&answer.body, size));
        let outcome = bench.ask(way, Form::Whole, reply).await;
        let digest = match outcome.ending {
            Ending::Good(digest) => digest,
            other => {
                fault(format!("a good answer gives {other:?}"));
                return;
            }
        };
        if outcome.lane != Some(Bench::lane(way)) {
            fault(format!("the lane is {:?}", outcome.lane));
        }
        match way {
            Way::Native if digest.raw != answer.body => {
                fault("the provider's bytes were changed".to_owned());
            }
            Way::Canonical => {
                if let Some(text) = &bench.sample.text
                    && digest.text != *text
                {
                    fault(format!("the text is {:?}, not {text:?}", digest.text));
                }
            }
            Way::Native => {}
        }
    }
}

/// An error of the provider's, with nothing of the gateway's or the caller's to blame.
pub(super) fn is_upstream_error(outcome: &Outcome) -> Result<(), String> {
    match &outcome.ending {
        Ending::Refused(error) if error.origin() == Origin::Upstream => Ok(()),
        Ending::Refused(error) => Err(format!(
            "the error {:?} is said to come from {:?}",
            error.message(),
            error.origin()
        )),
        Ending::Broken(..) => Ok(()),
        Ending::Good(digest) => Err(format!("a good answer came of it: {:?}", digest.text)),
        Ending::Panicked(panic) => Err(panic.clone()),
    }
}

async fn bad(bench: &Bench<'_>, way: Way, answer: &Answer, faults: &mut Faults) {
    let mut fault =
        |text: String| faults.add("bad answer", bench.sample, format!("{way:?}: {text}"));
    let page = "<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head></html>";
    let strange = [
        ("empty", ScriptedReply::new(200, &answer.content_type, "")),
        ("a web page", ScriptedReply::new(200, "text/html", page)),
        (
            "a JSON list",
            ScriptedReply::new(200, &answer.content_type, "[1, 2"),
        ),
        (
            "broken transfer",
            ScriptedReply::new(200, &answer.content_type, "{").cut(),
        ),
    ];
    for (what, reply) in strange {
        let outcome = bench.ask(way, Form::Whole, reply).await;
        if let Err(text) = is_upstream_error(&outcome) {
            fault(format!("{what}: {text}"));
        }
    }
    let stride = answer.body.len() / 512 + 1;
    for begin in split::prefixes(&answer.body).step_by(stride) {
        let length = begin.len();
        let reply = ScriptedReply::new(200, &answer.content_type, begin);
        let outcome = bench.ask(way, Form::Whole, reply).await;
        let verdict = match &outcome.ending {
            Ending::Good(_) if bench.sample.padded => Ok(()),
            _ => is_upstream_error(&outcome),
        };
        if let Err(text) = verdict {
            fault(format!("cut to {length} bytes: {text}"));
        }
    }
}

/// Damages a body at a few places; the same seed damages the same way.
pub(super) fn damaged(body: &Bytes, seed: u64) -> Bytes {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut bytes = body.to_vec();
    for _ in 0..random.usize(1..=8) {
        let at = random.usize(0..=bytes.len());
        match random.u8(0..4) {
            0 => bytes.insert(at, random.u8(..)),
            1 if at < bytes.len() => {
                bytes.remove(at);
            }
            2 => {
                let noise = [
                    "\u{feff}", "\r\n\r\n", "null", "{}", "[]", "\"", "\\u", "1e999", "data:", ",,",
                ];
                let chosen = random.choice(noise).unwrap_or_default();
                bytes.splice(at..at, chosen.bytes());
            }
            _ => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = random.u8(..);
                }
            }
        }
    }
    bytes.into()
}

async fn mutated(bench: &Bench<'_>, way: Way, answer: &Answer, faults: &mut Faults) {
    for seed in 0..200 {
        let body = damaged(&answer.body, seed);
        let reply = ScriptedReply::new(200, &answer.content_type, body);
        let outcome = bench.ask(way, Form::Whole, reply).await;
        if let Ending::Panicked(panic) = outcome.ending {
            let text = format!("{way:?}: panics on the damage of seed {seed}: {panic}");
            faults.add("nonsense", bench.sample, text);
        }
    }
}
