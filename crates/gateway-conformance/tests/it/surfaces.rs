//! Recorded answers of every provider, for clients of every dialect, judged by readers that know no type of the gateway.

use gateway_conformance::judge::Reading;
use gateway_conformance::{Asked, Family, Recorded, SURFACES, Surface, ask, recorded_replies};
use gateway_provider::Lane;

/// What a client of `surface` must find of what the recording says.
fn expected(recorded: &Reading, surface: Surface) -> Reading {
    let mut says = recorded.clone();
    says.ended = true;
    if matches!(surface.name, "gemini" | "bedrock" | "cohere") {
        // No place of its own for a refusal.
        says.text += &std::mem::take(&mut says.refusal);
    }
    if !says.calls.is_empty() && says.finish.as_deref() == Some("stop") {
        // A forced call ends with `stop` at some vendors, and with a call for everybody else.
        says.finish = Some("tools".to_owned());
    }
    says
}

/// A reading as far as every dialect can tell it. Proofs are judged where the next turn is.
fn comparable(mut reading: Reading) -> Reading {
    reading.proofs = Vec::new();
    reading.cached = None;
    reading.legacy = false;
    reading.finish = reading.finish.map(|word| match word.as_str() {
        "stop" | "length" | "tools" | "filter" => word,
        _ => "other".to_owned(),
    });
    reading
}

/// Evens out what `got` may say otherwise, each time for a reason.
fn forgive(asked: &Asked, recorded: &Reading, surface: Surface, want: &Reading, got: &mut Reading) {
    let lost = |what: &str| {
        asked
            .reply_losses
            .iter()
            .any(|loss| loss.path.contains(what) || loss.why.to_lowercase().contains(what))
    };
    // What was never reported is not judged by the zeros a format demands, nor what contradicts itself, nor vendors
    // that count reasoning beside the output (Gemini has a field for it).
    let unknown = want.input.is_none() || want.output.is_none();
    let odd = recorded.cached > recorded.input;
    if unknown || odd {
        (got.input, got.output) = (want.input, want.output);
    }
    if surface.name == "gemini" && got.output > want.output {
        got.output = want.output;
    }
    // A provider's own word, or none at all.
    if matches!(want.finish.as_deref(), None | Some("other")) {
        got.finish.clone_from(&want.finish);
        got.ended = true;
    }
    // MLflow hands on the provider's word for a filter and for the end of a forced call.
    if surface.name == "mlflow" && want.finish.as_deref() == Some("filter") {
        got.finish.clone_from(&want.finish);
    }
    // Cohere's words for the end have an error alone for what a filter cut.
    if surface.name == "cohere" && want.finish.as_deref() == Some("filter") {
        got.finish.clone_from(&want.finish);
        got.error = want.error;
    }
    if surface.name == "mlflow" && want.finish.as_deref() == Some("tools") {
        got.finish = got
            .finish
            .take()
            .filter(|word| word != "stop")
            .or(want.finish.clone());
    }
    // A refusal ends as one where the dialect has a word for it.
    if !want.refusal.is_empty() && got.finish.as_deref() == Some("filter") {
        got.finish.clone_from(&want.finish);
    }
    // Arguments cut by the limit are no JSON, and dialects with objects say so.
    if lost("choices[0].message") || (lost("content") || lost("stream")) && recorded.legacy {
        got.calls.clone_from(&want.calls);
        got.finish.clone_from(&want.finish);
    }
    // Bytes that pass keep the vendor's word.
    if asked.lane == Some(Lane::Same) {
        got.finish.clone_from(&want.finish);
    }
    let cut = want.calls.iter().any(|(_, given)| given.is_string());
    if cut && lost("not a whole json object") {
        got.calls.clone_from(&want.calls);
        got.finish.clone_from(&want.finish);
    }
    if lost("thinking") || lost("reasoning") {
        got.thinking.clone_from(&want.thinking);
    }
}

fn check(recorded: &Recorded, surface: Surface, stream: bool) -> Option<String> {
    let place = format!("{} for {} (stream {stream})", recorded.name, surface.name);
    let provider = recorded.family.provider;
    if surface.name == "mlflow" && provider == "cohere" {
        // On MLflow's URLs the first version of the API is spoken.
        return None;
    }
    // OpenAI itself answers Responses clients by its Responses API, not by what is recorded here.
    let family = if matches!(provider, "openai" | "azure") && surface.name == "openai-responses" {
        Family::named("openai-compatible").unwrap()
    } else {
        recorded.family
    };
    let question = (surface.question)(stream);
    let asked = ask(surface, family, &question, stream, recorded.reply());
    if asked.lane == Some(Lane::Same) && stream != recorded.stream {
        // The provider's own bytes pass, whichever form it chose.
        return None;
    }
    let bytes = match (&asked.answer, recorded.says.error) {
        (Ok(bytes), _) => bytes,
        (Err(_), true) => return None,
        (Err((_, error)), false) => return Some(format!("{place}: {error} {:?}", error.detail())),
    };
    let got = if stream {
        (surface.read_stream)(bytes)
    } else {
        match serde_json::from_slice(bytes) {
            Ok(value) => (surface.read)(&value),
            Err(error) => return Some(format!("{place}: {error}")),
        }
    };
    let want = comparable(expected(&recorded.says, surface));
    let mut got = comparable(got);
    forgive(&asked, &recorded.says, surface, &want, &mut got);
    let (lane, losses) = (asked.lane, &asked.reply_losses);
    (got != want).then(|| {
        format!("{place}: lane {lane:?}\n  got  {got:?}\n  want {want:?}\n  losses {losses:?}")
    })
}

#[test]
fn recorded_answers_say_the_same_in_every_dialect() {
    let mut faults = Vec::new();
    let recorded = recorded_replies();
    for answer in &recorded {
        for surface in SURFACES {
            faults.extend(check(answer, *surface, answer.stream));
            if !answer.stream {
                // A whole answer for a client that wants a stream.
                faults.extend(check(answer, *surface, true));
            }
        }
    }
    assert!(
        faults.is_empty(),
        "{} of {} answers:\n{}",
        faults.len(),
        recorded.len() * SURFACES.len(),
        faults.join("\n")
    );
    assert!(
        recorded.is_empty() || recorded.len() > 250,
        "{}",
        recorded.len()
    );
}
