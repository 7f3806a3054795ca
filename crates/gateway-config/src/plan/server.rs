//! `server`: bounds of the whole process.

use std::time::Duration;

use serde::Serialize;

use super::Context;
use super::browsers::{self, Browsers};
use super::effective::duration_text;
use crate::file::item::Item;
use crate::file::shape::{Key, Section, Shape};

pub(crate) static SECTION: Section = Section::new(
    "the server's bounds",
    &[
        Key::optional(
            "max_body",
            Shape::Size,
            "Largest request body. Default 100MiB.",
        ),
        Key::optional(
            "max_upload",
            Shape::Size,
            "Largest body of a request that is passed on as it is: beyond max_body it is not held, but sent on as it comes. Default 2GiB.",
        ),
        Key::optional(
            "max_in_flight",
            Shape::Integer(1, i64::MAX),
            "Calls in flight beyond which new ones are refused at once. Default: no bound.",
        ),
        Key::optional(
            "max_memory",
            Shape::Size,
            "Bytes held for callers (bodies, their decoded forms, answers that are not read yet) beyond which requests are refused with 503. Default: half of the memory that the machine, the container or `ulimit -v` gives the process.",
        ),
        Key::optional(
            "header_timeout",
            Shape::Duration,
            "Longest time a client may take to send the head of a request. Default 10s.",
        ),
        Key::optional(
            "body_timeout",
            Shape::Duration,
            "How long a body may be waited for. A second is earned back by every 8 KiB of it, but never more than this. Default 30s.",
        ),
        Key::optional(
            "write_timeout",
            Shape::Duration,
            "Longest time a client may take none of an answer that is ready for it. Default 60s.",
        ),
        Key::optional(
            "idle_timeout",
            Shape::Duration,
            "Longest time a connection may stand without a request. Longer than load balancers keep theirs. Default 75s.",
        ),
        Key::optional(
            "drain",
            Shape::Duration,
            "How long calls in flight may take to finish when the process is told to stop. Default 30s.",
        ),
        Key::optional(
            "allowed_hosts",
            Shape::OneOrMany(&Shape::Text),
            "Host names that requests may name besides addresses and the machine's own names: `llm.example.com`, \
             `*.example.com`, `*`. Absent: any, but only the machine's own on a loopback address without `auth`.",
        ),
        Key::optional(
            "cors",
            Shape::Section(&browsers::CORS),
            "Pages of other origins that may call. Absent: none.",
        ),
    ],
);

/// Bounds of the whole process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Server {
    /// Largest request body, in bytes.
    pub max_body: u64,
    /// Largest body of a request that is passed on without being held, in bytes.
    pub max_upload: u64,
    /// Calls in flight beyond which new ones are refused; absent: no bound.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_in_flight: Option<u64>,
    /// Bytes held for callers beyond which requests are refused; absent: as the embedder says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_memory: Option<u64>,
    /// Longest time a client may take to send the head of a request.
    #[serde(serialize_with = "duration_text")]
    pub header_timeout: Duration,
    /// How long a body may be waited for; a second is earned back by every 8 KiB of it.
    #[serde(serialize_with = "duration_text")]
    pub body_timeout: Duration,
    /// Longest time a client may take none of an answer that is ready for it.
    #[serde(serialize_with = "duration_text")]
    pub write_timeout: Duration,
    /// Longest time a connection may stand without a request.
    #[serde(serialize_with = "duration_text")]
    pub idle_timeout: Duration,
    /// How long calls in flight may take to finish when the process stops.
    #[serde(serialize_with = "duration_text")]
    pub drain: Duration,
    /// Which names the gateway answers to, and which pages may call it.
    #[serde(flatten)]
    pub browsers: Browsers,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            max_body: 100 * 1024 * 1024,
            max_upload: 2 * 1024 * 1024 * 1024,
            max_in_flight: None,
            max_memory: None,
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_mins(1),
            idle_timeout: Duration::from_secs(75),
            drain: Duration::from_secs(30),
            browsers: Browsers::default(),
        }
    }
}

pub(crate) fn read(item: Option<&Item<'_>>, context: &mut Context<'_>) -> Server {
    let default = Server::default();
    let Some(item) = item else { return default };
    Server {
        max_body: item.size_at("max_body").unwrap_or(default.max_body),
        max_upload: item.size_at("max_upload").unwrap_or(default.max_upload),
        max_in_flight: item.count_at("max_in_flight"),
        max_memory: item.size_at("max_memory"),
        header_timeout: item
            .duration_at("header_timeout")
            .unwrap_or(default.header_timeout),
        body_timeout: item
            .duration_at("body_timeout")
            .unwrap_or(default.body_timeout),
        write_timeout: item
            .duration_at("write_timeout")
            .unwrap_or(default.write_timeout),
        idle_timeout: item
            .duration_at("idle_timeout")
            .unwrap_or(default.idle_timeout),
        drain: item.duration_at("drain").unwrap_or(default.drain),
        browsers: browsers::read(item, context),
    }
}
