//! The way off the async runtime for work that blocks: files and calls of librdkafka that wait.

/// Runs work that blocks on a thread that no task waits for. If the returned future is dropped, the work still runs to its
/// end.
///
/// # Panics
/// As `work` does.
pub async fn off_the_runtime<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(stopped) => std::panic::resume_unwind(stopped.into_panic()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_leaves_the_thread_of_its_caller() {
        let here = std::thread::current().id();
        let there = off_the_runtime(|| std::thread::current().id()).await;
        assert_ne!(here, there);
    }

    #[tokio::test]
    #[should_panic(expected = "the work's own words")]
    async fn a_panic_comes_back_with_its_own_words() {
        off_the_runtime(|| panic!("the work's own words")).await;
    }
}
