//! Opening a connection: DNS, TCP with a staggered race over the addresses, an optional tunnel, TLS.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use gateway_provider::{TransportError, TransportFault};
use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;

use crate::io::Io;
use crate::origin::{Place, Plainness};
use crate::proxy::{self, Proxy};
use crate::stats::{Counters, OpenConnection};
use crate::tls::{Offer, Tls};

/// How long one address has before the next is tried beside it (RFC 8305 recommends 250 ms).
const STAGGER: Duration = Duration::from_millis(250);

/// How an origin is reached.
#[derive(Debug, Clone)]
pub(crate) struct Route {
    /// Where the connection ends.
    pub(crate) place: Place,
    /// What it goes through.
    pub(crate) proxy: Option<Proxy>,
}

impl Route {
    /// Plain HTTP through a proxy: the request line carries the whole URI and the proxy reads the headers.
    pub(crate) fn absolute_form(&self) -> Option<&Proxy> {
        match self.place.scheme {
            Plainness::Plain => self.proxy.as_ref(),
            Plainness::Tls => None,
        }
    }
}

/// Opens connections.
#[derive(Debug)]
pub(crate) struct Connector {
    pub(crate) tls: Tls,
    pub(crate) keepalive: Option<Duration>,
    pub(crate) counters: Arc<Counters>,
}

impl Connector {
    /// Connects along `route` within `limit`, which covers every step.
    pub(crate) async fn connect(
        &self,
        route: &Route,
        offer: Offer,
        limit: Duration,
    ) -> Result<Io, TransportError> {
        match tokio::time::timeout(limit, self.steps(route, offer)).await {
            Ok(result) => result,
            Err(_) => Err(TransportError::new(
                TransportFault::ConnectTimeout,
                format!("connecting to {} took more than {limit:?}", route.place),
            )),
        }
    }

    async fn steps(&self, route: &Route, offer: Offer) -> Result<Io, TransportError> {
        let io = match &route.proxy {
            None => self.tcp(&route.place).await?,
            Some(proxy) => {
                let mut io = self.tcp(&proxy.place).await?;
                if proxy.place.scheme == Plainness::Tls {
                    io = self
                        .tls
                        .connect(io, &proxy.place.host, Offer::Http1)
                        .await?;
                }
                match route.place.scheme {
                    Plainness::Plain => io,
                    Plainness::Tls => proxy::tunnel(io, proxy, &route.place).await?,
                }
            }
        };
        match route.place.scheme {
            Plainness::Plain => Ok(io),
            Plainness::Tls => self.tls.connect(io, &route.place.host, offer).await,
        }
    }

    async fn tcp(&self, place: &Place) -> Result<Io, TransportError> {
        let addresses = resolve(place).await?;
        let stream = race(&addresses).await.map_err(|error| {
            TransportError::new(TransportFault::Connect, format!("{place}: {error}"))
        })?;
        let broken = |error: std::io::Error| {
            TransportError::new(TransportFault::Connect, format!("{place}: {error}"))
        };
        stream.set_nodelay(true).map_err(broken)?;
        if let Some(time) = self.keepalive {
            let keepalive = TcpKeepalive::new().with_time(time).with_interval(time);
            SockRef::from(&stream)
                .set_tcp_keepalive(&keepalive)
                .map_err(broken)?;
        }
        Ok(Io::tcp(stream, OpenConnection::new(&self.counters)))
    }
}

/// The addresses of a place; families alternate, beginning with the one the resolver put first.
async fn resolve(place: &Place) -> Result<Vec<SocketAddr>, TransportError> {
    if let Ok(address) = place.host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, place.port)]);
    }
    let fail =
        |what: String| TransportError::new(TransportFault::Dns, format!("{}: {what}", place.host));
    let found: Vec<SocketAddr> = tokio::net::lookup_host((&*place.host, place.port))
        .await
        .map_err(|error| fail(error.to_string()))?
        .collect();
    if found.is_empty() {
        return Err(fail("no address".to_owned()));
    }
    Ok(alternate(found))
}

fn alternate(found: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let v6_first = found.first().is_some_and(SocketAddr::is_ipv6);
    let (mut first, mut second): (Vec<_>, Vec<_>) = found
        .into_iter()
        .rev()
        .partition(|address| address.is_ipv6() == v6_first);
    let mut order = Vec::with_capacity(first.len() + second.len());
    loop {
        let (a, b) = (first.pop(), second.pop());
        if a.is_none() && b.is_none() {
            return order;
        }
        order.extend(a);
        order.extend(b);
    }
}

/// Tries the addresses in order, each [`STAGGER`] after the one before or as soon as it failed; the first to connect wins
/// and the others are dropped.
async fn race(addresses: &[SocketAddr]) -> std::io::Result<TcpStream> {
    let mut waiting = addresses.iter().copied();
    let mut running = FuturesUnordered::new();
    let mut last = std::io::Error::other("no address");
    loop {
        let more = match waiting.next() {
            Some(address) => {
                running.push(TcpStream::connect(address));
                true
            }
            None => false,
        };
        let finished = if more && waiting.len() > 0 {
            match tokio::time::timeout(STAGGER, running.next()).await {
                Ok(finished) => finished,
                Err(_) => continue,
            }
        } else {
            running.next().await
        };
        match finished {
            Some(Ok(stream)) => return Ok(stream),
            Some(Err(error)) => last = error,
            None => return Err(last),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::{alternate, race};

    #[test]
    fn address_families_alternate_and_keep_their_order() {
        let list = |texts: &[&str]| -> Vec<SocketAddr> {
            texts.iter().map(|text| text.parse().unwrap()).collect()
        };
        assert_eq!(
            alternate(list(&["[::1]:1", "[::2]:1", "1.1.1.1:1"])),
            list(&["[::1]:1", "1.1.1.1:1", "[::2]:1"])
        );
        assert_eq!(alternate(list(&["1.1.1.1:1"])), list(&["1.1.1.1:1"]));
    }

    #[tokio::test]
    async fn a_refusing_address_does_not_hide_one_that_answers() {
        let good = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let gone = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let refused = gone.local_addr().unwrap();
        drop(gone);
        let stream = race(&[refused, refused, good.local_addr().unwrap()])
            .await
            .unwrap();
        assert_eq!(stream.peer_addr().unwrap(), good.local_addr().unwrap());
        assert!(race(&[refused]).await.is_err());
        assert!(race(&[]).await.is_err());
    }
}
