//! Against a real server: the one at `GATEWAY_TEST_REDIS`, or `redis-server` if it is installed. Else they are skipped.

mod processes;
mod restart;
mod server;
mod suite;
