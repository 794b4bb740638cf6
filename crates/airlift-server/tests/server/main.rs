//! A server as its clients and its operator see it.

mod common;
mod page;
mod running;
mod tls;
mod users;
mod wire;
