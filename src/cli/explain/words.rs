//! Rules on rows in words.

/// A rule on rows in words.
pub(super) fn words(condition: Option<&str>, ops: Option<&str>) -> String {
    let condition = condition.map(|condition| format!("where {condition}"));
    let ops = ops.map(|ops| format!("ops {ops}"));
    let parts: Vec<String> = condition.into_iter().chain(ops).collect();
    parts.join(", ")
}
