//! Whole profiles against requests: the published vectors, and what no vector says.

mod edges;
mod fake;
mod promises;
mod properties;
mod refusals;
mod vectors;
