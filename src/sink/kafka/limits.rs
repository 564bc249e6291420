//! How large a record may be: what its topic says of it, asked of the cluster when a record is large.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::admin::KeptAdmin;

/// A smaller record is not judged: no topic is set to refuse it.
pub(super) const JUDGED_BYTES_MIN: usize = 16 << 10;
/// What was asked is asked again after this time, so that a limit can be raised.
const KNOWN_FOR: Duration = Duration::from_secs(10);
const ANSWER_MAX: Duration = Duration::from_secs(10);
const SETTING: &str = "max.message.bytes";

/// The limits that are known.
#[derive(Debug, Default)]
pub(super) struct Limits(HashMap<Arc<str>, (Instant, Option<usize>)>);

impl Limits {
    /// The most bytes that a topic takes at once; `None` where the cluster does not tell.
    pub(super) async fn of(&mut self, topic: &str, admin: &mut KeptAdmin) -> Option<usize> {
        if let Some((asked_at, limit)) = self.0.get(topic)
            && asked_at.elapsed() < KNOWN_FOR
        {
            return *limit;
        }
        let limit = ask(topic, admin).await;
        self.0.insert(topic.into(), (Instant::now(), limit));
        limit
    }
}

async fn ask(topic: &str, admin: &mut KeptAdmin) -> Option<usize> {
    let admin = admin.get().await.ok()?;
    let limit = admin.setting(topic, SETTING, ANSWER_MAX).await.ok()??;
    limit.parse().ok()
}
