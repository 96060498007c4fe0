//! The body of `POST /containers/create`: a `Config` with `HostConfig` and `NetworkingConfig` among its members.

use super::config::Config;
use super::host::HostConfig;
use super::network::NetworkingConfig;
use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

/// A create, in its three parts; the first is missing where the body has no member of a `Config`.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct CreateRequest {
    pub(crate) config: Option<Config>,
    pub(crate) host: Option<HostConfig>,
    pub(crate) networking: Option<NetworkingConfig>,
}

impl<'de> Deserialize<'de> for CreateRequest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let members = Option::<Map<String, Value>>::deserialize(deserializer)?.unwrap_or_default();
        let mut config = fold(members, &["HostConfig", "NetworkingConfig"]);
        let mut part = |name: &str| config.remove(name).filter(|value| !value.is_null());
        let (host, networking) = (part("HostConfig"), part("NetworkingConfig"));
        let config = fold(config, Config::FIELDS);
        let is_config = Config::FIELDS.iter().any(|field| config.contains_key(*field));
        Ok(Self {
            config: is_config.then(|| read("", Value::Object(config))).transpose()?,
            host: host.map(|value| read("HostConfig: ", folded(value, HostConfig::FIELDS))).transpose()?,
            networking: networking
                .map(|value| read("NetworkingConfig: ", folded(value, NetworkingConfig::FIELDS)))
                .transpose()?,
        })
    }
}

fn read<T: DeserializeOwned, E: Error>(part: &str, value: Value) -> Result<T, E> {
    serde_json::from_value(value).map_err(|error| E::custom(format_args!("{part}{error}")))
}

fn folded(value: Value, fields: &[&str]) -> Value {
    match value {
        Value::Object(members) => Value::Object(fold(members, fields)),
        other => other,
    }
}

/// Go's decoder knows a field by its name in any case. The last of several spellings counts, as there.
pub(super) fn fold(members: Map<String, Value>, fields: &[&str]) -> Map<String, Value> {
    let canonical = |key: String| match fields.iter().find(|field| field.eq_ignore_ascii_case(&key)) {
        Some(field) => (*field).to_owned(),
        None => key,
    };
    members.into_iter().map(|(key, value)| (canonical(key), value)).collect()
}

/// Its answer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct CreateResponse {
    pub(crate) id: String,
    pub(crate) warnings: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> CreateRequest {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_body_without_any_member_of_config_has_none() {
        for text in ["{}", "null", r#"{"HostConfig":{}}"#, r#"{"Unknown":1}"#] {
            assert_eq!(read(text).config, None, "{text}");
        }
        assert!(read(r#"{"Image":"a"}"#).config.is_some());
    }

    #[test]
    fn names_of_members_are_known_in_any_case_and_nulls_are_defaults() {
        let request =
            read(r#"{"image":"a","CMD":"sh","hostconfig":{"memory":5,"Binds":null},"Env":null,"Labels":null}"#);
        let config = request.config.unwrap();
        assert_eq!((config.image.as_str(), config.cmd.unwrap().0), ("a", vec!["sh".to_owned()]));
        assert_eq!((config.env, config.labels.len()), (None, 0));
        assert_eq!(request.host.unwrap().memory, 5);
    }

    #[test]
    fn the_member_with_a_wrong_type_is_told() {
        let error = serde_json::from_str::<CreateRequest>(r#"{"Image":"a","HostConfig":{"Memory":"5m"}}"#).unwrap_err();
        assert!(error.to_string().starts_with("HostConfig: invalid type: string \"5m\", expected i64"), "{error}");
    }

    #[test]
    fn sets_with_null_members_keep_them() {
        let request = read(r#"{"ExposedPorts":{"80/tcp":null},"HostConfig":{"PortBindings":{"80/tcp":null}}}"#);
        assert!(request.config.unwrap().exposed_ports.contains_key("80/tcp"));
        assert!(request.host.unwrap().port_bindings.contains_key("80/tcp"));
    }
}
