//! An update and its answer (moby `api/types/container.UpdateConfig`, `UpdateResponse`).

use super::create::fold;
use super::host::HostConfig;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

/// The body: limits and restart policy, named as in `HostConfig`. null is an empty one.
#[derive(Debug)]
pub(crate) struct UpdateRequest(pub(crate) HostConfig);

impl<'de> Deserialize<'de> for UpdateRequest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let members = Option::<Map<String, Value>>::deserialize(deserializer)?.unwrap_or_default();
        let members = Value::Object(fold(members, HostConfig::FIELDS));
        serde_json::from_value(members).map(Self).map_err(D::Error::custom)
    }
}

/// `POST /containers/{name}/update`; no warnings are null.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct UpdateResponse {
    pub(crate) warnings: Option<Vec<String>>,
}
