//! Every metric there is, as data. `docs/reference/metrics.md` is made from it.

use std::fmt::Write as _;

/// What a metric is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// How values are spread.
    Histogram,
}

impl Kind {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// A metric.
#[derive(Debug, PartialEq, Eq)]
pub struct Descriptor {
    /// Its name in OTLP.
    pub name: &'static str,
    /// Its name for Prometheus.
    pub prometheus: &'static str,
    /// What it is.
    pub kind: Kind,
    /// Its unit, in OTLP's words.
    pub unit: &'static str,
    /// Its attributes. Prometheus has `_` where they have `.`.
    pub labels: &'static [&'static str],
    /// What it says.
    pub help: &'static str,
}

macro_rules! metrics {
    ($($(#[$doc:meta])* $id:ident: $kind:ident $name:literal $prometheus:literal $unit:literal [$($label:literal),*] $help:literal;)*) => {
        $(
            $(#[$doc])*
            pub static $id: Descriptor = Descriptor {
                name: $name,
                prometheus: $prometheus,
                kind: Kind::$kind,
                unit: $unit,
                labels: &[$($label),*],
                help: $help,
            };
        )*
        /// All of them, in the order of the reference.
        pub static ALL: &[&Descriptor] = &[$(&$id),*];
    };
}

metrics! {
    /// Calls.
    REQUESTS: Counter "gateway.requests" "gateway_requests_total" "{call}" ["endpoint", "surface", "outcome"]
        "Calls that are over, by how they ended: completed, failed, client_cancelled.";
    /// Duration of calls.
    DURATION: Histogram "gateway.request.duration" "gateway_request_duration_seconds" "s" ["endpoint"]
        "From the arrival of a request to the end of its answer, the whole stream included.";
    /// Overhead.
    OVERHEAD: Histogram "gateway.overhead" "gateway_overhead_seconds" "s" ["endpoint"]
        "The gateway's own part: from the last byte of the request to the first event (streams) or the end (others), without the time providers took.";
    /// First event.
    FIRST_EVENT: Histogram "gateway.time_to_first_event" "gateway_time_to_first_event_seconds" "s" ["endpoint", "provider", "model"]
        "From the arrival of a request to the first meaningful event of its stream.";
    /// In flight.
    IN_FLIGHT: Gauge "gateway.in_flight" "gateway_in_flight" "{call}" ["endpoint"]
        "Calls on their way, streams that are being sent included.";
    /// Tokens.
    TOKENS: Counter "gateway.tokens" "gateway_tokens_total" "{token}" ["endpoint", "provider", "model", "type", "source"]
        "Tokens by type (input, output, cache_read, cache_write, reasoning) and by who counted them (reported, estimated, clamped). cache_read and cache_write are parts of input, reasoning is a part of output.";
    /// Clamped usage.
    CLAMPED: Counter "gateway.usage.clamped" "gateway_usage_clamped_total" "{call}" ["endpoint", "provider", "model"]
        "Calls whose provider reported more than the request could have used; it was cut to that.";
    /// Cost.
    COST: Counter "gateway.cost" "gateway_cost_usd_total" "USD" ["endpoint", "provider", "model"]
        "What calls cost, in US dollars, where the price is known.";
    /// Cost saved.
    COST_SAVED: Counter "gateway.cost.saved" "gateway_cost_saved_usd_total" "USD" ["endpoint", "provider", "model"]
        "What calls would have cost that the cache answered.";
    /// Attempts.
    ATTEMPTS: Counter "gateway.attempts" "gateway_attempts_total" "{attempt}" ["endpoint", "provider", "model", "outcome"]
        "Tries at providers, by outcome: ok, or the kind of the failure.";
    /// Errors.
    ERRORS: Counter "gateway.errors" "gateway_errors_total" "{call}" ["endpoint", "kind", "origin"]
        "Calls that failed, by kind and by who failed: client, gateway, upstream.";
    /// Broken streams.
    BROKEN: Counter "gateway.streams.broken" "gateway_streams_broken_total" "{call}" ["endpoint", "provider", "model"]
        "Streams that failed after their first event.";
    /// Losses.
    LOSSES: Counter "gateway.losses" "gateway_losses_total" "{field}" ["endpoint", "provider", "model"]
        "Fields that a translation dropped or approximated.";
    /// Cache.
    CACHE: Counter "gateway.cache" "gateway_cache_total" "{call}" ["endpoint", "result"]
        "Calls by how the cache took part: hit, miss, shared, and so on.";
    /// Limited.
    LIMITED: Counter "gateway.limited" "gateway_limited_total" "{call}" ["endpoint"]
        "Calls that a limit of the gateway refused.";
    /// Breakers.
    BREAKER: Gauge "gateway.breaker.state" "gateway_breaker_state" "{state}" ["endpoint", "account"]
        "Breakers that are not closed, of each account of an endpoint: 1 half-open, 2 open. Closed ones are absent.";
    /// Bytes held for callers.
    HELD: Gauge "gateway.memory.held" "gateway_held_bytes" "By" []
        "Bytes held for callers: bodies, their decoded forms, answers that are not read yet. server.max_memory bounds them.";
    /// Shed requests.
    SHED: Counter "gateway.shed" "gateway_shed_total" "{request}" ["reason"]
        "Requests refused at once because the process had too much to do: in_flight, memory. They leave no record.";
    /// Auth.
    AUTH_REFUSED: Counter "gateway.auth.refused" "gateway_auth_refused_total" "{request}" ["reason"]
        "Requests refused for their credential: missing, unknown, expired, disabled, token, unchecked, forbidden.";
    /// Shared stores.
    STORE_CONNECTED: Gauge "gateway.store.connected" "gateway_store_connected" "{store}" ["store"]
        "Whether the store that several gateways share answers: 1 or 0. Absent without one.";
    /// Failures of shared stores.
    STORE_FAILURES: Counter "gateway.store.failures" "gateway_store_failures_total" "{failure}" ["store", "operation"]
        "What failed of what was asked of the shared store: connect, rates, cache_get, cache_put, cache_shed (answers that were not written because the queue was full or the store away).";
    /// Calls that could not be counted.
    UNCOUNTED: Counter "gateway.limit.store_errors" "gateway_limit_store_errors_total" "{decision}" ["policy"]
        "Limits that could not be checked because the shared store was away, by what was done with the call: allow, reject.";
    /// Records.
    RECORDS: Counter "gateway.records" "gateway_records_total" "{record}" []
        "Records of calls that were taken.";
    /// Shed records.
    RECORDS_SHED: Counter "gateway.records.shed" "gateway_records_shed_total" "{record}" []
        "Records of calls that were thrown away because the queue was full. They are missing in every other metric.";
    /// Shed lines.
    LINES_SHED: Counter "gateway.log.lines.shed" "gateway_log_lines_shed_total" "{line}" ["log"]
        "Lines that were thrown away because the log could not be written fast enough or not at all, by log: access, program.";
    /// Failed writes.
    LOG_WRITE_ERRORS: Counter "gateway.log.write_errors" "gateway_log_write_errors_total" "{error}" []
        "Writes of the log that failed, by whatever reason: a full disk, a closed pipe, a limit of file sizes. They are tried again.";
    /// Shed spans.
    SPANS_SHED: Counter "gateway.otlp.spans.shed" "gateway_otlp_spans_shed_total" "{span}" []
        "Spans that were thrown away because the collector did not take them.";
    /// Failed exports.
    EXPORTS_FAILED: Counter "gateway.otlp.exports.failed" "gateway_otlp_exports_failed_total" "{export}" []
        "Exports that the collector did not take.";
    /// GenAI: duration.
    GENAI_DURATION: Histogram "gen_ai.client.operation.duration" "gen_ai_client_operation_duration_seconds" "s" ["gen_ai.operation.name", "gen_ai.provider.name", "gen_ai.request.model", "error.type"]
        "Duration of tries at providers: to the whole answer, or to the first event of a stream.";
    /// GenAI: tokens.
    GENAI_TOKENS: Histogram "gen_ai.client.token.usage" "gen_ai_client_token_usage" "{token}" ["gen_ai.operation.name", "gen_ai.provider.name", "gen_ai.request.model", "gen_ai.token.type"]
        "Tokens per call, by type: input, output.";
    /// GenAI: first chunk.
    GENAI_FIRST_CHUNK: Histogram "gen_ai.client.operation.time_to_first_chunk" "gen_ai_client_operation_time_to_first_chunk_seconds" "s" ["gen_ai.operation.name", "gen_ai.provider.name", "gen_ai.request.model"]
        "From the arrival of a request to the first event of its stream.";
}

/// The reference of all metrics, in Markdown.
pub fn reference() -> String {
    let mut text = String::from(
        "# Metrics\n\n\
         Made by `cargo xtask codegen` from the program; do not edit. How to get them: \
         [guide/telemetry.md](../guide/telemetry.md).\n\n\
         | Prometheus | OTLP | kind | unit | labels | what it says |\n|---|---|---|---|---|---|\n",
    );
    for metric in ALL {
        let labels: Vec<String> = metric
            .labels
            .iter()
            .map(|label| format!("`{}`", label.replace('.', "_")))
            .collect();
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "| `{}` | `{}` | {} | {} | {} | {} |",
            metric.prometheus,
            metric.name,
            metric.kind.as_str(),
            metric.unit,
            labels.join(" "),
            metric.help
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_prometheus_takes_and_none_stands_twice() {
        let mut seen = std::collections::HashSet::new();
        for metric in ALL {
            assert!(
                seen.insert(metric.prometheus) && seen.insert(metric.name),
                "{metric:?}"
            );
            let plain = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
            assert!(metric.prometheus.bytes().all(plain), "{metric:?}");
            let is_total = metric.prometheus.ends_with("_total");
            assert_eq!(is_total, metric.kind == Kind::Counter, "{metric:?}");
        }
    }

    #[test]
    fn the_reference_names_every_metric() {
        let text = reference();
        assert!(ALL.iter().all(|metric| text.contains(metric.prometheus)));
    }
}
