//! Recorded and written requests as every provider gets them, in files, for the vendors' own schemas to judge.

use std::io;
use std::path::Path;

use bytes::Bytes;
use gateway_schema::{Mapping, Operation};
use gateway_testkit::ScriptedReply;
use serde_json::{Value, json};

use crate::ask::{Asked, ask_spelled, sent_for};
use crate::family::{FAMILIES, Family};
use crate::features::{requests, speaks};
use crate::recorded::recorded_requests;
use crate::surface::{SURFACES, Surface};
use crate::vectors;

/// Writes one file of JSON lines per family: where the request comes from, the address, and the body. Returns how many.
///
/// # Errors
/// When the folder cannot be written.
pub fn write_requests(folder: &Path) -> io::Result<usize> {
    std::fs::create_dir_all(folder)?;
    let recorded = recorded_requests();
    let mut count = 0;
    for family in FAMILIES {
        let mut lines = String::new();
        let mut add = |name: &str, surface: Surface, asked: &Asked| {
            if let Some(line) = line(name, surface, *family, asked) {
                lines.push_str(&line.to_string());
                lines.push('\n');
                count += 1;
            }
        };
        for surface in SURFACES {
            for feature in requests() {
                if let Some(asked) = feature.request(*surface, *family) {
                    add(
                        &format!("{}/{}", surface.name, feature.id),
                        *surface,
                        &asked,
                    );
                }
            }
        }
        for (name, surface, stream, body) in &recorded {
            let Some(surface) = Surface::named(surface) else {
                continue;
            };
            let reply = ScriptedReply::json(500, &json!({}));
            let question = (body, *stream);
            add(
                name,
                surface,
                &ask_spelled(surface, *family, family.model, question, reply),
            );
        }
        for (name, sent) in vectors_and_rankings(*family) {
            if let Some(line) = row(&name, *family, "", &sent) {
                lines.push_str(&line.to_string());
                lines.push('\n');
                count += 1;
            }
        }
        std::fs::write(folder.join(format!("{}.jsonl", family.name)), lines)?;
    }
    Ok(count)
}

/// One request with where it comes from: bytes of the caller's own dialect are the caller's, and not to be judged.
fn line(name: &str, surface: Surface, family: Family, asked: &Asked) -> Option<Value> {
    let from = surface.codec.dialect();
    row(name, family, from.as_str(), asked.sent.as_ref()?)
}

/// What a family sends for every request for vectors or rankings that it takes.
fn vectors_and_rankings(family: Family) -> Vec<(String, http::Request<Bytes>)> {
    let models = vectors::MODELS.iter().find(|row| row.0 == family.name);
    let Some((_, embeds, ranks)) = models else {
        return Vec::new();
    };
    let mut all = Vec::new();
    for (name, operation, request) in vectors::requests() {
        let model = match operation {
            Operation::Rerank => *ranks,
            Operation::Completion if family.name == "cohere" => family.model,
            Operation::Completion => "",
            _ => *embeds,
        };
        if !model.is_empty() {
            let mut add = |name: String, mapping: Mapping| {
                let asked = (request.clone(), mapping);
                let sent = sent_for(family, model, operation, asked);
                all.extend(sent.map(|sent| (name, sent)));
            };
            // MLflow's own URLs speak Cohere's first version, which has no ranking.
            if family.name == "cohere" && operation != Operation::Rerank {
                add(format!("mlflow/{name}"), Mapping::Mlflow);
            }
            add(name, Mapping::Faithful);
        }
    }
    all
}

fn row(name: &str, family: Family, from: &str, sent: &http::Request<Bytes>) -> Option<Value> {
    let body: Value = serde_json::from_slice(sent.body()).ok()?;
    Some(json!({
        "name": name,
        "family": family.name,
        "speaks": speaks(family),
        "provider": family.provider,
        "path": sent.uri().path(),
        "from": from,
        "body": body,
    }))
}
