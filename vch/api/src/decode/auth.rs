//! Logins: `X-Registry-Auth` and the body of `POST /auth` (moby `api/types/registry/authconfig.go`).

use crate::wire::auth::AuthConfig;
use base64::Engine;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use http::HeaderMap;
use vch_engine::image::view::Credentials;

const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);

/// base64 in either alphabet, with or without padding.
fn base64(text: &[u8]) -> Option<Vec<u8>> {
    let decode = |alphabet| GeneralPurpose::new(alphabet, LENIENT).decode(text).ok();
    decode(&URL_SAFE).or_else(|| decode(&STANDARD))
}

/// The login of a pull; a header that cannot be read is as if there were none, as in dockerd.
pub(crate) fn registry_auth(headers: &HeaderMap) -> Option<Credentials> {
    let json = base64(headers.get("x-registry-auth")?.as_bytes())?;
    let config: AuthConfig = serde_json::from_slice(&json).ok()?;
    Some(credentials(config)).filter(|credentials| *credentials != Credentials::default())
}

/// A login in the engine's words; `auth` holds user name and password where they are not given by themselves.
pub(crate) fn credentials(config: AuthConfig) -> Credentials {
    let (mut username, mut password) = (config.username, config.password);
    if username.is_empty()
        && let Some(text) = base64(config.auth.as_bytes()).and_then(|bytes| String::from_utf8(bytes).ok())
        && let Some((user, secret)) = text.split_once(':')
    {
        (username, password) = (user.into(), secret.trim_end_matches('\0').into());
    }
    Credentials {
        username,
        password,
        identity_token: config.identity_token,
        registry_token: config.registry_token,
        server: config.server,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::engine::general_purpose;
    use http::HeaderValue;

    fn header(text: &str) -> HeaderMap {
        HeaderMap::from_iter([("x-registry-auth".parse().unwrap(), HeaderValue::from_str(text).unwrap())])
    }

    #[test]
    fn a_login_is_read_in_every_base64() {
        let json = r#"{"username":"jo?>","password":"p","serveraddress":"registry.example"}"#;
        for engine in [general_purpose::URL_SAFE, general_purpose::URL_SAFE_NO_PAD, general_purpose::STANDARD] {
            let credentials = registry_auth(&header(&engine.encode(json))).unwrap();
            assert_eq!((credentials.username.as_str(), credentials.server.as_str()), ("jo?>", "registry.example"));
        }
    }

    #[test]
    fn no_login_is_none_and_rubbish_too() {
        let none = general_purpose::URL_SAFE.encode("{}");
        for text in ["", "%%%", "bm90IGpzb24=", &none, "null"] {
            assert_eq!(registry_auth(&header(text)), None, "{text}");
        }
        assert_eq!(registry_auth(&HeaderMap::new()), None);
    }

    #[test]
    fn auth_holds_name_and_password() {
        let config = AuthConfig { auth: general_purpose::STANDARD.encode("jo:a:b"), ..AuthConfig::default() };
        let credentials = credentials(config);
        assert_eq!((credentials.username.as_str(), credentials.password.as_str()), ("jo", "a:b"));
    }
}
