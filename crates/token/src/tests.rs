//! Whole profiles against requests: the published vectors, and what no vector says.

mod cat;
mod cat_renewal;
mod cat_scope;
mod cdns;
mod cdns_attacked;
mod cloudfront;
mod edgeauth;
mod edges;
mod every_scheme;
mod fake;
mod hmac;
mod identity;
mod issue;
mod jwks;
mod jwt;
mod jwt_keys;
mod jwt_routes;
mod live;
mod promises;
mod properties;
mod refusals;
mod route_keys;
mod says;
mod three_values;
mod vectors;
mod wycheproof;
