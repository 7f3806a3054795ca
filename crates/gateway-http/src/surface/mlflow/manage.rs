//! The URLs that are answered without asking an endpoint.

use bytes::Bytes;
use gateway_dialect::mlflow::{manage, openapi};
use gateway_schema::{CallError, Operation};
use http::header::LOCATION;
use http::{HeaderValue, StatusCode};

use crate::directory::{EndpointInfo, EndpointKind};
use crate::surface::{Answer, AnswerBody, Question};

type Told = Result<Answer, CallError>;

static ICON: &[u8] = include_bytes!("favicon.ico");

fn task(operation: Operation) -> &'static str {
    match operation {
        Operation::Completion => "llm/v1/completions",
        Operation::Embedding => "llm/v1/embeddings",
        Operation::Rerank => "llm/v1/rerank",
        _ => "llm/v1/chat",
    }
}

/// An endpoint as MLflow shows it; `None` for a route.
fn shown(info: &EndpointInfo) -> Option<manage::Endpoint> {
    let EndpointKind::Endpoint {
        provider,
        model,
        limit,
    } = &info.kind
    else {
        return None;
    };
    Some(manage::Endpoint {
        name: info.name.as_str().to_owned(),
        endpoint_type: task(info.operation).to_owned(),
        model: model.as_ref().map(|model| model.as_str().to_owned()),
        provider: provider.as_str().to_owned(),
        limit: limit.as_ref().map(|limit| manage::Limit {
            calls: limit.calls,
            key: limit.key.clone(),
            renewal_period: limit.renewal_period.clone(),
        }),
    })
}

fn all(question: &Question<'_>) -> Vec<manage::Endpoint> {
    let endpoints = question.directory.endpoints();
    endpoints.iter().filter_map(|info| shown(info)).collect()
}

fn named(question: &Question<'_>) -> Option<manage::Endpoint> {
    shown(&question.directory.find(question.name?)?.info)
}

pub(super) fn endpoints(question: &Question<'_>) -> Told {
    let page = manage::endpoints_page(&all(question), question.parameter("page_token").as_deref())?;
    Ok(Answer::json(&page))
}

pub(super) fn legacy_routes(question: &Question<'_>) -> Told {
    let page =
        manage::legacy_routes_page(&all(question), question.parameter("page_token").as_deref())?;
    Ok(Answer::json(&page))
}

pub(super) fn endpoint(question: &Question<'_>) -> Told {
    let name = question.name.unwrap_or_default();
    let found = named(question).ok_or_else(|| manage::endpoint_missing(name))?;
    Ok(Answer::json(&found.to_json()))
}

pub(super) fn legacy_route(question: &Question<'_>) -> Told {
    let name = question.name.unwrap_or_default();
    let found = named(question).ok_or_else(|| manage::route_missing(name))?;
    Ok(Answer::json(&found.to_legacy_json()))
}

/// A traffic route.
pub(super) fn route(question: &Question<'_>) -> Told {
    let name = question.name.unwrap_or_default();
    let missing = || manage::route_missing(name);
    let info = question.directory.find(name).ok_or_else(missing)?.info;
    let EndpointKind::Route { destinations, .. } = &info.kind else {
        return Err(missing());
    };
    let destinations = destinations.iter().map(|one| manage::Destination {
        name: one.name.as_str().to_owned(),
        traffic_percentage: one.traffic_percentage,
    });
    let route = manage::Route {
        name: info.name.as_str().to_owned(),
        task_type: task(info.operation).to_owned(),
        destinations: destinations.collect(),
    };
    Ok(Answer::json(&route.to_json()))
}

pub(super) fn get_limits(_: &Question<'_>) -> Told {
    Err(manage::get_limits())
}

pub(super) fn set_limits(question: &Question<'_>) -> Told {
    Err(manage::set_limits(question.body))
}

#[expect(clippy::unnecessary_wraps, reason = "the signature of every answer")]
pub(super) fn openapi(question: &Question<'_>) -> Told {
    let directory = question.directory;
    let infos: Vec<_> = directory
        .endpoints()
        .into_iter()
        .chain(directory.routes())
        .collect();
    let names: Vec<(&str, &str)> = infos
        .iter()
        .map(|info| (info.name.as_str(), task(info.operation)))
        .collect();
    Ok(Answer::json(&openapi::document(
        &names,
        &question.config.version,
    )))
}

fn page(content_type: &'static str, body: &'static [u8]) -> Answer {
    Answer {
        status: StatusCode::OK,
        headers: Vec::new(),
        content_type,
        body: AnswerBody::Now(Bytes::from_static(body)),
    }
}

#[expect(clippy::unnecessary_wraps, reason = "the signature of every answer")]
pub(super) fn docs(_: &Question<'_>) -> Told {
    Ok(page(
        "text/html; charset=utf-8",
        openapi::DOCS_PAGE.as_bytes(),
    ))
}

#[expect(clippy::unnecessary_wraps, reason = "the signature of every answer")]
pub(super) fn favicon(_: &Question<'_>) -> Told {
    Ok(page("image/vnd.microsoft.icon", ICON))
}

fn moved(location: &'static str) -> Answer {
    let mut answer = page("text/plain; charset=utf-8", b"");
    answer.status = StatusCode::TEMPORARY_REDIRECT;
    answer.headers = vec![(LOCATION, HeaderValue::from_static(location))];
    answer
}

#[expect(clippy::unnecessary_wraps, reason = "the signature of every answer")]
pub(super) fn to_docs(_: &Question<'_>) -> Told {
    Ok(moved("/docs"))
}

#[expect(clippy::unnecessary_wraps, reason = "the signature of every answer")]
pub(super) fn to_endpoints(_: &Question<'_>) -> Told {
    Ok(moved("/api/2.0/endpoints/"))
}

#[expect(clippy::unnecessary_wraps, reason = "the signature of every answer")]
pub(super) fn to_legacy_routes(_: &Question<'_>) -> Told {
    Ok(moved("/api/2.0/gateway/routes/"))
}
