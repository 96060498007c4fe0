//! `POST /containers/{name}/wait`: the head goes out as soon as the condition is known to be one, the body when it holds.

use crate::call::Call;
use crate::error::{ApiError, Result};
use crate::query::quoted;
use crate::reply::{self, Response};
use crate::version::Version;
use crate::wire::wait::WaitResponse;
use bytes::Bytes;
use futures_util::{FutureExt, stream};
use vch_engine::requests::{WaitCondition, Waited};

pub(crate) async fn wait(call: Call) -> Result<Response> {
    let version = call.version;
    let condition = condition(call.query.get("condition"), version)?;
    let waiting = call.api.engine.wait(&call.name, condition).await?;
    let body = waiting.map(move |waited| body(waited, condition, version));
    Ok(reply::stream("application/json", stream::once(body)))
}

fn condition(text: &str, version: Version) -> Result<WaitCondition> {
    match text {
        // Conditions came with API 1.30.
        _ if version.before(30) => Ok(WaitCondition::NotRunning),
        "" | "not-running" => Ok(WaitCondition::NotRunning),
        "next-exit" => Ok(WaitCondition::NextExit),
        "removed" => Ok(WaitCondition::Removed),
        _ => Err(ApiError::invalid(format!("invalid condition: {}", quoted(text)))),
    }
}

fn body(waited: Waited, condition: WaitCondition, version: Version) -> Bytes {
    // Before API 1.34 a failed removal could only be told by sending nothing.
    if version.before(34) && condition == WaitCondition::Removed && waited.error.is_some() {
        return Bytes::new();
    }
    let mut bytes = serde_json::to_vec(&WaitResponse::from(waited)).unwrap_or_default();
    bytes.push(b'\n');
    bytes.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::version::negotiate;

    #[test]
    fn conditions_are_dockers() {
        let now = negotiate(None).unwrap();
        assert_eq!(condition("", now).unwrap(), WaitCondition::NotRunning);
        assert_eq!(condition("next-exit", now).unwrap(), WaitCondition::NextExit);
        assert_eq!(condition("removed", now).unwrap(), WaitCondition::Removed);
        assert_eq!(condition("soon", now).unwrap_err().message, r#"invalid condition: "soon""#);
        assert_eq!(condition("soon", negotiate(Some("1.29")).unwrap()).unwrap(), WaitCondition::NotRunning);
    }

    #[test]
    fn bodies_are_dockers() {
        let (now, old) = (negotiate(None).unwrap(), negotiate(Some("1.33")).unwrap());
        let well = Waited { code: 3, error: None };
        let failed = Waited { code: 0, error: Some("stuck".into()) };
        assert_eq!(body(well.clone(), WaitCondition::Removed, now), "{\"StatusCode\":3}\n");
        assert_eq!(
            body(failed.clone(), WaitCondition::Removed, now),
            "{\"Error\":{\"Message\":\"stuck\"},\"StatusCode\":0}\n"
        );
        assert_eq!(body(failed, WaitCondition::Removed, old), "");
        assert_eq!(body(well, WaitCondition::Removed, old), "{\"StatusCode\":3}\n");
    }
}
