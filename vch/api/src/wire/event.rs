//! An event (moby `api/types/events.Message`).

use serde::Serialize;
use std::collections::BTreeMap;

/// One line of `GET /events`.
#[derive(Debug, Serialize)]
pub(crate) struct Message<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) status: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) from: Option<&'a str>,
    #[serde(rename = "Type")]
    pub(crate) kind: &'static str,
    #[serde(rename = "Action")]
    pub(crate) action: &'a str,
    #[serde(rename = "Actor")]
    pub(crate) actor: Actor<'a>,
    pub(crate) scope: &'static str,
    pub(crate) time: i64,
    #[serde(rename = "timeNano")]
    pub(crate) time_nano: i64,
}

/// What it is about.
#[derive(Debug, Serialize)]
pub(crate) struct Actor<'a> {
    #[serde(rename = "ID")]
    pub(crate) id: &'a str,
    #[serde(rename = "Attributes")]
    pub(crate) attributes: &'a BTreeMap<String, String>,
}
