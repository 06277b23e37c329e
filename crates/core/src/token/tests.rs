//! Whole profiles against requests: the published vectors, and what no vector says.

mod fake;
mod promises;
mod properties;
mod refusals;
mod vectors;
