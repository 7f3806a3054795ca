//! The surfaces of the gateway: URLs and wire formats in, replies and streams out.
//!
//! [`Edge`] is a tower service over any service of calls. It matches the URL, reads the body once, finds the endpoint,
//! makes a [`Call`](gateway_provider::Call), and renders the reply, or the error, in the words of the caller.
//!
//! | module | what it holds |
//! |---|---|
//! | `surface` | one file per URL family; adding one is a file and a line |
//! | `error` | THE error mapping: every kind in every dialect |
//! | `task` | one request from head to response |
//! | `pass` | requests and answers that are passed on as they are |
//! | `stream` | a streamed reply, with its error event and its end |
//!
//! Response headers of our own:
//!
//! | header | what it says |
//! |---|---|
//! | `x-request-id` | the caller's id of the request if it sent a sane one, else a fresh one; the same as in the log |
//! | `x-gateway-losses` | how many fields a translation dropped or approximated |
//! | `x-gateway-attempts` | every try in order: `provider/model:status` |
//! | `x-gateway-variant` | the destination of a route that was chosen |
//! | `x-gateway-variant-reason` | why: `traffic_split`, `sticky`, `rules[0]`, `failover`, ... |
//! | `x-gateway-provider-request-id` | the provider's own id of the request |
//! | `x-gateway-error-origin` | on errors, who failed: `client`, `gateway` or `upstream` |
//!
//! What is deliberately absent: sockets, spawned tasks, and any knowledge of a provider.

mod access;
mod body;
mod browser;
mod config;
mod cut;
mod directory;
mod edge;
mod error;
mod headers;
mod ids;
mod intake;
mod limits;
mod lookup;
mod near;
mod pass;
mod patience;
mod query;
mod read;
mod reply;
mod router;
mod signed;
mod stream;
mod surface;
mod task;
mod upload;
mod visit;

pub use body::{Broken, EdgeBody, LateText};
pub use browser::{BrowserPolicy, Loopback};
pub use config::EdgeConfig;
pub use directory::{
    BodyBounds, BreakerHealth, Destination, Directory, EndpointInfo, EndpointKind, EndpointLimit,
    Entry, Health, Place, Snapshot,
};
pub use edge::{Connection, Edge, EdgeFuture, Peer};
pub use ids::{Ids, TimeOrderedIds};
