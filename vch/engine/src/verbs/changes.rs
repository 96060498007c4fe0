//! `diff`: what a container changed in its image's files (moby daemon/changes.go).

use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::files::{self, Begun};
use crate::stream::{Change, Content};
use bytes::{Buf, BytesMut};
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use vch_sandbox::proto::files::decode;
use vch_sandbox::proto::{FileAnswer, FileChange, FileWork};

impl Engine {
    /// Lists the changes, in the order of their paths.
    ///
    /// # Errors
    /// No such container. What fails later is the list's last item.
    pub async fn changes(&self, name: &str) -> Result<BoxStream<'static, Result<Change>>> {
        let container = self.find(name)?;
        let Begun { answer, content } = files::begin(self, &container, FileWork::Changes, None).await?;
        match answer {
            FileAnswer::Failed(failure) => Err(Error::system(failure.message)),
            _ => Ok(read(content)),
        }
    }
}

/// Cuts the guest's bytes into changes. It holds no more than one of them and what came with it.
fn read(content: Content) -> BoxStream<'static, Result<Change>> {
    let state = Some((content, BytesMut::new()));
    stream::unfold(state, |state| async {
        let (mut content, mut bytes) = state?;
        loop {
            match decode::<FileChange>(&bytes) {
                Ok(Some((change, length))) => {
                    bytes.advance(length);
                    return Some((Ok(change.into()), Some((content, bytes))));
                }
                Ok(None) => {}
                Err(error) => return Some((Err(Error::chain("read the guest's changes", &error)), None)),
            }
            match content.next().await {
                Some(Ok(more)) => bytes.extend_from_slice(&more),
                Some(Err(error)) => return Some((Err(error), None)),
                None if bytes.is_empty() => return None,
                None => return Some((Err(Error::system("the guest's changes break off")), None)),
            }
        }
    })
    .boxed()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::ChangeKind;
    use bytes::Bytes;
    use vch_sandbox::proto::files::encode;

    async fn of(pieces: Vec<Result<Bytes>>) -> Vec<Result<Change>> {
        read(stream::iter(pieces).boxed()).collect().await
    }

    #[tokio::test]
    async fn changes_are_read_whatever_the_pieces() {
        let change = |path: &str| FileChange { kind: vch_sandbox::proto::ChangeKind::Added, path: path.into() };
        let bytes = [encode(&change("/a")).unwrap(), encode(&change("/b")).unwrap()].concat();
        let pieces = bytes.chunks(3).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
        let expected = ["/a", "/b"].map(|path| Ok(Change { kind: ChangeKind::Added, path: path.into() }));
        assert_eq!(of(pieces).await, expected);
        let cut = of(vec![Ok(Bytes::copy_from_slice(&bytes[..bytes.len() - 1]))]).await;
        assert!(cut.len() == 2 && cut[1].is_err());
        assert!(of(vec![Ok(Bytes::from_static(b"\xff\xff\xff\xff"))]).await[0].is_err());
        assert!(of(vec![Err(Error::system("broke off"))]).await[0].is_err());
    }
}
