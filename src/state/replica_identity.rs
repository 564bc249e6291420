//! Who a connector is to its source: a server UUID and a server id, kept in `auto.cnf` as a replica keeps them.
//!
//! Made up once and kept: a source recognises a returning replica by its UUID, and disconnects another one that has the
//! same server id.

use std::path::Path;

use uuid::Uuid;

use super::durable;
use super::error::StateError;
use crate::fault::FileRole;

const FILE_NAME: &str = "auto.cnf";
const FILE_BYTES_MAX: u64 = 64 * 1024;
/// People give their servers small ids, so those made up here come from the upper half.
const SERVER_ID_MIN: u32 = 0x8000_0000;

/// A connector as its source sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplicaIdentity {
    /// Sent as `@replica_uuid` and `@slave_uuid`.
    pub server_uuid: Uuid,
    /// The server id to use where the connector configures none.
    pub server_id: u32,
}

impl ReplicaIdentity {
    /// Makes one up.
    pub(super) fn new() -> Self {
        let (_, random) = Uuid::new_v4().as_u64_pair();
        let span = u64::from(u32::MAX - SERVER_ID_MIN);
        let above = u32::try_from(random % span).unwrap_or(0);
        Self {
            server_uuid: Uuid::new_v4(),
            server_id: SERVER_ID_MIN + above,
        }
    }

    fn to_text(self) -> String {
        format!(
            "[auto]\nserver-uuid={}\nserver-id={}\n",
            self.server_uuid, self.server_id
        )
    }
}

pub fn read_or_create(folder: &Path) -> Result<ReplicaIdentity, StateError> {
    if let Some(identity) = peek(folder)? {
        return Ok(identity);
    }
    let identity = ReplicaIdentity::new();
    let text = identity.to_text();
    let folder = (folder, FileRole::StateFolder);
    durable::replace(folder, FILE_NAME, FileRole::AutoCnf, text.as_bytes())?;
    Ok(identity)
}

/// The identity that a folder keeps; `None` if it keeps none.
pub fn peek(folder: &Path) -> Result<Option<ReplicaIdentity>, StateError> {
    let path = folder.join(FILE_NAME);
    let bytes = durable::read(&path, FileRole::AutoCnf, FILE_BYTES_MAX)?;
    bytes
        .map(|bytes| parse(&path, &String::from_utf8_lossy(&bytes)))
        .transpose()
}

fn parse(path: &Path, text: &str) -> Result<ReplicaIdentity, StateError> {
    let mut lines = text.lines();
    let mut next = |line: usize, prefix: &'static str, expected: &'static str| {
        let found = lines.next().unwrap_or_default();
        let wrong = StateError::Identity {
            path: path.to_path_buf(),
            line,
            expected,
            found: found.chars().take(80).collect(),
        };
        match found.strip_prefix(prefix) {
            Some(value) => Ok((value.trim(), wrong)),
            None => Err(wrong),
        }
    };
    next(1, "[auto]", "[auto]")?;
    let (uuid, wrong) = next(2, "server-uuid=", "server-uuid=UUID")?;
    let server_uuid = uuid.parse().map_err(|_| wrong)?;
    let (id, wrong) = next(3, "server-id=", "server-id=NUMBER above 0")?;
    match id.parse() {
        Ok(server_id) if server_id > 0 => Ok(ReplicaIdentity {
            server_uuid,
            server_id,
        }),
        _ => Err(wrong),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_is_made_once_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let first = read_or_create(folder.path()).unwrap();
        assert!(first.server_id >= SERVER_ID_MIN && first.server_id < u32::MAX);
        assert_eq!(read_or_create(folder.path()).unwrap(), first);
    }

    #[test]
    fn two_connectors_have_two_identities() {
        let (one, other) = (ReplicaIdentity::new(), ReplicaIdentity::new());
        assert_ne!(one.server_uuid, other.server_uuid);
        assert_ne!(one.server_id, other.server_id);
    }

    #[test]
    fn an_identity_that_is_not_understood_is_never_replaced() {
        let good = ReplicaIdentity::new().to_text();
        let id_starts = good.rfind('=').unwrap() + 1;
        let cuts = (0..=id_starts).map(|length| good.get(..length).unwrap().to_owned());
        let others = [
            "[auto]\nserver-uuid=x\nserver-id=5\n".to_owned(),
            "[auto]\nserver-uuid=00000000-0000-0000-0000-000000000001\nserver-id=0\n".to_owned(),
            "[auto]\nserver-uuid=00000000-0000-0000-0000-000000000001\nserver-id=4294967296\n"
                .to_owned(),
        ];
        for text in cuts.chain(others) {
            let folder = tempfile::tempdir().unwrap();
            std::fs::write(folder.path().join(FILE_NAME), &text).unwrap();
            let error = read_or_create(folder.path()).unwrap_err();
            assert!(
                matches!(error, StateError::Identity { .. }),
                "{text:?}: {error}"
            );
            assert_eq!(
                std::fs::read_to_string(folder.path().join(FILE_NAME)).unwrap(),
                text
            );
        }
    }
}
