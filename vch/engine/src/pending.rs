//! Calls whose rooms are not furnished yet: each answers "not implemented" and leaves for its own file.

use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::image::view::*;
use bytes::Bytes;
use futures_util::stream::BoxStream;

#[expect(missing_docs, clippy::unused_async, unused_variables, reason = "replaced by the real verbs, one by one")]
impl Engine {
    pub async fn pull(&self, request: Pull) -> Result<BoxStream<'static, Result<Progress>>> {
        Err(Error::not_implemented("pull is not done yet"))
    }
    pub async fn import(
        &self,
        request: Import,
        body: BoxStream<'static, std::io::Result<Bytes>>,
    ) -> Result<BoxStream<'static, Result<Progress>>> {
        Err(Error::not_implemented("import is not done yet"))
    }
    pub async fn login(&self, credentials: Credentials) -> Result<LoginOutcome> {
        Err(Error::not_implemented("login is not done yet"))
    }
}
