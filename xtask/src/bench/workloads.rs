//! What is measured. A new workload is a row.

/// One kind of traffic.
#[derive(Debug)]
pub(super) struct Workload {
    /// What is typed.
    pub(super) name: &'static str,
    /// What it is, in a line.
    pub(super) what: &'static str,
    /// Arguments of the mock upstream.
    pub(super) mock: &'static str,
    /// Arguments of the load generator.
    pub(super) load: &'static str,
    /// More of them for the gateway, where it is asked for something else than the yardstick.
    pub(super) gateway: &'static str,
    /// What the processor time is divided by, and what memory is watched for.
    pub(super) unit: Unit,
}

/// What one unit of work is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    /// A request and its reply.
    Request,
    /// An event of a stream.
    Event,
    /// A stream that is held open; memory is what counts.
    Held(u32),
    /// A request; what counts is the memory that is left some time after the last.
    Idle,
}

/// Events of a stream whose text comes in 61 pieces: 65 with the first, the last, the usage and the terminator.
pub(super) const WORKLOADS: &[Workload] = &[
    Workload {
        name: "small",
        what: "1 KB request, 1 KB reply, 32 connections",
        mock: "",
        load: "--requests 40000",
        gateway: "",
        unit: Unit::Request,
    },
    Workload {
        name: "large",
        what: "64 KB prompt of many turns, 1 KB reply",
        mock: "",
        load: "--requests 15000 --bytes 65536",
        gateway: "",
        unit: Unit::Request,
    },
    Workload {
        name: "spaced",
        what: "20 streams of 65 events, 5 ms apart",
        mock: "--stream true --tokens 61 --gap-us 5000",
        load: "--stream true --connections 20 --requests 200",
        gateway: "",
        unit: Unit::Event,
    },
    Workload {
        name: "burst",
        what: "the same streams without gaps",
        mock: "--stream true --tokens 61",
        load: "--stream true --connections 20 --requests 4000",
        gateway: "",
        unit: Unit::Event,
    },
    Workload {
        name: "translated",
        what: "1 KB, OpenAI client to Anthropic provider",
        mock: "",
        load: "--requests 30000",
        gateway: "--model claude",
        unit: Unit::Request,
    },
    Workload {
        name: "translated-stream",
        what: "the same streamed, 65 events without gaps",
        mock: "--stream true --tokens 61",
        load: "--stream true --connections 20 --requests 3000",
        gateway: "--model claude",
        unit: Unit::Event,
    },
    Workload {
        name: "latency",
        what: "1 KB at 1,000 requests/s, open loop, from when each was due",
        mock: "",
        load: "--mode open --rate 1000 --connections 16 --requests 5000",
        gateway: "",
        unit: Unit::Request,
    },
    Workload {
        name: "first-event",
        what: "streams of 9 events at 200/s, open loop",
        mock: "--stream true --tokens 5 --gap-us 1000",
        load: "--mode open --rate 200 --connections 32 --requests 1000 --stream true",
        gateway: "",
        unit: Unit::Event,
    },
    Workload {
        name: "held",
        what: "1,000 slow streams, 200 ms between events",
        mock: "--stream true --tokens 21 --gap-us 200000",
        load: "--stream true --connections 1000 --requests 1000",
        gateway: "",
        unit: Unit::Held(1000),
    },
    Workload {
        name: "cache-hit",
        what: "the same question again, 1 KB reply, from the gateway's cache",
        mock: "",
        load: "--requests 40000 --distinct false",
        gateway: "",
        unit: Unit::Request,
    },
    Workload {
        name: "many-streams",
        what: "4,096 streams at once, 200 ms between events",
        mock: "--stream true --tokens 21 --gap-us 200000",
        load: "--stream true --connections 4096 --requests 4096",
        gateway: "",
        unit: Unit::Held(4096),
    },
    Workload {
        name: "idle-after",
        what: "memory 10 s after 200,000 requests, against before",
        mock: "",
        load: "--requests 200000",
        gateway: "",
        unit: Unit::Idle,
    },
];
