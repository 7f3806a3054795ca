//! What the matrix says is so.

use gateway_conformance::{FAMILIES, Fate, SURFACES, ask, replies, requests};
use gateway_provider::Lane;
use gateway_testkit::ScriptedReply;
use serde_json::json;

/// A question without any feature is lost nowhere, so that a loss is always the feature's.
#[test]
fn the_smallest_question_of_every_surface_reaches_every_family_whole() {
    for surface in SURFACES {
        for family in FAMILIES {
            let reply = ScriptedReply::json(500, &json!({}));
            let asked = ask(*surface, *family, &(surface.question)(false), false, reply);
            let place = format!("{} to {}", surface.name, family.name);
            assert!(asked.sent.is_some(), "{place}: {:?}", asked.error());
            assert!(
                asked.request_losses.is_empty(),
                "{place}: {:?}",
                asked.request_losses
            );
        }
    }
}

#[test]
fn what_counts_as_kept_is_in_the_bytes_that_go_out() {
    let mut faults = Vec::new();
    for surface in SURFACES {
        for family in FAMILIES {
            for feature in requests() {
                let asked = feature.request(*surface, *family);
                if Fate::of_request(asked.as_ref()) != Fate::Kept {
                    continue;
                }
                let sent = asked.unwrap().sent.unwrap();
                let missing = feature.missing(dialect(family.provider), sent.body());
                if !missing.is_empty() {
                    faults.push(format!(
                        "{} to {}: {} lost {missing:?} in silence: {}",
                        surface.name,
                        family.name,
                        feature.id,
                        String::from_utf8_lossy(sent.body())
                    ));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn what_counts_as_kept_is_in_the_bytes_that_come_back() {
    let mut faults = Vec::new();
    for surface in SURFACES {
        for family in FAMILIES {
            for feature in replies() {
                for stream in [false, true] {
                    let asked = feature.reply(*surface, *family, stream);
                    if Fate::of_reply(asked.as_ref()) != Fate::Kept {
                        continue;
                    }
                    let answer = asked.unwrap().answer.unwrap();
                    let missing = feature.missing(surface.name, &answer);
                    if !missing.is_empty() {
                        faults.push(format!(
                            "{} to {} (stream {stream}): {} lost {missing:?} in silence: {}",
                            family.name,
                            surface.name,
                            feature.id,
                            String::from_utf8_lossy(&answer)
                        ));
                    }
                }
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn nothing_is_lost_where_client_and_provider_speak_the_same_dialect() {
    for (surface, family) in [
        ("openai", "openai"),
        ("anthropic", "anthropic"),
        ("gemini", "gemini"),
        ("bedrock", "bedrock-claude"),
        ("cohere", "cohere"),
    ] {
        let surface = gateway_conformance::Surface::named(surface).unwrap();
        let family = gateway_conformance::Family::named(family).unwrap();
        for feature in requests() {
            let Some(asked) = feature.request(surface, family) else {
                continue;
            };
            assert_eq!(asked.lane, Some(Lane::Same), "{}", feature.id);
            assert_eq!(Fate::of_request(Some(&asked)), Fate::Kept, "{}", feature.id);
        }
    }
}

fn dialect(provider: &str) -> &str {
    match provider {
        "anthropic" | "gemini" | "bedrock" | "cohere" => provider,
        _ => "openai",
    }
}
