//! The program as users run it: the real binary, real sockets, real signals.

#[cfg(test)]
mod harness;

#[cfg(test)]
mod attempts;
#[cfg(test)]
mod clocks;
#[cfg(test)]
mod commands;
#[cfg(test)]
mod demo;
#[cfg(test)]
mod drain;
#[cfg(test)]
#[cfg(feature = "sqlite")]
mod governed;
#[cfg(test)]
mod load;
#[cfg(test)]
mod logs;
#[cfg(test)]
mod memory;
#[cfg(test)]
mod protocols;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod reload;
#[cfg(test)]
#[cfg(feature = "redis")]
mod shared;
#[cfg(test)]
#[cfg(feature = "sqlite")]
mod store;
#[cfg(test)]
#[cfg(feature = "redis")]
mod stores;
#[cfg(test)]
mod upstream;
