//! Checks of streamed answers.

use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use gateway_provider::{ReplyBody, TransportError, TransportFault};

use super::Faults;
use super::bench::{Bench, Form, Way};
use super::outcome::{Digest, Ending, next};
use super::sample::Answer;
use super::whole::{damaged, is_upstream_error};
use crate::{ScriptedReply, Step, split};

pub(super) async fn check(bench: &Bench<'_>, faults: &mut Faults) {
    let Some(answer) = &bench.sample.stream else {
        return;
    };
    for way in bench.ways() {
        if let Some(full) = good(bench, *way, answer, faults).await {
            cut_in_chunks(bench, *way, (answer, &full), faults).await;
            broken_off(bench, *way, (answer, &full), faults).await;
        }
        mutated(bench, *way, answer, faults).await;
        abandoned(bench, *way, answer, faults).await;
    }
}

fn reply(answer: &Answer, chunks: impl IntoIterator<Item = Bytes>) -> ScriptedReply {
    ScriptedReply::new(200, &answer.content_type, "").chunks(chunks)
}

async fn good(bench: &Bench<'_>, way: Way, answer: &Answer, faults: &mut Faults) -> Option<Digest> {
    let mut fault = |text: String| faults.add("stream", bench.sample, format!("{way:?}: {text}"));
    let outcome = bench
        .ask(way, Form::Stream, reply(answer, [answer.body.clone()]))
        .await;
    let digest = match outcome.ending {
        Ending::Good(digest) => digest,
        other => {
            fault(format!("a good stream gives {other:?}"));
            return None;
        }
    };
    if !digest.streamed {
        fault("a stream was asked for and answered, but came as a whole".to_owned());
    }
    if digest.ends != 1 {
        fault(format!("{} ends, not 1", digest.ends));
    }
    if outcome.lane != Some(Bench::lane(way)) {
        fault(format!("the lane is {:?}", outcome.lane));
    }
    if way == Way::Native && !bench.suite.rewrites_streams && digest.raw != answer.body {
        fault("the provider's bytes were changed".to_owned());
    }
    if way == Way::Canonical
        && let Some(text) = &bench.sample.text
        && digest.text != *text
    {
        fault(format!("the text is {:?}, not {text:?}", digest.text));
    }
    Some(digest)
}

async fn cut_in_chunks(
    bench: &Bench<'_>,
    way: Way,
    (answer, full): (&Answer, &Digest),
    faults: &mut Faults,
) {
    let stride = answer.body.len() / 1024 + 1;
    let mut ways: Vec<Vec<Bytes>> = split::in_two(&answer.body)
        .step_by(stride)
        .map(Vec::from)
        .collect();
    ways.push(split::one_by_one(&answer.body));
    ways.extend((0..8).map(|seed| split::at_random(&answer.body, 40, seed)));
    for chunks in ways {
        let lengths: Vec<usize> = chunks.iter().map(Bytes::len).take(4).collect();
        let outcome = bench.ask(way, Form::Stream, reply(answer, chunks)).await;
        match outcome.ending {
            Ending::Good(digest) if digest == *full => {}
            Ending::Good(digest) => faults.add(
                "cut stream",
                bench.sample,
                format!("{way:?}: chunks of {lengths:?}... give {digest:?}, not {full:?}"),
            ),
            other => faults.add(
                "cut stream",
                bench.sample,
                format!("{way:?}: chunks of {lengths:?}... give {other:?}"),
            ),
        }
    }
}

/// A stream that breaks off ends with an error, unless everything had been said.
async fn broken_off(
    bench: &Bench<'_>,
    way: Way,
    (answer, full): (&Answer, &Digest),
    faults: &mut Faults,
) {
    let stride = answer.body.len() / 1024 + 1;
    for begin in split::prefixes(&answer.body).step_by(stride) {
        let length = begin.len();
        let clean = reply(answer, [begin]);
        let reset = clean.clone().step(Step::Break(TransportError::new(
            TransportFault::Body,
            "scripted",
        )));
        for (how, reply) in [("ended", clean), ("broken", reset)] {
            let outcome = bench.ask(way, Form::Stream, reply).await;
            let complete = matches!(&outcome.ending, Ending::Good(digest)
                if digest.text == full.text
                    && digest.tools == full.tools
                    && digest.ends == 1);
            if complete {
                if let Some(event) = half_an_event(answer, &outcome.ending, full) {
                    let text = format!(
                        "{way:?}: {how} after {length} bytes: ends well, but sent half an event: {event:?}"
                    );
                    faults.add("broken stream", bench.sample, text);
                }
                continue;
            }
            if let Ending::Broken(digest, message) = &outcome.ending
                && !full.text.starts_with(&digest.text)
            {
                let text = format!(
                    "{way:?}: {how} after {length} bytes ({message}), but before that {:?} was said",
                    digest.text
                );
                faults.add("broken stream", bench.sample, text);
            }
            if let Err(text) = is_upstream_error(&outcome) {
                let text = format!("{way:?}: {how} after {length} bytes: {text}");
                faults.add("broken stream", bench.sample, text);
            }
        }
    }
}

/// A piece of a server-sent event that reached the caller of a stream that ended well. Clients read each event as JSON.
fn half_an_event(answer: &Answer, ending: &Ending, full: &Digest) -> Option<String> {
    let Ending::Good(digest) = ending else {
        return None;
    };
    if !answer.content_type.starts_with("text/event-stream") || digest.raw.is_empty() {
        return None;
    }
    let text = |raw: &[u8]| String::from_utf8_lossy(raw).replace("\r\n", "\n");
    let (sent, known) = (text(&digest.raw), text(&full.raw));
    let known: Vec<&str> = known.split("\n\n").map(str::trim).collect();
    sent.split("\n\n")
        .map(str::trim)
        .find(|event| event.contains('{') && !known.contains(event))
        .map(str::to_owned)
}

async fn mutated(bench: &Bench<'_>, way: Way, answer: &Answer, faults: &mut Faults) {
    for seed in 0..200 {
        let body = damaged(&answer.body, seed);
        let chunks = split::at_random(&body, 64, seed);
        let outcome = bench.ask(way, Form::Stream, reply(answer, chunks)).await;
        if let Ending::Panicked(panic) = outcome.ending {
            let text = format!("{way:?}: panics on the damage of seed {seed}: {panic}");
            faults.add("nonsense", bench.sample, text);
        }
    }
}

/// Who drops a reply, or a call, drops the exchange below it.
async fn abandoned(bench: &Bench<'_>, way: Way, answer: &Answer, faults: &mut Faults) {
    let mut fault =
        |text: String| faults.add("cancellation", bench.sample, format!("{way:?}: {text}"));
    let stalled = reply(answer, [answer.body.clone()]).stall();
    match bench.by_hand(way, Form::Stream, stalled) {
        Err(problem) => fault(problem),
        Ok((stand, call)) => match Arc::clone(&stand.provider).call(call).await {
            Err(error) => fault(format!("a good stream gives {error:?}")),
            Ok(reply) => {
                if let ReplyBody::Stream(mut stream) = reply.body {
                    let _ = next(&mut stream).await;
                    drop(stream);
                }
                if stand.transport.open() != 0 {
                    fault("a dropped reply leaves its exchange open".to_owned());
                }
            }
        },
    }
    match bench.by_hand(way, Form::Stream, ScriptedReply::never()) {
        Err(problem) => fault(problem),
        Ok((stand, call)) => {
            let mut waiting = Arc::clone(&stand.provider).call(call);
            let polled = waiting
                .as_mut()
                .poll(&mut Context::from_waker(Waker::noop()));
            let pending = matches!(polled, Poll::Pending);
            drop(polled);
            drop(waiting);
            if !pending || stand.transport.open() != 0 {
                fault("a dropped call leaves its exchange open".to_owned());
            }
        }
    }
}
