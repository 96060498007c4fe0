//! Filters as clients send them: both JSON shapes, and every way of matching a value.

use crate::talk;
use percent_encoding::{NON_ALPHANUMERIC, percent_encode};
use serde_json::{Map, Value};
use std::sync::{Arc, Mutex};
use vch_api::Calls;
use vch_engine::Result;
use vch_engine::container::view::ContainerSummary;
use vch_engine::filters::Filters;
use vch_engine::requests::ListContainers;

/// Runs the target.
pub fn run(bytes: &[u8]) {
    let Some(filters) = sent(bytes) else { return };
    for (key, values) in &filters.0 {
        for value in values {
            assert!(filters.exact(key, value) && filters.prefix(key, value) && filters.matches(key, value));
        }
        for text in ["", "web", "/web", "a=b"] {
            let _ = filters.exact(key, text);
            let _ = filters.prefix(key, text);
            let _ = filters.matches(key, text);
        }
        let _ = filters.boolean(key);
        let _ = filters.labels(key, |name| (name == "a").then_some("b"));
        assert!(filters.only(&[key]).is_ok() == (filters.0.len() == 1));
    }
    for shape in [lists, maps] {
        let again = sent(shape(&filters).to_string().as_bytes());
        assert_eq!(again.as_ref(), Some(&filters), "another meaning in another shape");
    }
}

/// The filters that the engine gets when these bytes are the query's; none where they are refused.
fn sent(bytes: &[u8]) -> Option<Filters> {
    let seen = Arc::new(Mutex::new(None));
    let path = format!("/v1.41/containers/json?filters={}", percent_encode(bytes, NON_ALPHANUMERIC));
    let reply = talk::exchange(Lists(seen.clone()), &talk::request("GET", &path, b""));
    let (status, body) = talk::parse(&reply).expect("one whole reply");
    let filters = seen.lock().unwrap().take();
    let expected = if filters.is_some() { 200 } else { 400 };
    assert_eq!(status, expected, "{}", String::from_utf8_lossy(&body));
    filters
}

fn lists(filters: &Filters) -> Value {
    let pairs = filters.0.iter().map(|(key, values)| (key.clone(), values.iter().cloned().collect()));
    Value::Object(pairs.collect())
}

fn maps(filters: &Filters) -> Value {
    let map = |values: &std::collections::BTreeSet<String>| {
        Value::Object(values.iter().map(|value| (value.clone(), Value::Bool(true))).collect::<Map<_, _>>())
    };
    Value::Object(filters.0.iter().map(|(key, values)| (key.clone(), map(values))).collect())
}

/// An engine that has no containers and remembers what it was asked.
struct Lists(Arc<Mutex<Option<Filters>>>);

#[async_trait::async_trait]
impl Calls for Lists {
    async fn list(&self, options: ListContainers) -> Result<Vec<ContainerSummary>> {
        *self.0.lock().unwrap() = Some(options.filters);
        Ok(Vec::new())
    }
}
