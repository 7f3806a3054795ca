//! The public face of the crate: text in, plan or report out.

#[cfg(test)]
mod additions;
#[cfg(test)]
mod definitions;
#[cfg(test)]
mod effective;
#[cfg(test)]
mod fake;
#[cfg(test)]
mod golden;
#[cfg(test)]
mod model;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod reading;
#[cfg(test)]
mod recorded;
#[cfg(test)]
mod routes;
#[cfg(test)]
mod schema;
#[cfg(test)]
mod size;
